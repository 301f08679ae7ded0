"""The loss, each of its terms and the rate of every latent against optimiser steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from unweave.base import style
from unweave.base.checks import Range
from unweave.base.errors import InputError
from unweave.base.records import NATS
from unweave.base.settings import Settings
from unweave.run.run import Run
from unweave.show.figures.base import DEAD, Picture, by_rate, called

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PANEL, WIDE, MOST = (2.45, 1.55), 1.9, 600  # inches, inches, points per line
DECADE = 20.0  # ratio of largest to smallest value from which "auto" takes a logarithmic axis


@dataclass(frozen=True)
class Curves(Settings):
    """One panel for the loss and one for each term, in its own unit and scale, then KL_j of every latent j.

    What was logged is drawn unsmoothed; a log of more than 600 lines is thinned evenly. A log without a line
    raises InputError.

    >>> Curves(columns=0)
    Traceback (most recent call last):
        ...
    unweave.base.errors.InputError: columns must be 1 or more, got 0
    """

    columns: Annotated[int, "panels side by side", Range(1)] = 2
    latents: Annotated[int, "maximum number of latents drawn in colour and labelled", Range(1)] = 10
    scale: Annotated[
        Literal["auto", "linear", "log"],
        "vertical axis of loss and terms; auto: logarithmic if positive values span a factor of 20",
    ] = "auto"

    def __call__(self, run: Run) -> Picture:
        """Draw the panels."""
        if not run.log:
            raise InputError(f"curves need a log with at least one step, got an empty one from {run.name}")
        log = run.log[:: -(-len(run.log) // MOST)]
        if log[-1] is not run.log[-1]:
            log = [*log, run.log[-1]]
        steps = np.array([line["step"] for line in log])
        drawn = [name for name in run.units if any(np.isfinite(_float(line.get(name))) for line in log)]
        names = ["loss", *(name for name in drawn if name != "loss")]
        rates = _rates(log)
        rows = -(-len(names) // self.columns)
        width, height = PANEL[0] * self.columns, PANEL[1] * rows + WIDE * (rates is not None)
        with style.applied():
            made = style.figure(max(width, 3.3), height, layout="constrained")
            ratios = [PANEL[1]] * rows + [WIDE] * (rates is not None)
            grid = made.add_gridspec(len(ratios), self.columns, height_ratios=ratios)
            for number, name in enumerate(names):
                axes = made.add_subplot(grid[number // self.columns, number % self.columns])
                values = np.array([_float(line.get(name)) for line in log])
                self._panel(axes, steps, values, name, run.units.get(name, NATS))
            if rates is not None:
                self._rate_panel(run, made.add_subplot(grid[rows, :]), steps, rates)
        return Picture(made, _words(run, names, log[-1]))

    def _panel(self, axes: Axes, steps: np.ndarray, values: np.ndarray, name: str, unit: str) -> None:
        axes.plot(steps, values, color=style.COLOURS[0], marker=_marker(steps))
        axes.set_title(name.replace("_", " "))
        axes.set_ylabel(unit)
        _steps_axis(axes)
        known = values[np.isfinite(values)]
        positive = known.size > 0 and known.min() > 0
        if positive and (self.scale == "log" or (self.scale == "auto" and known.max() > DECADE * known.min())):
            log_axis(axes, known.min(), known.max())

    def _rate_panel(self, run: Run, axes: Axes, steps: np.ndarray, rates: np.ndarray) -> None:
        order = by_rate(rates[-1])
        named = [int(j) for j in order[: self.latents] if rates[-1, j] >= DEAD]
        for j in order[::-1]:
            if int(j) not in named:
                axes.plot(steps, rates[:, j], color=style.FAINT, linestyle="-", marker=_marker(steps))
        lines = [axes.plot(steps, rates[:, j], marker=_marker(steps))[0] for j in named]
        others = f"; the other {len(order) - len(named)} in grey" if len(named) < len(order) else ""
        axes.set_title(f"rate of each latent{others}")
        axes.set_ylabel("KL, nats per image")
        _steps_axis(axes)
        top = max(float(np.nanmax(rates, initial=0.0)) * 1.05, DEAD)
        axes.set_ylim(0, top)
        gap = top * 0.085  # a line of text
        for line, j, y in zip(lines, named, spread([float(rates[-1, j]) for j in named], gap, top), strict=True):
            axes.annotate(
                called(run, j),
                (1.01, y / top),
                xycoords="axes fraction",
                va="center",
                fontsize=style.SMALL,
                color=line.get_color(),
                annotation_clip=False,
            )


def spread(heights: Sequence[float], gap: float, top: float) -> list[float]:
    """Move heights in falling order as little as needed for them to lie `gap` apart, none above `top`.

    >>> spread([5.0, 4.9, 1.0], gap=1.0, top=10.0)
    [5.0, 4.0, 1.0]
    """
    placed: list[float] = []
    for height in heights:
        placed.append(min(height, placed[-1] - gap if placed else top))
    floor = 0.0
    for k in reversed(range(len(placed))):  # what was pushed below the axis climbs back up
        placed[k] = max(placed[k], floor)
        floor = placed[k] + gap
    return placed


def _rates(log: Sequence[object]) -> np.ndarray | None:
    """Rate of every latent at every logged step, (steps, d), or None if not all steps hold it."""
    found = [line.get("kl_per_latent") for line in log if isinstance(line, dict)]
    if len(found) < len(log) or not all(found):
        return None
    return np.array([[_float(value) for value in rates] for rates in found if rates])


def _float(value: object) -> float:
    return float(value) if isinstance(value, (int, float)) else float("nan")


def _marker(steps: np.ndarray) -> str:
    return "." if len(steps) < 10 else ""


def _steps_axis(axes: Axes) -> None:
    axes.set_xlabel("optimiser steps")
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True, steps=[1, 2, 5, 10]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))


def log_axis(axes: Axes, low: float, high: float) -> None:
    """A logarithmic vertical axis for values from `low` to `high`, its ticks plain numbers."""
    axes.set_yscale("log")
    subs = (1.0,) if high > 1000 * low else (1.0, 2.0, 5.0)
    axes.yaxis.set_major_locator(LogLocator(subs=subs))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.5g}"))


def _words(run: Run, names: Sequence[str], last: object) -> str:
    values = last if isinstance(last, dict) else {}
    ends = [
        f"{name.replace('_', ' ')} {_float(values[name]):.2f} {run.units.get(name, NATS)}"
        for name in names
        if name in values
    ]
    return f"Training curves of {run.title}. At step {values.get('step')}: {', '.join(ends)}."
