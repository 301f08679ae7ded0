"""A Laplace prior: codes are sparse, and the axes are not to be turned."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import torch
from torch import Tensor, nn

from unweave.base import checks
from unweave.base.records import Posterior


@dataclass(frozen=True)
class LaplacePrior:
    """A Laplace prior: codes are sparse, and the axes are not to be turned.

    p(z) = prod_j exp(-|z_j| / scale) / (2 scale).
    """

    scale: Annotated[float, "mean distance of a latent from 0"] = 0.7

    def __post_init__(self) -> None:
        checks.positive(scale=self.scale)

    def build(self, latents: int, images: Callable[[], Tensor] | None = None) -> "Laplace":
        return Laplace(latents, self.scale)


class Laplace(nn.Module):
    """Independent Laplace distributions; nothing is learnt."""

    factorised = True

    def __init__(self, latents: int, scale: float) -> None:
        super().__init__()
        self.latents, self.scale = latents, scale

    def log_prob_each(self, z: Tensor) -> Tensor:
        return -z.abs() / self.scale - math.log(2 * self.scale)

    def log_prob(self, z: Tensor) -> Tensor:
        return self.log_prob_each(z).sum(-1)

    def sample(self, n: int, rng: torch.Generator) -> Tensor:
        size = torch.rand(n, self.latents, generator=rng).clamp(min=1e-12).log().neg() * self.scale
        return torch.where(torch.rand(n, self.latents, generator=rng) < 0.5, -size, size)

    def kl_each(self, posterior: Posterior) -> Tensor:
        """KL(N(m, s^2) || Laplace), by the mean of |z|, nats, (n, d)."""
        mean, log_variance = posterior.mean, posterior.log_variance
        std = (log_variance / 2).exp()
        inside = mean / std
        size = std * math.sqrt(2 / math.pi) * (-(inside**2) / 2).exp() + mean * torch.erf(inside / math.sqrt(2))
        entropy = 0.5 * (math.log(2 * math.pi * math.e) + log_variance)
        return size / self.scale + math.log(2 * self.scale) - entropy
