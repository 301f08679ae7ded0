"""Results of a study: tidy rows, cells with intervals, paired comparisons in words, and published numbers beside."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from itertools import combinations
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np

from unweave.base import checks, html
from unweave.base.cells import latex, markdown, spreadsheet
from unweave.base.errors import InputError
from unweave.base.files import write_atomic
from unweave.base.records import Score
from unweave.run.rows import Row, rows_of
from unweave.studies.spec import Published, Study, Trial
from unweave.studies.trial import RUNS, lacking, outcome

RESULTS = "results.csv"
LOWER_IS_BETTER = ("distortion", "distortion_excess", "rate")  # of the fit; metrics say it themselves

Form: TypeAlias = Literal["md", "csv", "json", "latex"]


@dataclass(frozen=True)
class Cell:
    """One metric over the seeds of one cell: mean, standard deviation (over n - 1), 95 % interval of the mean, best."""

    cell: str
    metric: str
    n: int
    mean: float
    sd: float | None
    low: float | None
    high: float | None
    best: float
    images: int
    minutes: float
    higher_is_better: bool = True
    saw: str = ""


class Cells(list[Cell]):
    """Cells of a study; a notebook shows them as a table for each metric."""

    def _repr_html_(self) -> str:
        return "".join(html.table(*_shown(metric, self)) for metric in dict.fromkeys(cell.metric for cell in self))


@dataclass(frozen=True)
class Compared:
    """Two cells over the seeds they share: mean of first minus second with its 95 % interval, and what it means.

    `p` is that of a paired t-test, `adjusted` the same after Holm's correction (`compare` says for which comparisons).
    """

    metric: str
    first: str
    second: str
    n: int
    difference: float
    low: float | None
    high: float | None
    p: float | None
    adjusted: float | None
    verdict: str


@dataclass(frozen=True)
class Beside:
    """A published number with ours."""

    published: Published
    ours: Cell | None
    low: float | None
    high: float | None
    verdict: str


def rows(study: Study, trials: Iterable[Trial]) -> Iterator[Row]:
    """Every number of every finished run, tidily: scores, their parts and factors, and the fit in nats per image.

    Only scores that were made with the study's own settings count.
    """
    for trial in trials:
        held = outcome(study.folder / RUNS / trial.name)
        if held is None:
            continue
        spent, spec = held["spent"], trial.spec
        minutes = round((spent["train_seconds"] + spent["score_seconds"]) / 60, 3)
        about = Row(
            trial.name, trial.cell, spec.method.name, spec.data.name, trial.seed,
            images=spent["images"], minutes=minutes, settings_hash=held["hash"], saw=spec.help.words,
        )  # fmt: skip
        short = lacking(held, study.metrics, study.pool)
        made = {name: held["scores"][name] for name in study.metrics if name in held["scores"] and name not in short}
        yield from rows_of({name: Score.from_json(score) for name, score in made.items()}, about)
        for name, value in held["fit"].items():
            if name != "images":
                yield about._replace(metric=name, value=value, higher_is_better=name not in LOWER_IS_BETTER)


def interval_of_mean(mean: float, sd: float, n: int) -> tuple[float, float]:
    """Student's 95 % interval of a mean, from a standard deviation over n - 1.

    >>> [round(bound, 2) for bound in interval_of_mean(91.34, 7.36, 10)]
    [86.07, 96.61]
    """
    from scipy.special import stdtrit

    half = float(stdtrit(n - 1, 0.975)) * sd / math.sqrt(n)
    return mean - half, mean + half


def cells(results: Iterable[Row], metrics: Sequence[str] | None = None) -> Cells:
    """One entry for each cell and metric, in the order of the rows; `metrics` picks some, all but parts if not given.

    >>> row = Row("r", "a", metric="mig", value=0.5)
    >>> found = cells([row, row._replace(seed=1, value=0.7)])[0]
    >>> found.n, round(found.mean, 3), round(found.sd, 3), found.best
    (2, 0.6, 0.141, 0.7)
    """
    grouped: dict[tuple[str, str], list[Row]] = {}
    for row in results:
        wanted = "." not in row.metric if metrics is None else row.metric in metrics
        if row.factor == "" and wanted and row.value is not None:
            grouped.setdefault((row.cell, row.metric), []).append(row)
    return Cells(_cell(*key, group) for key, group in grouped.items())


def _cell(cell: str, metric: str, group: Sequence[Row]) -> Cell:
    values = np.array([row.value for row in group], dtype=np.float64)
    n, mean, better = len(values), float(values.mean()), group[0].higher_is_better
    sd = float(values.std(ddof=1)) if n > 1 else None
    low, high = interval_of_mean(mean, sd, n) if sd is not None else (None, None)
    best = float(values.max() if better else values.min())
    images, minutes = sum(row.images for row in group), sum(row.minutes for row in group)
    return Cell(cell, metric, n, mean, sd, low, high, best, images, round(minutes, 2), better, group[0].saw)


def main_metrics(study: Study) -> list[str]:
    """What tables show if not told: the study's metrics, and the distortion."""
    return [*study.metrics, "distortion"]


def compare(results: Iterable[Row], metric: str, against: str | None = None) -> list[Compared]:
    """Every cell against the best one on its data set (or `against`) over common seeds, in one metric.

    The difference is first minus second, where the first is the reference. Scores of different data sets are not
    compared. Holm's correction counts the comparisons with `against`; where the reference is the cell that came out
    best it counts those of all pairs of cells on a data set, k (k - 1) / 2 of k cells, since any of them could have
    been the one that is shown. Either way, equal cells are told apart in at most 5 % of studies. Seeds must be shared
    by two runs of each cell at least. An unknown cell raises InputError.
    """
    by_cell: dict[str, dict[int, float]] = {}
    data: dict[str, str] = {}
    better = True
    for row in results:
        if row.metric == metric and row.factor == "" and row.value is not None:
            by_cell.setdefault(row.cell, {})[row.seed] = row.value
            data[row.cell], better = row.data, row.higher_is_better
    if len(by_cell) < 2:
        return []
    if against is not None:
        checks.known("cell", against, by_cell)
    shown: dict[tuple[str, str], tuple[int, float, float | None, float | None, float | None]] = {}
    ps: dict[tuple[str, str], float] = {}  # of all that could have been shown
    for name in dict.fromkeys(data.values()) if against is None else [data[against]]:
        on = {cell: values for cell, values in by_cell.items() if data[cell] == name}
        first = against or (max if better else min)(on, key=lambda cell: float(np.mean(list(on[cell].values()))))
        for both in combinations(sorted(on, key=lambda cell: cell != first), 2):
            if against is not None and first not in both:
                continue
            pair = _pair(on[both[0]], on[both[1]])
            if both[0] == first:
                shown[both] = pair
            if pair[4] is not None:
                ps[both] = pair[4]
    adjusted = dict(zip(ps, holm(list(ps.values())), strict=True))
    made: list[Compared] = []
    for (first, second), (n, difference, low, high, p) in shown.items():
        corrected = adjusted.get((first, second))
        sentence = verdict(metric, first, second, n, difference, (low, high), corrected, higher_is_better=better)
        made.append(Compared(metric, first, second, n, difference, low, high, p, corrected, sentence))
    return made


def counted(against: str | None = None) -> str:
    """Which comparisons Holm's correction counts, for those who read the verdicts."""
    which = (
        "all pairs of cells, since the best is known only afterwards" if against is None else f"those with {against}"
    )
    return f"Paired t-tests over common seeds; Holm's correction counts {which}."


def _pair(
    first: Mapping[int, float], second: Mapping[int, float]
) -> tuple[int, float, float | None, float | None, float | None]:
    """Count, mean difference, its interval, and p of the paired t-test."""
    common = sorted(first.keys() & second.keys())
    each = np.array([first[seed] - second[seed] for seed in common])
    n = len(each)
    if n == 0:
        return 0, math.nan, None, None, None
    mean = float(each.mean())
    if n == 1:
        return 1, mean, None, None, None
    sd = float(each.std(ddof=1))
    low, high = interval_of_mean(mean, sd, n)
    if sd == 0:
        return n, mean, low, high, 1.0 if mean == 0 else 0.0
    from scipy.special import stdtr

    return n, mean, low, high, 2 * float(stdtr(n - 1, -abs(mean) / (sd / math.sqrt(n))))


def holm(ps: Sequence[float]) -> list[float]:
    """Values of p after Holm's step-down correction, in the order given.

    >>> [round(p, 3) for p in holm([0.01, 0.04, 0.03])]
    [0.03, 0.06, 0.06]
    """
    order = sorted(range(len(ps)), key=lambda k: ps[k])
    out, most = [0.0] * len(ps), 0.0
    for rank, k in enumerate(order):
        most = max(most, min(1.0, (len(ps) - rank) * ps[k]))
        out[k] = most
    return out


def verdict(
    metric: str,
    first: str,
    second: str,
    n: int,
    difference: float,
    interval: tuple[float | None, float | None],
    p: float | None,
    *,
    higher_is_better: bool = True,
) -> str:
    """A comparison in a sentence.

    >>> verdict("mig", "a", "b", 4, 0.05, (0.01, 0.09), 0.02)
    'a is better than b in mig: 0.050 higher (95 % interval 0.010 to 0.090, 4 common seeds)'
    """
    if n == 0:
        return f"{first} and {second} have no seed in common, so they cannot be compared in {metric}"
    way = f"{abs(difference):.3f} {'higher' if difference >= 0 else 'lower'}"
    low, high = interval
    if low is None or high is None:
        return f"{first} is {way} than {second} in {metric} with the one common seed, which decides nothing"
    if low == high == 0:
        return f"{first} and {second} are equal in {metric} with each of {n} common seeds"
    if difference < 0:
        low, high = -high, -low
    seen = f"{way} (95 % interval {low:.3f} to {high:.3f}, {n} common seeds)"
    if p is None or p >= 0.05:
        clear = " once all comparisons are counted" if low > 0 else ""
        return f"{first} and {second} cannot be told apart in {metric}{clear}: {first} is {seen}"
    word = "better" if (difference > 0) == higher_is_better else "worse"
    return f"{first} is {word} than {second} in {metric}: {seen}"


def beside(published: Published, found: Sequence[Cell]) -> Beside:
    """Put our cell beside a published number: inside or outside its interval, or its bounds."""
    ours = next((c for c in found if (c.cell, c.metric) == (published.cell, published.metric)), None)
    low, high = published.low, published.high
    if published.mean is not None and published.sd is not None and (published.n or 0) > 1:
        low, high = interval_of_mean(published.mean, published.sd, published.n or 0)
    if ours is None:
        place = "not run"
    elif low is None and high is None:
        place = "no interval published"
    else:
        inside = (low is None or ours.mean >= low) and (high is None or ours.mean <= high)
        place = "inside" if inside else "outside"
    if published.contradicts:
        place += f"; no {published.n} numbers have the published mean, sd and best"
    return Beside(published, ours, low, high, place)


def number(value: float | None) -> str:
    """A number for a table, empty where it is not known."""
    return html.number(value, "")


def span(low: float | None, high: float | None) -> str:
    """An interval in words, one-sided ones too."""
    if low is None and high is None:
        return ""
    if low is None or high is None:
        return f"more than {number(low)}" if high is None else f"less than {number(high)}"
    return f"{number(low)} to {number(high)}"


def written(table: Sequence[Cell], form: Form) -> str:
    """Cells as text: a table for each metric in markdown and LaTeX, one for all in CSV and JSON."""
    if form == "json":
        return json.dumps([asdict(cell) for cell in table], indent=1, allow_nan=False)
    if form == "csv":
        names = [each.name for each in fields(Cell)]
        return _csv(names, ([getattr(cell, name) for name in names] for cell in table))
    parts: list[str] = []
    for metric in dict.fromkeys(cell.metric for cell in table):
        parts.append(grid(*_shown(metric, table), form))
    return "\n".join(parts)


def _shown(metric: str, table: Sequence[Cell]) -> tuple[list[str], list[list[str]]]:
    """Heads and lines of one metric's table."""
    heads = [metric, "n", "mean", "sd", "95 % interval", "best", "minutes"]
    of = [c for c in table if c.metric == metric]
    body = [
        [c.cell, str(c.n), number(c.mean), number(c.sd), span(c.low, c.high), number(c.best), f"{c.minutes:.1f}"]
        for c in of
    ]
    if any(c.saw for c in of):  # a run that was helped says so
        return [*heads, "which"], [[*line, c.saw] for line, c in zip(body, of, strict=True)]
    return heads, body


def grid(heads: Sequence[str], body: Sequence[Sequence[str]], form: Literal["md", "latex"]) -> str:
    r"""A table with words in the first column.

    >>> print(grid(["mig", "n"], [["a|b", "4"]], "md"))
    | mig | n |
    |---|---:|
    | a\|b | 4 |
    <BLANKLINE>
    """
    if form == "md":
        rule = "|---|" + "---:|" * (len(heads) - 1)
        lines = ["| " + " | ".join(map(markdown, line)) + " |" for line in (heads, *body)]
        return "\n".join([lines[0], rule, *lines[1:], ""])
    lines = [" & ".join(map(latex, line)) + r" \\" for line in (heads, *body)]
    begin = r"\begin{tabular}{l" + "r" * (len(heads) - 1) + "}"
    return "\n".join([begin, lines[0], r"\hline", *lines[1:], r"\end{tabular}", ""])


def _csv(names: Sequence[str], lines: Iterable[Iterable[object]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    writer.writerows(map(spreadsheet, lines))
    return text.getvalue()


def tidy(results: Iterable[Row], form: Literal["csv", "json"]) -> str:
    """All rows as text."""
    if form == "json":
        return json.dumps([row._asdict() for row in results], indent=1, allow_nan=False)
    return _csv(Row._fields, results)


def write_parquet(results: Sequence[Row], path: Path) -> Path:
    """Write all rows as Parquet; without the extra an InputError says what to install."""
    try:
        import pyarrow as pa  # pyright: ignore[reportMissingImports, reportMissingTypeStubs]
        import pyarrow.parquet as pq  # pyright: ignore[reportMissingImports, reportMissingTypeStubs]
    except ModuleNotFoundError:
        raise InputError("parquet needs pyarrow: pip install 'unweave[tables]'") from None
    kinds = {"seed": pa.int64(), "images": pa.int64(), "higher_is_better": pa.bool_()}
    kinds |= dict.fromkeys(("value", "low", "high", "minutes"), pa.float64())
    schema = pa.schema([(name, kinds.get(name, pa.string())) for name in Row._fields])
    table = pa.table({name: [getattr(row, name) for row in results] for name in Row._fields}, schema=schema)
    write_atomic(path, lambda file: pq.write_table(table, file))
    return path


def keep(study: Study, results: Iterable[Row]) -> Path:
    """Write results.csv into the study's folder."""
    path, text = study.path(RESULTS), tidy(results, "csv")
    write_atomic(path, lambda file: file.write(text.encode()))
    return path


def published_table(study: Study, found: Sequence[Cell], form: Literal["md", "latex"] = "md") -> str:
    """Published numbers beside ours; empty where nothing is published."""
    if not study.published:
        return ""
    lines: list[list[str]] = []
    for each in (beside(published, found) for published in study.published):
        theirs, ours = each.published, each.ours
        lines.append(
            [
                theirs.cell,
                theirs.metric,
                number(theirs.mean) + (f" ({number(theirs.sd)})" if theirs.sd is not None else ""),
                span(each.low, each.high),
                number(theirs.best),
                "" if ours is None else number(ours.mean) + (f" ({number(ours.sd)})" if ours.sd is not None else ""),
                "" if ours is None else span(ours.low, ours.high),
                "" if ours is None else number(ours.best),
                "" if ours is None else str(ours.n),
                each.verdict,
                theirs.source,
            ]
        )
    heads = ["row", "metric", "published", "its interval", "best", "ours", "its interval", "best", "n", "ours lies"]
    return grid([*heads, "source"], lines, form)
