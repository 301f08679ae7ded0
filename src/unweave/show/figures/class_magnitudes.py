"""How strongly each latent responds to each class: mean |z_d| over the images of a class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import numpy as np

from unweave.base import style
from unweave.base.checks import Range
from unweave.base.settings import Settings
from unweave.run.run import Run
from unweave.show.figures.base import Classes, Picture, called, classes_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ROW, BAR = 0.42, 0.085  # inches: height of a class, width of a latent
EACH = 20  # up to so many latents have their number below them, else every tenth


@dataclass(frozen=True)
class ClassMagnitudes(Settings):
    """Mean |z_d| of each class as bars, one row a class, one bar a latent d in the model's own order.

    z is the posterior mean, so a bar has the unit of the prior; all rows have one scale. The `named` highest bars of
    a row are orange and numbered. Where the prior is sparse and the codes follow it, every class has a few high bars of
    its own and the rest near 0; N(0, 1) in every latent would give 0.80 throughout. A data set without classes and
    factors, or a `factor` that it does not have, raises InputError.
    Source: Mathieu et al. 2019, https://arxiv.org/abs/1812.02833, figure 3a.
    """

    factor: Annotated[str | None, "factor whose values are the classes [its labels, else the first factor]"] = None
    rows: Annotated[int, "maximum number of classes, spread evenly", Range(1)] = 12
    named: Annotated[int, "number of highest bars labelled in each row", Range(0)] = 3

    def __call__(self, run: Run) -> Picture:
        """Draw the rows."""
        found = classes_of(run, self.factor, "class-magnitudes")
        heights = found.magnitudes()
        shown = evenly(len(heights), self.rows)
        margin = max(style.text_width(found.names[k]) for k in shown) / style.DPI
        with style.applied():
            size = (max(2.6, margin + 0.65 + BAR * heights.shape[1]), ROW * len(shown) + 0.75)
            made = style.figure(*size, layout="constrained")
            grid = made.subplots(len(shown), 1, squeeze=False, sharex=True, sharey=True)[:, 0]
            for axes, k in zip(grid, shown, strict=True):
                self._row(axes, heights[k], found.names[k])
            grid[0].set_ylim(0, 1.45 * float(heights[shown].max() or 1.0))  # room for the numbers over the bars
            grid[0].set_title("mean |z| of each class")
            grid[-1].set_xlabel("latent")
            grid[-1].set_xticks(range(0, heights.shape[1], 1 if heights.shape[1] <= EACH else 10))
        return Picture(made, _words(run, found, heights, shown))

    def _row(self, axes: Axes, heights: np.ndarray, name: str) -> None:
        top = strongest(heights, self.named)
        colours = np.where(np.isin(np.arange(len(heights)), top), style.ACCENT, style.COLOURS[0]).tolist()
        axes.bar(np.arange(len(heights)), heights, width=0.8, color=colours)
        for j in top:
            axes.text(j, float(heights[j]), str(j), ha="center", va="bottom", fontsize=style.SMALL - 1, color=style.INK)
        axes.set_ylabel(name, rotation=0, ha="right", va="center", color=style.INK)
        axes.set_xlim(-0.7, len(heights) - 0.3)
        axes.tick_params(axis="x", length=0)
        axes.yaxis.set_label_position("left")


def strongest(heights: np.ndarray, n: int) -> np.ndarray:
    """Numbers of the `n` largest, largest first; equal ones in their order.

    >>> strongest(np.array([0.1, 0.7, 0.2, 0.7]), 3).tolist()
    [1, 3, 2]
    """
    return np.argsort(-heights, kind="stable")[:n]


def evenly(count: int, most: int) -> np.ndarray:
    """At most `most` of the numbers below `count`, first and last included, spread evenly.

    >>> evenly(3, 5).tolist(), evenly(40, 4).tolist()
    ([0, 1, 2], [0, 13, 26, 39])
    """
    return np.linspace(0, count - 1, min(count, most)).round().astype(int)


def _words(run: Run, found: Classes, heights: np.ndarray, shown: np.ndarray) -> str:
    parts = [
        f"{found.names[k]}: " + ", ".join(f"{called(run, j)} {heights[k, j]:.2f}" for j in strongest(heights[k], 3))
        for k in shown
    ]
    return f"Mean magnitude of each latent per class, {run.title}; the highest are {'; '.join(parts)}."
