"""The disentangled inferred prior: the covariance of the aggregate posterior is pulled to the identity."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
from torch import Tensor

from unweave.base.checks import Range
from unweave.base.records import Pass, Posterior, Term, Terms
from unweave.models.objectives.base import Objective, rate

UNIT = "squared covariance"


def covariance_of_means(posterior: Posterior) -> Tensor:
    """Cov[mu(x)] = E[mu mu^T] - E[mu] E[mu]^T over the batch (divided by n, not n - 1), (d, d)."""
    centred = posterior.mean - posterior.mean.mean(0)
    return centred.T @ centred / len(centred)


@dataclass(frozen=True)
class DIP(Objective):
    """-E log p(x|z) + KL(q(z|x) || p(z)) + off_diagonal sum_{i != j} Cov_ij^2 + diagonal sum_i (Cov_ii - 1)^2."""

    off_diagonal: Annotated[float, "weight of squared covariances, each pair counted twice", Range(0)] = 10.0
    diagonal: Annotated[float, "weight of the squared distance of variances from 1", Range(0)] = 100.0
    average: Annotated[
        float, "share of earlier batches in the covariance; 0 uses only the current batch", Range(0, 1, below=True)
    ] = 0.0

    neutral: ClassVar = {"off_diagonal": 0.0, "diagonal": 0.0}

    @abstractmethod
    def covariance(self, posterior: Posterior) -> Tensor:
        """The covariance (d, d) that is pulled to the identity."""

    def __call__(self, at: Pass) -> Terms:
        """Distortion, rate, and the two parts of the covariance's distance to the identity."""
        covariance = self.covariance(at.posterior)
        if self.average:
            covariance = self._averaged(covariance, at)
        on = torch.diagonal(covariance)
        off = covariance.square().sum() - on.square().sum()
        return at.terms(
            kl=(1.0, rate(at)),
            off_diagonal=Term(self.off_diagonal, off, UNIT),
            diagonal=Term(self.diagonal, (on - 1).square().sum(), UNIT),
        )

    def _averaged(self, covariance: Tensor, at: Pass) -> Tensor:
        """The running average, through which only this batch has a gradient; training moves it on."""
        before = at.memory.get("covariance", covariance).detach()
        now = self.average * before + (1 - self.average) * covariance
        if at.training:
            at.memory["covariance"] = now.detach()
        return now
