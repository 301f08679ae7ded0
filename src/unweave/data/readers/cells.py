"""Cells of .csv, .tsv and .parquet files, by column and some rows at a time."""

from __future__ import annotations

import codecs
import contextlib
import csv
import math
import re
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cached_property
from itertools import chain, islice
from pathlib import Path
from typing import Any, Literal

import numpy as np

from unweave.base.errors import InputError
from unweave.data.readers.limits import few

Separator = Literal["auto", ",", ";", "|", "tab"]
SEPARATORS: dict[Separator, str] = {",": ",", ";": ";", "|": "|", "tab": "\t"}
Thousands = Literal["none", ",", ".", "'", "space"]
THOUSANDS: dict[Thousands, str] = {"none": "", ",": ",", ".": ".", "'": "'", "space": " "}
MISSING = frozenset({"", "na", "n/a", "nan", "null"})  # of a text file, whatever their case
ROWS = 20_000  # read together
DAY = 86_400  # seconds

Cells = list[Any]  # of one column: texts, or numbers and None where a file has types
Kind = Literal["number", "percent", "date"]  # how the cells of a column become numbers


def text_of(cell: Any) -> str:
    """A cell as text, "" for None."""
    return "" if cell is None else str(cell).strip()


def grouped(sign: str, decimal: str) -> re.Pattern[str]:
    """Numbers whose thousands are parted by `sign`, as in 12,345.6.

    >>> bool(grouped(",", ".").fullmatch("1,234,567.8")), bool(grouped(",", ".").fullmatch("1,5"))
    (True, False)
    """
    return re.compile(rf"[+-]?\d{{1,3}}(?:{re.escape(sign)}\d{{3}})+(?:{re.escape(decimal)}\d*)?")


@dataclass(frozen=True)
class Wording:
    """How a text file writes its cells: signs, the texts that stand for nothing, and how dates are written.

    `date_format` is that of strptime; "" takes ISO 8601, as 2026-11-29 or 2026-11-29T08:30.
    """

    decimal: str = "."
    thousands: str = ""
    missing: frozenset[str] = MISSING
    date_format: str = ""

    def lacks(self, text: str) -> bool:
        """Whether a text stands for a missing cell."""
        return text.lower() in self.missing

    @cached_property
    def numbers_missing(self) -> list[float]:
        """Numbers that stand for nothing, such as -999, however they are written."""
        found: list[float] = []
        for text in self.missing:
            with contextlib.suppress(ValueError):
                found.append(float(text.replace(self.decimal, ".")))
        return [each for each in found if math.isfinite(each)]

    def value(self, cell: Any, kind: Kind) -> float:
        """A cell as a number, dates in days since 1970-01-01 (UTC); ValueError where it is none of this kind."""
        text = text_of(cell)
        if kind == "date":
            return self._days(cell, text)
        if kind == "percent":
            if not text.endswith("%"):
                raise ValueError(text)
            text = text[:-1].rstrip()
        if self.thousands and grouped(self.thousands, self.decimal).fullmatch(text.replace("\xa0", " ")):
            text = text.replace("\xa0", " ").replace(self.thousands, "")
        return float("-" if self.decimal == "," and "." in text else text.replace(self.decimal, "."))

    def _days(self, cell: Any, text: str) -> float:
        if isinstance(cell, date):
            found = cell if isinstance(cell, datetime) else datetime(cell.year, cell.month, cell.day, tzinfo=UTC)
        else:
            found = datetime.strptime(text, self.date_format) if self.date_format else datetime.fromisoformat(text)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp() / DAY


@dataclass(frozen=True)
class Reader:
    """A file that can be read from the start again: `blocks(names)` gives cells by column, some 20,000 rows a time.

    `every` are the names of all columns, `names` of those that are wanted.
    """

    every: list[str]
    names: list[str]
    blocks: Callable[[list[str]], Iterator[dict[str, Cells]]]
    wording: Wording
    left_out: tuple[str, ...] = ()
    assumed: tuple[str, ...] = ()

    def lacks(self, text: str) -> bool:
        """Whether a text stands for a missing cell."""
        return self.wording.lacks(text)

    def numbers(self, cells: Cells, kind: Kind = "number") -> tuple[np.ndarray, np.ndarray]:
        """Values of cells, float64, NaN where they are missing or no numbers; and which are no numbers."""
        if kind == "number" and self.wording.decimal == ".":
            with contextlib.suppress(ValueError, TypeError):
                values = np.array(cells, np.float64)
                values[np.isin(values, self.wording.numbers_missing)] = np.nan
                return values, np.zeros(len(cells), bool)
        of = {cell: self.number(cell, kind) for cell in dict.fromkeys(cells)}
        values, bad = zip(*(of[cell] for cell in cells), strict=True)
        return np.array(values, np.float64), np.array(bad, bool)

    def number(self, cell: Any, kind: Kind = "number") -> tuple[float, bool]:
        """A cell's value, NaN where it is missing, and whether it is no number."""
        if self.lacks(text_of(cell)):
            return np.nan, False
        try:
            value = self.wording.value(cell, kind)
            return np.nan if kind == "number" and value in self.wording.numbers_missing else value, False
        except (ValueError, OverflowError):
            return np.nan, True

    def one_hot(self, cells: Cells, levels: Mapping[str, int]) -> np.ndarray:
        """One row a cell with a 1 in its level's place, NaN throughout where the cell is missing."""
        hot = np.zeros((len(cells), len(levels)))
        places = np.array([levels.get(text_of(cell), -1) for cell in cells])
        known = places >= 0
        hot[np.flatnonzero(known), places[known]] = 1
        hot[~known] = np.nan
        return hot


@dataclass(frozen=True)
class Text:
    """A text file: its encoding ("auto" is UTF-8, or UTF-16 where a mark at its beginning says so) and comment sign."""

    path: Path
    encoding: str = "auto"
    comment: str = ""

    @contextmanager
    def rows(self, separator: str) -> Generator[Iterator[list[str]]]:
        """The rows, empty ones and comments left out; what cannot be read raises InputError."""
        try:
            with self.path.open(encoding=self._codec(), newline="") as file:
                lines = (each for each in file if not each.startswith(self.comment)) if self.comment else file
                yield (row for row in csv.reader(lines, delimiter=separator) if row)
        except (UnicodeError, csv.Error, OSError) as wrong:
            if isinstance(wrong, UnicodeError) or "NUL" in str(wrong):
                kind = "UTF-8" if self.encoding == "auto" else self.encoding
                others = "latin-1, cp1252 or utf-16" if self.encoding == "auto" else "another one"
                raise InputError(
                    f"path must be {kind} text, got {self.path}: {wrong}; spreadsheets write {others}, which "
                    "--data.encoding names"
                ) from None
            raise InputError(f"path must be a table of text, got {self.path}: {wrong}") from None

    def _codec(self) -> str:
        if self.encoding != "auto":
            return self.encoding
        with self.path.open("rb") as file:
            start = file.read(2)
        return "utf-16" if start in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "utf-8-sig"


def separator_of(text: Text, given: Separator) -> Separator:
    """The separator that gives the first rows the same number of cells, two or more; the one with most cells."""
    if given != "auto" or text.path.suffix.lower() == ".parquet":
        return given
    if text.path.suffix.lower() == ".tsv":
        return "tab"
    widths: dict[Separator, set[int]] = {}
    for name, separator in SEPARATORS.items():
        with text.rows(separator) as rows:
            widths[name] = {len(row) for row in islice(rows, 50)}
    even: list[Separator] = [name for name, found in widths.items() if len(found) == 1 and found != {1}]
    # of rows that differ, those with the separator that occurs most tell best what is wrong
    return max(even or list(widths), key=lambda name: max(widths[name], default=0))


def text_file(text: Text, separator: str, wording: Wording) -> Reader:
    """A .csv or .tsv file; one that is no text, no table, or whose columns have no names of their own is refused."""
    path = text.path
    with text.rows(separator) as rows:
        head = next(rows, None)
    if head is None:
        raise InputError(f"path must be a table with rows, got {path}, which is empty")
    parsed = Reader([], [], lambda _: iter(()), wording).numbers(head)
    headless = not np.isnan(parsed[0]).any()
    names = [f"column-{k}" for k in range(len(head))] if headless else [cell.strip() for cell in head]
    left_out: tuple[str, ...] = ()
    if names[0] == "" and len(names) > 1:  # pandas' index
        names[0] = "index"
        left_out = ("index",) if "index" not in names[1:] else ()
    _check_names(names, path)
    notes = (("the first row is numbers, so columns are called column-0 and so on",) if headless else ()) + (
        ("the first column has no name and is left out",) if left_out else ()
    )

    def blocks(wanted: list[str]) -> Iterator[dict[str, Cells]]:
        places = {name: names.index(name) for name in wanted}
        with text.rows(separator) as rows:
            first = next(rows, [])
            at = 0
            below = chain([first], rows) if headless else rows
            while block := list(islice(below, ROWS)):
                for k, row in enumerate(block):
                    if len(row) != len(names):
                        raise InputError(
                            f"rows of {path.name} must have {len(names)} cells like the first, got {len(row)} in row "
                            f"{at + k + 1}{_remark(head, row)}"
                        )
                at += len(block)
                columns = list(zip(*block, strict=True))
                yield {name: list(columns[place]) for name, place in places.items()}

    return Reader(names, names, blocks, wording, left_out, notes)


def _remark(*rows: Sequence[str]) -> str:
    """What to do about a row that looks like a comment."""
    sign = next((row[0].lstrip()[0] for row in rows if row[0].lstrip()[:1] in tuple("#%!")), None)
    return "" if sign is None else f"; --data.comment '{sign}' passes over lines that begin with it"


def _check_names(names: Sequence[str], path: Path) -> None:
    if twice := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
        raise InputError(
            f"columns of {path.name} must have names of their own, got {few(map(repr, twice))} twice or more"
        )
    if "" in names:
        raise InputError(f"columns of {path.name} must have names, got none for column {list(names).index('') + 1}")


def parquet_file(path: Path, most: int, wording: Wording, dates: Sequence[str] = ()) -> Reader:
    """A .parquet file; one that is broken, or declares more than `most` bytes, is refused before its cells are read.

    Columns of dates are taken where `dates` names them.
    """
    try:
        import pyarrow as pa  # pyright: ignore[reportMissingImports]
        import pyarrow.parquet as pq  # pyright: ignore[reportMissingImports]
    except ModuleNotFoundError:
        raise InputError("parquet files need pyarrow: pip install 'unweave[tables]'") from None

    @contextmanager
    def file() -> Generator[Any]:
        try:
            with pq.ParquetFile(path, page_checksum_verification=True) as opened:
                yield opened
        except (pa.ArrowException, OSError) as wrong:
            reason = " ".join(str(wrong).split())
            raise InputError(f"path must be a whole .parquet file, got {path}: {reason[:200]}") from None

    with file() as opened:
        meta, schema = opened.metadata, opened.schema_arrow
        declared = sum(meta.row_group(k).total_byte_size for k in range(meta.num_row_groups))
        declared = max(declared, meta.num_rows * len(schema) * 4)
        if declared > most:
            raise InputError(
                f"max-bytes must be {declared} or more for {path.name}, which declares so many bytes, got {most}"
            )
        names, types = list(schema.names), list(schema.types)
    _check_names(names, path)
    strange = {
        name: kind
        for name, kind in zip(names, types, strict=True)
        if not _is_plain(pa.types, kind) and not (name in dates and pa.types.is_temporal(kind))
    }

    def blocks(wanted: list[str]) -> Iterator[dict[str, Cells]]:
        for name in wanted:
            if name in strange:
                also = f", or read it by --data.dates {name}" if pa.types.is_temporal(strange[name]) else ""
                raise InputError(
                    f"column {name} must hold numbers or texts, got {strange[name]}; leave it out by --data.drop "
                    f"{name}{also}"
                )
        with file() as opened:
            for batch in opened.iter_batches(batch_size=ROWS, columns=wanted):
                yield {name: _typed(batch.column(name).to_pylist()) for name in wanted}

    left_out = tuple(name for name in names if name.startswith("__index_level_"))
    return Reader(names, names, blocks, wording, left_out)


def _is_plain(types: Any, kind: Any) -> bool:
    """Whether a column's type is numbers, truth values, texts or nothing at all."""
    if types.is_dictionary(kind):
        return _is_plain(types, kind.value_type)
    numbers = types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind)
    texts = types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind)
    return numbers or texts or types.is_boolean(kind) or types.is_null(kind)


def _typed(cells: Cells) -> Cells:
    """Truth values as texts, which are categories, and NaN as missing."""
    return [str(cell) if isinstance(cell, bool) else cell if cell == cell else None for cell in cells]
