"""A mixture of normals as a prior: codes in clusters, four arms of a cross by default."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, NoReturn

import torch
from torch import Tensor, nn

from unweave.base.checks import FINITE, POSITIVE, Range
from unweave.base.errors import InputError
from unweave.base.records import Codes, Images, PerImage, Posterior
from unweave.base.seeds import choices, normal
from unweave.models.distributions.anisotropic import Spread, Variances
from unweave.models.distributions.normal import log_normal


@dataclass(frozen=True)
class Mixture(Spread):
    """p(z) = sum_k w_k N(z; m_k, diag(v)), with the same variances v for every component.

    Without `means` the components lie evenly on a circle of `radius` in the first two latents, from (radius, 0) on;
    so the default is (1, 0), (0, 1), (-1, 0), (0, -1) with variance 0.03. It does not factorise.
    Source: Mathieu et al. 2019, https://arxiv.org/abs/1812.02833.

    >>> Mixture().build(2).log_prob(torch.tensor([[1.0, 0.0], [0.0, 0.0]]))
    tensor([  0.2824, -14.9980])
    """

    scale: Annotated[float, "mean of the variances, or a factor on the given ones", POSITIVE] = 0.03
    components: Annotated[int, "number of clusters", Range(1)] = 4
    radius: Annotated[float, "distance of the clusters from the origin", Range(0)] = 1.0
    means: Annotated[
        tuple[float, ...] | None, "coordinates of the centres, one centre after the other [a circle]", FINITE
    ] = None
    weights: Annotated[tuple[float, ...] | None, "shares of the clusters, up to a factor [equal]", POSITIVE] = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.weights is not None and len(self.weights) != self.components:
            raise InputError(f"weights must be as many as the components ({self.components}), got {len(self.weights)}")

    def build(self, latents: int, images: Callable[[], Images] | None = None) -> MixturePrior:
        """The prior as a module; `images` gives the data that a start by PCA looks at."""
        shares = torch.tensor(self.weights or [1.0] * self.components)
        return MixturePrior(self.spread(latents, images), self._centres(latents), shares.log().log_softmax(0))

    def _centres(self, latents: int) -> Tensor:
        """(components, d)."""
        if self.means is not None:
            if len(self.means) != self.components * latents:
                wanted = f"{self.components} x {latents} = {self.components * latents}"
                raise InputError(f"means must hold components x latents numbers ({wanted}), got {len(self.means)}")
            return torch.tensor(self.means).reshape(self.components, latents)
        if latents < 2:
            raise InputError(f"latents must be 2 or more for clusters on a circle, got {latents}; or give means")
        turns = [2 * math.pi * k / self.components for k in range(self.components)]
        circle = [[self.radius * math.cos(turn), self.radius * math.sin(turn)] for turn in turns]
        return torch.nn.functional.pad(torch.tensor(circle), (0, latents - 2))


class MixturePrior(nn.Module):
    """Normals around `means` (K, d) with common variances and fixed shares exp(`log_weights`) (K,)."""

    factorised = False
    means: Tensor
    log_weights: Tensor

    def __init__(self, spread: Variances, means: Tensor, log_weights: Tensor) -> None:
        super().__init__()
        self.spread = spread
        self.register_buffer("means", means)
        self.register_buffer("log_weights", log_weights)

    def log_prob(self, z: Codes) -> PerImage:
        """Log sum_k w_k prod_j N(z_j; m_kj, v_j), (n,): latents are summed inside, once."""
        each = log_normal(z[:, None], self.means, self.spread.log())  # (n, K, d)
        return torch.logsumexp(each.sum(-1) + self.log_weights, dim=1)

    def log_prob_each(self, z: Codes) -> NoReturn:
        """Refused with InputError: the density is no product over latents."""
        raise InputError(f"log_prob_each needs a prior that factorises, got a mixture in {z.shape[-1]} latents")

    def sample(self, n: int, rng: torch.Generator) -> Codes:
        """`n` draws, (n, d), with gradient to the variances but not through the choice of components."""
        chosen = choices(rng, self.log_weights.exp(), n)
        noise = normal(rng, (n, self.spread.latents)).to(self.means)
        return self.means[chosen.to(self.means.device)] + self.spread.std() * noise

    def kl_each(self, posterior: Posterior) -> None:
        """None: there is no closed form, so the rate is estimated from the sample."""
        return
