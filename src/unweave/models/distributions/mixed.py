"""Columns of a table: a Gaussian for each number and a softmax for each category."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import torch
from torch import Tensor
from torch.nn import functional as F

from unweave.base.checks import POSITIVE, Range
from unweave.base.errors import InputError
from unweave.base.records import Images, PerImage
from unweave.models.distributions.likelihoods import Likelihood


@dataclass(frozen=True)
class Mixed(Likelihood):
    """The last sum(S) numbers of each row are categories of S levels, one-hot or shares; all before are Gaussian.

    -log p = sum_i (x_i - mean_i)^2 / (2 scale^2) + log(scale sqrt(2 pi)) - sum_c sum_k x_ck log softmax(l_c)_k. The
    decoder gives means and logits l. With `learn_scale` it gives a raw number h beside each, and scale =
    softplus(h) + 1e-6 of its mean; those beside logits are unused. Without categories this is the Gaussian. A row with
    fewer numbers than levels raises InputError.

    >>> one = torch.tensor([0.0, 1.0, 0.0, 0.0]).reshape(1, 1, 1, 4)
    >>> Mixed(categories=(3,), scale=1.0).nll(torch.zeros(1, 1, 1, 4), one)  # log(sqrt(2 pi)) + log(3)
    tensor([2.0176])
    """

    scale: Annotated[float, "width of the numbers' density, in the model's units", POSITIVE] = 0.1
    learn_scale: Annotated[bool, "let the decoder predict a scale for every number; `scale` is unused"] = False
    categories: Annotated[
        tuple[int, ...], "number of levels of each category; categories come last in a row", Range(1)
    ] = ()

    @property
    def outputs(self) -> int:
        return 2 if self.learn_scale else 1

    def nll(self, output: Images, x: Images) -> PerImage:
        values, raw_scale = self._split(output)
        numbers, shares = self._apart(x)
        means, logits = self._apart(values)
        scale = torch.full_like(means, self.scale) if raw_scale is None else F.softplus(raw_scale) + 1e-6
        error = (numbers - means) / scale
        density = 0.5 * error.square() + scale.log() + 0.5 * math.log(2 * math.pi)
        return density.flatten(1).sum(1) - (shares * self._each(logits, torch.log_softmax)).flatten(1).sum(1)

    def image(self, output: Images) -> Images:
        """The expected numbers, and the probability of each level."""
        means, logits = self._apart(self._split(output)[0])
        return torch.cat([means, self._each(logits, torch.softmax)], dim=-1)

    def floor(self, x: Images) -> PerImage:
        numbers, shares = self._apart(x)
        entropy = -torch.xlogy(shares, shares).flatten(1).sum(1)
        if self.learn_scale and numbers.numel():
            return torch.full_like(entropy, -math.inf)
        return entropy + numbers[0].numel() * math.log(self.scale * math.sqrt(2 * math.pi))

    def _split(self, output: Images) -> tuple[Tensor, Tensor | None]:
        """Means and logits (n, C, H, W), and the raw scales of the numbers where they are learned."""
        if not self.learn_scale:
            return output, None
        values, raw = output.chunk(2, dim=1)
        return values, self._apart(raw)[0]

    def _apart(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Numbers, and the places of the categories."""
        width, levels = x.shape[-1], sum(self.categories)
        if levels > width:
            raise InputError(f"categories must add up to {width} or fewer, the numbers in a row, got {levels}")
        return x[..., : width - levels], x[..., width - levels :]

    def _each(self, logits: Tensor, normalised: Callable[[Tensor, int], Tensor]) -> Tensor:
        """Logits of all categories, each category's `normalised` by itself."""
        if not self.categories:
            return logits
        return torch.cat([normalised(each, -1) for each in logits.split(list(self.categories), dim=-1)], dim=-1)
