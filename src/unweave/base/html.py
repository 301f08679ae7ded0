"""HTML that pages and notebooks share: a page that needs nothing else, tables, bitmaps; every name is escaped."""

from __future__ import annotations

import math
import re
from base64 import b64encode
from collections.abc import Iterable, Sequence
from html import escape
from importlib.resources import files

MOST = 50  # rows of a notebook's table
DASH = "\N{EN DASH}"
# No script, no frame, nothing from anywhere: only what is written into the page itself.
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def page(title: str, kind: str, parts: Iterable[str]) -> str:
    r"""A whole page of HTML under a heading, one file without script that needs no other; `kind` says what it is.

    >>> page("<mig>", "report", ["<p>good</p>"])
    '<!DOCTYPE html>...<h1>&lt;mig&gt;</h1></header>\n<main>\n<p>good</p></main>\n</body>\n</html>\n'
    """
    css = files("unweave.base").joinpath("page.css").read_text("utf-8")
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        f"<title>{escape(title)}: unweave {kind}</title>\n<style>\n{css}</style>\n</head>\n<body>\n"
        f"<header><h1>{escape(title)}</h1></header>\n<main>\n{''.join(parts)}</main>\n</body>\n</html>\n"
    )


def boxed(caption: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A page's table, in a box that scrolls sideways by itself; the first column names the row."""
    numeric = [k > 0 and all(_is_number(row[k]) for row in rows) for k in range(len(heads))]
    head = "".join(_cell("th", text, numeric[k], ' scope="col"') for k, text in enumerate(heads))
    body: list[str] = []
    for row in rows:
        named = _cell("th", row[0], number=False, extra=' scope="row"')
        cells = [_cell("td", text, number) for text, number in zip(row[1:], numeric[1:], strict=True)]
        body.append(f"<tr>{named}{''.join(cells)}</tr>")
    return (
        f'<div class="box" tabindex="0" role="region" aria-label="{escape(caption)}"><table>'
        f"<caption>{escape(caption)}</caption><thead><tr>{head}</tr></thead>"
        f"<tbody>{''.join(body)}</tbody></table></div>\n"
    )


def _cell(tag: str, text: str, number: bool, extra: str = "") -> str:
    kind = ' class="number"' if number else ' class="wide"' if tag == "td" and len(text) > 24 else ""
    return f"<{tag}{extra}{kind}>{escape(text)}</{tag}>"


def _is_number(text: str) -> bool:
    return text == DASH or re.fullmatch(r"-?[\d,]+(\.\d+)?", text) is not None


def figure(shown: str, caption: str = "") -> str:
    """An image in a page, in a box that scrolls sideways by itself, under its caption."""
    above = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    return f'<figure>{above}<div class="box card">{shown}</div></figure>\n'


def listed(lines: Sequence[str]) -> str:
    """Sentences as a list, nothing where there are none."""
    return f"<ul>{''.join(f'<li>{escape(line)}</li>' for line in lines)}</ul>\n" if lines else ""


def table(heads: Sequence[str], rows: Sequence[Sequence[object]], caption: str = "") -> str:
    """A table of at most 50 rows as HTML; the first column names the row, and what is cut off is counted below it.

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
    return number(value) if value is None or isinstance(value, float) else str(value)


def number(value: float | None, unknown: str = DASH) -> str:
    """A number with three digits after the point if it is small, else with one.

    >>> number(0.81666), number(-1200.04), number(None, "?")
    ('0.817', '-1,200.0', '?')
    """
    if value is None or not math.isfinite(value):
        return unknown
    return f"{value:.3f}" if abs(value) < 10 else f"{value:,.1f}"


def image(
    data: bytes, size: tuple[int, int], alt: str, css: str = "max-width:100%;height:auto", kind: str = "image/png"
) -> str:
    """A picture of this width and height in pixels inside the page, with words for those who do not see it."""
    width, height = size
    source = f"data:{kind};base64,{b64encode(data).decode()}"
    return f'<img src="{source}" width="{width}" height="{height}" style="{css}" alt="{escape(alt)}">'
