"""VAE: the plain evidence lower bound."""

from dataclasses import dataclass

from unweave.base.records import Pass, Terms
from unweave.models.objectives.base import Objective, rate


@dataclass(frozen=True)
class VAEObjective(Objective):
    """-E log p(x|z) + KL(q(z|x) || p(z)), nats per image.

    Source: Kingma and Welling 2014, https://arxiv.org/abs/1312.6114.
    """

    def __call__(self, at: Pass) -> Terms:
        return at.terms(kl=(1.0, rate(at)))
