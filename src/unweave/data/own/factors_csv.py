"""factors.csv beside pictures: what is known of each file, in columns of numbers or words."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from unweave.base.errors import InputError
from unweave.data.readers.columns import NOTHING, numbered

NAME = "factors.csv"
LABELS = ("label", "class")  # the column of this name is that of the classes
_COMMA = re.compile(r"[+-]?\d+,\d+")


@dataclass(frozen=True)
class FactorTable:
    """What is known of every picture: values (n, K) float64, NaN where nothing is; words are numbered from 0.

    `words` has the words of each column, () where it has numbers.
    """

    names: tuple[str, ...]
    values: np.ndarray
    words: tuple[tuple[str, ...], ...]

    @cached_property
    def labels(self) -> tuple[np.ndarray, tuple[str, ...]] | None:
        """Class of every picture, int64 (n,), and the classes' names; None without a full column label or class."""
        for column, name in enumerate(self.names):
            if name.lower() in LABELS:
                values = self.values[:, column]
                if np.isnan(values).any():
                    return None
                kinds, numbers = np.unique(values, return_inverse=True)
                words = self.words[column]
                return numbers.astype(np.int64), tuple(words[int(kind)] if words else f"{kind:g}" for kind in kinds)
        return None


def read_factors(path: Path, files: Sequence[str], known: Sequence[str]) -> FactorTable:
    """The table for pictures that come from `files`; `known` are all names that its rows may have.

    The first column holds file names relative to the folder. Commas, semicolons or tabs divide columns. Doubled or
    unknown files, rows of another length, decimal commas and a table without columns raise InputError.
    """
    rows = _rows(path)
    header, *body = rows
    names = tuple(name.strip() for name in header[1:])
    if not names or not body:
        raise InputError(f"{path} must have a column of file names, another one and a row for each file, got less")
    if "" in names or len(set(names)) < len(names):
        raise InputError(f"{path} must name each column once, got {', '.join(name or 'nothing' for name in names)}")
    possible, cells = set(known), dict[str, list[str]]()
    for number, row in enumerate(body, 2):
        if len(row) != len(header):
            raise InputError(f"{path} must have {len(header)} cells in each row, got {len(row)} in row {number}")
        file = row[0].strip().replace("\\", "/").removeprefix("./")
        if file not in possible:
            raise InputError(f"{path} must name files of its folder, got {file or 'nothing'} in row {number}")
        if file in cells:
            raise InputError(f"{path} must name each file once, got {file} again in row {number}")
        cells[file] = [cell.strip() for cell in row[1:]]
    columns = [_column(path, name, [row[k] for row in cells.values()]) for k, name in enumerate(names)]
    place = {file: k for k, file in enumerate(cells)}
    at = np.array([place.get(file, -1) for file in files])
    values = np.stack([np.append(numbers, np.nan)[at] for numbers, _ in columns], axis=1)
    return FactorTable(names, values, tuple(words for _, words in columns))


def _rows(path: Path) -> list[list[str]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            first = file.readline()
            file.seek(0)
            divider = max(",;\t", key=first.count)
            rows = [row for row in csv.reader(file, delimiter=divider) if any(cell.strip() for cell in row)]
    except (OSError, UnicodeDecodeError, csv.Error) as wrong:
        raise InputError(f"{path} must be a table in UTF-8, got one that cannot be read: {wrong}") from None
    if not rows:
        raise InputError(f"{path} must have a row of column names, got an empty file")
    return rows


def _column(path: Path, name: str, cells: list[str]) -> tuple[np.ndarray, tuple[str, ...]]:
    """A column as numbers, NaN where a cell is empty or NA, and its words where they are words."""
    cells = ["" if cell.lower() in NOTHING else cell for cell in cells]
    held = [cell for cell in cells if cell]
    decimal = next((cell for cell in held if _COMMA.fullmatch(cell)), None)
    if decimal and all(_COMMA.fullmatch(cell) or _is_number(cell) for cell in held):
        raise InputError(f"{path} must have decimal points, got {decimal} in column {name}")
    return numbered(cells)


def _is_number(cell: str) -> bool:
    try:
        return math.isfinite(float(cell))
    except ValueError:
        return False
