"""What arrays in files may hold and how much of them is looked at together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import prod

import numpy as np

from unweave.base.errors import InputError

BLOCK = 1 << 24  # bytes looked at together


def within(shape: Iterable[int], itemsize: int, most: int, what: str) -> None:
    """Refuse an array of more than `most` bytes, by what its header declares."""
    size = prod(shape) * itemsize
    if size > most:
        raise InputError(f"max-bytes must be {size} or more for {what}, which declares so many bytes, got {most}")


def numeric(dtype: np.dtype, what: str) -> None:
    """Refuse what holds no real numbers; Python objects above all, which can run code when they are unpacked."""
    if dtype.hasobject:
        raise InputError(f"{what} must hold plain numbers, got pickled Python objects, which are never loaded")
    if dtype.kind not in "biuf" or dtype.itemsize > 8:
        raise InputError(f"{what} must hold real numbers of 8 bytes or fewer, got {dtype}")


def blocks(array: np.ndarray) -> Iterator[np.ndarray]:
    """The rows of an array in pieces of some 16 MB."""
    rows = max(1, BLOCK // max(1, prod(array.shape[1:]) * array.dtype.itemsize))
    for at in range(0, len(array), rows):
        yield array[at : at + rows]


def few(names: Iterable[object], most: int = 5) -> str:
    """Names in a row, the first ones of many.

    >>> few("abcdefg")
    'a, b, c, d, e and 2 more'
    """
    every = [str(name) for name in names]
    return ", ".join(every[:most]) + (f" and {len(every) - most} more" if len(every) > most else "")
