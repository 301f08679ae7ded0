"""Columns of numbers in a .npy, .npz, .csv, .parquet or .h5ad file, with their names where the file has them."""

from __future__ import annotations

import csv
import math
import zipfile
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from unweave.base.errors import InputError
from unweave.data.readers import sparse

KINDS = ".npy, .npz (scipy's sparse ones too), .csv, .parquet or .h5ad"
NOTHING = ("", "na", "nan", "n/a", "?", "<na>")  # words that stand for an unknown factor
MAPPED = 2**26  # bytes: larger .npy files stay on the disk until their rows are asked for


@dataclass(frozen=True)
class Columns:
    """Numbers of a file, (n, columns), an array or a sparse matrix, and the columns' names where the file has them."""

    values: Any
    names: tuple[str, ...] | None = None


def read(word: str, what: str, *, words: bool = False) -> Columns:
    """The array in a .npy, .npz, .csv, .parquet or .h5ad file; `FILE.npz:NAME` names one of several.

    What scipy.sparse.save_npz wrote, and a sparse X, stay sparse (csc_array); a large .npy is mapped, not loaded.
    Nothing is ever unpickled. One-dimensional arrays become one column. A file that does not hold one array of
    numbers raises InputError; `what` is its name in the message. With `words` a column of texts is numbered, and an
    empty cell is NaN.
    """
    path, key = _split(word)
    if not path.is_file():
        raise InputError(f"{what} must be a file, got {path}, which is none")
    readers: dict[str, Callable[[Path, str], Columns]] = {".csv": partial(_csv, words=words), ".parquet": _parquet}
    kind = path.suffix.lower()
    if kind in (".npy", ".npz"):
        table = Columns(_numpy(path, key, what, archive=kind == ".npz"))
    elif kind == ".h5ad":
        table = Columns(sparse.of_h5ad(path, what))
    elif kind in readers:
        table = readers[kind](path, what)
    else:
        raise InputError(f"{what} must be {KINDS}, got {path}")
    if table.values.ndim == 0:
        raise InputError(f"{what} must hold rows, got a single value in {path}")
    if words and table.values.dtype.kind in "OUS":
        table = Columns(as_numbers(table.values), table.names)
    if table.values.dtype.kind not in "biuf":
        raise InputError(f"{what} must hold numbers, got {table.values.dtype} in {path}")
    return Columns(table.values[:, None] if table.values.ndim == 1 else table.values, table.names)


def _split(word: str) -> tuple[Path, str | None]:
    """A path and the name of the array in it, if one is told after the last colon of FILE.npz:NAME."""
    path, colon, key = word.rpartition(":")
    if colon and path.lower().endswith(".npz"):
        return Path(path), key
    return Path(word), None


def _numpy(path: Path, key: str | None, what: str, *, archive: bool) -> Any:
    try:
        if not archive and path.stat().st_size > MAPPED:
            return _array(np.load(path, mmap_mode="r", allow_pickle=False), path, key, what, archive=archive)
        with path.open("rb") as file:
            return _array(np.load(file, allow_pickle=False), path, key, what, archive=archive)
    except InputError:
        raise
    except (
        ValueError,
        TypeError,
        OverflowError,
        MemoryError,
        OSError,
        EOFError,
        zipfile.BadZipFile,
        zlib.error,
    ) as wrong:
        if "pickle" in str(wrong) or "Python objects" in str(wrong):
            reason = "is pickled, and pickles can run code, so they are never loaded"
        else:
            reason = "is not in numpy's format"
        raise InputError(f"{what} must be a plain array of numbers, got {path}, which {reason}") from None


def _array(loaded: Any, path: Path, key: str | None, what: str, *, archive: bool) -> Any:
    """The array that was meant, of what numpy read."""
    if isinstance(loaded, np.ndarray) == archive:
        held, suffix = ("a single array", ".npy") if archive else ("an archive", ".npz")
        raise InputError(f"{what} must be what its name says, got {held} in {path}; name it {suffix}")
    if archive and key is None and sparse.is_sparse_npz(loaded.files):
        return sparse.of_npz(loaded, path, what)
    found = loaded[_key(list(loaded.files), key, path, what)] if archive else loaded
    if not isinstance(found, np.ndarray):  # a member that is no .npy comes as bytes
        raise ValueError("no array")
    return found


def _key(names: list[str], key: str | None, path: Path, what: str) -> str:
    """Which array of an archive is meant."""
    if key is None and len(names) == 1:
        return names[0]
    held = ", ".join(names) or "none"
    if key is None:
        raise InputError(f"{what} must name one array, as {path}:NAME, got an archive with {held}")
    if key not in names:
        raise InputError(f"{what} must name an array of {path}, got {key}; it holds {held}")
    return key


def _csv(path: Path, what: str, *, words: bool) -> Columns:
    """Read numbers, or `words` as they are, with commas between; a first row not all numbers names the columns."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = [row for row in csv.reader(file) if row]
    except (OSError, UnicodeDecodeError, csv.Error) as wrong:
        raise InputError(f"{what} must be a readable csv file, got {path}: {wrong}") from None
    if not rows:
        raise InputError(f"{what} must hold at least one row, got {path}, which is empty")
    named = not all(map(_is_number, rows[0]))
    head, body = (tuple(map(str.strip, rows[0])), rows[1:]) if named else (None, rows)
    for number, row in enumerate(body, 1 + named):
        if len(row) != len(rows[0]):
            raise InputError(f"{what} must have {len(rows[0])} cells in every row, got {len(row)} in row {number}")
        if not words and (wrong := [cell for cell in row if not _is_number(cell)]):
            raise InputError(f"{what} must hold numbers, got {wrong[0]!r} in row {number} of {path}")
    cells = np.array(body, object if words else np.float64).reshape(len(body), len(rows[0]))
    return Columns(cells, head)


def _is_number(cell: Any) -> bool:
    try:
        float(cell)
    except (ValueError, TypeError):
        return False
    return True


def numbered(cells: Iterable[Any]) -> tuple[npt.NDArray[np.float64], tuple[str, ...]]:
    """A column as numbers, NaN where a cell is empty or stands for nothing, and its words where it has any, sorted.

    Words are numbered from 0 in their order.

    >>> numbered(["cat", "dog", "", "cat"])[0].tolist(), numbered(["3", 2.5])[0].tolist()
    ([0.0, 1.0, nan, 0.0], [3.0, 2.5])
    """
    texts = [_text(cell) for cell in cells]
    held = {text for text in texts if text}
    if all(map(_is_number, held)):
        return np.array([float(text or "nan") for text in texts]), ()
    words = tuple(sorted(held))
    number = {word: float(k) for k, word in enumerate(words)}
    return np.array([number.get(text, math.nan) for text in texts]), words


def _text(cell: Any) -> str:
    """A cell as a text, "" where it stands for nothing."""
    text = "" if cell is None else cell.decode("utf-8", "replace") if isinstance(cell, bytes) else str(cell)
    return "" if text.strip().lower() in NOTHING else text.strip()


def as_numbers(values: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Cells (n,) or (n, K), texts among them, with each column as `numbered` gives it."""
    columns = values.reshape(len(values), -1).T
    return np.stack([numbered(column.tolist())[0] for column in columns], axis=1).reshape(values.shape)


def _parquet(path: Path, what: str) -> Columns:
    try:
        import pandas as pd  # pyright: ignore[reportMissingImports]

        frame: Any = pd.read_parquet(path)
    except ImportError:
        raise InputError(f"{what} in parquet needs pandas and pyarrow: pip install 'unweave[tables]'") from None
    except (ValueError, OSError) as wrong:
        raise InputError(f"{what} must be a readable parquet file, got {path}: {wrong}") from None
    return Columns(frame.to_numpy(), tuple(map(str, frame.columns)))


def whole(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Integers where all values are whole, as a csv file cannot say; else the values as they are.

    >>> whole(np.array([[1.0, 2.0]])).dtype.kind, whole(np.array([[1.5, 2.0]])).dtype.kind
    ('i', 'f')
    """
    if values.dtype.kind != "f" or not (np.abs(values) < 2**53).all() or (values != np.round(values)).any():
        return values
    return values.astype(np.int64)
