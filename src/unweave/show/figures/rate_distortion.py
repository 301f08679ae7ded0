"""Rate and distortion of runs: how much information codes hold against how well they reconstruct."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

import numpy as np
from matplotlib.ticker import MaxNLocator

from unweave.base import style
from unweave.base.checks import Range
from unweave.base.records import NATS
from unweave.base.settings import Settings
from unweave.run.run import Run
from unweave.show.figures.base import Picture
from unweave.show.figures.compared import BOOKKEEPING, WEIGHTS, differences, short, weight
from unweave.show.figures.hoyer_alpha import MARKERS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LINES = 7  # about as many of equal ELBO
PLOT = (400.0, 270.0)  # pixels inside the axes, about
LONG = 40  # letters of a name in the key


@dataclass(frozen=True)
class Point:
    """One run: rate and distortion in nats per image, its curve, and the weight that runs along it, also in words."""

    rate: float
    distortion: float
    curve: str
    value: float = 0.0
    weight: str = ""


@dataclass(frozen=True)
class RateDistortion(Settings):
    """Distortion against rate, each the mean over `images` images, nats per image; one point a run.

    Runs of a method that differ in beta, gamma or alpha, whichever takes most values, and in their seed alone share a
    mark and a line through the means over the seeds, which say the weight where there is room. Along a grey line the
    ELBO, -(distortion + rate), is the same; it is higher further down left. The dashed line is the least distortion
    that any decoder has on these images. The rate counts the categories too.
    Source: Alemi et al. 2018, https://arxiv.org/abs/1711.00464, figure 3.

    >>> RateDistortion(images=1)
    Traceback (most recent call last):
        ...
    unweave.base.errors.InputError: images must be 2 or more, got 1
    """

    several: ClassVar[bool] = True
    over_seeds: ClassVar[bool] = True

    images: Annotated[int, "number of images encoded and decoded", Range(2)] = 2_000
    label: Annotated[bool, "write the weight beside each point"] = True

    def __call__(self, runs: Run | Sequence[Run]) -> Picture:
        """Draw the points of one run or more."""
        given = runs if isinstance(runs, Sequence) else [runs]
        fits = [each.fit(self.images) for each in given]
        points = _points(given, fits)
        curves = {name: [p for p in points if p.curve == name] for name in dict.fromkeys(p.curve for p in points)}
        floors = [fit["distortion_floor"] for fit in fits if "distortion_floor" in fit]
        floor = floors[0] if len(floors) == len(fits) and np.ptp(floors) < 0.01 * max(floors) else None
        named = len(curves) > 1
        with style.applied():
            made = style.figure(style.COLUMN, 2.6 + 0.15 * len(curves) * named, layout="constrained")
            axes = made.add_subplot()
            for number, (name, own) in enumerate(curves.items()):
                self._curve(axes, own, name, number)
            _window(axes, points, floor)
            _elbo_lines(axes)
            axes.set_xlabel(f"rate, {NATS}")
            axes.set_ylabel(f"distortion, {NATS}")
            axes.grid(visible=False)
            if self.label:
                _weights(axes, points)
            if named:
                made.legend(loc="outside lower left", ncols=1, frameon=False, fontsize=style.SMALL)
        return Picture(made, _words(given, points, floor))

    def _curve(self, axes: Axes, points: Sequence[Point], name: str, number: int) -> None:
        colour, marker = style.COLOURS[number % len(style.COLOURS)], MARKERS[number % len(MARKERS)]
        shown = name if len(name) <= LONG else name[: LONG - 1] + "\N{HORIZONTAL ELLIPSIS}"
        axes.plot(*np.array(joined(points)).T, color=colour, linestyle="-", linewidth=0.8)
        x, y = ([getattr(p, side) for p in points] for side in ("rate", "distortion"))
        axes.plot(x, y, color=colour, marker=marker, markersize=3.5, linestyle="", label=shown)


def joined(points: Sequence[Point]) -> list[tuple[float, float]]:
    """The mean point of the seeds of each weight, weights rising.

    >>> joined([Point(1.0, 9.0, "", 4.0), Point(3.0, 5.0, "", 1.0), Point(3.0, 7.0, "", 1.0)])
    [(3.0, 6.0), (1.0, 9.0)]
    """
    alike = [[p for p in points if p.value == value] for value in sorted({p.value for p in points})]
    return [(sum(p.rate for p in own) / len(own), sum(p.distortion for p in own) / len(own)) for own in alike]


def _points(given: Sequence[Run], fits: Sequence[Mapping[str, float]]) -> list[Point]:
    """One for each run; within a method the weight of most values runs along a curve, all else tells curves apart."""
    methods = [str(each.settings.get("method", {}).get("name", "")) for each in given]
    found: list[Point] = []
    for method, each, fit in zip(methods, given, fits, strict=True):
        kin = [other.settings for other, name in zip(given, methods, strict=True) if name == method]
        values = {name: {weight(own, name) for own in kin} - {None} for name in WEIGHTS}
        along = max(WEIGHTS, key=lambda name: len(values[name]))
        apart = differences(kin, ignored=("seed", along, *BOOKKEEPING))[kin.index(each.settings)]
        curve = ", ".join(filter(None, [method if len(set(methods)) > 1 else "", apart]))
        value = weight(each.settings, along)
        label = "" if value is None else f"{along} {short(value)}"
        rate = fit["rate"] + fit.get("rate_of_categories", 0.0)
        found.append(Point(rate, fit["distortion"], curve, 0.0 if value is None else value, label))
    return found


def _window(axes: Axes, points: Sequence[Point], floor: float | None) -> None:
    """All points and, where it is not far below them, the floor."""
    rates, distortions = ([getattr(p, side) for p in points] for side in ("rate", "distortion"))
    wide, high = (max(float(np.ptp(values)), 0.15 * max(values), 0.5) for values in (rates, distortions))
    low = min(distortions) - 0.15 * high
    if floor is not None and floor > min(distortions) - 3 * high:
        low = min(low, floor - 0.08 * high)
        axes.axhline(floor, color=style.GREY, linestyle="--", linewidth=0.8)
        axes.annotate(
            "least possible", (1, floor), xycoords=("axes fraction", "data"), xytext=(0, 2), ha="right",
            textcoords="offset points", fontsize=style.SMALL - 1, color=style.GREY,
        )  # fmt: skip
    axes.set_xlim(max(0.0, min(rates) - 0.15 * wide), max(rates) + 0.3 * wide)
    axes.set_ylim(low, max(distortions) + 0.15 * high)


def _elbo_lines(axes: Axes) -> None:
    """Lines of equal ELBO at round numbers, named where they leave at the top or on the left."""
    (left, right), (low, top) = axes.get_xlim(), axes.get_ylim()
    for total in MaxNLocator(LINES).tick_values(left + low, right + top):
        if not left + low < total < right + top:
            continue
        axes.plot(
            [left, right], [total - left, total - right], color=style.PALE, linestyle="-", linewidth=0.7, zorder=0
        )
        at = (left, total - left) if total - left <= top else (total - top, top)
        if at[1] < low + 0.1 * (top - low):
            continue  # it would stand on the axis or on the dashed line
        axes.annotate(
            f"{0.0 - total:g}".replace("-", "\N{MINUS SIGN}"), at, xytext=(3, 1), textcoords="offset points",
            fontsize=style.SMALL - 1, color=style.GREY, ha="left", va="bottom" if at[0] > left else "center",
        )  # fmt: skip
    axes.set_xlim(left, right)
    axes.set_ylim(low, top)
    axes.set_title("grey: equal ELBO, nats", fontsize=style.SMALL, color=style.GREY, pad=12)


def _weights(axes: Axes, points: Sequence[Point]) -> None:
    """The weight beside each mean point: right, left, above or below, wherever there is room, else nowhere."""
    (left, right), (low, top) = axes.get_xlim(), axes.get_ylim()
    scale = (PLOT[0] / (right - left), PLOT[1] / (top - low))
    taken = [(scale[0] * p.rate - 4, scale[1] * p.distortion - 4, 8.0, 8.0) for p in points]
    drawn: dict[str, list[tuple[float, float]]] = {}
    for curve in dict.fromkeys(p.curve for p in points):
        own = [p for p in points if p.curve == curve]
        texts = {p.value: p.weight for p in sorted(own, key=lambda p: p.value)}
        for text, (x, y) in zip(texts.values(), joined(own), strict=True):
            wide = style.text_width(text, style.SMALL - 1)
            if any(abs(scale[0] * x - a) + abs(scale[1] * y - b) < 40 for a, b in drawn.get(text, [])):
                continue  # another curve's point says so
            drawn.setdefault(text, []).append((scale[0] * x, scale[1] * y))
            for dx, dy in ((8, -6), (-8 - wide, -6), (-wide / 2, 7), (-wide / 2, -19)):
                box = (scale[0] * x + dx, scale[1] * y + dy, wide, 12.0)
                inside = scale[0] * left <= box[0] and box[0] + wide <= scale[0] * right and box[1] > scale[1] * low
                if inside and not any(_meet(box, other) for other in taken):
                    axes.text(box[0] / scale[0], (box[1] + 6) / scale[1], text, fontsize=style.SMALL - 1, va="center")
                    taken.append(box)
                    break


def _meet(a: tuple[float, float, float, float], b: tuple[float, float, float, float]) -> bool:
    """Whether two boxes (x, y, width, height) share a point.

    >>> _meet((0, 0, 2, 2), (1, 1, 5, 5)), _meet((0, 0, 2, 2), (3, 0, 1, 1))
    (True, False)
    """
    return a[0] < b[0] + b[2] and b[0] < a[0] + a[2] and a[1] < b[1] + b[3] and b[1] < a[1] + a[3]


def _words(given: Sequence[Run], points: Sequence[Point], floor: float | None) -> str:
    parts = [f"{each.name}: {p.rate:.1f} and {p.distortion:.1f}" for each, p in zip(given, points, strict=True)]
    least = "" if floor is None else f" The least possible distortion is {floor:.1f}."
    return f"Rate and distortion in {NATS}. {'; '.join(parts)}.{least}"
