"""One self-contained HTML page about a run or several: pictures, curves, scores and how to make it again."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from unweave.base import html
from unweave.base.errors import InputError
from unweave.base.picture import Picture, draw, write_file
from unweave.base.records import Score
from unweave.metrics.calibration import verdict
from unweave.run.run import Run
from unweave.show.figures.base import DEAD
from unweave.show.figures.columns import column_sentences
from unweave.show.figures.compared import BOOKKEEPING
from unweave.show.figures.planes import planes_of

LIMIT = 5_000_000  # bytes of the whole page
MOVING_LIMIT = 1_500_000  # bytes of one animation; one that cannot be made that small is left out
MOST = 60  # rows and columns of a folded table
FEW = 12  # rows of a table that is not folded
MARKS = {True: "", False: "Look here: ", None: ""}
PROGRESS = (
    "progress",
    "Scores while it was trained",
    "What the model would have got, had training ended there, with the 95 % interval of each score over its draws; "
    "below the time that the scores took.",
)
SECTIONS = (
    (
        "reconstructions",
        "Originals and reconstructions",
        "Above the images that were encoded, below what the model makes of their codes. What differs was "
        "lost on the way: white is a pixel off by the full range.",
    ),
    (
        "traversal",
        "What each latent does",
        "One latent moves along each row while the others stay at the code of the outlined image. The latent "
        "that carries most comes first, with its KL beside it; greyed ones are dead (below 0.1 nats) and "
        "should change nothing.",
    ),
    (
        "planes",
        "Planes: pairs of latents that encode an angle",
        "Two latents that mean nothing alone, but encode an angle and a radius together. Colour shows the angle, "
        "and is stronger where codes are denser. Each image is decoded at the dot at its angle, and the images show "
        "what the angle encodes; in the centre it means nothing.",
    ),
    (
        "curves",
        "Training",
        "The loss, the terms it is the weighted sum of, each in its own unit and scale, and how much each "
        "latent came to carry.",
    ),
    PROGRESS,
    (
        "mutual-information",
        "Which latent knows which factor",
        "How much of each true factor one latent alone tells, in percent of the factor's entropy. In a "
        "disentangled code every row has one high number, in a column of its own.",
    ),
)

DRAWN_AS_VECTORS = ("curves", "progress", "rate-distortion", "mutual-information")
# Of several runs together.
TOGETHER = (
    (
        "rate-distortion",
        "How much is told and how much is lost",
        "Each point is a run. Further left its codes tell less of an image, further down less of the image is lost. "
        "Along a grey line the sum of both, the negative ELBO, is the same.",
    ),
    (
        "progress",
        "Scores while they were trained",
        "Runs that differ in their seed alone make one line with the 95 % interval of their mean; a run by itself has "
        "the interval of each score instead.",
    ),
)
PLANES = "planes"  # one figure for each plane of a run
IMAGES_ONLY = ("reconstructions", "traversal")
COLUMNS = (
    "columns",
    "Which columns move with each latent",
    "How far each decoded column moves, in its standard deviations, when one latent goes from -2 to 2 and the others "
    "stay at 0. The latent that carries most comes first.",
)


def write(runs: Sequence[Run], out: Path) -> Path:
    """Write one HTML file below 5 MB that needs no network, no script and no other file; returns its path.

    Where the pictures of many runs would be too large, moving ones go first, then resolution is halved. No
    run, more runs than fit, or a file that cannot be written raises InputError.
    """
    if not runs:
        raise InputError("a report needs at least one run, got none")
    for scale, moving in ((2.0, True), (2.0, False), (1.0, False)):
        page = render(runs, scale, moving=moving).encode()
        if len(page) <= LIMIT:
            return write_file(Path(out), page)
    size = f"{len(page) / 1e6:.1f} MB from {len(runs)} runs"
    raise InputError(f"a report must stay below 5 MB, got {size}; give fewer runs")


def render(runs: Sequence[Run], scale: float = 2.0, *, moving: bool = True) -> str:
    """Compose the page; bitmaps have `scale` times the pixels shown, `moving` adds animated traversals."""
    only = len(runs) == 1
    title = runs[0].title if only else f"{len(runs)} runs compared"
    parts: list[str] = []
    if not only:
        links = [f'<li><a href="#run-{k}">{escape(title)}</a></li>' for k, title in enumerate(_titles(runs), 1)]
        parts += [f'<nav aria-label="Runs"><ul>{"".join(links)}</ul></nav>', _side_by_side(runs)]
        parts += [_together(name, heading, caption, runs) for name, heading, caption in TOGETHER]
        parts.append(_apart(runs))
    for number, run in enumerate(runs, 1):
        parts.append(_run(run, number, scale, moving=moving, only=only))
    return html.page(title, "report", parts)


def _run(run: Run, number: int, scale: float, *, moving: bool, only: bool) -> str:
    level = 2 if only else 3
    parts = [f'<p class="lead">{escape(_summary(run))}</p>', _facts(run)]
    moves = column_sentences(run)
    shown = [each for each in SECTIONS if not moves or each[0] not in IMAGES_ONLY]
    shown = [each for each in shown if each is not PROGRESS or run.progress]
    for name, heading, caption in [COLUMNS, *shown] if moves else shown:
        each = [{"plane": k} for k in range(len(planes_of(run)))] if name == PLANES else [{}]
        if drawn := "".join(_pictures(name, run, caption, scale, moving=moving, given=own) for own in each):
            parts.append(_section(heading, level, drawn))
    parts.append(_section("Scores", level, _scores(run)))
    if findings := _findings(run) + html.listed(moves):
        parts.append(_section("What the codes are like", level, findings))
    parts.append(_section("How to make it again", level, _provenance(run)))
    title = escape(run.title)
    head = "" if only else f"<h2>{title}</h2>"
    return f'<article id="run-{number}" aria-label="{title}">{head}{"".join(parts)}</article>\n'


def _section(heading: str, level: int, body: str) -> str:
    return f"<section><h{level}>{escape(heading)}</h{level}>\n{body}</section>\n"


def _summary(run: Run) -> str:
    rates = np.asarray(run.kl_per_latent)
    live = int((rates >= DEAD).sum())
    verb = "carries" if live == 1 else "carry"
    return (
        f"{live} of {len(rates)} latents {verb} information ({DEAD:g} nats or more); together all latents "
        f"carry {rates.sum():.1f} nats per image."
    )


def _facts(run: Run) -> str:
    flat, made = {**run.settings.get("training", {}), **run.settings}, run.made_with
    images = made.get("images_seen")
    if images is None and isinstance(flat.get("steps"), int) and isinstance(flat.get("batch"), int):
        images = flat["steps"] * flat["batch"]
    facts = {
        "Data": _name(flat.get("data")),
        "Method": _name(flat.get("method")),
        "Steps": _count(flat.get("steps")),
        "Batch": _short(flat.get("batch")),
        "Images seen": _count(images),
        "Minutes": _minutes(made.get("minutes")),
        "Seed": _short(flat.get("seed")),
    }
    cells = [f"<div><dt>{name}</dt><dd>{escape(value)}</dd></div>" for name, value in facts.items() if value]
    return f'<dl class="facts">{"".join(cells)}</dl>\n' if cells else ""


def _count(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else _short(value)


def _minutes(value: object) -> str:
    return f"{value:.1f}" if isinstance(value, (int, float)) else _short(value)


def _name(value: object) -> str:
    return str(value.get("name", "")) if isinstance(value, Mapping) else _short(value)


def _pictures(name: str, run: Run, caption: str, scale: float, *, moving: bool, given: Mapping[str, object]) -> str:
    """Show the figure with its caption, or the sentence that says why there is none."""
    try:
        picture = draw(name, run, given)
    except InputError as missing:
        return f'<p class="soft">Not drawn: {escape(str(missing))}.</p>\n'
    # On a phone pictures shrink until their words would be too small to read; then the box scrolls.
    if name in DRAWN_AS_VECTORS:
        shown = _image(picture, "image/svg+xml", picture.svg(), smallest=0.6)
    else:
        shown = _image(picture, "image/png", picture.png(scale), smallest=0.45)
    return html.figure(shown, caption) + (_moving(picture) if moving and picture.animation else "")


def _together(name: str, heading: str, caption: str, runs: Sequence[Run]) -> str:
    """One figure of all runs, or nothing where some lack what it needs."""
    try:
        picture = draw(name, runs)
    except InputError:
        return ""
    shown = _image(picture, "image/svg+xml", picture.svg(), smallest=0.6)
    return _section(heading, 2, html.figure(shown, caption))


def _image(picture: Picture, kind: str, data: bytes, smallest: float) -> str:
    width, _ = picture.size
    limits = f"max-width:{width}px;min-width:{round(smallest * width)}px"
    return html.image(data, picture.size, picture.alt, limits, kind)


def _moving(picture: Picture) -> str:
    data = picture.gif(MOVING_LIMIT)
    if len(data) > MOVING_LIMIT:
        return ""
    width, height = (int.from_bytes(data[at : at + 2], "little") for at in (6, 8))
    alt = "The same latents moving forth and back; each column starts from another image."
    shown = html.image(data, (width, height), alt, f"max-width:{width}px", "image/gif")
    return (
        '<details class="moving" open><summary>Moving picture</summary>'
        f"{html.figure(shown, 'The same rows; each column starts from another image.')}</details>\n"
    )


def _scores(run: Run) -> str:
    if not run.scores:
        return '<p class="soft">Not scored yet.</p>\n'
    calibrated = any(s.floor is not None or s.ceiling is not None for s in run.scores.values())
    noted = any(score.note for score in run.scores.values())
    heads = ["metric", "value", "95 % interval", *(["noise", "truth", "which says"] if calibrated else []), "parts"]
    rows: list[list[str]] = []
    for name, score in run.scores.items():
        meaning = verdict(score).partition(": ")[2]
        ends = [html.number(score.floor), score.truth or html.DASH, meaning] if calibrated else []
        inside = {**score.parts, **score.per_factor}
        parts = ", ".join(f"{_words(part)} {html.number(value)}" for part, value in inside.items())
        row = [name, html.number(score.value), _interval(score), *ends, parts]
        rows.append([*row, score.note] if noted else row)
    ends = "Noise and truth: what a code of pure noise and the true factors would get" if calibrated else ""
    if any("smooth" in score.truth for score in run.scores.values()):
        ends += "; smooth: what a smooth encoder would that sees the images alone"
    ends += ". " if ends else ""
    folded = "".join(_score_details(name, score) for name, score in run.scores.items())
    intro = f'<p class="soft">{ends}Higher is better unless noted.</p>\n'
    return intro + html.boxed("All scores of this run", [*heads, "note"] if noted else heads, rows) + folded


def _findings(run: Run) -> str:
    """List what the doctor found, with the numbers folded away; nothing where the run has no findings."""
    found = run.findings
    if not found:
        return ""
    rows = [[f"{each.topic}: {_words(key)}", _short(value)] for each in found for key, value in _flat(each.numbers)]
    return html.listed([MARKS[each.good] + each.sentence for each in found]) + _details(
        "Numbers behind each sentence", [html.boxed("Findings", ["what", "value"], rows)]
    )


def _score_details(name: str, score: Score) -> str:
    rows, columns = score.words("rows"), score.words("columns")
    tables = [
        _matrix(_words(title), values, rows, columns)
        for title, values in score.tables.items()
        if title not in ("rows", "columns")
    ]
    used = [[key, value] for key, value in _flat({**score.settings, "version": score.version})]
    return _details(f"{name}: tables and settings", [*tables, html.boxed("settings", ["setting", "value"], used)])


def _matrix(title: str, values: Any, rows: Sequence[str], columns: Sequence[str]) -> str:
    """Lay out a table of a score: a mapping, or numbers that `rows` and `columns` name where they fit."""
    if isinstance(values, Mapping):
        return html.boxed(title, ["", "value"], [[str(key), _short(value)] for key, value in values.items()])
    cells = np.asarray(values, dtype=object)
    if cells.ndim == 1:
        fitting = [names for names in (rows, columns) if len(names) == len(cells)]
        names = fitting[0] if len(fitting) == 1 else _numbered(len(cells))
        return html.boxed(title, ["", "value"], [[str(n), _short(v)] for n, v in zip(names, cells, strict=True)])
    if cells.ndim != 2:
        return f"<p>{escape(title)}: not a table, shape {escape(str(cells.shape))}.</p>"
    down = rows if len(rows) == cells.shape[0] else _numbered(cells.shape[0])
    across = columns if len(columns) == cells.shape[1] else _numbered(cells.shape[1])
    shown = [[str(name), *map(_short, row[:MOST])] for name, row in zip(down, cells, strict=True)][:MOST]
    more = f" (first {MOST} rows and columns)" if max(cells.shape) > MOST else ""
    return html.boxed(title + more, ["", *map(str, across[:MOST])], shown)


def _numbered(n: int) -> list[str]:
    return [str(k) for k in range(n)]


def _words(name: str) -> str:
    return name.replace("_", " ")


def _side_by_side(runs: Sequence[Run]) -> str:
    names = list(dict.fromkeys(name for run in runs for name in run.scores))
    rows = [[name, *(_with_interval(run.scores.get(name)) for run in runs)] for name in names]
    heads = ["metric", *_titles(runs)]
    body = html.boxed("Value and 95 % interval", heads, rows) if rows else '<p class="soft">Not scored yet.</p>'
    shares = [[name, *(_share(run.scores.get(name)) for run in runs)] for name in names]
    known = [row for row in shares if set(row[1:]) != {html.DASH}]
    body += html.boxed("The way from noise (0 %) to the true factors (100 %)", heads, known) if known else ""
    return _section("Scores side by side", 2, body)


def _apart(runs: Sequence[Run]) -> str:
    """The settings that the runs do not share."""
    tables = [dict(_flat(run.settings)) for run in runs]
    paths = (name for table in tables for name in table if name.removeprefix("training.") not in BOOKKEEPING)
    names = list(dict.fromkeys(paths))
    rows = [[name, *(table.get(name, html.DASH) for table in tables)] for name in names]
    unlike = [row for row in rows if len(set(row[1:])) > 1]
    shown = html.boxed("Settings", ["setting", *_titles(runs)], unlike)
    body = shown if len(unlike) <= FEW else _details(f"{len(unlike)} settings", [shown])
    return _section("What sets them apart", 2, body if unlike else '<p class="soft">No setting of training.</p>')


def _titles(runs: Sequence[Run]) -> list[str]:
    """Titles, with the run's name where several have the same."""
    titles = [run.title for run in runs]
    return [t if titles.count(t) == 1 else f"{t} ({s.name})" for t, s in zip(titles, runs, strict=True)]


def _share(score: Score | None) -> str:
    """How far a score is from what noise gets to what the true factors get."""
    if score is None or score.floor is None or score.ceiling is None or score.ceiling == score.floor:
        return html.DASH
    share = 100 * (score.value - score.floor) / (score.ceiling - score.floor)
    ends = f"{html.number(score.floor)} to {html.number(score.ceiling)}"
    return f"{share:.0f} % of {ends}" if math.isfinite(share) else html.DASH


def _with_interval(score: Score | None) -> str:
    if score is None:
        return html.DASH
    return html.number(score.value) + (f" ({_interval(score)})" if score.interval else "") + f" {score.unit}".rstrip()


def _provenance(run: Run) -> str:
    settings = html.boxed("Settings", ["setting", "value"], list(map(list, _flat(run.settings))))
    made = html.boxed("Made with", ["what", "value"], list(map(list, _flat(run.made_with))))
    return (
        f"<pre><code>{escape(run.reproduce)}</code></pre>\n"
        + _details("All settings", [settings])
        + _details("Versions and machine", [made])
    )


def _details(summary: str, parts: Iterable[str]) -> str:
    return f"<details><summary>{escape(summary)}</summary>{''.join(parts)}</details>\n"


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Nested settings as dotted names and text."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", _short(value)


def _interval(score: Score) -> str:
    return " to ".join(map(html.number, score.interval)) if score.interval else html.DASH


def _short(value: object) -> str:
    """Any plain value as text, exact but for the seventh digit of a number."""
    if value is None:
        return ""
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_short, value))
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, float, np.number)):
        return str(value)
    return str(value) if isinstance(value, (int, np.integer)) else f"{value:.6g}"
