"""VAEs of pairs: latents that the two images of a pair share are averaged before codes are drawn."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import torch
from torch import Tensor

from unweave.base.checks import Range
from unweave.base.records import Pass, Posterior, Term, Terms
from unweave.base.schedules import linear
from unweave.models.distributions.normal import DiagonalNormal
from unweave.models.objectives.base import Objective, rate


def divergences(first: Posterior, second: Posterior) -> Tensor:
    """KL(q(z_j|x1) || q(z_j|x2)) of every latent and pair, nats (n, d).

    >>> q = DiagonalNormal(torch.zeros(1, 2), torch.zeros(1, 2))
    >>> divergences(q, DiagonalNormal(torch.tensor([[0.0, 2.0]]), torch.zeros(1, 2)))
    tensor([[0., 2.]])
    """
    ratio = first.log_variance - second.log_variance
    apart = (first.mean - second.mean).square() * (-second.log_variance).exp()
    return 0.5 * (ratio.exp() + apart - 1 - ratio)


def mean_of_moments(first: Posterior, second: Posterior) -> DiagonalNormal:
    """The group VAE's average: arithmetic means of the two means and of the two variances."""
    variance = 0.5 * (first.log_variance.exp() + second.log_variance.exp())
    return DiagonalNormal(0.5 * (first.mean + second.mean), variance.log())


def mean_of_densities(first: Posterior, second: Posterior) -> DiagonalNormal:
    """The ML-VAE's average: the normalised geometric mean of the two densities.

    1 / s^2 = (1 / s1^2 + 1 / s2^2) / 2 and m = s^2 (m1 / s1^2 + m2 / s2^2) / 2, so that two that agree stay what they
    are; the bare product would have half that variance.
    """
    one, two = (-first.log_variance).exp(), (-second.log_variance).exp()
    precision = 0.5 * (one + two)
    return DiagonalNormal(0.5 * (one * first.mean + two * second.mean) / precision, -precision.log())


def halves(posterior: Posterior) -> tuple[DiagonalNormal, DiagonalNormal]:
    """The posteriors of the first images of pairs and of the second ones."""
    mean, log_variance = posterior.mean.chunk(2), posterior.log_variance.chunk(2)
    return DiagonalNormal(mean[0], log_variance[0]), DiagonalNormal(mean[1], log_variance[1])


@dataclass(frozen=True)
class PairedVAE(Objective):
    """-E log p(x|z) + beta KL(q'(z|x) || p(z)), where q' is q with the latents that a pair shares averaged.

    Both images of a pair are encoded, `shares` says which latents they have in common, and for these both codes are
    drawn from the `average` of the two posteriors; rates are those of q'. Afterwards an image alone is encoded as in
    any VAE. A batch holds the first images of its pairs, then the second ones.
    """

    beta: Annotated[float, "weight of the rate", Range(0)] = 1.0
    warmup: Annotated[int, "steps over which the weight rises from 0 to beta", Range(0)] = 0

    paired: ClassVar[bool] = True
    neutral: ClassVar = None
    no_neutral: ClassVar = "latents that two images share are averaged whatever the weights"

    @abstractmethod
    def shares(self, first: Posterior, second: Posterior) -> Tensor:
        """Which latents the two of each pair share, bool (n, d)."""

    @abstractmethod
    def average(self, first: Posterior, second: Posterior) -> DiagonalNormal:
        """What stands for both posteriors in a latent that is shared."""

    def drawn_from(self, posterior: Posterior) -> Posterior:
        """The posteriors with shared latents averaged; which ones are shared passes no gradient."""
        first, second = halves(posterior)
        with torch.no_grad():
            shared = self.shares(first, second)
        both, twice = self.average(first, second), torch.cat([shared, shared])
        mean, log_variance = both.mean.repeat(2, 1), both.log_variance.repeat(2, 1)
        return DiagonalNormal(
            torch.where(twice, mean, posterior.mean), torch.where(twice, log_variance, posterior.log_variance)
        )

    def __call__(self, at: Pass) -> Terms:
        first, second = halves(at.posterior)
        alike = (first.mean == second.mean) & (first.log_variance == second.log_variance)
        shared = Term(0.0, alike.sum(1).float().mean().detach(), "latents")
        return at.terms(kl=(linear(at.step, 0.0, self.beta, self.warmup), rate(at)), shared=shared)

    def refuses(self, vae: Any) -> str | None:
        few = vae.latents.continuous < 2
        return "a pair must differ in some latents and share others; set latents to at least 2" if few else None


@dataclass(frozen=True)
class AdaptivePairs(PairedVAE):
    """The number of shared latents is found for each pair: those whose divergence is less than half-way to the largest.

    With delta_j = KL(q(z_j|x1) || q(z_j|x2)) latent j is shared where delta_j < (max delta + min delta) / 2.
    """

    def shares(self, first: Posterior, second: Posterior) -> Tensor:
        delta = divergences(first, second)
        return delta < 0.5 * (delta.amax(1, keepdim=True) + delta.amin(1, keepdim=True))
