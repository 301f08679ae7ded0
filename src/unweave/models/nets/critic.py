"""The critic: a perceptron that tells codes of one distribution from codes of another."""

from itertools import pairwise

import torch
from torch import nn

from unweave.base import checks
from unweave.models.nets.base import drawing_from, initialise


def mlp_critic(
    latents: int, layers: int = 6, width: int = 1000, *, standardise: bool = False, rng: torch.Generator
) -> nn.Sequential:
    """`layers` hidden layers of `width` with LeakyReLU of slope 0.2, then two logits: (n, latents) -> (n, 2).

    With `standardise` every latent first gets mean 0 and variance 1 over the batch: a density ratio knows no units,
    and a critic that sees none cannot be outrun by codes that grow. Weights are Xavier uniform from `rng`, biases
    zero; torch's global generator is left alone. Numbers below 1 raise InputError. Source: Kim & Mnih 2018,
    https://arxiv.org/abs/1802.05983 (six layers of 1000); slope and two logits as in the study of Locatello et al.
    2019; standardising is our own.

    >>> critic = mlp_critic(10, rng=torch.Generator().manual_seed(0))
    >>> sum(p.numel() for p in critic.parameters())
    5018002
    """
    checks.at_least(1, latents=latents, layers=layers, width=width)
    widths = (latents, *[width] * layers)
    with drawing_from(rng):
        hidden: list[nn.Module] = [part for a, b in pairwise(widths) for part in (nn.Linear(a, b), nn.LeakyReLU(0.2))]
        if standardise:
            hidden.insert(0, nn.BatchNorm1d(latents, affine=False, track_running_stats=False))
        critic = nn.Sequential(*hidden, nn.Linear(width, 2))
        initialise(critic, "xavier")
    return critic
