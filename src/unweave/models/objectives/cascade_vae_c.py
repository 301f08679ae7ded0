"""CascadeVAE-C: latents start with a heavy weight on their rate and get a light one, one after the other."""

from dataclasses import dataclass
from typing import ClassVar

from unweave.models.objectives.cascade import Cascade


@dataclass(frozen=True)
class CascadeVAEC(Cascade):
    """-E log p(x|z) + sum_j beta_j KL(q(z_j|x) || p(z_j)), nats per image; in stage s latents 0 to s are light.

    A new latent can only gain what those before it do not tell yet, which holds their mutual information down. Stages
    last `stage_steps` optimiser steps. With light = heavy = 1 it is the VAE.
    Source: Jeong and Song 2019, https://arxiv.org/abs/1905.09432.

    >>> [CascadeVAEC(stage_steps=10).relieved(step, latents=3) for step in (0, 9, 10, 20, 30)]
    [1, 1, 2, 3, 3]
    """

    neutral: ClassVar = {"light": 1.0, "heavy": 1.0}
