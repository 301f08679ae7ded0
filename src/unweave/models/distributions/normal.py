"""The normal distribution with diagonal covariance."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from unweave.base.seeds import normal

LOG_2PI = math.log(2 * math.pi)


def log_normal(z: Tensor, mean: Tensor, log_variance: Tensor) -> Tensor:
    """Log density of N(mean, exp(log_variance)), elementwise with broadcasting, in nats.

    >>> log_normal(torch.zeros(1), torch.zeros(1), torch.zeros(1))
    tensor([-0.9189])
    """
    return -0.5 * ((z - mean).square() * (-log_variance).exp() + log_variance + LOG_2PI)


@dataclass(frozen=True)
class DiagonalNormal:
    """q(z|x) = prod_j N(z_j; mean_j, exp(log_variance_j)) of a batch, both of shape (n, d).

    >>> q = DiagonalNormal(torch.zeros(2, 3), torch.zeros(2, 3))
    >>> q.log_prob(torch.zeros(2, 3)).shape, q.std[0, 0].item()
    (torch.Size([2]), 1.0)
    """

    mean: Tensor
    log_variance: Tensor

    @property
    def std(self) -> Tensor:
        """Standard deviations, (n, d)."""
        return (0.5 * self.log_variance).exp()

    def rsample(self, rng: torch.Generator) -> Tensor:
        """One draw per image, (n, d), with gradient: mean + std x noise from `rng`.

        The noise is drawn where the generator is, and moved if the codes lie elsewhere.
        """
        noise = normal(rng, self.mean.shape, self.mean.dtype)
        return self.mean + self.std * noise.to(self.mean.device)

    def log_prob_each(self, z: Tensor) -> Tensor:
        """Log density of every latent, (n, d)."""
        return log_normal(z, self.mean, self.log_variance)

    def log_prob(self, z: Tensor) -> Tensor:
        """Log density of the whole code, (n,)."""
        return self.log_prob_each(z).sum(-1)

    def entropy_each(self) -> Tensor:
        """Entropy of every latent, (n, d): (1 + log 2 pi + log variance) / 2."""
        return 0.5 * (1 + LOG_2PI + self.log_variance)
