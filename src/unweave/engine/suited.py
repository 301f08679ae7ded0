"""What suits the user's own data: the defaults of a run on them, from what the recipes have shown.

Published data sets keep the published settings, so that numbers can be compared. Nobody has published settings for the
user's own data, and the methods' own, a learning rate of 1e-4 above all, leave them half trained.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress
from functools import lru_cache
from typing import Any

import torch

from unweave.base.errors import InputError
from unweave.base.seeds import Generators
from unweave.data.base import ImageData
from unweave.engine.standardise import check_standardisable
from unweave.models.distributions import Likelihood
from unweave.models.nets.base import Net, build
from unweave.models.objectives import Objective
from unweave.models.vae import VAE, heads

LR = 1e-3
PASSES = 200  # over the data: more of them learn the training rows by heart
FEWEST, MOST = 1_000, 8_000  # steps, whatever the data
EVERY = 100  # steps between standardisings
EASE = 0.1  # share of the weights that training starts with, for a third of the steps, then rising for another third
BROADCAST = 64  # longest side of pictures for which a decoder on a grid costs no more than others
CONVOLUTIONS = ("conv", "dlib-conv")  # what data suggest for pictures
EASING = ("ease", "ease_hold", "ease_steps")
CHOSEN = ("steps", "lr", "standardise_every", *EASING)


def is_picture(data: ImageData) -> bool:
    """Whether the data have height and width, and are no rows of a table.

    The gaussian's means of pictures are taken as they come. Through a sigmoid they are driven to black within fifty
    steps at this learning rate where most pixels are dark, and a flat sigmoid lets no gradient back.
    """
    return min(data.image_shape[1:]) > 1


def net_for(data: ImageData) -> str:
    """The net that suits pictures best by their size: one whose decoder sees coordinates, where that is cheap."""
    small = max(data.image_shape[1:]) <= BROADCAST
    return "broadcast" if small and data.net in CONVOLUTIONS else data.net


def steps_for(rows: int, batch: int) -> int:
    """Optimiser steps: 200 passes over the data, but 1,000 at least and 8,000 at most.

    >>> steps_for(150, 64), steps_for(1_000, 64), steps_for(60_000, 64)
    (1000, 3125, 8000)
    """
    return min(MOST, max(FEWEST, PASSES * rows // batch))


def training_for(
    objective: Objective, given: Mapping[str, Any], data: ImageData, *, steps: int, batch: int, standardisable: bool
) -> dict[str, Any]:
    """Settings of training that suit a method on these data, without those in `given`; `steps` count if they are."""
    chosen: dict[str, Any] = {}
    if "steps" not in given:
        steps = chosen["steps"] = steps_for(len(data), batch)
    if "lr" not in given:
        chosen["lr"] = max(LR, objective.optimiser().lr)
    if "standardise_every" not in given and standardisable:
        chosen["standardise_every"] = max(1, min(EVERY, steps // 10))
    third = steps // 3
    if objective.eases and third and is_picture(data) and not any(name in given for name in EASING):
        chosen |= {"ease": EASE, "ease_hold": third, "ease_steps": third}
    return chosen


@lru_cache(maxsize=64)
def can_be_standardised(
    objective: Objective, net: Net, prior: Any, likelihood: Likelihood, latents: int, shape: tuple[int, int, int]
) -> bool:
    """Whether codes of such a model can be brought to mean 0 and variance 1 exactly, by trying on one."""
    if not objective.standardises:
        return False
    rng, wanted = Generators(0), objective.latents(latents)
    encoder, decoder = build(net, shape, heads(wanted), wanted.width, likelihood.outputs, rng["init"])
    with suppress(InputError):
        made = VAE(encoder, decoder, prior.build(wanted.continuous), likelihood, wanted, objective.discrete(0))
        check_standardisable(made, torch.rand(2, *shape, generator=rng["trial"]), net="", prior="")
        return True
    return False


def sentence(chosen: Mapping[str, Any], rows: int, batch: int, names: Collection[str]) -> str:
    """What was chosen, in one line; `names` are the net and settings of the method that were chosen besides.

    >>> sentence({"steps": 1000}, 150, 64, ["net broadcast"])
    'chosen for your own data: net broadcast, 1,000 steps (427 passes); --recipe published takes the published settings'
    """
    parts = [*names]
    if "steps" in chosen:
        parts.append(f"{chosen['steps']:,} steps ({chosen['steps'] * batch / rows:,.0f} passes)")
    if "lr" in chosen:
        parts.append(f"lr {chosen['lr']:g}")
    if "standardise_every" in chosen:
        parts.append(f"codes standardised every {chosen['standardise_every']} steps")
    if "ease" in chosen:
        whole = chosen["ease_hold"] + chosen["ease_steps"]
        parts.append(f"weights from {chosen['ease']:g} up to 1 at step {whole:,}")
    return f"chosen for your own data: {', '.join(parts)}; --recipe published takes the published settings"
