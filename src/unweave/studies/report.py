"""A study as one self-contained page: tables, comparisons in words, and every figure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from unweave.base import html, registry, style
from unweave.base.errors import InputError
from unweave.base.files import write_atomic
from unweave.base.picture import Picture
from unweave.run.rows import Row
from unweave.run.run import Run, Runs
from unweave.studies import table as tables
from unweave.studies.plan import spent
from unweave.studies.spec import Axis, Study, Trial
from unweave.studies.table import Cell, number, span
from unweave.studies.trial import RUNS, states

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PAGE, FIGURES = "report.html", "figures"
MOST_CELLS = 24  # whose runs a figure shows
TALLEST = 40  # cells in a picture of points


@dataclass(frozen=True)
class Line:
    """One line of a picture: values of a cell over its seeds, at each number of the axis that runs across."""

    name: str
    at: tuple[float, ...]
    cells: tuple[Cell, ...]


def write(study: Study, trials: Sequence[Trial]) -> Path:
    """Write report.html and figures/ into the study's folder; without a finished run InputError."""
    results = list(tables.rows(study, trials))
    if not results:
        raise InputError(
            f"{study.folder} must hold finished runs for a report, got none; `unweave study run` makes them"
        )
    tables.keep(study, results)
    made = [*scores(study, trials, results), *figures(study, trials, results)]
    for name, each in made:
        if not isinstance(each, str):
            each.save(study.path(FIGURES) / f"{name}.png")
    page = render(study, trials, results, made).encode()
    write_atomic(study.path(PAGE), lambda file: file.write(page))
    return study.path(PAGE)


def numeric_axis(study: Study) -> tuple[Axis, list[float]] | None:
    """The last axis of three numbers or more, which runs across pictures; None where there is none."""
    for axis in reversed(study.axes):
        given = [list(choice.settings.values()) for choice in axis.choices]
        flat = [each[0] for each in given if len(each) == 1]
        values = [float(v) for v in flat if isinstance(v, (int, float)) and not isinstance(v, bool)]
        if len(values) == len(axis.choices) >= 3:
            return axis, values
    return None


def lines_of(study: Study, trials: Sequence[Trial], found: Sequence[Cell]) -> list[Line]:
    """Cells of one metric as lines over the numeric axis, one line for each combination of the others."""
    across = numeric_axis(study)
    if across is None:
        return []
    axis, values = across
    value_of = {choice.label: value for choice, value in zip(axis.choices, values, strict=True)}
    by_cell = {cell.cell: cell for cell in found}
    lines: dict[str, list[tuple[float, Cell]]] = {}
    for trial in {trial.cell: trial for trial in trials}.values():
        if trial.cell in by_cell:
            name = ", ".join(label for other, label in trial.choices.items() if other != axis.name)
            lines.setdefault(name, []).append((value_of[trial.choices[axis.name]], by_cell[trial.cell]))
    made: list[Line] = []
    for name, points in lines.items():
        points.sort(key=lambda point: point[0])
        made.append(Line(name, tuple(x for x, _ in points), tuple(cell for _, cell in points)))
    return made


def scores(study: Study, trials: Sequence[Trial], results: Sequence[Row]) -> Iterator[tuple[str, Picture]]:
    """One picture for each metric: lines over a numeric axis, else points for all seeds with mean and interval."""
    for metric in tables.main_metrics(study):
        found = tables.cells(results, [metric])
        if not found:
            continue
        lines = lines_of(study, trials, found)
        if lines and max(len(line.at) for line in lines) > 1:
            across = numeric_axis(study)
            assert across is not None
            yield metric, _lines(metric, across[0].name, lines)
        else:
            yield metric, _points(metric, found[:TALLEST], results)


def _lines(metric: str, across: str, lines: Sequence[Line]) -> Picture:
    with style.applied():
        made = style.figure(4.6, 2.8, layout="constrained")
        axes: Axes = made.add_subplot()
        for line in lines:
            means = [cell.mean for cell in line.cells]
            drawn = axes.plot(line.at, means, marker="o", markersize=3, label=line.name)[0]
            low = [cell.mean if cell.low is None else cell.low for cell in line.cells]
            high = [cell.mean if cell.high is None else cell.high for cell in line.cells]
            axes.fill_between(line.at, low, high, color=drawn.get_color(), alpha=0.15, linewidth=0)
        every = sorted({x for line in lines for x in line.at})
        if every[0] > 0 and every[-1] > 20 * every[0]:
            axes.set_xscale("log")
        axes.set_title(f"{metric}: mean and 95 % interval over seeds")
        axes.set_xlabel(across)
        if len(lines) > 1:
            axes.legend(frameon=False, fontsize=style.SMALL, ncols=1 + (len(lines) > 4))
    ends = "; ".join(f"{line.name or metric}: {number(line.cells[-1].mean)} at {line.at[-1]:g}" for line in lines)
    return Picture(made, f"{metric} against {across}. {ends}.")


def _points(metric: str, found: Sequence[Cell], results: Sequence[Row]) -> Picture:
    with style.applied():
        made = style.figure(4.6, 0.7 + 0.28 * len(found), layout="constrained")
        axes: Axes = made.add_subplot()
        for place, cell in enumerate(found):
            each = [r.value for r in results if (r.cell, r.metric, r.factor) == (cell.cell, metric, "")]
            values = np.array([value for value in each if value is not None])
            axes.plot(values, np.full(len(values), place), "o", color=style.FAINT, markersize=3)
            if cell.low is not None and cell.high is not None:
                axes.plot([cell.low, cell.high], [place, place], color=style.COLOURS[0], linestyle="-")
            axes.plot([cell.mean], [place], "D", color=style.COLOURS[0], markersize=4)
        axes.set_yticks(range(len(found)), [cell.cell for cell in found])
        axes.set_ylim(len(found) - 0.5, -0.5)
        axes.grid(axis="x")
        axes.grid(visible=False, axis="y")
        axes.set_title(f"{metric}: every seed, mean and 95 % interval")
    means = "; ".join(f"{cell.cell} {number(cell.mean)}" for cell in found)
    return Picture(made, f"{metric} of every seed with mean and interval. {means}.")


def best_runs(study: Study, trials: Sequence[Trial], results: Sequence[Row]) -> list[Trial]:
    """The best finished run of every cell by the study's first metric, else by distortion."""
    metric = tables.main_metrics(study)[0]
    ranks: dict[str, float] = {}
    for row in results:
        if row.metric == metric and row.factor == "" and row.value is not None:
            ranks[row.run] = row.value if row.higher_is_better else -row.value
    found: dict[str, Trial] = {}
    finished = {row.run for row in results}
    for trial in trials:
        held = found.get(trial.cell)
        if trial.name not in finished:
            continue
        if held is None or ranks.get(trial.name, -np.inf) > ranks.get(held.name, -np.inf):
            found[trial.cell] = trial
    return list(found.values())[:MOST_CELLS]


def figures(study: Study, trials: Sequence[Trial], results: Sequence[Row]) -> Iterator[tuple[str, Picture | str]]:
    """Each figure the study asks for, by name; in place of what cannot be drawn a sentence that says why.

    One that shows the spread over seeds is given every finished run; another that takes several the best run of each
    cell; any other is drawn once for each of these. Runs that a figure refuses are left out of it.
    """
    best = best_runs(study, trials, results)
    shown, finished = {trial.cell for trial in best}, {row.run for row in results}
    every = [trial for trial in trials if trial.cell in shown and trial.name in finished]
    for figure in study.figures:
        kind = registry.figures.get(figure)
        runs = _opened(study, every if getattr(kind, "over_seeds", False) else best)
        if getattr(kind, "several", False):
            yield from _together(figure, runs)
            continue
        made = {run.name: _drawn(figure, Runs([run])) for run in runs}
        refused = {name: each for name, each in made.items() if isinstance(each, str)}
        for name, each in made.items():
            if not isinstance(each, str):
                yield (f"{figure}-{name}" if len(runs) > 1 else figure), each
        if refused:
            yield figure, _left_out(figure, refused, runs)


def _together(figure: str, runs: Runs) -> Iterator[tuple[str, Picture | str]]:
    """One picture of all runs, or else of those that can be drawn alone, with a word on the others."""
    whole = _drawn(figure, runs)
    if not isinstance(whole, str):
        yield figure, whole
        return
    refused = {run.name: why for run in runs if isinstance(why := _drawn(figure, Runs([run])), str)}
    taken = Runs(run for run in runs if run.name not in refused)
    rest = _drawn(figure, taken) if refused and taken else whole
    if isinstance(rest, str) and taken:
        yield figure, f"{figure} cannot be drawn: {rest}"
        return
    if taken:
        yield figure, rest
    yield figure, _left_out(figure, refused, runs)


def _drawn(figure: str, runs: Runs) -> Picture | str:
    """The picture, or why there is none."""
    try:
        return runs.draw(figure)
    except InputError as wrong:
        return str(wrong)


def _left_out(figure: str, refused: Mapping[str, str], runs: Runs) -> str:
    first = next(iter(refused.values()))
    if len(refused) == len(runs):
        return f"{figure} cannot be drawn of any run: {first}"
    return f"{figure} leaves out {len(refused)} of {len(runs)} runs, the first because {first}"


def _opened(study: Study, trials: Sequence[Trial]) -> Runs:
    return Runs(Run(study.folder / RUNS / trial.name) for trial in trials)


def render(
    study: Study, trials: Sequence[Trial], results: Sequence[Row], made: Sequence[tuple[str, Picture | str]]
) -> str:
    """Compose the page of pictures by name, or sentences where there is none."""
    metrics = tables.main_metrics(study)
    total = spent(study, trials)
    cost = (
        f"{total['images']:,.0f} images, {total['train_minutes']:.1f} minutes of training and "
        f"{total['score_minutes']:.1f} of scoring on one worker"
    )
    stand = states(study, list(trials))
    done = sum(state == "done" for state in stand.values())
    parts = [f'<p class="lead">{escape(study.about)}</p>' if study.about else ""]
    parts.append(f"<p>{done} of {len(trials)} runs are done; spent: {cost}.</p>")
    if study.differs:
        parts.append(f"<h2>What differs from the published protocol</h2>{html.listed(study.differs)}")
    drawn = {name: each for name, each in made if name in metrics and not isinstance(each, str)}
    for metric in metrics:
        found = tables.cells(results, [metric])
        if not found:
            continue
        parts.append(f"<h2>{escape(metric)}</h2>{_table(found)}")
        parts.append(_image(drawn[metric]) if metric in drawn else "")
        if compared := tables.compare(results, metric):
            parts.append(html.listed([each.verdict for each in compared]))
            parts.append(f'<p class="soft">{escape(tables.counted())}</p>')
    if study.published:
        parts.append(f"<h2>Beside the published numbers</h2>{_published(study, tables.cells(results))}")
    for name, each in made:
        if isinstance(each, str):
            parts.append(f"<p>{escape(each)}.</p>")
        elif name not in metrics:
            parts.append(f"<h2>{escape(name)}</h2>{_image(each)}")
    return html.page(study.name, "study", parts)


def _table(found: Sequence[Cell]) -> str:
    body = [[c.cell, str(c.n), number(c.mean), number(c.sd), span(c.low, c.high), number(c.best)] for c in found]
    return html.boxed("Over seeds", ["", "n", "mean", "sd", "95 % interval", "best"], body)


def _published(study: Study, found: Sequence[Cell]) -> str:
    body: list[list[str]] = []
    for each in (tables.beside(published, found) for published in study.published):
        ours = ["", ""] if each.ours is None else [number(each.ours.mean), span(each.ours.low, each.ours.high)]
        theirs = [number(each.published.mean), span(each.low, each.high)]
        body.append([each.published.cell, each.published.metric, *theirs, *ours, each.verdict, each.published.source])
    heads = ["row", "metric", "published", "its interval", "ours", "its interval", "ours lies", "source"]
    return html.boxed("Published and ours", heads, body)


def _image(picture: Picture) -> str:
    return html.figure(html.image(picture.png(2.0), picture.size, picture.alt, f"max-width:{picture.size[0]}px"))
