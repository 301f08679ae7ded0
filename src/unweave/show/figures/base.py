"""What figures share: how images, latents and numbers are shown."""

from __future__ import annotations

import numpy as np
from torch import Tensor
from torch.nn.functional import interpolate

from unweave.base.errors import InputError
from unweave.base.picture import Figure as Figure
from unweave.base.picture import Picture as Picture
from unweave.base.picture import draw as draw
from unweave.base.records import Codes
from unweave.run.classes import Classes as Classes
from unweave.run.run import Run

DEAD = 0.1  # nats; below this a latent carries less than a seventh of a bit
LARGEST = 128  # pixels; larger images are averaged down, since many stand side by side
Subject = Run  # this and the next are the names of before, for figures of other packages
View = Figure


def classes_of(run: Run, factor: str | None, figure: str) -> Classes:
    """The classes of a run; InputError where its data set has none."""
    found = run.classes(factor)
    if found is None:
        raise InputError(f"{figure} needs a data set with classes or known factors, {run.name} has neither")
    return found


def called(run: object, latent: int) -> str:
    """A latent as pictures name it, with the user's own name where the run has one for it; a model has none."""
    return run.called(latent) if isinstance(run, Run) else f"z{latent}"


def with_latent(codes: Codes, latent: int, value: float) -> Codes:
    """A copy of codes (n, d) in which one latent has this value."""
    changed = codes.clone()
    changed[:, latent] = value
    return changed


def number(value: float) -> str:
    """At most two decimals, with a true minus sign.

    >>> number(-1.0) == "\N{MINUS SIGN}1", number(0.666)
    (True, '0.67')
    """
    return f"{round(float(value), 2) + 0.0:g}".replace("-", "\N{MINUS SIGN}")


def by_rate(kl_per_latent: np.ndarray) -> np.ndarray:
    """Sort the latents' numbers by rate, highest first; equal rates keep their order.

    >>> by_rate(np.array([0.0, 2.5, 0.7])).tolist()
    [1, 2, 0]
    """
    return np.argsort(-np.asarray(kl_per_latent, dtype=float), kind="stable")


def as_rgb(images: Tensor) -> np.ndarray:
    """Turn images (n, 1 or 3, H, W) into (n, H, W, 3) in [0, 1]; sides above 128 pixels are averaged down.

    Any other number of channels raises InputError.
    """
    if images.ndim != 4 or images.shape[1] not in (1, 3):
        raise InputError(f"images to draw must have shape (n, 1 or 3, H, W), got {tuple(images.shape)}")
    pixels = images.detach().float().cpu()
    height, width = pixels.shape[2:]
    if max(height, width) > LARGEST:
        factor = LARGEST / max(height, width)
        pixels = interpolate(pixels, (max(1, round(height * factor)), max(1, round(width * factor))), mode="area")
    return pixels.clamp(0, 1).expand(-1, 3, -1, -1).permute(0, 2, 3, 1).numpy()
