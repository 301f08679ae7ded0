"""Print the scores of runs as one tidy table."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal

from unweave.base.cells import latex, markdown, spreadsheet


def table(
    folder: Annotated[str, "a run, or a folder of runs"] = "runs",
    /,
    *,
    format_: Annotated[Literal["csv", "md", "json", "latex"], "output format"] = "md",
) -> None:
    """Print the scores of runs as one tidy table: a row for each run, metric, part and factor."""
    from unweave.run.rows import COLUMNS
    from unweave.run.run import runs

    rows = runs(folder).table()
    if format_ == "csv":
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(spreadsheet(row[name] for name in COLUMNS) for row in rows)
    elif format_ == "json":
        print(json.dumps(rows, indent=1, allow_nan=False))
    elif format_ == "md":
        _print_rows(COLUMNS, rows, ("| ", " | ", " |"), "|" + "---|" * len(COLUMNS), markdown)
    else:
        print(r"\begin{tabular}{" + "l" * len(COLUMNS) + "}")
        _print_rows(COLUMNS, rows, ("", " & ", r" \\"), r"\hline", latex)
        print(r"\end{tabular}")


def _print_rows(
    columns: Sequence[str],
    rows: Sequence[dict[str, Any]],
    marks: tuple[str, str, str],
    rule: str,
    escape: Callable[[str], str],
) -> None:
    left, between, right = marks

    def cell(value: object) -> str:
        return escape("" if value is None else f"{value:.4f}" if isinstance(value, float) else str(value))

    print(left + between.join(map(cell, columns)) + right)
    print(rule)
    for row in rows:
        print(left + between.join(cell(row[name]) for name in columns) + right)
