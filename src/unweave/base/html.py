"""What notebooks show: pictures, scores and runs as small HTML, without script, every name escaped."""

from __future__ import annotations

import math
from base64 import b64encode
from collections.abc import Mapping, Sequence
from html import escape
from typing import Protocol

MOST = 50  # rows of a table
DASH = "\N{EN DASH}"


class Scored(Protocol):
    """What is shown of a score."""

    @property
    def value(self) -> float: ...
    @property
    def interval(self) -> tuple[float, float] | None: ...
    @property
    def floor(self) -> float | None: ...
    @property
    def ceiling(self) -> float | None: ...
    @property
    def unit(self) -> str: ...
    @property
    def higher_is_better(self) -> bool: ...
    @property
    def reason(self) -> str | None: ...
    @property
    def parts(self) -> Mapping[str, float]: ...
    @property
    def per_factor(self) -> Mapping[str, float]: ...


def table(heads: Sequence[str], rows: Sequence[Sequence[object]], caption: str = "") -> str:
    """A table of at most 50 rows as HTML; the first column names the row, and what is cut off is said.

    >>> table(["metric", "value"], [["<mig>", 0.5]])
    '<table><thead>...<th scope="row">&lt;mig&gt;</th><td>0.500</td></tr></tbody></table>'
    """
    head = "".join(f'<th scope="col">{escape(each)}</th>' for each in heads)
    body = "".join(
        f'<tr><th scope="row">{escape(text(row[0]))}</th>'
        + "".join(f"<td>{escape(text(cell))}</td>" for cell in row[1:])
        + "</tr>"
        for row in rows[:MOST]
    )
    above = f"<caption>{escape(caption)}</caption>" if caption else ""
    rest = f"<p>and {len(rows) - MOST} rows more</p>" if len(rows) > MOST else ""
    return f"<table>{above}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{rest}"


def text(value: object) -> str:
    """A value in few letters; what is unknown is a dash.

    >>> text(0.12345), text(12345.678), text(None), text("a")
    ('0.123', '12,345.7', '–', 'a')
    """
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return DASH
    if isinstance(value, float):
        return f"{value:.3f}" if abs(value) < 10 else f"{value:,.1f}"
    return str(value)


def scores(found: Mapping[str, Scored], caption: str = "") -> str:
    """Scores by name as a table: value, 95 % interval, what noise and the true factors would get, and a note."""
    calibrated = any(each.floor is not None or each.ceiling is not None for each in found.values())
    noted = any(_note(each) for each in found.values())
    rows: list[list[object]] = []
    for name, each in found.items():
        span = DASH if each.interval is None else " to ".join(map(text, each.interval))
        row: list[object] = [name, each.value, span]
        row += [each.floor, each.ceiling] if calibrated else []
        rows.append([*row, _note(each)] if noted else row)
    heads = ["", "value", "95 % interval", *(["noise", "truth"] if calibrated else []), *(["note"] if noted else [])]
    return table(heads, rows, caption)


def score(found: Scored) -> str:
    """One score: its number and interval, then its parts and its value for each factor."""
    inside = {**found.parts, **found.per_factor}
    parts = table(["part", "value"], [[name.replace("_", " "), value] for name, value in inside.items()])
    return scores({"score": found}) + (parts if inside else "")


def run(title: str, facts: Mapping[str, object], found: Mapping[str, Scored]) -> str:
    """A run: its title, some facts, and the scores that it has."""
    told = "; ".join(f"{name} {text(value)}" for name, value in facts.items() if value is not None)
    below = scores(found) if found else "<p>Not scored yet.</p>"
    return f"<div><strong>{escape(title)}</strong><p>{escape(told)}</p>{below}</div>"


def image(png: bytes, width: int, height: int, alt: str) -> str:
    """A bitmap at this size in pixels, with words for those who do not see it."""
    data = b64encode(png).decode()
    return (
        f'<img src="data:image/png;base64,{data}" width="{width}" height="{height}" '
        f'style="max-width:100%;height:auto" alt="{escape(alt)}">'
    )


def _note(each: Scored) -> str:
    lower = "" if each.higher_is_better else "lower is better"
    return "; ".join(part for part in (each.unit, lower, each.reason) if part)
