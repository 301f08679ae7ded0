"""The cascade: every latent starts under a heavy rate, and one after the other is relieved of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import torch
from torch import Tensor

from unweave.base.checks import Range
from unweave.base.records import Pass, Term, Terms
from unweave.base.schedules import at_most
from unweave.models.objectives.adam import AdamSettings
from unweave.models.objectives.base import Objective

DECAY, DECAY_EVERY = 0.3, 50_000  # the released code's staircase


def rate_each(at: Pass) -> Tensor:
    """KL(q(z_j|x) || p(z_j)) of a pass, nats (n, d): closed where there is a form, else from the sample."""
    exact = at.prior.kl_each(at.posterior)
    return exact if exact is not None else at.posterior.log_prob_each(at.z) - at.prior.log_prob_each(at.z)


@dataclass(frozen=True)
class Cascade(Objective):
    """-E log p(x|z) + sum_j beta_j KL(q(z_j|x) || p(z_j)), beta_j light for the relieved latents, heavy for the rest.

    Stage s of `stage_steps` optimiser steps counts from 0. Where relieving starts at zero, latent 0 is light from the
    first step on and stage s has s + 1 light latents, otherwise s. At evaluation all are light.
    """

    light: Annotated[float, "weight on the rate of a latent whose stage has come", Range(0)] = 1.0
    heavy: Annotated[float, "weight on the rate of a latent whose stage has not come", Range(0)] = 10.0
    stage_steps: Annotated[int, "steps per stage, after which the next latent gets the light weight", Range(1)] = 20_000
    relieve_first_at_zero: Annotated[bool, "give the first latent the light weight at step 0, not after one stage"] = (
        True
    )
    lr_staircase: Annotated[bool, "multiply the learning rate by 0.3 every 50,000 steps"] = False
    reset_adam_per_stage: Annotated[bool, "start every stage with fresh Adam moments"] = False
    l2: Annotated[float, "coupled L2 penalty on weights, added to the gradient", Range(0)] = 4e-5

    eases: ClassVar = False

    def stage(self, step: int) -> int:
        """The stage that `step` belongs to, from 0."""
        return step // self.stage_steps

    def relieved(self, step: int, latents: int) -> int:
        """How many of the latents are light at `step`."""
        return at_most(self.stage(step) + self.relieve_first_at_zero, latents)

    def __call__(self, at: Pass) -> Terms:
        """Distortion, the rate with a weight for each latent, and how many are relieved."""
        latents = at.z.shape[1]
        light = self.relieved(at.step, latents) if at.training else latents
        which = torch.arange(latents, device=at.z.device) < light  # so that a captured step goes from stage to stage
        weights = torch.where(which, at.z.new_full((), self.light), at.z.new_full((), self.heavy))
        return at.terms(kl=(weights, rate_each(at)), relieved=Term(0.0, at.z.new_zeros(()).add_(light), "latents"))

    def optimiser(self) -> AdamSettings:
        """Adam with L2 on the weights."""
        return AdamSettings(l2=self.l2)

    def rate_factor(self, step: int) -> float:
        """1, or the staircase."""
        return DECAY ** (step // DECAY_EVERY) if self.lr_staircase else 1.0

    def restarts(self, step: int) -> bool:
        """At the beginning of every stage, if asked for."""
        return self.reset_adam_per_stage and step > 0 and step % self.stage_steps == 0

    def refuses(self, vae: Any) -> str | None:
        """A weight for each latent needs a rate of each latent."""
        if not vae.prior.factorised:
            return "a weight for each latent needs a factorised prior"
        return None
