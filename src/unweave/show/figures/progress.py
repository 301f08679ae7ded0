"""Reconstruction error and scores during training, methods side by side, with bands over seeds."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import numpy as np
from matplotlib.ticker import FuncFormatter, MaxNLocator
from scipy.stats import t as student

from unweave.base import checks, style
from unweave.base.errors import InputError
from unweave.base.records import NATS
from unweave.base.settings import Settings
from unweave.run.run import Run
from unweave.show.figures.base import Picture
from unweave.show.figures.compared import BOOKKEEPING, differences
from unweave.show.figures.curves import MOST, log_axis

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SCORES = ("beta-vae-score", "factor-vae-score")  # rows of the paper's figure, where runs have them
NAMES = {"beta-vae-score": "Higgins' metric", "factor-vae-score": "FactorVAE score"}
BESIDE = ("step", "images", "seconds", "scoring_seconds", "live_latents")  # keys of a line that are no scores
PANEL, ALONE = (1.65, 1.25), 3.3  # inches: of a panel, and the width of the only column
DECADE = 20.0  # from this ratio of highest to lowest error the axis is logarithmic


@dataclass(frozen=True)
class Band:
    """Values of one line of a panel at places (n,), with where they may lie; low and high are NaN where unknown."""

    at: np.ndarray
    value: np.ndarray
    low: np.ndarray
    high: np.ndarray


@dataclass(frozen=True)
class Progress(Settings):
    """One column a method; rows are the reconstruction error, nats per image, and each score, against training.

    Colours are settings. Runs that differ in their seed alone make one line, the mean over the seeds, in a band that is
    its 95 % interval (Student's t). A run without a sister has no such band; its scores have their own 95 % interval
    instead, which says how sure the score is and nothing of other seeds. All columns share the axis of a row. Scores
    are those made by `unweave train --score-every N --score-metrics beta-vae-score,factor-vae-score`; a run without
    them raises InputError. What the scores cost in time stands below.
    Source: Kim and Mnih 2017, the workshop version of FactorVAE, figure 3.

    >>> Progress(across="epochs")
    Traceback (most recent call last):
        ...
    unweave.base.errors.InputError: across must be one of images, steps, got epochs
    """

    several: ClassVar[bool] = True
    over_seeds: ClassVar[bool] = True

    across: Annotated[Literal["images", "steps"], "horizontal axis: images seen, or optimiser steps"] = "steps"
    scores: Annotated[tuple[str, ...] | None, "scores to draw, one per row [Higgins' and FactorVAE's, else all]"] = None

    def __call__(self, runs: Run | Sequence[Run]) -> Picture:
        """Draw the grid of one run or more."""
        runs = runs if isinstance(runs, Sequence) else [runs]
        for each in runs:
            if not each.progress:
                raise InputError(f"progress needs runs trained with --score-every, {each.name} was trained without")
        rows = ["distortion", *self._rows(runs)]
        columns = list(dict.fromkeys(_method(run) for run in runs))
        with style.applied():
            width = max(PANEL[0] * len(columns) + 0.35, ALONE)
            groups = {column: _groups([run for run in runs if _method(run) == column]) for column in columns}
            key = 0.15 * max((len(own) for own in groups.values() if any(own)), default=0)
            made = style.figure(width, PANEL[1] * len(rows) + 0.5 + key, layout="constrained")
            grid = made.subplots(len(rows), len(columns), squeeze=False, sharex=True, sharey="row")
            ends: list[str] = []
            for across, column in enumerate(columns):
                for down, row in enumerate(rows):
                    axes = grid[down, across]
                    for number, (name, own) in enumerate(groups[column].items()):
                        band = self._band(own, row)
                        _line(axes, band, name, number)
                        ends += [f"{column} {name}".strip() + f" {row} {band.value[-1]:.3g}"] if len(band.at) else []
                _axes(list(grid[:, across]), rows, column if len(columns) > 1 else "", first=across == 0)
                if any(groups[column]):
                    grid[-1, across].legend(
                        loc="upper left", bbox_to_anchor=(-0.05, -0.42), frameon=False, fontsize=style.SMALL,
                        borderaxespad=0, handlelength=1.2,
                    )  # fmt: skip
            self._across(grid[-1])
            _error_axis(grid[0])
            made.supxlabel(cost(runs), fontsize=style.SMALL)
        return Picture(made, f"Progress in training of {len(runs)} runs. At the end: {'; '.join(ends)}. {cost(runs)}.")

    def _rows(self, runs: Sequence[Run]) -> list[str]:
        known = list(dict.fromkeys(key for run in runs for line in run.progress for key in line if key not in BESIDE))
        if self.scores is None:
            return [name for name in SCORES if name in known] or known
        for name in self.scores:
            checks.known("score of these runs", name, known)
        return list(self.scores)

    def _band(self, runs: Sequence[Run], row: str) -> Band:
        """The mean over runs at the places that all of them have."""
        key = "step" if self.across == "steps" else "images"
        tables = [_values(run, row, key) for run in runs]
        shared = sorted(set.intersection(*(set(table) for table in tables)))
        shared = [*shared[:: -(-len(shared) // MOST)], *shared[-1:]] if len(shared) > MOST else shared
        each = np.array([[table[at] for at in shared] for table in tables], dtype=float).reshape(len(runs), -1, 3)
        mean = each[:, :, 0].mean(0)
        if len(runs) == 1:
            return Band(np.array(shared), mean, each[0, :, 1], each[0, :, 2])
        wide = student.ppf(0.975, len(runs) - 1) * each[:, :, 0].std(0, ddof=1) / len(runs) ** 0.5
        return Band(np.array(shared), mean, mean - wide, mean + wide)

    def _across(self, bottom: Sequence[Axes]) -> None:
        for axes in bottom:
            axes.set_xlabel("optimiser steps" if self.across == "steps" else "images seen")
            axes.xaxis.set_major_locator(MaxNLocator(3, integer=True, steps=[1, 2, 5, 10]))
            axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))


def cost(runs: Sequence[Run]) -> str:
    """What the scores of the runs took beside their training, in words."""
    lasts = [run.progress[-1] for run in runs]
    scoring = sum(line.get("scoring_seconds", 0.0) for run in runs for line in run.progress)
    spent = sum(line.get("seconds", 0.0) for line in lasts)
    return f"scoring took {_time(scoring)} beside {_time(spent)} of training"


def _time(seconds: float) -> str:
    """Seconds in words.

    >>> _time(3.21), _time(200)
    ('3.2 s', '3.3 min')
    """
    return f"{seconds:.1f} s" if seconds < 100 else f"{seconds / 60:.1f} min"


def _method(run: Run) -> str:
    return str(run.settings["method"]["name"])


def _groups(runs: Sequence[Run]) -> dict[str, list[Run]]:
    """Runs that differ in their seed alone, under what sets them apart from the method's others."""
    names = differences([run.settings for run in runs], ignored=("seed", *BOOKKEEPING))
    return {
        name: [run for run, own in zip(runs, names, strict=True) if own == name]
        for name in sorted(set(names), key=_by_numbers)
    }


def _by_numbers(name: str) -> list[tuple[float, str]]:
    """A key that sorts 5 before 20.

    >>> sorted(["gamma 20", "gamma 5"], key=_by_numbers)
    ['gamma 5', 'gamma 20']
    """
    parts = re.split(r"(-?\d+(?:\.\d+)?)", name)
    return [(float(part) if k % 2 else 0.0, "" if k % 2 else part) for k, part in enumerate(parts)]


def _values(run: Run, row: str, key: str) -> dict[float, tuple[float, float, float]]:
    """Value, low and high by place, those that are known."""
    nan = float("nan")
    if row == "distortion":
        return {line[key]: (line[row], nan, nan) for line in run.log if line.get(row) is not None and key in line}
    found: dict[float, tuple[float, float, float]] = {}
    for line in run.progress:
        if (score := line.get(row)) is not None:
            low, high = score["interval"] or (nan, nan)
            found[line[key]] = (score["value"], low, high)
    return found


def _line(axes: Axes, band: Band, name: str, number: int) -> None:
    colour = style.COLOURS[number % len(style.COLOURS)]
    marker = "." if len(band.at) < 12 else ""
    dashes = ("-", "--", ":")[number // len(style.COLOURS) % 3]
    axes.plot(band.at, band.value, color=colour, linestyle=dashes, marker=marker, label=name or None)
    axes.fill_between(band.at, band.low, band.high, color=colour, alpha=0.2, linewidth=0)


def _axes(column: Sequence[Axes], rows: Sequence[str], title: str, *, first: bool) -> None:
    for axes, row in zip(column, rows, strict=True):
        if first:
            unit = f"\n{NATS}" if row == "distortion" else "\n0 to 1" if row in NAMES else ""
            axes.set_ylabel("reconstruction error" + unit if row == "distortion" else NAMES.get(row, row) + unit)
        if row in NAMES:
            axes.set_ylim(0, 1.02)
    column[0].set_title(title)


def _error_axis(top: Sequence[Axes]) -> None:
    """Logarithmic where the first errors would hide the rest; then from half the least mean to twice the largest.

    Few seeds have bands that reach below 0, which would stretch that axis over decades in which there is nothing.
    """
    seen = np.concatenate([line.get_ydata() for axes in top for line in axes.lines] or [np.ones(1)])
    if seen.min() > 0 and seen.max() > DECADE * seen.min():
        log_axis(top[0], seen.min(), seen.max())
        top[0].set_ylim(seen.min() / 2, seen.max() * 2)
