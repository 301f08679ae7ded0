"""Identity: the observations are the factors themselves, for testing metrics with a known answer."""

from dataclasses import dataclass
from functools import cached_property
from typing import Annotated

import numpy as np
import torch
from torch import Tensor

from unweave.base.checks import Range
from unweave.base.errors import InputError
from unweave.data.base import Factor, FactorData


@dataclass(frozen=True)
class Identity(FactorData):
    """One row with one pixel a factor: x_k = f_k / (size_k - 1), in [0, 1]; 0 where a factor is constant.

    `image_shape` is (1, 1, K). The default sizes are those of dSprites. No size, or one below 1, raises
    InputError.

    >>> Identity(sizes=(3, 5)).render(np.array([[2, 1]]))
    tensor([[[[1.0000, 0.2500]]]])
    """

    sizes: Annotated[tuple[int, ...], "number of values of each factor", Range(1)] = (3, 6, 40, 32, 32)  # pyright: ignore

    net = "pinwheel-mlp"
    likelihood = "gaussian"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.sizes:
            raise InputError("sizes must name at least one factor, got none")

    @cached_property
    def factors(self) -> tuple[Factor, ...]:  # pyright: ignore
        """One factor a size, named factor-0, factor-1 and so on; values are the pixels."""
        return tuple(Factor.spaced(f"factor-{k}", size, 0.0, 1.0) for k, size in enumerate(self.sizes))

    @cached_property
    def image_shape(self) -> tuple[int, int, int]:  # pyright: ignore
        """(1, 1, K)."""
        return (1, 1, len(self.sizes))

    def render(self, factors: np.ndarray) -> Tensor:
        """Factor values (n, K) -> float32 (n, 1, 1, K)."""
        largest = np.maximum(np.asarray(self.sizes) - 1, 1)
        return torch.from_numpy((self.checked(factors) / largest).astype(np.float32))[:, None, None, :]
