"""Scatter plots of pairs of latents, coloured by the value of a factor."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize

from unweave.base import checks, style
from unweave.base.checks import Range
from unweave.base.errors import InputError
from unweave.base.settings import Settings
from unweave.run.run import Run
from unweave.show.figures.base import DEAD, Classes, Picture, by_rate, called, classes_of
from unweave.show.figures.class_magnitudes import evenly
from unweave.show.figures.hoyer_alpha import MARKERS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SIDE = 1.3  # inches of a panel
REACH = 99.5  # percentile of |z| that is still inside
NAMED = 12  # classes up to so many are told apart by colour and mark


@dataclass(frozen=True)
class LatentPairs(Settings):
    """Posterior means of up to `points` images in each pair of the `latents` that know most of a factor.

    How much one knows is the share of its variance that lies between the factor's values. A factor whose values are
    ordered runs from dark to light; up to three values and up to twelve names have a colour and a mark each. A
    factor that one latent knows by itself changes along that axis alone: stripes, not patches or diagonals. Axes
    are in the unit of z, which is the prior's standard deviation where that is 1. A data set without classes and
    factors, a factor that it does not have, or a model with fewer than two latents raises InputError.
    Source: Chen et al. 2018, https://arxiv.org/abs/1802.04942, section 6.

    >>> LatentPairs(latents=1)
    Traceback (most recent call last):
        ...
    unweave.base.errors.InputError: latents must be 2 or more, got 1
    """

    factor: Annotated[str | None, "factor shown as colour [its labels, else the first factor]"] = None
    latents: Annotated[int, "number of latents, plotted pairwise", Range(2)] = 3
    pair: Annotated[tuple[int, int] | None, "indices of the only two latents to draw"] = None
    points: Annotated[int, "maximum number of images", Range(1)] = 3_000

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.pair is not None:
            checks.nonnegative(pair=min(self.pair))
            if self.pair[0] == self.pair[1]:
                raise InputError(f"pair must be two different latents, got {self.pair}")

    def __call__(self, run: Run) -> Picture:
        """Draw the lower half of the matrix of pairs."""
        found = classes_of(run, self.factor, "latent-pairs")
        width = found.codes.shape[1]
        if width < 2:
            raise InputError(f"latent-pairs needs 2 or more latents, {run.name} has {width}")
        if self.pair is not None and max(self.pair) >= width:
            raise InputError(f"pair must be below {width}, got {max(self.pair)}")
        order = [int(j) for j in self.pair or _informative(run, found)[: min(self.latents, width)]]
        rows = evenly(len(found.codes), self.points)
        last = len(order) - 1
        with style.applied():
            side = SIDE if last > 1 else 2 * SIDE
            made = style.figure(max(side * last + 0.6, style.COLUMN), side * last + 0.75, layout="constrained")
            grid = made.subplots(last, last, squeeze=False, sharex="col", sharey="row")
            for down in range(last):
                for across in range(last):
                    axes = grid[down, across]
                    if across > down:
                        axes.set_axis_off()
                        continue
                    pair = (order[across], order[down + 1])
                    _points(axes, found, rows, pair)
                    if down == last - 1:
                        axes.set_xlabel(called(run, pair[0]))
                    if across == 0:
                        axes.set_ylabel(called(run, pair[1]))
            _key(made, found.names, list(grid.flat))
        return Picture(made, _words(run, found, order, len(rows)))


def ordered(names: Sequence[str]) -> bool:
    """Whether names are one word with rising numbers, such as the many values of a factor.

    >>> ordered(["scale 0.5", "scale 0.6"]), ordered(["T-shirt", "Coat"])
    (True, False)
    """
    parts = [re.fullmatch(r"(.*) (-?\d[\d.e+-]*)", name) for name in names]
    if not all(parts):
        return False
    values = [float(part[2]) for part in parts if part]
    return len({part[1] for part in parts if part}) == 1 and values == sorted(values)


def between(found: Classes) -> np.ndarray:
    """Share of each latent's variance that lies between the classes, (d,), 0 to 1; 0 for a latent that is constant.

    >>> codes = np.array([[0.0, 1.0], [0.0, 3.0], [2.0, 1.0], [2.0, 3.0]])
    >>> between(Classes(codes, np.array([0, 0, 1, 1]), ("a", "b"), lambda rows: None)).tolist()
    [1.0, 0.0]
    """
    counts = np.bincount(found.labels)
    means = np.stack([found.codes[found.labels == k].mean(0) for k in range(len(found.names))])
    around = np.average((means - found.codes.mean(0)) ** 2, axis=0, weights=counts)
    whole = found.codes.var(0)
    return np.where(whole > 1e-12, around / np.maximum(whole, 1e-12), 0.0)


def _informative(run: Run, found: Classes) -> np.ndarray:
    """Numbers of the latents, live ones first, those that know most of the factor before the others."""
    dead = np.asarray(run.kl_per_latent) < DEAD
    return by_rate(between(found) - dead)


def _graded(names: Sequence[str]) -> bool:
    return len(names) > NAMED or (len(names) > 3 and ordered(names))


def _points(axes: Axes, found: Classes, rows: np.ndarray, pair: tuple[int, int]) -> None:
    """Draw in random order, so that no class hides the others; as pixels inside vectors, since they are many."""
    rows = np.random.default_rng(0).permutation(rows)
    x, y = (found.codes[rows, j] for j in pair)
    kinds = found.labels[rows]
    if _graded(found.names):
        axes.scatter(
            x, y, c=kinds, cmap=style.ramp(), s=3, linewidths=0, vmin=0, vmax=len(found.names) - 1, rasterized=True
        )
    else:
        for part in np.array_split(np.arange(len(rows)), 4):  # in turns, for the same reason
            for k in range(len(found.names)):
                at = part[kinds[part] == k]
                axes.scatter(x[at], y[at], color=_colour(k), marker=_mark(k), s=4, linewidths=0, rasterized=True)
    axes.grid(visible=False)
    for values, limits in ((x, axes.set_xlim), (y, axes.set_ylim)):
        reach = max(1.1 * float(np.percentile(np.abs(values), REACH)), 1e-3)
        limits(-reach, reach)


def _colour(k: int) -> str:
    return style.COLOURS[k % len(style.COLOURS)]


def _mark(k: int) -> str:
    return MARKERS[k // len(style.COLOURS) % len(MARKERS)]


def _key(made: Figure, names: Sequence[str], grid: list[Axes]) -> None:
    if not _graded(names):
        for k, name in enumerate(names):
            grid[0].scatter([], [], color=_colour(k), marker=_mark(k), s=12, linewidths=0, label=name)
        handles = made.axes[0].get_legend_handles_labels()
        made.legend(*handles, loc="outside upper left", ncols=3, frameon=False, fontsize=style.SMALL, handletextpad=0.2)
        return
    shades = ScalarMappable(Normalize(0, len(names) - 1), style.ramp())
    bar = made.colorbar(shades, ax=grid, location="top", aspect=30, pad=0.02, shrink=0.9)
    shown = evenly(len(names), 3)
    bar.set_ticks(shown.tolist(), labels=[names[int(k)] for k in shown])
    bar.outline.set_visible(False)


def _words(run: Run, found: Classes, order: list[int], n: int) -> str:
    latents = ", ".join(called(run, j) for j in order)
    kinds = f"{len(found.names)} values, {found.names[0]} to {found.names[-1]}"
    shares = between(found)
    parts = [f"{called(run, j)} {100 * shares[j]:.0f} %" for j in order]
    return (
        f"Codes of {n} images of {run.title} in the latents {latents}, coloured by {kinds}. "
        f"Share of each latent's variance that lies between the values: {', '.join(parts)}."
    )
