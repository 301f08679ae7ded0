"""beta-VAE: a VAE with a larger weight on the rate."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from unweave.base.checks import Range
from unweave.base.records import Pass, Terms
from unweave.base.schedules import linear
from unweave.models.objectives.base import Objective, rate


@dataclass(frozen=True)
class BetaVAE(Objective):
    """-E log p(x|z) + beta KL(q(z|x) || p(z)), nats per image; beta = 1 is the VAE.

    Equal to a VAE with the annealed prior p^beta and an entropy bonus (beta - 1) H(q(z|x)) on the encodings, which is
    why beta mainly controls how far encodings overlap. Source: Higgins et al. 2017.

    >>> BetaVAE(beta=4.0)
    BetaVAE(beta=4.0, warmup=0)
    """

    beta: Annotated[float, "weight of the rate", Range(0)] = 4.0
    warmup: Annotated[int, "steps over which the weight rises from 0 to beta", Range(0)] = 0

    neutral: ClassVar = {"beta": 1.0}

    def __call__(self, at: Pass) -> Terms:
        return at.terms(kl=(linear(at.step, 0.0, self.beta, self.warmup), rate(at)))
