"""JointVAE: continuous and categorical latents, each kind with a capacity that grows during training."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar

from unweave.base import checks
from unweave.base.checks import POSITIVE, Range
from unweave.base.records import Latents, Pass, Term, Terms
from unweave.base.schedules import at_most, linear
from unweave.models.distributions.categorical import kl_to_uniform
from unweave.models.objectives.adam import AdamSettings
from unweave.models.objectives.base import Objective, rate
from unweave.models.objectives.discrete import Gumbel


@dataclass(frozen=True)
class JointVAE(Objective):
    """-E log p(x|z,c) + gamma |KL_z - C_z(t)| + gamma_discrete |KL_c - C_c(t)|, nats per image.

    KL_z and KL_c are means over the batch; KL_c = sum_l KL(q(c_l|x) || uniform) of the categories themselves, not of
    their relaxed samples. The decoder sees a Gumbel-softmax sample of temperature `tau` while training and the most
    likely category afterwards. Capacities grow linearly over `anneal_steps` optimiser steps; C_c never exceeds
    sum_l log S_l, all that the categories can tell. Source: Dupont 2018, https://arxiv.org/abs/1804.00104.

    `legacy_jointvae_scale` divides the whole loss by the pixels of a channel and the distortion by the channels too,
    as the released code does: for grey images this only changes what Adam's epsilon means.

    >>> JointVAE(categories=(3, 2)).latents(6).width
    11
    """

    categories: Annotated[tuple[int, ...], "number of values of each categorical latent", Range(2)] = (3,)
    tau: Annotated[float, "temperature of the relaxed samples", POSITIVE] = 0.67
    gamma: Annotated[float, "weight of the distance between continuous rate and capacity", Range(0)] = 150.0
    capacity_min: Annotated[float, "continuous capacity at the first step, nats per image", Range(0)] = 0.0
    capacity_max: Annotated[float, "continuous capacity at the end, nats per image", Range(0)] = 40.0
    gamma_discrete: Annotated[float, "weight of the distance between categorical rate and capacity", Range(0)] = 150.0
    capacity_discrete_min: Annotated[float, "categorical capacity at the first step, nats per image", Range(0)] = 0.0
    capacity_discrete_max: Annotated[float, "categorical capacity at the end, nats per image", Range(0)] = 1.1
    anneal_steps: Annotated[int, "steps over which both capacities grow", Range(0)] = 300_000
    legacy_jointvae_scale: Annotated[bool, "scale the loss per pixel, as the released code does"] = False

    eases: ClassVar = False
    neutral: ClassVar = {"categories": (), "gamma": 1.0, "capacity_max": 0.0}
    probing: ClassVar = {"gamma": 1.0, "gamma_discrete": 1.0}

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.at_least(self.capacity_min, capacity_max=self.capacity_max)
        checks.at_least(self.capacity_discrete_min, capacity_discrete_max=self.capacity_discrete_max)

    def latents(self, continuous: int) -> Latents:
        """Continuous ones, and categories that the encoder gives probabilities of."""
        return Latents(continuous, self.categories)

    def discrete(self, step: int) -> Gumbel | None:
        """A relaxed sample at every step."""
        return Gumbel(self.categories, self.tau) if self.categories else None

    def optimiser(self) -> AdamSettings:
        """Adam with the published rate."""
        return AdamSettings(lr=5e-4)

    def capacities(self, step: int) -> tuple[float, float]:
        """C_z and C_c at a step, nats per image."""
        bound = sum(map(math.log, self.categories))
        discrete = linear(step, self.capacity_discrete_min, self.capacity_discrete_max, self.anneal_steps)
        return linear(step, self.capacity_min, self.capacity_max, self.anneal_steps), at_most(discrete, bound)

    def __call__(self, at: Pass) -> Terms:
        """Distortion, both rates for the log, and their distances to the capacities."""
        continuous, discrete = self.capacities(at.step if at.training else self.anneal_steps)
        kl = Term(0.0, rate(at))
        parts = {"kl": kl, "capacity_gap": Term(self.gamma, (kl.mean - continuous).abs())}
        if at.categories is not None:
            found = Term(0.0, kl_to_uniform(at.categories, self.categories).sum(1))
            gap = Term(self.gamma_discrete, (found.mean - discrete).abs())
            parts |= {"kl_discrete": found, "capacity_gap_discrete": gap}
        terms = at.terms(**parts)
        return (
            _per_pixel(terms, at.x.shape[1:].numel() // at.x.shape[1], at.x.shape[1])
            if self.legacy_jointvae_scale
            else terms
        )


def _per_pixel(terms: Terms, pixels: int, channels: int) -> Terms:
    """The loss over `pixels`, and its distortion over `channels` as well."""
    scaled = Terms({name: replace(term, weight=term.weight / pixels) for name, term in terms.items()})
    scaled["distortion"] = replace(scaled["distortion"], weight=scaled["distortion"].weight / channels)
    return scaled
