"""Files of one JSON record a line, which a kill may tear and a resumed run goes on with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

from unweave.data.cache import write_atomic
from unweave.errors import InputError


def write_line(file: TextIO, record: Mapping[str, Any]) -> None:
    """Append one record and see that other processes can read it."""
    file.write(json.dumps(record) + "\n")
    file.flush()


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The records of the file, [] without one; a torn last line is left out, any other bad one raises InputError."""
    if not path.exists():
        return []
    lines = path.read_text("utf-8").splitlines()
    records: list[dict[str, Any]] = []
    for number, line in enumerate(lines):
        try:
            records.append(json.loads(line))
        except json.JSONDecodeError as wrong:
            if number == len(lines) - 1:
                break
            raise InputError(f"{path} cannot be read: {wrong}") from None
    return records


def cut_after(path: Path, step: int) -> None:
    """Drop records after `step`, and a last line that a kill tore, so that a resumed file has no doubles.

    A record without a step is of the whole file, and goes where the run begins anew (step 0).
    """
    if not path.exists():
        return
    kept: list[str] = []
    for line in path.read_text("utf-8").splitlines():
        try:
            record = json.loads(line)
        except json.JSONDecodeError:
            break
        if step > 0 and record.get("step", 0) <= step:
            kept.append(line + "\n")
    write_atomic(path, lambda file: file.write("".join(kept).encode()))
