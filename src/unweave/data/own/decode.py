"""A folder of image files, decoded once, in parallel, into an array that lies in the cache."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import struct
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from unweave.base import cache
from unweave.base.errors import CannotWrite, InputError
from unweave.base.files import dump_json, load_json
from unweave.data.own.fitting import Facts, Wish, fitted, flat, kind_of, planned, tiles
from unweave.data.readers.images import SUFFIXES, Header, Unreadable, digest, opened

T = TypeVar("T")

RULES = "pictures-1"  # part of the key of everything cached here: a new number where decoding gives other pixels

_AT_ONCE = 32  # pictures decoded by one task
_SHOWN = 3  # bad files named in one sentence


@dataclass(frozen=True)
class Listing:
    """Image files below a folder: their names relative to it, sorted; how many other files lie there by suffix.

    `state` is a digest of all names, sizes and times.
    """

    root: Path
    names: list[str]
    others: Counter[str]
    state: str

    def key(self, wish: Wish) -> str:
        """A name for what decoding gives.

        Place, size and both times of every file stand for its content, so that nothing need be read again. The second
        time (ctime) changes even where a file is replaced by one of the same size and date.
        """
        found = hashlib.sha256(json.dumps([RULES, str(self.root), self.state, asdict(wish)]).encode())
        return f"pictures-{found.hexdigest()[:24]}"


@dataclass(frozen=True)
class Stock:
    """The pictures of a folder: array (rows, H, W, C), which of its rows are pictures, and of which file each is."""

    listing: Listing
    facts: Facts
    array: np.ndarray
    rows: np.ndarray | None  # None where all are
    files: np.ndarray

    def __len__(self) -> int:
        return len(self.files)

    def names(self) -> list[str]:
        """The file of every picture, relative to the folder."""
        return [self.listing.names[k] for k in self.files]

    def bad(self) -> list[tuple[str, str]]:
        """Names of the files that cannot be read, and why."""
        return [(self.listing.names[k], reason) for k, reason in self.facts.bad]


def walk(root: Path) -> Listing:
    """All image files below `root`, without those whose name begins with a dot.

    Links to files inside are followed, links to folders inside are not (they would show pictures twice), and one that
    leaves the folder raises InputError.
    """
    if root.is_file():  # a stack of pages, an animation, or a picture to be cut into tiles
        about = root.stat()
        mark = struct.pack("<3q", about.st_size, about.st_mtime_ns, about.st_ctime_ns)
        if _suffix(root.name) not in SUFFIXES:
            raise InputError(f"path must be a folder or a picture ({', '.join(SUFFIXES)}), got {root}")
        state = hashlib.sha256(root.name.encode(errors="surrogateescape") + b"\0" + mark).hexdigest()
        return Listing(root.resolve().parent, [root.resolve().name], Counter(), state)
    if not root.is_dir():
        raise InputError(f"path must be an existing folder of pictures, got {root}, which is none")
    top = root.resolve()
    found: list[tuple[str, bytes]] = []
    others: Counter[str] = Counter()
    left = [""]
    while left:
        place = left.pop()
        for entry in _entries(top / place):
            name, suffix = f"{place}{entry.name}", _suffix(entry.name)
            if entry.name.startswith(".") or (entry.is_symlink() and not _followed(entry, name, suffix, top)):
                continue
            if entry.is_dir():
                left.append(f"{name}/")
            elif suffix not in SUFFIXES:
                others[suffix] += 1
            else:
                found.append((name, _mark(entry)))
    found.sort()
    if not found:
        raise InputError(f"path must hold pictures ({', '.join(SUFFIXES)}), got {root} without any")
    state = hashlib.sha256()
    for name, mark in found:
        state.update(name.encode(errors="surrogateescape") + b"\0" + mark)
    return Listing(top, [name for name, _ in found], others, state.hexdigest())


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError as wrong:
        raise InputError(f"path must be a folder that can be read, got {folder}: {wrong.strerror}") from None


def _suffix(name: str) -> str:
    _, dot, last = name.rpartition(".")
    return f".{last.lower()}" if dot else ""


def _followed(link: os.DirEntry[str], name: str, suffix: str, top: Path) -> bool:
    """Whether a link leads to a file inside."""
    target = Path(link.path).resolve()
    inside = target.is_relative_to(top)
    if not inside and (suffix in SUFFIXES or target.is_dir()):
        raise InputError(f"links must stay in the folder, got {name}, which leads to {target}")
    return inside and not target.is_dir()


def _mark(entry: os.DirEntry[str]) -> bytes:
    """Size and times of a file; zeros for a link to nothing, which is reported when it is opened."""
    with suppress(OSError):
        about = entry.stat()
        return struct.pack("<3q", about.st_size, about.st_mtime_ns, about.st_ctime_ns)
    return bytes(24)


def gather(root: Path, wish: Wish, *, skip_bad: bool = False, max_bytes: int = 1 << 36) -> Stock:
    """The pictures below `root`, from the cache or decoded into it.

    Bad files raise InputError, which names the first ones, unless `skip_bad`; so do pictures that cannot become one
    array and an array of more than `max_bytes`. Held in memory are names and sizes of files, and some pictures at a
    time for each processor.
    """
    listing = walk(root)
    asked = listing.key(wish)
    facts = _known(asked)
    if facts is None:
        facts = _found_out(listing, wish, skip_bad)
        key = _whole_key(listing, wish, facts)
        array = _decoded(listing, facts, wish, key, max_bytes)
        nothing = len(facts.bad) == len(listing.names)  # could be read, and so is nothing to remember
        for name in set[str]() if nothing else {asked, key}:
            with suppress(OSError, CannotWrite):  # a cache that cannot be written was reported with the array
                dump_json(cache.cached(f"{name}.json"), asdict(facts))
    else:
        again = replace(facts)
        key = _whole_key(listing, wish, facts)
        array = cache.array(key, facts.shape, np.dtype(facts.dtype), lambda: _blocks(listing, again, wish))
    if facts.bad and (not skip_bad or len(facts.bad) == len(listing.names)):
        raise InputError(_refusal(listing, facts.bad))
    counts = np.ones(len(listing.names), np.int64) if facts.counts is None else np.asarray(facts.counts)
    files = np.repeat(np.arange(len(counts)), counts)
    good = ~np.isin(files, [k for k, _ in facts.bad])
    return Stock(listing, facts, array, None if good.all() else np.flatnonzero(good), files[good])


def _found_out(listing: Listing, wish: Wish, skip_bad: bool) -> Facts:
    """What the headers tell, or all there is to know where the array exists under the size that was found."""
    headers, bad = _headers(listing, wish)
    if bad and (not skip_bad or len(bad) == len(listing.names)):
        raise InputError(_refusal(listing, bad))
    facts = planned(listing.names, headers, wish)
    facts.bad = bad
    return _known(_whole_key(listing, wish, facts)) or facts


def _whole_key(listing: Listing, wish: Wish, facts: Facts) -> str:
    """The key of the array itself: whether the size was asked for or found, it is the same array."""
    _, height, width, channels = facts.shape
    return listing.key(replace(wish, size=(height, width), channels=channels))


def _known(key: str) -> Facts | None:
    """What the cache holds about a folder that was decoded before."""
    try:
        held: dict[str, Any] = load_json(cache.cached(f"{key}.json"))
        held |= {name: tuple(held[name]) for name in ("shape", "heights", "widths")}
        held["values"] = held["values"] and {int(value): count for value, count in held["values"].items()}
        held["bad"] = [(int(file), str(reason)) for file, reason in held["bad"]]
        return Facts(**held)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def _refusal(listing: Listing, bad: Sequence[tuple[int, str]]) -> str:
    first = "; ".join(f"{listing.names[k]} ({reason})" for k, reason in bad[:_SHOWN])
    more = f"; and {len(bad) - _SHOWN:,} more" if len(bad) > _SHOWN else ""
    if len(bad) == len(listing.names):
        return f"pictures in {listing.root} must be readable, got none that is: {first}{more}"
    them = "it" if len(bad) == 1 else "them"
    return (
        f"pictures in {listing.root} must be readable, got {len(bad):,} of {len(listing.names):,} that cannot be: "
        f"{first}{more}; --skip-bad leaves {them} out"
    )


def _threads() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _in_order(work: Callable[[Any], T], tasks: Iterable[Any]) -> Iterator[T]:
    """Results in order; threads work ahead, but never by more than a few tasks, which bounds what is held.

    Threads, as Pillow, zlib and hashing leave the interpreter free while they work; processes would have to import
    the user's own script again.
    """
    pool, waiting = ThreadPoolExecutor(_threads()), deque[Future[T]]()
    try:
        for task in tasks:
            waiting.append(pool.submit(work, task))
            if len(waiting) > _threads() + 2:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


class _Progress:
    """Says on standard error how far long work has come; silent in the first two seconds."""

    def __init__(self, doing: str, total: int) -> None:
        self.doing, self.total, self.done = doing, total, 0
        self.live = sys.stderr.isatty()
        self.next = time.monotonic() + 2

    def advance(self, count: int) -> None:
        self.done += count
        if time.monotonic() >= self.next:
            self.next = time.monotonic() + (0.2 if self.live else 10)
            line = f"{self.doing}: {self.done:,} of {self.total:,} files"
            sys.stderr.write(f"\r{line}" + ("\n" if self.done >= self.total else "") if self.live else f"{line}\n")
            sys.stderr.flush()

    def close(self) -> None:
        if self.live and self.done and time.monotonic() >= self.next - 0.2:
            sys.stderr.write("\r\033[K")


def _slices(count: int) -> list[range]:
    return [range(at, min(at + 8 * _AT_ONCE, count)) for at in range(0, count, 8 * _AT_ONCE)]


# First pass: headers


def _headers(listing: Listing, wish: Wish) -> tuple[list[tuple[Header, ...]], list[tuple[int, str]]]:
    """The header of every picture, by file, and the files that have none."""
    same: dict[tuple[Header, ...], tuple[Header, ...]] = {}  # a million pictures of one size share one

    def look(numbers: range) -> list[tuple[Header, ...] | str]:
        return [_header(listing.root / listing.names[k], wish) for k in numbers]

    headers: list[tuple[Header, ...]] = []
    bad: list[tuple[int, str]] = []
    progress = _Progress("looking at pictures", len(listing.names))
    for found in _in_order(look, _slices(len(listing.names))):
        for each in found:
            if isinstance(each, str):
                bad.append((len(headers), each))
            pages = () if isinstance(each, str) else each
            headers.append(same.setdefault(pages, pages))
        progress.advance(len(found))
    progress.close()
    return headers, bad


def _header(path: Path, wish: Wish) -> tuple[Header, ...] | str:
    try:
        with opened(path, wish.max_pixels, channels=wish.pages == "channels") as pages:
            return tuple(page.header for page in pages)
    except Unreadable as wrong:
        return str(wrong)


# Second pass: pixels


@dataclass(frozen=True)
class _Piece:
    """Piece `number` of the `of` equal ones into which the pages of a file are cut; `rows` in the whole file."""

    file: int
    rows: int
    number: int = 0
    of: int = 1


@dataclass(frozen=True)
class _Part:
    """What one piece gave."""

    file: int
    begins: bool  # the file
    rows: int
    pixels: np.ndarray | None = None  # None where they cannot be decoded
    reason: str = ""
    digest: bytes | None = None  # of the file that begins
    kinds: tuple[str, ...] = ()  # of each picture
    see_through: int = 0
    least: float = np.inf
    most: float = -np.inf


def _tasks(counts: Sequence[int]) -> Iterator[list[_Piece]]:
    """Pieces that are decoded together: many small files, or a part of the pages of a large one."""
    task: list[_Piece] = []
    for file, rows in enumerate(counts):
        many = -(-rows // (8 * _AT_ONCE))
        for number in range(many):
            task.append(_Piece(file, rows, number, many))
            if many > 1 or sum(each.rows for each in task) >= _AT_ONCE:
                yield task
                task = []
    if task:
        yield task


def _decoded(listing: Listing, facts: Facts, wish: Wish, key: str, max_bytes: int) -> np.ndarray:
    dtype = np.dtype(facts.dtype)
    wanted = int(np.prod(facts.shape, dtype=np.int64)) * dtype.itemsize
    if wanted > max_bytes:
        raise InputError(
            f"max_bytes must be {wanted} or more for {facts.shape[0]:,} pictures of "
            f"{' x '.join(map(str, facts.shape[1:]))}, got {max_bytes}; a smaller size needs less"
        )
    place = cache.cache_folder()
    while not place.exists():
        place = place.parent
    if wanted > (free := shutil.disk_usage(place).free):
        raise InputError(f"the cache must have room for {wanted:,} bytes, got {free:,} free in {place}")
    known = bool(facts.content)
    return cache.array(key, facts.shape, dtype, lambda: _blocks(listing, facts, wish), genuine=lambda _: known)


def _blocks(listing: Listing, facts: Facts, wish: Wish) -> Generator[np.ndarray]:
    """The array in pieces, a black row where a picture cannot be decoded; facts are filled in on the way."""
    _, height, width, channels = facts.shape
    dtype = np.dtype(facts.dtype)
    values = np.zeros(1 << 16, np.int64)
    counts = [1] * len(listing.names) if facts.counts is None else facts.counts
    reasons = {file: reason for file, reason in facts.bad if counts[file] == 0}  # the others are found again
    content = hashlib.sha256()
    least, most, see_through, kinds = np.inf, -np.inf, 0, Counter[str]()
    progress = _Progress("decoding pictures", len(listing.names))

    def decode(pieces: list[_Piece]) -> list[_Part]:
        return [_part(listing.root / listing.names[each.file], each, facts, wish) for each in pieces]

    for parts in _in_order(decode, _tasks(counts)):
        for part in parts:
            if part.pixels is None:
                reasons.setdefault(part.file, part.reason)
                yield np.zeros((part.rows, height, width, channels), dtype)
                continue
            if part.digest is not None:
                content.update(listing.names[part.file].encode(errors="surrogateescape") + b"\0" + part.digest)
            least, most = min(least, part.least), max(most, part.most)
            see_through += part.see_through
            kinds.update(part.kinds)
            if dtype.kind == "u":
                values += np.bincount(part.pixels.ravel(), minlength=1 << 16)
            yield part.pixels
        progress.advance(sum(part.begins for part in parts))
    progress.close()
    facts.bad = sorted(reasons.items())
    facts.content, facts.kinds = content.hexdigest(), dict(kinds)
    facts.least, facts.most, facts.see_through = float(least), float(most), see_through
    facts.values = {int(k): int(values[k]) for k in np.flatnonzero(values)} if dtype.kind == "u" else None


def _part(path: Path, piece: _Piece, facts: Facts, wish: Wish) -> _Part:
    rows = 0 if piece.number else piece.rows  # of a file that does not even open
    height, width, channels = facts.shape[1:]
    hint = (2 * height, 2 * width) if wish.tile is None and wish.fit == "stretch" else None
    made = [np.zeros((0, height, width, channels), facts.dtype)]
    least, most, see_through = np.inf, -np.inf, 0
    try:
        with opened(path, wish.max_pixels, channels=wish.pages == "channels") as pages:
            same = all(page.header.dtype == facts.dtype for page in pages)
            if not same or sum(tiles(page.header, wish.tile) for page in pages) != piece.rows:
                raise Unreadable("it changed while it was read")
            mine = [pages[int(k)] for k in np.array_split(np.arange(len(pages)), piece.of)[piece.number]]
            rows = sum(tiles(page.header, wish.tile) for page in mine)
            for page in mine:
                pixels, over = flat(page.read(hint), page.header, channels)
                least, most = min(least, float(pixels.min())), max(most, float(pixels.max()))
                see_through += over
                made.append(fitted(pixels, facts.shape, wish))
            kinds = tuple(kind_of(page.header) for page in mine)
        return _Part(
            piece.file,
            piece.number == 0,
            rows,
            np.concatenate(made),
            digest=digest(path) if piece.number == 0 else None,
            kinds=kinds,
            see_through=see_through,
            least=least,
            most=most,
        )
    except (Unreadable, OSError) as wrong:
        return _Part(piece.file, piece.number == 0, rows, reason=str(wrong))
