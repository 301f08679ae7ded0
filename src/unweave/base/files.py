"""How files are written and read: whole or not at all, JSON with a format number, records line by line."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO, TextIO

from unweave.base.errors import InputError

FORMAT = 1  # of every file that a run, a study or an exported model consists of


def write_atomic(path: Path, writer: Callable[[BinaryIO], object]) -> None:
    """Let `writer` fill `path`, so that others see the old file or the whole new one and never a part.

    It writes to a temporary name in the same folder (made where missing), which is flushed to the disk and
    then renamed. Any exception, OSError included, leaves `path` as it was and no temporary file behind.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
    try:
        with temporary.open("xb") as sink:
            writer(sink)
            sink.flush()
            os.fsync(sink.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_json(path: Path, values: Mapping[str, Any]) -> None:
    """Write strict JSON that carries the format number."""
    text = json.dumps({"format": FORMAT, **values}, indent=1, allow_nan=False) + "\n"
    write_atomic(path, lambda file: file.write(text.encode()))


def read_json(path: Path) -> dict[str, Any]:
    """Read a file of ours; a missing, broken or newer one raises InputError that names it."""
    try:
        values = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path.parent} is not a run: it has no {path.name}") from None
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as wrong:
        raise InputError(f"{path} cannot be read as JSON: {wrong}") from None
    if not isinstance(values, dict) or not isinstance(values.get("format"), int):
        raise InputError(f"{path} must carry a format number, as every file of a run does; it has none")
    if values["format"] > FORMAT:
        raise InputError(
            f"{path} has format {values['format']}, newer than the {FORMAT} that this unweave reads; upgrade unweave"
        )
    return values


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
