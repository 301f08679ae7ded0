"""Capacity-annealed beta-VAE: the rate follows a capacity that grows during training."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from unweave.base import checks
from unweave.base.checks import Range
from unweave.base.records import Pass, Term, Terms
from unweave.base.schedules import linear
from unweave.models.objectives.base import Objective, rate


@dataclass(frozen=True)
class AnnealedVAE(Objective):
    """-E log p(x|z) + gamma |KL - C(t)| with KL the mean over the batch, nats per image.

    C grows linearly from `capacity_min` to `capacity_max` over `anneal_steps`; below C the rate is pushed up. The
    absolute value is taken of the batch mean, not of each image. At evaluation C is `capacity_max`.
    Source: Burgess et al. 2018, https://arxiv.org/abs/1804.03599.
    """

    gamma: Annotated[float, "weight of the distance between rate and capacity", Range(0)] = 1000.0
    capacity_min: Annotated[float, "capacity at the first step, nats per image", Range(0)] = 0.0
    capacity_max: Annotated[float, "capacity at the end, nats per image", Range(0)] = 25.0
    anneal_steps: Annotated[int, "steps over which the capacity grows", Range(0)] = 100_000

    eases: ClassVar = False
    neutral: ClassVar = {"gamma": 1.0, "capacity_max": 0.0}
    probing: ClassVar = {"gamma": 1.0}

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.at_least(self.capacity_min, capacity_max=self.capacity_max)

    def __call__(self, at: Pass) -> Terms:
        step = at.step if at.training else self.anneal_steps
        capacity = linear(step, self.capacity_min, self.capacity_max, self.anneal_steps)
        kl = Term(0.0, rate(at))
        return at.terms(kl=kl, capacity_gap=(self.gamma, (kl.mean - capacity).abs()))
