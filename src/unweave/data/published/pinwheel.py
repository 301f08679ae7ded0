"""Pinwheel: points in the plane in curved arms, one class per arm."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Annotated, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor

from unweave.base.checks import FINITE, Range
from unweave.base.seeds import numpy_generator
from unweave.data.base import ImageData


@dataclass(frozen=True)
class Pinwheel(ImageData):
    """`per_class` points for each of `arms`; each is a vector (1, 1, 2), not scaled, and labels are the arms.

    With e ~ N(0, I) and f = (1 + tangential_std e_1, radial_std e_2), the point of arm c = 1, 2, ... is f turned
    clockwise by 2 pi c / arms + rate exp(f_1). The mean distance from the origin is about 1. The names of the two
    standard deviations are those of the original program, in which tangential_std acts along the radius. `seed` and
    `part` choose the draw. Source: Johnson et al. 2016, https://arxiv.org/abs/1603.06277, in the form of Mathieu et
    al. 2019, https://arxiv.org/abs/1812.02833.

    >>> data = Pinwheel()
    >>> len(data), data.image_shape, np.bincount(data.labels).tolist()
    (400, (1, 1, 2), [100, 100, 100, 100])
    """

    part: Annotated[Literal["train", "test"], "which of two independent draws"] = "train"
    arms: Annotated[int, "number of arms, which are the classes", Range(1)] = 4
    per_class: Annotated[int, "points per arm", Range(1)] = 100
    tangential_std: Annotated[float, "standard deviation along the radius", Range(0)] = 0.3
    radial_std: Annotated[float, "standard deviation across the radius", Range(0)] = 0.1
    rate: Annotated[float, "how much the arms bend", FINITE] = 0.25
    seed: Annotated[int, "seed of the data", Range(0)] = 0

    image_shape = (1, 1, 2)
    bounded: ClassVar = False
    net: ClassVar = "pinwheel-mlp"
    likelihood: ClassVar = "gaussian"
    likelihood_settings: ClassVar = {"squash": False, "learn_scale": True}

    def __len__(self) -> int:
        return self.arms * self.per_class

    @property
    def labels(self) -> np.ndarray:
        """The arm of every point, 0 to arms - 1, int64 (len,)."""
        return np.repeat(np.arange(self.arms), self.per_class)

    @property
    def held_out(self) -> Pinwheel | None:
        """The test part, for the train part."""
        return replace(self, part="test") if self.part == "train" else None

    @cached_property
    def points(self) -> np.ndarray:
        """All points, float32 (len, 2), arm after arm."""
        noise = numpy_generator(self.seed, f"pinwheel {self.part}").normal(size=(len(self), 2))
        along, across = (noise * [self.tangential_std, self.radial_std] + [1, 0]).T
        turn = 2 * math.pi * (self.labels + 1) / self.arms + self.rate * np.exp(along)
        x = along * np.cos(turn) + across * np.sin(turn)
        y = across * np.cos(turn) - along * np.sin(turn)
        return np.stack([x, y], axis=1).astype(np.float32)

    def images(self, indices: np.ndarray) -> Tensor:
        """The points with these numbers, float32 (n, 1, 1, 2)."""
        return torch.from_numpy(self.points[self.checked_indices(indices)])[:, None, None]
