"""Tables of your own: numeric and categorical columns of a .csv, .tsv or .parquet file."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor

from unweave.base import cache, checks
from unweave.base.checks import Range
from unweave.base.errors import InputError
from unweave.base.settings import short_hash
from unweave.data.own.own_file import FINEST, LARGEST, LIMIT, OwnFile, digest, existing, remembered, unchanged
from unweave.data.readers.cells import (
    MISSING,
    SEPARATORS,
    THOUSANDS,
    Cells,
    Kind,
    Reader,
    Separator,
    Text,
    Thousands,
    Wording,
    grouped,
    parquet_file,
    separator_of,
    text_file,
    text_of,
)
from unweave.data.readers.limits import few

SUFFIXES = (".csv", ".tsv", ".parquet")
MOST_LEVELS = 100  # a category, or a label, with more values is probably a name or a number
MANY = 20  # different texts, at least, in more than half of the rows: names of things, most likely
DATE = re.compile(r"\d{4}-\d{1,2}-\d{1,2}([T ].*)?|\d{1,4}([./-])\d{1,2}\2\d{1,4}")
DECIMALS = {sign: re.compile(rf"\s*[+-]?\d+[{sign}]\d+\s*") for sign in ".,"}
FOUND = "(found in the table)"
INT64 = np.dtype(np.int64)
FLOAT32 = np.dtype(np.float32)


@dataclass(frozen=True)
class Table(OwnFile):
    r"""Rows of a table as vectors (1, 1, K): first its numeric columns, then its categories, one number a level.

    A column is numeric if its cells are numbers, and categorical if they are texts, truth values, or named in
    `categorical`. The model itself standardises the numeric ones, so that it takes and gives the table's units.
    The likelihood is gaussian, or mixed where there are categories.

    Numbers may end in a percent sign, and `dates` become days. Cells that are empty, NA, N/A, NaN, null, or in
    `missing`, are missing: refused, or with `impute` mean replaced by their column's
    mean, which of a category is the share of each level. The first row names the columns, unless it is all numbers; a
    first column without a name, as pandas writes its index, is left out. Rows of unequal length, numbers with the other
    decimal sign, texts among numbers, categories of more than 100 levels, infinities, and columns that float32 cannot
    hold raise InputError. What was read lies in the cache; a .parquet file needs pyarrow.

    >>> import tempfile
    >>> place = Path(tempfile.mkdtemp(), "pets.csv")
    >>> _ = place.write_text("height,kind\n10,cat\n30,dog\n20,cat\n")
    >>> data = Table(str(place)).resolved()
    >>> data.columns, data.images(np.array([1])).tolist()
    (('height', 'kind=cat', 'kind=dog'), [[[[30.0, 0.0, 1.0]]]])
    """

    path: Annotated[str, "a .csv, .tsv or .parquet file"] = ""
    use: Annotated[tuple[str, ...], "names of the columns that are data; all if not given"] = ()
    drop: Annotated[tuple[str, ...], "names of columns to leave out"] = ()
    label: Annotated[str | None, "a column with the class of each row, which is kept out of the data"] = None
    categorical: Annotated[tuple[str, ...], "names of columns whose numbers are categories"] = ()
    impute: Annotated[Literal["none", "mean"], "what missing cells become; none refuses them"] = "none"
    missing: Annotated[tuple[str, ...], "texts that stand for missing cells, besides NA and its kind, as in ."] = ()
    dates: Annotated[tuple[str, ...], "names of columns of dates, which become days since 1970-01-01"] = ()
    date_format: Annotated[str, "how they are written, as in %d/%m/%Y; ISO 8601 if not given"] = ""
    decimal: Annotated[Literal[".", ","], "sign before the decimals"] = "."
    thousands: Annotated[Thousands, "sign between thousands, as in 12,345"] = "none"
    separator: Annotated[Separator, "what stands between two cells"] = "auto"
    encoding: Annotated[str, "of a text file: auto (UTF-8, or UTF-16 if marked), latin-1, cp1252 ..."] = "auto"
    comment: Annotated[str, "sign with which lines begin that are passed over, as in #"] = ""
    max_bytes: Annotated[int, "largest file, and largest table of float32, that is read, in bytes", Range(1)] = LIMIT
    content: Annotated[str | None, f"digest of the file {FOUND}"] = None
    rows: Annotated[int, f"number of rows {FOUND}"] = 0
    numeric: Annotated[tuple[str, ...], f"names of the numeric columns {FOUND}"] = ()
    levels: Annotated[tuple[str, ...], f"names of the categories' levels {FOUND}"] = ()
    categories: Annotated[tuple[str, ...], f"names of the categorical columns {FOUND}"] = ()
    sizes: Annotated[tuple[int, ...], f"number of levels of each category {FOUND}"] = ()
    names: Annotated[tuple[str, ...], f"names of the classes {FOUND}"] = ()
    percents: Annotated[tuple[str, ...], f"numeric columns whose cells end in a percent sign {FOUND}"] = ()
    counts: Annotated[bool, f"whether all numbers are counts {FOUND}"] = False
    notes: Annotated[tuple[str, ...], f"what was assumed, in words {FOUND}"] = ()

    bounded: ClassVar = False
    net: ClassVar = "mlp"
    bookkeeping: ClassVar = ("path", "max_bytes", "names", "notes")
    found: ClassVar = (
        "content", "rows", "numeric", "levels", "categories", "sizes", "names", "percents", "counts", "notes",
    )  # fmt: skip

    def __post_init__(self) -> None:
        super().__post_init__()
        if sum(self.sizes) != len(self.levels) or len(self.sizes) != len(self.categories):
            raise InputError(f"sizes must add up to the number of levels, {len(self.levels)}, got {self.sizes}")
        if self.decimal == "," and self.separator == ",":
            raise InputError("separator must not be the decimal sign, got a comma for both")
        if self.thousands == self.decimal:
            raise InputError(f"thousands must not be the decimal sign, got {self.decimal!r} for both")
        if self.encoding != "auto":
            try:
                codecs.lookup(self.encoding)
            except LookupError:
                raise InputError(f"encoding must be one of Python's, such as latin-1, got {self.encoding}") from None
        if both := [name for name in self.dates if name in self.categorical]:
            raise InputError(f"dates must not be categorical too, got {few(both)} in both")

    def resolved(self) -> Table:
        """The same table with its digest, columns, levels and classes written as settings."""
        path = existing(self.path, SUFFIXES)
        if self.content is not None:
            unchanged(path, self.content)
            return replace(self, path=str(path))
        content = digest(path)
        return remembered(self, path, content, lambda: self._looked_at(path, content))

    def _looked_at(self, path: Path, content: str) -> Table:
        known = replace(self, separator=separator_of(self._text(path), self.separator))
        read = known._reader(path)
        every = {name: _Column(name) for name in read.names}
        rows = 0
        for block in read.blocks(list(every)):
            for name, cells in block.items():
                every[name].see(cells, read, rows, self._kind(name))
            rows += len(next(iter(block.values())))
        return known._described(path, content, rows, every, read.assumed)

    def _reader(self, path: Path) -> Reader:
        if path.stat().st_size > self.max_bytes:
            raise InputError(
                f"max-bytes must be {path.stat().st_size} or more for {path.name}, which has so many bytes, "
                f"got {self.max_bytes}"
            )
        parquet = path.suffix.lower() == ".parquet"
        own = frozenset(each.lower() for each in self.missing)
        wording = Wording(self.decimal, THOUSANDS[self.thousands], MISSING | own, self.date_format)
        if parquet:
            plain = replace(wording, decimal=".", thousands="", missing=frozenset({""}) | own)
            read = parquet_file(path, self.max_bytes, plain, self.dates)
        else:
            read = text_file(self._text(path), SEPARATORS[self.separator], wording)
        wanted = [*self.use, *self.drop, *self.categorical, *self.dates, *([] if self.label is None else [self.label])]
        for name in wanted:
            checks.known(f"column of {path.name}", name, read.every)
        left_out = {*self.drop, *read.left_out}
        kept = [name for name in read.every if (name in self.use if self.use else name not in left_out)]
        if self.label is not None and self.label not in kept:
            kept.append(self.label)
        if not kept:
            raise InputError(f"{path.name} must have a column that is data, got none")
        return replace(read, names=kept)

    def _text(self, path: Path) -> Text:
        return Text(path, self.encoding, self.comment)

    def _kind(self, name: str) -> Kind:
        """How a numeric column's cells are read."""
        return "date" if name in self.dates else "percent" if name in self.percents else "number"

    def _described(
        self, path: Path, content: str, rows: int, every: Mapping[str, _Column], assumed: tuple[str, ...]
    ) -> Table:
        """What the columns came to, or InputError where they cannot be data."""
        if rows < 2:
            raise InputError(f"{path.name} must hold 2 rows or more, got {rows}")
        own = [column for name, column in every.items() if name != self.label]
        for column in every.values():
            column.settle(column.name in self.categorical or column.name == self.label, self)
        if unique := [c for c in own if c.name not in self.categorical and c.names_rows(rows)]:
            first, names_of = unique[0], ",".join(column.name for column in unique)
            raise InputError(
                f"column {first.name} must hold numbers or a few categories, got {len(first.texts)} different texts, "
                f"such as {next(iter(first.texts))!r}, in {rows - first.missing} rows; leave out what only names the "
                f"rows by --data.drop {names_of}, or say --data.categorical {names_of}"
            )
        names: tuple[str, ...] = ()
        if self.label is not None:
            if every[self.label].missing:
                raise InputError(f"label must be a column without missing cells, got {every[self.label].gaps}")
            names = every[self.label].levels
        if gaps := [column for column in own if column.missing]:
            if self.impute == "none":
                raise InputError(
                    f"{path.name} must have no missing cells, got {few([c.gaps for c in gaps])}; fill them with means "
                    f"by --data.impute mean, or leave columns out by --data.drop {','.join(c.name for c in gaps[:5])}"
                )
            if empty := [column.name for column in gaps if column.missing == rows]:
                raise InputError(
                    f"columns must have a cell that is not missing, got {few(empty)}; leave out by --data.drop"
                )
        numbers = [column for column in own if not column.levels]
        choices = [column for column in own if column.levels]
        levels = tuple(f"{column.name}={level}" for column in choices for level in column.levels)
        width = len(numbers) + len(levels)
        if not width:
            raise InputError(f"{path.name} must have a column that is data, got none")
        if rows * width * 4 > self.max_bytes:
            raise InputError(
                f"max-bytes must be {rows * width * 4} or more for {rows} rows of {width} numbers, got {self.max_bytes}"
            )
        for column in numbers:
            column.check()
        steady = [c.name for c in numbers if c.low == c.high] + [c.name for c in choices if len(c.levels) == 1]
        if len(steady) == len(own):
            raise InputError(f"{path.name} must have a column that varies, got none: {few(steady)}")
        parts = [
            f"{len(numbers)} numeric column{'s' * (len(numbers) > 1)}, standardised inside the model"
            if numbers
            else "",
            f"{len(choices)} categorical ({few([f'{c.name} of {len(c.levels)}' for c in choices])})" if choices else "",
            f"label {self.label} of {len(names)} classes" if names else "",
        ]
        percents = tuple(column.name for column in numbers if column.percents)
        lines = [*assumed]
        if percents:
            lines.append(f"in percent: {few(percents)}")
        if self.dates:
            lines.append(f"dates as days since 1970-01-01: {few(self.dates)}")
        if gaps:
            lines.append("missing cells replaced by means: " + few([c.gaps for c in gaps]))
        if steady:
            lines.append(f"constant and so of no use: {few(steady)}")
        likelihood = "mixed" if choices else "gaussian"
        lines.append(f"likelihood {likelihood}; codes and tables speak your units")
        return replace(
            self, path=str(path), content=content, rows=rows, numeric=tuple(c.name for c in numbers), levels=levels,
            categories=tuple(c.name for c in choices), sizes=tuple(len(c.levels) for c in choices), names=names,
            percents=percents, counts=_all_counts(numbers),
            notes=(f"{path.name}: {rows:,} rows; " + ", ".join(filter(None, parts)), "; ".join(lines)),
        )  # fmt: skip

    @property
    def columns(self) -> tuple[str, ...]:  # pyright: ignore
        """Names of the numbers in a row: numeric columns, then column=level for each level of each category."""
        return (*self._known.numeric, *self._known.levels)

    @property
    def image_shape(self) -> tuple[int, int, int]:  # pyright: ignore
        """(1, 1, K)."""
        return (1, 1, len(self.columns))

    @property
    def likelihood(self) -> str:  # pyright: ignore
        """gaussian, or mixed where there are categories."""
        return "mixed" if self._known.sizes else "gaussian"

    @property
    def likelihood_settings(self) -> Mapping[str, Any]:  # pyright: ignore
        """The scale is that of standardised numbers."""
        sizes = self._known.sizes
        return {"scale": 0.5, "categories": sizes} if sizes else {"scale": 0.5, "squash": False}

    @property
    def standardised(self) -> int:  # pyright: ignore
        """All numeric columns."""
        return len(self._known.numeric)

    @property
    def caution(self) -> str | None:  # pyright: ignore
        """Counts may be better told by their logarithms."""
        if not self._known.counts:
            return None
        return (
            f"{Path(self.path).name} holds whole numbers from 0, which are standardised under likelihood "
            f"{self.likelihood}; of counts that span several powers of ten log(1 + count) often suits it better; "
            f"naming the likelihood {self.likelihood} says that this is meant"
        )

    @property
    def _entry(self) -> str:
        """What the cache calls this reading of this file."""
        known = self._known
        reading = [known.label, known.numeric, known.levels, known.sizes, known.names, known.decimal, known.separator]
        reading += [known.missing, known.dates, known.date_format, known.percents, known.thousands, known.encoding]
        reading += [known.comment]
        return f"table-{(known.content or '')[:16]}-{short_hash(reading)}"

    @cached_property
    def raw(self) -> np.ndarray:
        """All rows, float32 (n, K), mapped from the cache."""
        known = self._known
        shape = (known.rows, len(known.columns))
        return self._checked(lambda: cache.array(known._entry, shape, FLOAT32, known._rows))

    @cached_property
    def labels(self) -> np.ndarray | None:  # pyright: ignore
        """The class of each row, int64 (n,), or None; `classes` has their names."""
        known = self._known
        if known.label is None:
            return None
        return self._checked(lambda: cache.array(f"{known._entry}-labels", (known.rows,), INT64, known._labels))

    def _checked(self, read: Callable[[], np.ndarray]) -> np.ndarray:
        known = self._known
        assert known.content is not None
        unchanged(existing(known.path, SUFFIXES), known.content)
        return read()

    def _rows(self) -> Iterator[np.ndarray]:
        """The table again, as blocks of float32."""
        read, levels = self._reader(Path(self.path)), self._levels
        means = self._means(read) if self.impute == "mean" else {}
        for block in read.blocks([*self.numeric, *self.categories]):
            values = {name: read.numbers(block[name], self._kind(name))[0] for name in self.numeric}
            parts = [_filled(column, means.get(name))[:, None] for name, column in values.items()]
            parts += [_filled(read.one_hot(block[name], levels[name]), means.get(name)) for name in self.categories]
            yield np.concatenate(parts, axis=1).astype(np.float32)

    @property
    def _levels(self) -> dict[str, dict[str, int]]:
        """Of each category the number of each level."""
        ends = accumulate(self.sizes)
        parts = {
            n: self.levels[end - size : end] for n, size, end in zip(self.categories, self.sizes, ends, strict=True)
        }
        return {name: {level.removeprefix(f"{name}="): k for k, level in enumerate(p)} for name, p in parts.items()}

    def _means(self, read: Reader) -> dict[str, np.ndarray]:
        """The mean of each numeric column, and the share of each level of a category."""
        levels = self._levels
        totals: dict[str, Any] = {}
        seen = dict.fromkeys((*self.numeric, *self.categories), 0)
        for block in read.blocks(list(seen)):
            for name, cells in block.items():
                hot, kind = name in levels, self._kind(name)
                rows = read.one_hot(cells, levels[name]) if hot else read.numbers(cells, kind)[0][:, None]
                totals[name] = totals.get(name, 0.0) + np.nansum(rows, axis=0)
                seen[name] += int((~np.isnan(rows[:, 0])).sum())
        return {name: total / seen[name] for name, total in totals.items()}

    def _labels(self) -> Iterator[np.ndarray]:
        assert self.label is not None
        numbers = {name: k for k, name in enumerate(self.names)}
        for block in self._reader(Path(self.path)).blocks([self.label]):
            yield np.array([numbers[text_of(cell)] for cell in block[self.label]], np.int64)

    def images(self, indices: np.ndarray) -> Tensor:
        """The rows with these numbers, float32 (n, 1, 1, K)."""
        return torch.from_numpy(self.raw[self.checked_indices(indices)])[:, None, None]


@dataclass
class _Column:
    """What is known of a column after some of its cells."""

    name: str
    missing: int = 0
    numbers: int = 0
    first_gap: int = -1
    texts: dict[str, int] = field(default_factory=dict[str, int])  # each text, or number, with the row of the first
    bad: dict[str, int] = field(default_factory=dict[str, int])  # some of those that are no numbers
    bad_count: int = 0
    percents: int = 0  # numbers with a percent sign
    low: float = np.inf
    high: float = -np.inf
    whole: bool = True
    levels: tuple[str, ...] = ()

    def see(self, cells: Cells, read: Reader, at: int, kind: Kind) -> None:
        """Take in the cells from row `at` on."""
        values, bad = read.numbers(cells, kind)
        if kind == "number" and bad.any():
            places = np.flatnonzero(bad)
            shares, others = read.numbers([cells[k] for k in places], "percent")
            values[places], bad[places] = shares, others
            self.percents += int((~others).sum())
        missing = np.isnan(values) & ~bad
        gaps = np.flatnonzero(missing)
        if len(gaps) and self.first_gap < 0:
            self.first_gap = at + int(gaps[0])
        self.missing += len(gaps)
        known = values[~missing & ~bad]
        if len(known):
            self.low, self.high = min(self.low, float(known.min())), max(self.high, float(known.max()))
            self.whole = self.whole and bool((known == np.floor(known)).all())
        self.numbers += len(known)
        self.bad_count += int(bad.sum())
        for k in np.flatnonzero(bad)[: 5 if len(self.bad) < 5 else 0]:
            self.bad.setdefault(str(cells[k]), at + int(k))
        if len(self.texts) <= MOST_LEVELS:
            for cell in dict.fromkeys(cells):
                if not read.lacks(text := text_of(cell)):
                    self.texts.setdefault(text, at)

    @property
    def gaps(self) -> str:
        """Name, number and place of the missing cells, in words."""
        return f"{self.name} ({self.missing}, the first in row {self.first_gap + 1})"

    def names_rows(self, rows: int) -> bool:
        """Whether a category has so many different texts that they are names of the rows."""
        return bool(self.levels) and len(self.texts) >= MANY and 2 * len(self.texts) > rows - self.missing

    def settle(self, category: bool, table: Table) -> None:
        """Decide whether the column is a category, and refuse what is neither that nor numeric."""
        if not category:
            if not self.bad_count and self.percents in (0, self.numbers):
                return
            self._check_texts(table)
        if len(self.texts) > MOST_LEVELS:
            raise InputError(
                f"column {self.name} must have {MOST_LEVELS} different texts or fewer to be a category, got more, such "
                f"as {next(iter(self.bad or self.texts))!r}; leave it out by --data.drop {self.name}"
            )
        words = self.bad_count or self.percents or table.thousands != "none" or self.name in table.dates
        self.levels = tuple(sorted(self.texts) if words else sorted(self.texts, key=_value(table.decimal)))

    def _check_texts(self, table: Table) -> None:
        """Refuse a column that is meant to be numbers or dates, most likely, and say what to do about it."""
        name, decimal = self.name, table.decimal
        if not self.bad_count:
            raise InputError(f"column {name} must have a percent sign after all of its numbers or none, got some")
        text, row = next(iter(self.bad.items()))
        other = {".": ",", ",": "."}[decimal]
        for odd, at in self.bad.items():
            if grouped(other, decimal).fullmatch(odd.strip()):
                sure = odd.count(other) > 1 or decimal in odd
                also = "" if sure else f", or --data.decimal {other!r} if these are decimals"
                raise InputError(
                    f"column {name} must hold numbers, got {odd!r} in row {at + 1}; say --data.thousands "
                    f"{other!r}{also}"
                )
            if DECIMALS[other].fullmatch(odd):
                raise InputError(
                    f"decimal must be the sign before the decimals, got {decimal!r} while column {name} holds {odd!r} "
                    f"in row {at + 1}; say --data.decimal {other!r}"
                )
        if name in table.dates:
            raise InputError(
                f"dates must be written as {table.date_format or '2026-11-29 or 2026-11-29T08:30'}, got {text!r} in "
                f"row {row + 1} of column {name}; --data.date-format says how they are written, as in %d/%m/%Y"
            )
        if all(DATE.fullmatch(each.strip()) for each in self.bad):
            raise InputError(
                f"column {name} must hold numbers or categories, got dates such as {text!r}; --data.dates {name} makes "
                f"them days, --data.drop {name} leaves them out, --data.categorical {name} takes each as a category"
            )
        if self.numbers >= self.bad_count:
            more = f" and {self.bad_count - 1:,} more like it" if self.bad_count > 1 else ""
            raise InputError(
                f"column {name} must hold numbers throughout, got {text!r} in row {row + 1}{more}; correct it, say "
                f"--data.missing {text} if it stands for nothing, or --data.drop {name} or --data.categorical {name}"
            )

    def check(self) -> None:
        """Refuse numbers that float32 cannot hold."""
        size = max(-self.low, self.high)
        if not size <= LARGEST:
            raise InputError(f"column {self.name} must lie between -1e30 and 1e30, got {self.low:g} to {self.high:g}")
        if 0 < self.high - self.low < FINEST * size:
            raise InputError(
                f"column {self.name} must vary by more than {FINEST:.1g} of its size to be told apart in float32, got "
                f"{self.low:.10g} to {self.high:.10g}; subtract a constant from it first"
            )


def _value(decimal: str) -> Callable[[str], float]:
    return lambda text: float(text.replace(decimal, "."))


def _all_counts(numbers: Sequence[_Column]) -> bool:
    """Whether every numeric column counts something: whole numbers from 0, and most of them do reach 0."""
    if not numbers or not all(c.whole and c.low >= 0 for c in numbers) or all(c.high <= 1 for c in numbers):
        return False
    return 2 * sum(c.low == 0 for c in numbers) > len(numbers)


def _filled(values: np.ndarray, mean: np.ndarray | None) -> np.ndarray:
    return values if mean is None else np.where(np.isnan(values), mean, values)
