"""What a class's most active latents do: a traversal along each from an image of that class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch

from unweave.base import checks
from unweave.base.checks import POSITIVE, Range
from unweave.base.errors import InputError
from unweave.base.settings import Settings
from unweave.run.run import Run
from unweave.show.figures.base import Picture, as_rgb, called, classes_of, number, with_latent
from unweave.show.figures.class_magnitudes import strongest
from unweave.show.figures.sheet import Sheet


@dataclass(frozen=True)
class ActiveDimensions(Settings):
    """Decode(z with z_d replaced) along the latents d with the largest mean |z_d| of a class, a block a class.

    Each block starts with an image of the class, the one whose code lies nearest to the mean code of the class, and
    its reconstruction; then one row a latent, from -`reach` to `reach`, with its mean |z_d| over the class beside it.
    Without `classes` it takes those with the largest mean |z_d| of all, in the order of the data set. A data set
    without classes and factors, or a class or factor that it does not have, raises InputError.
    Source: Mathieu et al. 2019, https://arxiv.org/abs/1812.02833, figure 3b.
    """

    factor: Annotated[str | None, "factor whose values are the classes [its labels, else the first factor]"] = None
    classes: Annotated[tuple[str, ...] | None, "names of the classes [those with the strongest latents]"] = None
    blocks: Annotated[int, "number of classes, if not named", Range(1)] = 3
    dimensions: Annotated[int, "number of latents of each class", Range(1)] = 3
    reach: Annotated[float, "range of each latent: from minus this to this", POSITIVE] = 2.0
    steps: Annotated[int, "number of values, which is the number of columns", Range(2)] = 7

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.classes is not None and not self.classes:
            raise InputError("classes must be one name or more, got none")

    @property
    def values(self) -> np.ndarray:
        """What a latent is set to, (steps,)."""
        return np.linspace(-self.reach, self.reach, self.steps)

    def __call__(self, run: Run) -> Picture:
        """Draw the blocks."""
        found = classes_of(run, self.factor, "active-dimensions")
        heights = found.magnitudes()
        chosen = self._chosen(found.names, heights)
        images = found.images(np.array([found.typical(k) for k in chosen]))
        codes, categories = run.encode(images), run.categories(images)
        originals, back = as_rgb(images), as_rgb(run.decode(codes, categories))
        rows: list[np.ndarray] = []
        labels: list[str] = []
        heads: dict[int, str] = {}
        for at, k in enumerate(chosen):
            heads[len(rows)] = found.names[k]
            rows.append(np.stack([originals[at], back[at]]))
            labels.append("image, decoded")
            for d in strongest(heights[k], self.dimensions):
                moved = torch.cat([with_latent(codes[at : at + 1], int(d), value) for value in self.values])
                kept = None if categories is None else categories[at : at + 1].expand(self.steps, -1)
                rows.append(as_rgb(run.decode(moved, kept)))
                labels.append(f"{called(run, d)}  mean |z| {heights[k, d]:.2f}")
        breaks = frozenset(row - 1 for row in heads if row)
        foot = [(column + 0.5, number(value)) for column, value in enumerate(self.values)]
        sheet = Sheet(rows, labels, foot=foot, breaks=breaks, heads=heads)
        return Picture(sheet.figure(), self._words(run, [found.names[k] for k in chosen], heights[chosen]))

    def _words(self, run: Run, names: list[str], heights: np.ndarray) -> str:
        parts = [
            f"{name}: " + ", ".join(f"{called(run, d)} {own[d]:.2f}" for d in strongest(own, self.dimensions))
            for name, own in zip(names, heights, strict=True)
        ]
        return (
            f"Walks from {number(-self.reach)} to {number(self.reach)} along the latents that classes of "
            f"{run.title} use most, with their mean magnitude: {'; '.join(parts)}."
        )

    def _chosen(self, names: tuple[str, ...], heights: np.ndarray) -> list[int]:
        """Numbers of the classes to draw."""
        if self.classes is None:
            return sorted(strongest(heights.max(1), self.blocks).tolist())
        for name in self.classes:
            checks.known("class", name, names)
        return [names.index(name) for name in self.classes]
