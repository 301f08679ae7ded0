"""Tree: small pictures with a tree of factors, in which the kind of shape determines what else varies."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Annotated

import numpy as np
import torch
from torch import Tensor

from unweave.base.checks import Range
from unweave.data.base import Factor, FactorData, Symmetry, square
from unweave.data.published.circle import bars

KINDS = ("bar", "disc", "dot")


@dataclass(frozen=True)
class Tree(FactorData):
    """Pictures of a bar, which has an angle, of a disc, which has a radius, or of a dot, which has nothing.

    The second factor, `detail`, is the angle of a bar over half a turn and the radius of a disc; of a dot it says
    nothing, and all its values are the same picture. The labels are the kinds. The held-out part has the details
    half-way between. Pixels lie in [0, 1].

    >>> data = Tree()
    >>> len(data), data.image_shape, data.classes
    (384, (1, 16, 16), ('bar', 'disc', 'dot'))
    """

    details: Annotated[int, "number of values of the detail", Range(2)] = 128
    size: Annotated[int, "side of the pictures, in pixels", Range(8)] = 16
    between: Annotated[bool, "use the details half-way between, the held-out part"] = False

    image_shape = square(1)
    net = "mlp"
    classes = KINDS

    @cached_property
    def factors(self) -> tuple[Factor, ...]:  # pyright: ignore
        """The kind, and its detail as a share of its range."""
        shares = (np.arange(self.details) + 0.5 * self.between) / self.details
        return (Factor("kind", len(KINDS), (0.0, 1.0, 2.0)), Factor("detail", self.details, tuple(shares.tolist())))

    @cached_property
    def symmetries(self) -> tuple[Symmetry, ...]:  # pyright: ignore
        """All details of a dot are the first one."""
        return tuple(Symmetry("detail", k, 0, (("kind", KINDS.index("dot")),)) for k in range(1, self.details))

    @property
    def labels(self) -> np.ndarray:
        """The kind of every picture, int64 (len,)."""
        return np.repeat(np.arange(len(KINDS)), self.details)

    @property
    def held_out(self) -> Tree | None:
        """The details half-way between."""
        return None if self.between else replace(self, between=True)

    def render(self, factors: np.ndarray) -> Tensor:
        """Kinds and details (n, 2) -> float32 (n, 1, size, size)."""
        kind, detail = self.checked(factors).T
        share = np.asarray(self.factors[1].values)[detail]
        reach = np.where(kind == KINDS.index("bar"), 0.36 * self.size, 0.0)
        straight = bars(np.pi * share, -reach, reach, self.size, 1.2)
        discs = _discs((0.14 + 0.28 * share) * self.size, self.size)
        return torch.where(torch.from_numpy(kind == KINDS.index("disc"))[:, None, None, None], discs, straight)


def _discs(radius: np.ndarray, size: int) -> Tensor:
    """Discs in the middle, radius (n,) in pixels: float32 (n, 1, size, size)."""
    middle = np.arange(size) - (size - 1) / 2
    away = np.hypot(*np.meshgrid(middle, middle)) - radius[:, None, None]
    return torch.from_numpy((1 / (1 + np.exp(4 * away))).astype(np.float32))[:, None]
