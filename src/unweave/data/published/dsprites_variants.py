"""What the harder versions of dSprites share: something is added that the number of an image decides."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor

from unweave.base.checks import Range
from unweave.base.seeds import derive
from unweave.data.base import FactorData
from unweave.data.published.dsprites import FACTORS, DSprites

_STEP, _MIX = 0x9E3779B97F4A7C15, (0xBF58476D1CE4E5B9, 0x94D049BB133111EB)
_CHUNK = 16  # images made at a time: what is held besides the result fits a processor's cache


def uniform(numbers: np.ndarray, count: int, seed: int) -> np.ndarray:
    """`count` numbers in [0, 1) for each of the image `numbers` (n,), float32 (n, count), the same at every call.

    With w = ceil(count / 2), image i has the outputs i * w to (i + 1) * w - 1 of the SplitMix64 generator with this
    seed; each gives two numbers of 24 bits, from its lower half first. So a batch depends on nothing but its images'
    numbers. Source: Steele, Lea, Flood 2014, "Fast splittable pseudorandom number generators".

    >>> uniform(np.array([3, 5]), 4, seed=1)[1].tolist() == uniform(np.array([5]), 4, seed=1)[0].tolist()
    True
    """
    words = -(-count // 2)
    z = numbers.astype(np.uint64)[:, None] * np.uint64(words) + np.arange(1, words + 1, dtype=np.uint64)
    z *= np.uint64(_STEP)
    z += np.uint64(seed)
    for shift, factor in zip((30, 27), _MIX, strict=True):
        z ^= z >> np.uint64(shift)
        z *= np.uint64(factor)
    z ^= z >> np.uint64(31)
    halves = z.astype("<u8", copy=False).view("<u4")[:, :count]
    return (halves >> np.uint32(8)).astype(np.float32) * np.float32(2**-24)


@dataclass(frozen=True)
class Variant(FactorData):
    """dSprites by number, with something added. Subclasses say what in `over`."""

    hold: Annotated[
        Literal["packed", "lazy"], "packed: the sprites as bits in the cache; lazy: render each batch anew"
    ] = "packed"
    seed: Annotated[int, "seed of what is added", Range(0)] = 0

    factors = FACTORS
    image_shape = (3, 64, 64)
    reference = DSprites.reference
    bookkeeping = ("hold",)  # changes no image
    probing: ClassVar = DSprites.probing

    @cached_property
    def _sprites(self) -> DSprites:
        return DSprites(hold=self.hold)

    def images(self, indices: np.ndarray) -> Tensor:
        """The images with these numbers, float32 (n, 3, 64, 64); one out of range raises InputError."""
        numbers = self.checked_indices(indices)
        made = torch.empty(len(numbers), 3, 64, 64)
        for start in range(0, len(numbers), _CHUNK):
            some = numbers[start : start + _CHUNK]
            made[start : start + _CHUNK] = self.over(self._sprites.images(some), some)
        return made

    def render(self, factors: np.ndarray) -> Tensor:
        """Images of these factor values, (n, 5) integers -> float32 (n, 3, 64, 64)."""
        return self.images(self.index(factors))

    def drawn(self, numbers: np.ndarray, *shape: int) -> Tensor:
        """Uniform numbers for each image, float32 (n, *shape)."""
        name = f"dsprites {type(self).__name__}"
        return torch.from_numpy(uniform(numbers, int(np.prod(shape)), derive(self.seed, name))).reshape(-1, *shape)

    @abstractmethod
    def over(self, sprites: Tensor, numbers: np.ndarray) -> Tensor:
        """Sprites (n, 1, 64, 64) of 0 and 1 -> images (n, 3, 64, 64) in [0, 1]."""
