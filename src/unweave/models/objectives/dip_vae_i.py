"""DIP-VAE-I: pulls the covariance of the posterior means towards the identity."""

from dataclasses import dataclass

from torch import Tensor

from unweave.base.records import Posterior
from unweave.models.objectives.dip import DIP, covariance_of_means


@dataclass(frozen=True)
class DIPVAEI(DIP):
    """-E log p(x|z) + KL + off_diagonal sum_{i != j} Cov_ij^2 + diagonal sum_i (Cov_ii - 1)^2 with Cov = Cov[mu(x)].

    Distortion and KL in nats per image. The covariance is that of the batch, divided by its size, or with `average` a
    running one. The study of Locatello et al. 2019 takes off_diagonal from 1 to 50 and ten times as much for diagonal.
    Source: Kumar et al. 2018, https://arxiv.org/abs/1711.00848.

    >>> DIPVAEI().diagonal
    100.0
    """

    def covariance(self, posterior: Posterior) -> Tensor:
        """Cov[mu(x)], (d, d)."""
        return covariance_of_means(posterior)
