"""Bars: a horizontal and a vertical bar that cross."""

from dataclasses import dataclass
from functools import cached_property
from typing import Annotated

import numpy as np
import torch
from torch import Tensor

from unweave.base import checks
from unweave.data.base import Factor, FactorData


@dataclass(frozen=True)
class Bars(FactorData):
    """Bars: a horizontal and a vertical bar that cross.

    White on black, (1, size, size), in size x size ways: the factors are the row of the one and the column of the
    other. Source: Foldiak 1990.
    """

    size: Annotated[int, "pixels along an edge"] = 16

    net = "conv"
    reference = (0,)

    def __post_init__(self) -> None:
        checks.at_least(2, size=self.size)

    @cached_property
    def image_shape(self) -> tuple[int, int, int]:
        return (1, self.size, self.size)

    @cached_property
    def factors(self) -> tuple[Factor, ...]:
        return tuple(Factor.spaced(name, self.size, 0, self.size - 1) for name in ("row", "column"))

    def render(self, factors: np.ndarray) -> Tensor:
        row, column = torch.from_numpy(self.checked(factors)).T[:, :, None]
        at = torch.arange(self.size)
        return ((at == row)[:, None, :, None] | (at == column)[:, None, None, :]).float()
