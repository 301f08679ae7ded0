"""AAE: matches the aggregate posterior to the prior, without a penalty on the information in single codes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from torch import Tensor
from torch.nn.functional import softplus

from unweave.base.checks import POSITIVE, Range
from unweave.base.records import Pass, Term, Terms
from unweave.base.seeds import Generators
from unweave.base.settings import Formerly
from unweave.models.divergences.density_ratio import log_ratio
from unweave.models.objectives.adam import AdamSettings
from unweave.models.objectives.base import Objective, rate
from unweave.models.objectives.critic import RatioCritic


def prior_samples(z2: Tensor, prior: Any, rng: Generators) -> Tensor:
    """As many draws of p(z) as there are codes."""
    return prior.sample(len(z2), rng["prior"]).to(z2)


@dataclass(frozen=True)
class AAE(Objective):
    """-E log p(x|z) + strength KL(q(z) || p(z)), nats per image, with q(z) the aggregate posterior.

    It is the VAE without the mutual information between image and code: KL(q(z|x) || p(z)) = I(x;z) + KL(q(z) || p(z))
    on average over images. A critic tells codes (class 0) from draws of the prior (class 1); its mean log density ratio
    on the codes estimates the KL, is no bound and may be negative. With variant "gan" the term is the non-saturating
    -log P(prior | z) instead, as published. The encoder is Gaussian; the rate is only logged. The critic is trained on
    the z of the same step, and nothing of its loss reaches the encoder.
    Sources: Makhzani et al. 2015, https://arxiv.org/abs/1511.05644; the density ratio in Kim and Mnih 2018,
    https://arxiv.org/abs/1802.05983.

    >>> AAE(variant="gan").strength
    1.0
    """

    strength: Annotated[float, "weight of the divergence between aggregate posterior and prior", Range(0)] = 1.0
    variant: Annotated[
        Literal["ratio", "gan"], "ratio: the log density ratio; gan: the non-saturating loss of the original"
    ] = "ratio"
    critic_steps: Annotated[int, "steps of the critic per step of the VAE", Range(1), Formerly("d_steps")] = 1
    critic_layers: Annotated[int, "number of hidden layers of the critic", Range(1)] = 6
    critic_width: Annotated[int, "units per hidden layer of the critic", Range(1)] = 1000
    critic_lr: Annotated[float, "learning rate of the critic", POSITIVE] = 1e-4
    critic_betas: Annotated[tuple[float, float], "Adam's decay rates for the critic", Range(0, 1, below=True)] = (
        0.5,
        0.9,
    )

    standardises: ClassVar = False  # the critic would meet other codes all at once
    own_data: ClassVar = {"critic_lr": 1e-3}  # as fast as the VAE
    neutral: ClassVar = None
    no_neutral: ClassVar = "its loss leaves out the mutual information between image and code at every strength"

    def critic(self) -> RatioCritic:
        """The network that tells codes from draws of the prior."""
        return RatioCritic(
            reference=prior_samples,
            layers=self.critic_layers,
            width=self.critic_width,
            adam=AdamSettings(lr=self.critic_lr, betas=self.critic_betas),
            steps=self.critic_steps,
            second_batch=False,
        )

    def __call__(self, at: Pass) -> Terms:
        """Distortion, the divergence from the prior, and the rate for the log."""
        if at.critic is None:
            raise ValueError("AAE needs the critic's network in the pass")
        ratio = log_ratio(at.critic(at.z))
        seen = Term(0.0, rate(at).detach())
        if self.variant == "gan":
            return at.terms(adversarial=(self.strength, softplus(ratio)), kl=seen)
        return at.terms(aggregate_kl=(self.strength, ratio), kl=seen)

    def refuses(self, vae: Any) -> str | None:
        """A prior that learns would get no gradient, since it is only ever sampled."""
        if any(parameter.requires_grad for parameter in vae.prior.parameters()):
            return "the prior is only sampled and cannot learn; choose one without learned parts"
        return None
