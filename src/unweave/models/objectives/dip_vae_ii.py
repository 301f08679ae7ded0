"""DIP-VAE-II: pulls the covariance of the aggregate posterior towards the identity."""

from dataclasses import dataclass
from typing import Annotated

import torch
from torch import Tensor

from unweave.base.checks import Range
from unweave.base.records import Posterior
from unweave.models.objectives.dip import DIP, covariance_of_means


@dataclass(frozen=True)
class DIPVAEII(DIP):
    """As DIP-VAE-I with Cov = Cov[mu(x)] + E[diag(sigma(x)^2)], the covariance of z under q(z).

    off_diagonal sum_{i != j} Cov_ij^2 + diagonal sum_i (Cov_ii - 1)^2 join the distortion and the KL, which are in nats
    per image. The study of Locatello et al. 2019 gives both weights the same value, 1 to 50.
    Source: Kumar et al. 2018, https://arxiv.org/abs/1711.00848.

    >>> DIPVAEII().diagonal
    10.0
    """

    diagonal: Annotated[float, "weight of the squared distance of variances from 1", Range(0)] = 10.0

    def covariance(self, posterior: Posterior) -> Tensor:
        """Cov[mu(x)] + mean of diag(sigma^2), (d, d)."""
        return covariance_of_means(posterior) + torch.diag(posterior.std.square().mean(0))
