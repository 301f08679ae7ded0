"""Print the scores of runs as one tidy table."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Sequence
from typing import Annotated, Any, Literal


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
        writer = csv.DictWriter(sys.stdout, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    elif format_ == "json":
        print(json.dumps(rows, indent=1, allow_nan=False))
    elif format_ == "md":
        _print_rows(COLUMNS, rows, "| ", " | ", " |", rule="|" + "---|" * len(COLUMNS))
    else:
        print(r"\begin{tabular}{" + "l" * len(COLUMNS) + "}")
        _print_rows(COLUMNS, rows, "", " & ", r" \\", rule=r"\hline", escape=True)
        print(r"\end{tabular}")


def _print_rows(
    columns: Sequence[str],
    rows: Sequence[dict[str, Any]],
    left: str,
    between: str,
    right: str,
    rule: str,
    escape: bool = False,
) -> None:
    def cell(value: object) -> str:
        text = "" if value is None else f"{value:.4f}" if isinstance(value, float) else str(value)
        return text.replace("_", r"\_") if escape else text.replace("|", r"\|")

    print(left + between.join(map(cell, columns)) + right)
    print(rule)
    for row in rows:
        print(left + between.join(cell(row[name]) for name in columns) + right)
