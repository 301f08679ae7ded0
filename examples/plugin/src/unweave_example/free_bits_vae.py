"""Free-bits VAE: every latent may carry some nats for nothing."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from unweave.base import checks
from unweave.base.records import Pass, Term, Terms
from unweave.models.objectives.base import Objective, rate


@dataclass(frozen=True)
class FreeBitsVAE(Objective):
    """Free-bits VAE: every latent may carry some nats for nothing.

    -E log p(x|z) + sum_j max(bits, mean KL_j), nats per image; with `bits` = 0 the VAE. The mean is over the
    batch, so a latent below its free nats feels no pull to the prior.
    Source: Kingma et al. 2016, https://arxiv.org/abs/1606.04934, appendix C.8.
    """

    bits: Annotated[float, "nats that every latent may carry for nothing"] = 0.25

    neutral: ClassVar = {"bits": 0.0}
    probing: ClassVar = {"bits": 0.0}

    def __post_init__(self) -> None:
        checks.nonnegative(bits=self.bits)

    def __call__(self, at: Pass) -> Terms:
        each = rate(at).mean(0)
        return at.terms(kl=Term(0.0, rate(at)), free_kl=(1.0, each.clamp(min=self.bits).sum()))
