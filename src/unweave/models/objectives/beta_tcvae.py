"""beta-TCVAE: the rate split into three parts, each with its own weight."""

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from unweave.base.checks import Range
from unweave.base.records import Pass, Terms
from unweave.base.schedules import linear
from unweave.models.divergences.minibatch import Estimator, split_kl
from unweave.models.objectives.base import Objective, rate


@dataclass(frozen=True)
class BetaTCVAE(Objective):
    """-E log p(x|z) + alpha I(x;z) + beta TC(z) + gamma sum_j KL(q(z_j) || p(z_j)), nats per image.

    The parts are estimated on the minibatch (see `divergences.minibatch`). With alpha = gamma = 1 the equivalent form
    KL + (beta - 1) TC is used: the rate exact, only the correlation estimated. The estimate of TC is biased and can be
    negative for small batches. Source: Chen et al. 2018, https://arxiv.org/abs/1802.04942, eq. 4.

    >>> BetaTCVAE(beta=4.0).alpha
    1.0
    """

    alpha: Annotated[float, "weight of the mutual information between image and code", Range(0)] = 1.0
    beta: Annotated[float, "weight of total correlation", Range(0)] = 6.0
    gamma: Annotated[float, "weight of the dimension-wise KL", Range(0)] = 1.0
    warmup: Annotated[int, "steps over which beta's excess over 1 rises from 0", Range(0)] = 0
    estimator: Annotated[Estimator, "minibatch estimator of log q(z)"] = "mss-symmetric"

    neutral: ClassVar = {"beta": 1.0}

    def __call__(self, at: Pass) -> Terms:
        mi, tc, dkl = split_kl(at.posterior, at.z, at.prior, at.data_size, self.estimator)
        excess = linear(at.step, 0.0, self.beta - 1, self.warmup)
        if self.alpha == self.gamma == 1:
            return at.terms(
                kl=(1.0, rate(at)),
                total_correlation=(excess, tc),
                mutual_information=(0.0, mi.detach()),
                dimension_kl=(0.0, dkl.detach()),
            )
        return at.terms(
            mutual_information=(self.alpha, mi),
            total_correlation=(1 + excess, tc),
            dimension_kl=(self.gamma, dkl),
            kl=(0.0, rate(at).detach()),
        )

    def refuses(self, vae: Any) -> str | None:
        if vae.latents.continuous < 2:
            return "total correlation needs 2 or more latents; set latents to at least 2"
        if not vae.prior.factorised:
            return "the split into mutual information, total correlation and dimension-wise KL needs a factorised prior"
        return None
