"""CascadeVAE: CascadeVAE-C with a category that is solved for instead of encoded."""

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from unweave.base.checks import Range
from unweave.base.records import Latents
from unweave.base.schedules import at_most, linear
from unweave.models.objectives.cascade import Cascade
from unweave.models.objectives.discrete import Assigned, Zeros


@dataclass(frozen=True)
class CascadeVAE(Cascade):
    """-E log p(x|z,d) + sum_j beta_j KL(q(z_j|x) || p(z_j)), nats per image, with the best category d of each image.

    For `warmup_stages` stages the decoder sees zeros in place of a category, and stage s has s + 1 light latents.
    From then on it has s light latents, so that in the first of these stages only the category is new, and each step
    chooses, with the z of that step, the d that minimise

        sum_i -log p(x_i|z_i,d_i) + balance x pairs of images with the same category

    exactly and without gradient, before its one gradient step. The encoder gives no q(d|x); codes take argmin_d
    -log p(x|mean,d). Stages last `stage_steps` optimiser steps, and `categories` is the number of values of d. The
    one-hot place of d may grow from 0 to 1 over `arrival_steps` steps: at once (published) it shakes a decoder that
    has learned much, and the value that does so least may take all images for good.
    Source: Jeong and Song 2019, https://arxiv.org/abs/1905.09432.

    >>> method = CascadeVAE(stage_steps=10)
    >>> [method.relieved(step, latents=6) for step in range(0, 80, 10)]
    [1, 2, 3, 4, 4, 5, 6, 6]
    >>> method.discrete(39), method.discrete(40)
    (Zeros(width=3), Assigned(size=3, balance=0.001, level=1.0))
    """

    categories: Annotated[int, "number of values of the categorical latent", Range(2)] = 3
    warmup_stages: Annotated[int, "number of stages before the category joins", Range(0)] = 4
    arrival_steps: Annotated[int, "steps over which its input to the decoder then grows to 1; 0: at once", Range(0)] = 0
    balance: Annotated[float, "cost of every pair of images in a batch with the same category, nats", Range(0)] = 0.001

    neutral: ClassVar = None
    no_neutral: ClassVar = "its decoder also takes a category, so no plain VAE has its weights"
    probing: ClassVar = {"warmup_stages": 0}

    def latents(self, continuous: int) -> Latents:
        """Continuous ones and one category without a head."""
        return Latents(continuous, (self.categories,), head=False)

    def discrete(self, step: int) -> Zeros | Assigned:
        """No category during the warm-up, then the assigned ones."""
        if self.stage(step) < self.warmup_stages:
            return Zeros(self.categories)
        since = step - self.warmup_stages * self.stage_steps
        return Assigned(self.categories, self.balance, linear(since, 0.0, 1.0, self.arrival_steps))

    def relieved(self, step: int, latents: int) -> int:
        """How many of the latents are light at `step`: none is relieved in the stage that brings the category."""
        stage = self.stage(step)
        early = self.relieve_first_at_zero and stage < self.warmup_stages
        return at_most(stage + early, latents)

    def refuses(self, vae: Any) -> str | None:
        """As the cascade does; and a category that is not whole by the end, since codes take it whole."""
        if isinstance(vae.discrete, Assigned) and vae.discrete.level < 1:
            whole = self.warmup_stages * self.stage_steps + self.arrival_steps
            return (
                f"steps must be at least warmup_stages x stage_steps + arrival_steps, {whole:,}, for a whole category"
            )
        return super().refuses(vae)
