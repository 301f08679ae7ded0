"""A classifier trained beside the VAE, whose logits give a density ratio."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from unweave.base.records import Term, Terms
from unweave.base.seeds import Generators
from unweave.models.divergences.density_ratio import accuracy, classification_loss
from unweave.models.nets.critic import mlp_critic
from unweave.models.objectives.adam import AdamSettings


@dataclass(frozen=True)
class RatioCritic:
    """Tells codes of q(z) (class 0) from samples of a reference (class 1), and so their log density ratio.

    `reference` makes the samples of class 1 from fresh codes z2, the prior and the generators. `steps` is how often
    it is trained per step of the VAE; with `second_batch` the codes z2 come from a batch of their own. With
    `standardise` the network sees codes whose latents have mean 0 and variance 1 over the batch.
    """

    reference: Callable[[Tensor, Any, Generators], Tensor]
    layers: int = 6
    width: int = 1000
    adam: AdamSettings = field(default_factory=lambda: AdamSettings(betas=(0.5, 0.9)))
    steps: int = 1
    second_batch: bool = True
    standardise: bool = False

    def build(self, latents: int, rng: torch.Generator) -> nn.Module:
        """The network: (n, latents) -> two logits."""
        return mlp_critic(latents, self.layers, self.width, standardise=self.standardise, rng=rng)

    def loss(self, net: nn.Module, z: Tensor, reference: Tensor) -> Terms:
        """Its classification loss on codes and reference samples, both without a way back to the encoder."""
        first, second = net(z.detach()), net(reference.detach())
        return Terms(
            critic_loss=Term(1.0, classification_loss(first, second), "nats per code"),
            critic_accuracy=Term(0.0, accuracy(first, second), "share of codes"),
        )
