"""Sparsity of the codes of several runs against alpha, the weight of the match with the prior."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import numpy as np

from unweave.base import style
from unweave.base.errors import InputError
from unweave.base.records import Score
from unweave.base.settings import Settings
from unweave.run.run import Run
from unweave.show.figures.base import Picture
from unweave.show.figures.compared import differences, weight

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MARKERS = "osD^vPX"


@dataclass(frozen=True)
class Point:
    """One run: its alpha, its sparsity and where it may lie, and the curve that it is on."""

    alpha: float
    score: Score
    curve: str


@dataclass(frozen=True)
class HoyerAlpha(Settings):
    """Normalised Hoyer sparsity of several runs against alpha, one curve for each prior, beta and what else differs.

    0 if every image uses all live latents alike, 1 if each uses one alone; higher is sparser. A dot is a run with its
    95 % interval, a line joins the means of runs that differ in their seed alone. Scores already made are taken, the
    others are made. A run without alpha, or whose sparsity is undefined, raises InputError.
    Source: Mathieu et al. 2019, https://arxiv.org/abs/1812.02833, figure 3c.
    """

    several: ClassVar[bool] = True
    over_seeds: ClassVar[bool] = True

    scale: Annotated[Literal["linear", "symlog"], "axis of alpha; symlog spreads powers of ten and includes 0"] = (
        "linear"
    )
    raw: Annotated[bool, "do not divide each latent by its standard deviation first"] = False

    def __call__(self, runs: Run | Sequence[Run]) -> Picture:
        """Draw the curves of one run or more."""
        points = self._points(runs if isinstance(runs, Sequence) else [runs])
        curves = {name: [p for p in points if p.curve == name] for name in dict.fromkeys(p.curve for p in points)}
        with style.applied():
            width = max(3.3, 0.7 + max(map(style.text_width, filter(None, curves)), default=0.0) / style.DPI)
            made = style.figure(width, 2.5 + 0.16 * (len(curves) if any(curves) else 0), layout="constrained")
            axes = made.add_subplot()
            for number, (name, own) in enumerate(curves.items()):
                self._curve(axes, own, name, number)
            if self.scale == "symlog":
                alphas = sorted({point.alpha for point in points})
                axes.set_xscale("symlog", linthresh=next(filter(None, alphas), 1.0))
                axes.set_xticks(alphas, [f"{alpha:g}" for alpha in alphas])
                axes.minorticks_off()
            axes.set_ylim(0, 1)
            axes.set_xlabel("alpha")
            axes.set_title(f"Hoyer sparsity{', raw' if self.raw else ''}")
            if any(curves):
                made.legend(loc="outside lower left", ncols=1, frameon=False, fontsize=style.SMALL)
        return Picture(made, self._words(curves))

    def _points(self, runs: Sequence[Run]) -> list[Point]:
        alphas = [_alpha(each) for each in runs]  # first, since scores may take long
        curves = differences([each.settings for each in runs], ignored=("alpha", "seed"))
        scores = [self._score(each) for each in runs]
        points = [Point(*each) for each in zip(alphas, scores, curves, strict=True)]
        return sorted(points, key=lambda point: (point.curve, point.alpha))

    def _score(self, run: Run) -> Score:
        score = run.evaluate(["hoyer"])["hoyer"]
        if math.isnan(score.value):
            raise InputError(f"hoyer-alpha needs runs whose sparsity is defined, in {run.name} {score.reason}")
        return Score(score.parts["raw"]) if self.raw else score

    def _curve(self, axes: Axes, points: Sequence[Point], name: str, number: int) -> None:
        colour, marker = style.COLOURS[number % len(style.COLOURS)], MARKERS[number % len(MARKERS)]
        axes.plot(*np.array(means(points)).T, color=colour, linestyle="-")
        for point in points:
            value = point.score.value
            low, high = point.score.interval or (value, value)
            axes.plot([point.alpha] * 2, [low, high], color=colour, linestyle="-", linewidth=0.8)
            axes.plot(point.alpha, value, color=colour, marker=marker, markersize=3.5, clip_on=False)
        axes.plot([], [], color=colour, linestyle="-", marker=marker, markersize=3.5, label=name)

    def _words(self, curves: dict[str, list[Point]]) -> str:
        parts = [
            f"{name or 'all runs'}: " + ", ".join(f"{value:.3f} at alpha {alpha:g}" for alpha, value in means(points))
            for name, points in curves.items()
        ]
        kind = "Raw Hoyer sparsity" if self.raw else "Normalised Hoyer sparsity"
        return f"{kind} of the codes against alpha. {'; '.join(parts)}."


def means(points: Sequence[Point]) -> list[tuple[float, float]]:
    """Each alpha, rising, with the mean value of the runs there.

    >>> means([Point(1.0, Score(0.4), ""), Point(0.0, Score(0.2), ""), Point(1.0, Score(0.5), "")])
    [(0.0, 0.2), (1.0, 0.45)]
    """
    values = {alpha: [p.score.value for p in points if p.alpha == alpha] for alpha in {p.alpha for p in points}}
    return [(alpha, sum(values[alpha]) / len(values[alpha])) for alpha in sorted(values)]


def _alpha(run: Run) -> float:
    found = weight(run.settings, "alpha")
    if found is None:
        method = run.settings.get("method", {}).get("name")
        raise InputError(f"hoyer-alpha needs runs of a method with alpha, {run.name} is of {method}")
    return found
