"""What files of the user's own have in common: a digest, a limit on their size, and what their numbers are."""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import numpy as np

from unweave.base.cache import cached
from unweave.base.errors import CannotWrite, InputError
from unweave.base.files import dump_json, load_json
from unweave.base.settings import build, plain, short_hash
from unweave.data.base import ImageData
from unweave.data.readers.limits import blocks

T = TypeVar("T")

LIMIT = 1 << 34  # bytes that a file may unpack to, if the user does not say otherwise
LARGEST = 1e30  # beyond it squares leave float32
FINEST = 2.0**-17  # of a column's largest number; float32 tells 64 values apart in a range as small as this
DEPTHS = (1, 255, 1023, 4095, 16_383, 65_535)  # largest whole numbers that masks and cameras store
RULES = 3  # raised when the same file comes to be described otherwise
SETTLED = 2.0  # seconds after which a change to a file can be told by its date


def digest(path: Path) -> str:
    """The first 32 hexadecimal digits of a file's SHA-256; without the file InputError.

    The cache remembers it under the file's place, size and date, so that a large file is not read again each time.
    """
    try:
        about = path.stat()
        seen = cached(f"digest-{short_hash(str(path.resolve()))}.json")
        state = [about.st_size, about.st_mtime_ns]
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            held = load_json(seen)
            if held["state"] == state:
                return str(held["digest"])
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()[:32]
    except OSError as wrong:
        raise InputError(f"path must be a file that can be read, got {path}: {wrong.strerror}") from None
    if time.time() - about.st_mtime > SETTLED:
        with contextlib.suppress(OSError, CannotWrite):
            dump_json(seen, {"state": state, "digest": found})
    return found


def remembered(data: T, path: Path, content: str, find: Callable[[], T]) -> T:
    """What `find()` makes of `data`, whose file has this digest; the cache remembers it under its settings.

    So a second run need not look at every number again. Only the file's name and content count, not its place.
    """
    kind = type(data)
    asked = {**plain(data), "path": path.name}
    place = cached(f"found-{content[:16]}-{short_hash([RULES, kind.__name__, asked])}.json")
    with contextlib.suppress(OSError, ValueError, TypeError):
        held = load_json(place)
        return build(kind, {**held, "path": str(path)}, of=kind.__name__)
    found = find()
    with contextlib.suppress(OSError, CannotWrite):
        dump_json(place, plain(found))
    return found


def full_scale(most: float) -> float | None:
    """The whole number that becomes 1 where 0 becomes 0 and `most` is the largest: a depth, if half of it is used.

    Else it is `most` itself, so that no picture comes out nearly black; None beyond 16 bits, which no camera has.

    >>> [full_scale(most) for most in (1, 9, 200, 700, 3000, 60_000, 10**6)]
    [1.0, 9.0, 255.0, 1023.0, 4095.0, 65535.0, None]
    """
    depth = next((each for each in DEPTHS if each >= most), None)
    return None if depth is None else float(depth if 2 * most >= depth else most)


def strayed(x: np.ndarray) -> float:
    """How far pixels (n, ...) stray from their mean over all pictures: at most so far in 999 of 1,000 cases.

    Rare large distances count, unlike in a standard deviation: a small thing that moves is what is to be found. It is 0
    if all are alike.
    """
    away = np.abs(x - x.mean(axis=0, dtype=np.float64).astype(x.dtype))
    most = float(away.max())
    if most < 1e-6:  # rounding
        return 0.0
    return max(float(np.percentile(away, 99.9)), 1e-3 * most)


def pixel_scale(spread: float) -> float:
    """The gaussian's scale for pixels that stray so far: 0.1, or a fifth of it where that is less (faint pictures).

    >>> pixel_scale(0.9), pixel_scale(0.02)
    (0.1, 0.004)
    """
    return float(f"{min(0.1, max(1e-3, 0.2 * spread)):.2g}")


def scale_used(most: float, depth: float, bits: int) -> str:
    """In words, in brackets, how much of the numbers' `bits` is used where `depth` becomes 1; "" where it is all.

    >>> scale_used(700, 1023, 16), scale_used(9, 9, 8), scale_used(255, 255, 8)
    (' (10 of 16 bits used)', ' (the largest there is)', '')
    """
    if depth not in DEPTHS:
        return " (the largest there is)" if depth == most else ""
    if depth == 1:
        return " (0 and 1 only)"
    used = int(depth).bit_length()
    return f" ({used} of {bits} bits used)" if used < bits else ""


def existing(path: str, suffixes: tuple[str, ...]) -> Path:
    """`path` as an absolute Path to a file that is there, or InputError."""
    if not path:
        raise InputError(f"path must name a file ending in {', '.join(suffixes)}, got nothing")
    place = Path(path).absolute()
    if place.suffix.lower() not in suffixes:
        raise InputError(f"path must end in {', '.join(suffixes)}, got {path}")
    if not place.is_file():
        raise InputError(f"path must be an existing file, got {path}, which is none")
    return place


def unchanged(path: Path, content: str) -> None:
    """Refuse a file that is no longer the one with this digest."""
    if digest(path) != content:
        raise InputError(
            f"path must still hold the data whose digest is {content}, got {path}, which has changed since; "
            "restore the file, or train on it as it is now in a new run"
        )


class OwnFile(ImageData):
    """What data in a file of the user's own share, once `resolved` has written into their settings what was found."""

    path: str
    content: str | None
    rows: int
    names: tuple[str, ...]
    notes: tuple[str, ...]

    probing: ClassVar = None

    @cached_property
    def _known(self) -> Any:  # of the class itself, which type checkers cannot be told here
        return self if self.content is not None else self.resolved()

    def __len__(self) -> int:
        return self._known.rows

    @property
    def classes(self) -> tuple[str, ...]:  # pyright: ignore
        """Names of the labels."""
        return self._known.names

    @property
    def account(self) -> tuple[str, ...]:
        """What was read; then what was assumed of it."""
        return self._known.notes

    @property
    def at_hand(self) -> bool:
        """Whether the file is there."""
        return Path(self.path).is_file()


@dataclass(frozen=True)
class Survey:
    """What numbers an array holds: the smallest and largest of each column (K,), whether all are whole, all rows alike.

    Its rows are flattened, so that an image has a column for each pixel and channel.
    """

    lows: np.ndarray
    highs: np.ndarray
    whole: bool
    alike: bool

    @classmethod
    def of(cls, array: np.ndarray, what: str) -> Survey:
        """Look at every number once; NaN and infinities raise InputError with their count and the first row.

        >>> found = Survey.of(np.array([[0.0, 2.0], [1.0, 2.0]]), "points")
        >>> found.low, found.high, found.whole, found.steady.tolist()
        (0.0, 2.0, True, [1])
        """
        first = array[:1].reshape(1, -1)
        lows, highs = first[0].copy(), first[0].copy()
        whole = alike = True
        wrong, cells, row, at = 0, 0, -1, 0
        for block in blocks(array):
            rows = block.reshape(len(block), -1)
            if array.dtype.kind == "f":
                bad = ~np.isfinite(rows)
                if bad.any():
                    lines = np.flatnonzero(bad.any(axis=1))
                    row = at + int(lines[0]) if row < 0 else row
                    wrong, cells = wrong + len(lines), cells + int(bad.sum())
                whole = whole and bool((rows == np.floor(rows)).all())
            lows, highs = np.minimum(lows, rows.min(axis=0)), np.maximum(highs, rows.max(axis=0))
            alike = alike and bool((rows == first).all())
            at += len(block)
        if cells:
            raise InputError(
                f"{what} must hold numbers only, got {cells} NaN or infinite ones in {wrong} rows, the first in row "
                f"{row} from 0; remove these rows or fill them in (a table can be filled by --data.impute mean)"
            )
        found = cls(lows, highs, whole, alike)
        if max(-found.low, found.high) > LARGEST:
            raise InputError(f"{what} must lie between -1e30 and 1e30, got {found.low:g} to {found.high:g}")
        if alike:
            raise InputError(f"{what} must hold rows that differ, got {len(array)} that are all alike")
        return found

    @property
    def low(self) -> float:
        """The smallest number of all."""
        return float(self.lows.min())

    @property
    def high(self) -> float:
        """The largest number of all."""
        return float(self.highs.max())

    @property
    def steady(self) -> np.ndarray:
        """Numbers of the columns in which nothing varies."""
        return np.flatnonzero(self.lows == self.highs)

    @property
    def blurred(self) -> np.ndarray:
        """Numbers of the columns that vary too little beside their offset for float32 to tell their values apart."""
        lows, highs = self.lows.astype(np.float64), self.highs.astype(np.float64)
        return np.flatnonzero((highs > lows) & (highs - lows < FINEST * np.maximum(-lows, highs)))
