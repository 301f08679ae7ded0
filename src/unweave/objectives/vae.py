"""VAE: the plain evidence lower bound."""

from dataclasses import dataclass

from unweave.objectives.base import Objective, rate
from unweave.types import Pass, Terms


@dataclass(frozen=True)
class VAEObjective(Objective):
    """-E log p(x|z) + KL(q(z|x) || p(z)), nats per image.

    Source: Kingma and Welling 2014, https://arxiv.org/abs/1312.6114.
    """

    def __call__(self, at: Pass) -> Terms:
        return at.terms(kl=(1.0, rate(at)))
