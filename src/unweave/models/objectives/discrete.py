"""How the categories that the decoder sees are chosen: not yet, by a relaxed sample, or by assignment."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from unweave.base.records import NllOfCategory
from unweave.base.seeds import Generators
from unweave.models.distributions.categorical import gumbel_softmax, most_likely, one_hot
from unweave.models.divergences.assignment import assign


@dataclass(frozen=True)
class Zeros:
    """No category yet: the decoder sees `width` zeros."""

    width: int

    @property
    def sizes(self) -> tuple[int, ...]:
        """It tells no categories."""
        return ()

    def __call__(self, z: Tensor, probabilities: Tensor | None, nll: NllOfCategory, rng: Generators) -> Tensor:
        """Zeros (n, width)."""
        return z.new_zeros(len(z), self.width)

    def decide(self, probabilities: Tensor | None, nll: NllOfCategory) -> Tensor | None:
        """None: there is nothing to decide."""
        return None


@dataclass(frozen=True)
class Gumbel:
    """A relaxed sample (Gumbel-softmax, temperature `tau`) of categories that the encoder gives probabilities of."""

    sizes: tuple[int, ...]
    tau: float

    def __call__(self, z: Tensor, probabilities: Tensor | None, nll: NllOfCategory, rng: Generators) -> Tensor:
        """Relaxed one-hot blocks (n, sum S), with gradient to the probabilities."""
        return gumbel_softmax(_given(probabilities), self.sizes, self.tau, rng["gumbel"])

    def decide(self, probabilities: Tensor | None, nll: NllOfCategory) -> Tensor | None:
        """The most likely category of each block, numbers (n, L)."""
        return most_likely(_given(probabilities), self.sizes)


@dataclass(frozen=True)
class Assigned:
    """The categories that explain a batch best while pairs of images with the same one cost `balance` nats each.

    Solved exactly over the whole batch, from the distortions of all `size` categories with the same z; no gradient
    passes. While training the decoder sees `level` in the place of the category, otherwise 1. For codes every image is
    on its own: argmin_k of its distortion. Source: Jeong and Song 2019, https://arxiv.org/abs/1905.09432.
    """

    size: int
    balance: float
    level: float = 1.0

    waits: ClassVar = True  # a step reads the costs on the processor, so that it cannot be captured

    @property
    def sizes(self) -> tuple[int, ...]:
        """One categorical."""
        return (self.size,)

    def __call__(self, z: Tensor, probabilities: Tensor | None, nll: NllOfCategory, rng: Generators) -> Tensor:
        """One-hot places (n, size), times the level."""
        labels = assign(self._costs(nll, self.level).double().cpu().numpy(), self.balance)
        return self.level * one_hot(torch.from_numpy(labels)[:, None], (self.size,)).to(z)

    def decide(self, probabilities: Tensor | None, nll: NllOfCategory) -> Tensor | None:
        """The category with the smallest distortion, numbers (n, 1)."""
        return self._costs(nll, 1.0).argmin(1, keepdim=True)

    def _costs(self, nll: NllOfCategory, level: float) -> Tensor:
        return torch.stack([nll(k, level) for k in range(self.size)], dim=1)


def _given(probabilities: Tensor | None) -> Tensor:
    if probabilities is None:
        raise ValueError("relaxed samples need probabilities of the categories, which this encoder does not give")
    return probabilities
