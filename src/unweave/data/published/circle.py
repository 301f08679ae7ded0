"""Circle: small pictures of a clock's hand with a single factor, its angle."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Annotated

import numpy as np
import torch
from torch import Tensor

from unweave.base.checks import POSITIVE, Range
from unweave.data.base import Factor, FactorData, square


@dataclass(frozen=True)
class Circle(FactorData):
    """A bar from the middle of the picture outwards, at one of `angles` even angles; pixels in [0, 1].

    The darkness of a pixel falls with its distance from the bar, 1 / (1 + exp(4 (distance - width))) in pixels, so
    that equal turns are equal changes of the picture. The held-out part has the angles half-way between.

    >>> data = Circle()
    >>> len(data), data.image_shape, data.factors[0].cyclic
    (256, (1, 16, 16), True)
    """

    angles: Annotated[int, "number of angles, and so of pictures", Range(2)] = 256
    size: Annotated[int, "side of the pictures, in pixels", Range(8)] = 16
    width: Annotated[float, "half the thickness of the bar, in pixels", POSITIVE] = 1.2
    between: Annotated[bool, "use the angles half-way between, the held-out part"] = False

    image_shape = square(1)
    net = "mlp"

    @cached_property
    def factors(self) -> tuple[Factor, ...]:  # pyright: ignore
        """The angle, in radians."""
        turns = 2 * np.pi * (np.arange(self.angles) + 0.5 * self.between) / self.angles
        return (Factor("angle", self.angles, tuple(turns.tolist()), cyclic=True),)

    @property
    def held_out(self) -> Circle | None:
        """The angles half-way between."""
        return None if self.between else replace(self, between=True)

    def render(self, factors: np.ndarray) -> Tensor:
        """Numbers of angles (n, 1) -> float32 (n, 1, size, size)."""
        turns = np.asarray(self.factors[0].values)[self.checked(factors)[:, 0]]
        return bars(turns, np.zeros_like(turns), np.full_like(turns, 0.42 * self.size), self.size, self.width)


def bars(angle: np.ndarray, start: np.ndarray, end: np.ndarray, size: int, width: float) -> Tensor:
    """Bars between two distances from the middle, at `angle`, all (n,) and in pixels: float32 (n, 1, size, size)."""
    middle = np.arange(size) - (size - 1) / 2
    x, y = np.meshgrid(middle, -middle)
    cos, sin = np.cos(angle)[:, None, None], np.sin(angle)[:, None, None]
    along, across = x * cos + y * sin, y * cos - x * sin
    beyond = along - along.clip(start[:, None, None], end[:, None, None])
    shade = 1 / (1 + np.exp(4 * (np.hypot(beyond, across) - width)))
    return torch.from_numpy(shade.astype(np.float32))[:, None]
