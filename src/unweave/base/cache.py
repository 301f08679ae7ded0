"""The cache folder: where it lies, what is in it, and arrays that live in it."""

import os
import sys
import warnings
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.lib import format as npy

from unweave.base.errors import CannotWrite, InputError
from unweave.base.files import write_atomic

MARK = b"unweave crc32 "  # after an array's numbers, before eight digits: the checksum of them
PREFIX = "unweave-"  # marks the files that `clear` may remove, whatever folder the user chose


def cache_folder() -> Path:
    """$UNWEAVE_CACHE, else $XDG_CACHE_HOME/unweave, else the system's place (~/.cache/unweave on Linux).

    The folder need not exist yet. Without any of these (no home folder) InputError says what to set.
    """
    if chosen := os.environ.get("UNWEAVE_CACHE"):
        return Path(chosen).absolute()
    if base := os.environ.get("XDG_CACHE_HOME"):
        return Path(base).absolute() / "unweave"
    try:
        home = Path.home()
    except RuntimeError:
        raise InputError("UNWEAVE_CACHE must name a folder where there is no home folder, got nothing") from None
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local") / "unweave" / "cache"
    if sys.platform == "darwin":
        return home / "Library" / "Caches" / "unweave"
    return home / ".cache" / "unweave"


def cached(name: str) -> Path:
    """The path in the cache of the file called `name`, whether it exists or not."""
    return cache_folder() / f"{PREFIX}{name}"


@dataclass(frozen=True)
class Entry:
    """One file of the cache and its size in bytes."""

    path: Path
    bytes: int


def entries() -> list[Entry]:
    """The cache's files by name, with what an interrupted write left behind; foreign files are not listed."""
    folder = cache_folder()
    found = [*folder.glob(f"{PREFIX}*"), *folder.glob(f".{PREFIX}*.tmp")]
    return [Entry(path, path.stat().st_size) for path in sorted(found) if path.is_file()]


def clear() -> int:
    """Remove all that `entries` lists and return how many bytes that frees."""
    removed = entries()
    for entry in removed:
        entry.path.unlink(missing_ok=True)
    return sum(entry.bytes for entry in removed)


def array(
    name: str,
    shape: tuple[int, ...],
    dtype: np.dtype,
    blocks: Callable[[], Iterable[np.ndarray]],
    genuine: Callable[[np.ndarray], bool] = lambda _: True,
) -> np.ndarray:
    """A read-only array that lies in the cache as `name`.npy, memory-mapped and so shared by processes.

    Where the file is missing, truncated, damaged, of other shape or dtype, or not `genuine`, it is written from
    `blocks()`, which give the array in order along its first axis. Several processes may do so at once. In a
    folder that cannot be written the array is kept in memory, and a RuntimeWarning says so.
    """
    path = cached(f"{name}.npy")
    found = _opened(path, shape, dtype)
    if found is not None and genuine(found):
        return found
    try:
        write_atomic(path, lambda sink: _write(sink, shape, dtype, blocks()))
    except (OSError, CannotWrite) as wrong:
        reason = wrong.strerror if isinstance(wrong, OSError) else str(wrong).rpartition(": ")[2]
        warnings.warn(
            f"the cache file {path} cannot be written ({reason}), so every process makes and keeps "
            f"{_size(shape, dtype) // 10**6} MB in memory; set UNWEAVE_CACHE to a folder with room",
            RuntimeWarning,
            stacklevel=2,
        )
        return _gathered(shape, dtype, blocks())
    written = _opened(path, shape, dtype)
    return _gathered(shape, dtype, blocks()) if written is None else written


def _size(shape: tuple[int, ...], dtype: np.dtype) -> int:
    return int(np.prod(shape, dtype=np.int64)) * dtype.itemsize


def _opened(path: Path, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray | None:
    """The array in `path`, mapped read-only, or None where it is not exactly what is wanted."""
    try:
        mapped = npy.open_memmap(path, mode="r")
        rest = path.stat().st_size - mapped.offset - _size(shape, dtype)
        # a plain view, since every slice of a memmap object costs several microseconds more
        found = np.asarray(mapped)
        if found.shape != shape or found.dtype != dtype or rest not in (0, len(MARK) + 8):
            return None
        if rest == 0:  # an older file, of npy's version 1, may have no checksum
            return found if _version(path) == 1 else None
        return found if _sound(path, found, rest) else None
    except (OSError, ValueError, EOFError):
        return None


def _version(path: Path) -> int:
    """That of the npy format: 2 in files whose numbers are followed by a checksum."""
    with path.open("rb") as file:
        return npy.read_magic(file)[0]


_SOUND: set[tuple[str, int, int]] = set()  # files whose numbers were compared by this process, as they were then


def _sound(path: Path, found: np.ndarray, rest: int) -> bool:
    """Whether the numbers are those that were written."""
    about = path.stat()
    key = (str(path), about.st_mtime_ns, about.st_ino)
    if key not in _SOUND:
        with path.open("rb") as file:
            file.seek(-rest, os.SEEK_END)
            known = file.read()
        if known != _trailer(zlib.crc32(np.ascontiguousarray(found).reshape(-1).view(np.uint8).data)):
            return False
        _SOUND.add(key)
    return True


def _trailer(sum_: int) -> bytes:
    return MARK + f"{sum_:08x}".encode()


def _write(sink: BinaryIO, shape: tuple[int, ...], dtype: np.dtype, blocks: Iterable[np.ndarray]) -> None:
    header = {"descr": npy.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    npy.write_array_header_2_0(sink, header)
    sum_ = 0
    for block in blocks:
        part = np.ascontiguousarray(block, dtype).tobytes()
        sum_ = zlib.crc32(part, sum_)
        sink.write(part)
    sink.write(_trailer(sum_))


def _gathered(shape: tuple[int, ...], dtype: np.dtype, blocks: Iterable[np.ndarray]) -> np.ndarray:
    """The blocks in one array, without a second copy of the whole."""
    whole, at = np.empty(shape, dtype), 0
    for block in blocks:
        whole[at : at + len(block)] = block
        at += len(block)
    whole.flags.writeable = False
    return whole
