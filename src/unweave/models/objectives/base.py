"""What every method is: named weighted terms of one pass, and the few things it may ask of the engine."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from torch import Tensor

from unweave.base.records import Discrete, Latents, Pass, Posterior, Terms
from unweave.base.settings import Settings
from unweave.models.divergences.kl import kl_divergence
from unweave.models.objectives.adam import AdamSettings
from unweave.models.objectives.critic import RatioCritic

if TYPE_CHECKING:
    from unweave.models.vae import VAE


@dataclass(frozen=True)
class Objective(Settings, ABC):
    """A frozen record of validated settings; it holds no tensors. The defaults here are a plain VAE's.

    `neutral` names settings with which the loss is exactly a plain VAE's, or None with the reason in `no_neutral`.
    `probing` names settings in which gradients reach every parameter. `paired` methods are given pairs: a batch holds
    the first images of its pairs, then the second ones.
    """

    neutral: ClassVar[Mapping[str, Any] | None] = {}
    no_neutral: ClassVar[str] = ""
    probing: ClassVar[Mapping[str, Any]] = {}
    paired: ClassVar[bool] = False
    eases: ClassVar[bool] = True  # an easy beginning suits it; False where a schedule of its own is one
    standardises: ClassVar[bool] = True  # codes may be standardised while it trains, without being asked for
    own_data: ClassVar[Mapping[str, Any]] = {}  # settings that suit the user's own data better than the published ones

    def latents(self, continuous: int) -> Latents:
        """Which latents the model has, given the number of continuous ones."""
        return Latents(continuous)

    def discrete(self, step: int) -> Discrete | None:
        """How categories are chosen at this step; None without categories."""
        return None

    def drawn_from(self, posterior: Posterior) -> Posterior:
        """What the codes of a training step are drawn from, given what the encoder says of its images."""
        return posterior

    @abstractmethod
    def __call__(self, at: Pass) -> Terms:
        """The loss of one pass as named terms."""

    def critic(self) -> RatioCritic | None:
        """The second network the method trains against, if any."""
        return None

    def optimiser(self) -> AdamSettings:
        """Adam's settings for the VAE; --lr overrides the rate."""
        return AdamSettings()

    def rate_factor(self, step: int) -> float:
        """What the learning rates are multiplied by at this step, besides the run's own schedule."""
        return 1.0

    def restarts(self, step: int) -> bool:
        """Whether to start this step with fresh Adam moments."""
        return False

    def refuses(self, vae: VAE) -> str | None:
        """One sentence why the method cannot be used with this prior or these latents, or None."""
        return None


def rate(at: Pass) -> Tensor:
    """KL(q(z|x) || p(z)) of a pass, nats: (n, d) in closed form, else (n,) from its sample."""
    return kl_divergence(at.posterior, at.prior, at.z)
