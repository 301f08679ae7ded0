"""The standard normal prior, the same in every direction."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from unweave.base.records import Posterior
from unweave.base.seeds import normal
from unweave.models.distributions.normal import log_normal


@dataclass(frozen=True)
class Isotropic:
    """p(z) = N(0, I): independent latents, but no direction of its own, so codes may come out rotated."""

    def build(self, latents: int, images: Callable[[], Tensor] | None = None) -> "IsotropicPrior":
        """The prior as a module; this one has nothing to learn. `images` are there for priors that start from data."""
        return IsotropicPrior(latents)


class IsotropicPrior(nn.Module):
    """N(0, I) in `latents` dimensions."""

    factorised = True

    def __init__(self, latents: int) -> None:
        super().__init__()
        self.latents = latents

    def log_prob_each(self, z: Tensor) -> Tensor:
        """Log density of every latent, (n, d)."""
        zero = torch.zeros((), dtype=z.dtype, device=z.device)
        return log_normal(z, zero, zero)

    def log_prob(self, z: Tensor) -> Tensor:
        """Log density of the whole code, (n,)."""
        return self.log_prob_each(z).sum(-1)

    def sample(self, n: int, rng: torch.Generator) -> Tensor:
        """`n` draws, (n, d)."""
        return normal(rng, (n, self.latents))

    def kl_each(self, posterior: Posterior) -> Tensor:
        """KL(q(z_j|x) || N(0, 1)) = (mean^2 + variance - 1 - log variance) / 2, (n, d)."""
        q = posterior
        return 0.5 * (q.mean.square() + q.log_variance.exp() - 1 - q.log_variance)


def kl_of_moments(mean: Tensor, std: Tensor) -> Tensor:
    """KL(N(m, s^2) || N(0, 1)) = (s^2 + m^2 - 1 - log s^2) / 2 of latents with these moments, nats >= 0, elementwise.

    Where they are moments of the aggregate posterior, of whatever shape, the mean rate falls by exactly this much when
    the latent is brought to mean 0 and variance 1 and the decoder undoes it.

    >>> kl_of_moments(torch.tensor([0.0, 2.0]), torch.ones(2)).tolist()
    [0.0, 2.0]
    """
    return 0.5 * (std.square() + mean.square() - 1 - 2 * std.log())
