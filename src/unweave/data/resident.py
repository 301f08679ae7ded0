"""A whole data set in the memory of a device, from which a batch is taken there, without a way through the processor.

Images come out exactly as `ImageData.images` gives them: pixels lie as bytes only where that is shown to lose nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import embedding

from unweave.data.base import ImageData

AT_ONCE = 1 << 24  # numbers that are read at a time


class Resident(Protocol):
    """All images of a data set on one device: `numbers` (n,) there, int64 -> float32 (n, C, H, W) there."""

    def __call__(self, numbers: Tensor) -> Tensor: ...


@dataclass(frozen=True)
class Bits:
    """Images of zeros and ones, a bit a pixel: `rows` (N, H, W / 8) bytes, `pixels` (256, k) what a byte stands for.

    With `halved` two rows of bytes add up to one of means.
    """

    rows: Tensor
    pixels: Tensor
    halved: bool = False

    def __call__(self, numbers: Tensor) -> Tensor:
        found = embedding(self.rows[numbers].int(), self.pixels)  # (n, H, W / 8, k)
        found = found[:, ::2] + found[:, 1::2] if self.halved else found
        return found.flatten(2)[:, None]


@dataclass(frozen=True)
class Bytes:
    """Pixels as bytes (N, C, H, W), and the 256 numbers that they stand for."""

    codes: Tensor
    levels: Tensor

    def __call__(self, numbers: Tensor) -> Tensor:
        codes = self.codes[numbers]
        return embedding(codes.int().flatten(), self.levels[:, None]).view(codes.shape)


@dataclass(frozen=True)
class Numbers:
    """The images as they are, float32 (N, C, H, W)."""

    images: Tensor

    def __call__(self, numbers: Tensor) -> Tensor:
        return self.images[numbers]


def resident(data: ImageData, device: torch.device, room: int, most_images: int | None = None) -> Resident | None:
    """`data` on the device, if it fits into `room` bytes there; None if not, or if reading it all is not worth it.

    `most_images` is how many images a run will ask for: a set with more is only taken where it lies packed already.
    Pixels that are all 256ths lie as bytes, all else as float32.

    >>> from unweave.data.published.pinwheel import Pinwheel
    >>> points = resident(Pinwheel(), torch.device("cpu"), room=4000)
    >>> bool((points(torch.tensor([3, 5])) == Pinwheel().images(np.array([3, 5]))).all())
    True
    >>> resident(Pinwheel(), torch.device("cpu"), room=3000) is None
    True
    """
    if (packed := data.packed_on(device, room)) is not None:
        return packed
    if most_images is not None and most_images < len(data):
        return None
    each = int(np.prod(data.image_shape))
    if len(data) * each > room:
        return None
    levels = _levels_of(data.images(np.arange(min(len(data), max(1, AT_ONCE // (16 * each))))))
    if levels is not None and (codes := _as_bytes(data, device, levels)) is not None:
        return Bytes(codes, levels.to(device))
    if 4 * len(data) * each > room:
        return None
    images = torch.empty((len(data), *data.image_shape), device=device)
    for chosen in _parts(data, each):
        images[chosen[0] : chosen[-1] + 1] = data.images(chosen).to(device)
    return Numbers(images)


def _parts(data: ImageData, each: int) -> list[np.ndarray]:
    step = max(1, AT_ONCE // each)
    return [np.arange(start, min(start + step, len(data))) for start in range(0, len(data), step)]


def _levels_of(x: Tensor) -> Tensor | None:
    """The 256 numbers that pixels k / 255 became, as a division or as a product gives them; None if they are others."""
    whole = torch.arange(256, dtype=torch.float32)
    for levels in (whole / 255, whole * (1 / torch.tensor(255.0))):
        if _coded(x, levels) is not None:
            return levels
    return None


def _coded(x: Tensor, levels: Tensor) -> Tensor | None:
    """The bytes that stand for `x`, or None where one of its numbers is no level."""
    codes = (x * 255).round_().clamp_(0, 255).to(torch.uint8)
    return codes if torch.equal(levels[codes.long()], x) else None


def _as_bytes(data: ImageData, device: torch.device, levels: Tensor) -> Tensor | None:
    each = int(np.prod(data.image_shape))
    made = torch.empty((len(data), *data.image_shape), dtype=torch.uint8, device=device)
    for chosen in _parts(data, each):
        codes = _coded(data.images(chosen), levels)
        if codes is None:
            return None
        made[chosen[0] : chosen[-1] + 1] = codes.to(device)
    return made
