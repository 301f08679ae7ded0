"""FactorVAE: a penalty on total correlation, estimated by a critic."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from torch import Tensor

from unweave.base.checks import POSITIVE, Range
from unweave.base.records import Pass, Terms
from unweave.base.schedules import linear
from unweave.base.seeds import Generators
from unweave.base.settings import Formerly
from unweave.models.divergences.density_ratio import log_ratio, permute_dims
from unweave.models.objectives.adam import AdamSettings
from unweave.models.objectives.base import Objective, rate
from unweave.models.objectives.critic import RatioCritic


def permuted(z2: Tensor, prior: Any, rng: Generators) -> Tensor:
    """Samples of prod_j q(z_j): every latent permuted on its own."""
    return permute_dims(z2, rng["permutation"])


@dataclass(frozen=True)
class FactorVAE(Objective):
    """-E log p(x|z) + KL(q(z|x) || p(z)) + gamma TC(z), TC(z) = KL(q(z) || prod_j q(z_j)), nats per image.

    TC is the mean log density ratio given by a critic that tells codes from codes whose latents were permuted. The
    gradient of TC reaches the encoder through z with the critic frozen; the critic is then trained on the z of the
    same step and on permuted codes of a second batch (algorithm 2), and nothing of its loss reaches the encoder. The
    estimate is neither bound and may be negative. Source: Kim and Mnih 2018, https://arxiv.org/abs/1802.05983.

    >>> FactorVAE(gamma=10).critic_steps
    1
    """

    gamma: Annotated[float, "weight of total correlation", Range(0)] = 35.0
    warmup: Annotated[int, "steps over which the weight rises from 0 to gamma", Range(0)] = 0
    critic_steps: Annotated[int, "steps of the critic per step of the VAE", Range(1), Formerly("d_steps")] = 1
    single_batch: Annotated[bool, "permute the codes of the VAE's own batch instead of a second batch"] = False
    critic_layers: Annotated[int, "number of hidden layers of the critic", Range(1)] = 6
    critic_width: Annotated[int, "units per hidden layer of the critic", Range(1)] = 1000
    critic_lr: Annotated[float, "learning rate of the critic", POSITIVE] = 1e-4
    critic_betas: Annotated[tuple[float, float], "Adam's decay rates for the critic", Range(0, 1, below=True)] = (
        0.5,
        0.9,
    )
    critic_standardise: Annotated[bool, "standardise codes over the batch for the critic"] = False

    own_data: ClassVar = {"critic_layers": 3, "critic_width": 256, "critic_lr": 1e-3, "critic_standardise": True}
    neutral: ClassVar = {"gamma": 0.0}

    def critic(self) -> RatioCritic:
        return RatioCritic(
            reference=permuted,
            layers=self.critic_layers,
            width=self.critic_width,
            adam=AdamSettings(lr=self.critic_lr, betas=self.critic_betas),
            steps=self.critic_steps,
            second_batch=not self.single_batch,
            standardise=self.critic_standardise,
        )

    def __call__(self, at: Pass) -> Terms:
        if at.critic is None:
            raise ValueError("FactorVAE needs the critic's network in the pass")
        weight = linear(at.step, 0.0, self.gamma, self.warmup)
        return at.terms(kl=(1.0, rate(at)), total_correlation=(weight, log_ratio(at.critic(at.z))))

    def refuses(self, vae: Any) -> str | None:
        few = vae.latents.continuous < 2
        return "total correlation needs 2 or more latents; set latents to at least 2" if few else None
