"""Text of others in the cells of tables, for programs that would take some of it for more than text."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

LATEX = str.maketrans(
    {
        **{letter: "\\" + letter for letter in "&%$#_{}"},
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
    }
)
FORMULA = ("=", "+", "-", "@")  # what a spreadsheet computes rather than shows


def latex(text: str) -> str:
    r"""Text that LaTeX prints as it is, in one line.

    >>> latex(r"\input{a_b}")
    '\\textbackslash{}input\\{a\\_b\\}'
    """
    return " ".join(text.split()).translate(LATEX)


def markdown(text: str) -> str:
    r"""Text that stays in its cell of a Markdown table and is no HTML.

    >>> print(markdown("a|b <i>"))
    a\|b \<i>
    """
    return " ".join(text.split()).replace("|", r"\|").replace("<", r"\<")


def spreadsheet(cells: Iterable[Any]) -> list[Any]:
    """Cells of a CSV file, of which text that a spreadsheet would compute gets an apostrophe before it.

    >>> spreadsheet(["=1+1", "a", -1, None, "-"])
    ["'=1+1", 'a', -1, None, '-']
    """
    return [_shown(cell) if isinstance(cell, str) else cell for cell in cells]


def _shown(text: str) -> str:
    bare = text.lstrip()
    return "'" + text if len(bare) > 1 and bare.startswith(FORMULA) and not _is_number(bare) else text


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
