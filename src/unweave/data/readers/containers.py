"""Arrays inside .npy, .npz and .h5 files, opened so that no file can run code, reach others or fill the memory."""

from __future__ import annotations

import os
import struct
import zipfile
import zlib
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import IO, Any, TypeAlias

import numpy as np
from numpy.lib import format as npy

from unweave.base import cache
from unweave.base.errors import InputError
from unweave.base.settings import short_hash
from unweave.data.readers.limits import BLOCK, numeric, within

NUMPY, HDF = (".npy", ".npz"), (".h5", ".hdf5")
SUFFIXES = (*NUMPY, *HDF)
_LOCAL = 30  # bytes of a zip member's local header before its name
_DEPTH = 20  # groups in groups
_Readable: TypeAlias = IO[bytes] | zipfile.ZipExtFile


@dataclass(frozen=True)
class Held:
    """What a file's header says of one array in it; `trouble` is why it cannot be read, if it cannot."""

    name: str
    shape: tuple[int, ...] = ()
    dtype: np.dtype = np.dtype(np.uint8)  # noqa: RUF009
    fortran: bool = False
    trouble: str | None = None

    def __str__(self) -> str:
        return f"{self.name} {self.shape}"


def listed(path: Path) -> list[Held]:
    """The arrays in a file by their headers; nothing else is read. What is no such file raises InputError."""
    with _reading(path):
        if path.suffix.lower() == ".npy":
            with path.open("rb") as file:
                return [_header(file, "array")]
        if path.suffix.lower() == ".npz":
            with zipfile.ZipFile(path) as archive:
                return [_member(archive, info) for info in archive.infolist() if info.filename.endswith(".npy")]
        with _hdf(path) as file:
            return list(_datasets(file))


def opened(path: Path, held: Held, content: str, most: int) -> np.ndarray:
    """One array of a file, read-only and out of memory: mapped from the file, or unpacked once into the cache.

    `content` is the file's digest, under which the cache keeps what was unpacked. Objects, links, files that end early
    and arrays of more than `most` bytes raise InputError before anything of them is read.
    """
    what = f"{held.name} in {path.name}"
    if held.trouble is not None:
        raise InputError(f"{what} must be an array in the file itself, got {held.trouble}")
    if held.dtype.kind not in "US":
        numeric(held.dtype, what)
    within(held.shape, held.dtype.itemsize, most, what)
    if not prod(held.shape):
        raise InputError(f"{what} must hold numbers, got none in an array of shape {held.shape}")
    with _reading(path):
        start = _offset(path, held)
        if start is not None:
            return _mapped(path, held, start)
        entry = f"array-{content[:16]}-{short_hash(held.name)}"
        shape = held.shape[::-1] if held.fortran else held.shape
        made = cache.array(entry, shape, held.dtype, lambda: _unpacked(path, held))
        return made.T if held.fortran else made


@contextmanager
def _reading(path: Path) -> Generator[None]:
    """What goes wrong with a file inside becomes one sentence."""
    try:
        yield
    except InputError:
        raise
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error, RuntimeError, KeyError) as wrong:
        reason = " ".join(str(wrong).split()) or type(wrong).__name__
        raise InputError(f"path must be a whole {path.suffix} file, got {path}: {reason[:200]}") from None


def _header(file: _Readable, name: str) -> Held:
    """The header of an array in NumPy's format, after which its numbers begin."""
    version = npy.read_magic(file)  # pyright: ignore[reportArgumentType]
    if version not in ((1, 0), (2, 0)):
        return Held(name, trouble=f"one of NumPy's format {version}, which holds no plain numbers")
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, fortran, dtype = read(file)  # pyright: ignore[reportArgumentType]
    return Held(name, tuple(map(int, shape)), dtype, bool(fortran))


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Held:
    with archive.open(info) as file:
        return _header(file, info.filename.removesuffix(".npy"))


def _offset(path: Path, held: Held) -> int | None:
    """Where an array's numbers begin in its file, or None where they are packed."""
    if path.suffix.lower() == ".npy":
        with path.open("rb") as file:
            _header(file, held.name)
            return file.tell()
    if path.suffix.lower() != ".npz":
        return None
    with zipfile.ZipFile(path) as archive:
        info = archive.getinfo(f"{held.name}.npy")
    if info.compress_type != zipfile.ZIP_STORED:
        return None
    with path.open("rb") as file:
        file.seek(info.header_offset)
        local = file.read(_LOCAL)
        name, extra = struct.unpack("<HH", local[26:_LOCAL])
        start = info.header_offset + _LOCAL + name + extra
        file.seek(start)
        _header(file, held.name)
        if (lacking := prod(held.shape) * held.dtype.itemsize - (start + info.file_size - file.tell())) > 0:
            raise InputError(
                f"path must be a whole .npz file, got {path}, where {held.name} ends {lacking} bytes early"
            )
        return file.tell()


def _mapped(path: Path, held: Held, start: int) -> np.ndarray:
    """The array that begins at byte `start` of a file, mapped read-only."""
    wanted, there = prod(held.shape) * held.dtype.itemsize, path.stat().st_size - start
    if there < wanted:
        raise InputError(
            f"path must be a whole {path.suffix} file, got {path}, which ends {wanted - there} bytes early"
        )
    order = "F" if held.fortran else "C"
    # a plain view, since every slice of a memmap object costs several microseconds more
    return np.asarray(np.memmap(path, held.dtype, "r", start, held.shape, order))


def _unpacked(path: Path, held: Held) -> Iterator[np.ndarray]:
    """The array in blocks along its first axis, or its last one where columns come first."""
    with _reading(path):
        if path.suffix.lower() == ".npz":
            shape = held.shape[::-1] if held.fortran else held.shape
            with zipfile.ZipFile(path) as archive, archive.open(f"{held.name}.npy") as file:
                _header(file, held.name)
                yield from _streamed(file, shape, held.dtype)
                file.read(1)  # lets zipfile compare the checksum
            return
        with _hdf(path) as file:
            dataset: Any = file[held.name]
            row = prod(held.shape[1:]) * held.dtype.itemsize
            rows = max(1, BLOCK // row)
            if dataset.chunks:  # a chunk is unpacked whole, so no part of it is asked for twice
                rows = max(rows // dataset.chunks[0], 1) * dataset.chunks[0]
            for at in range(0, held.shape[0], rows):
                yield dataset[at : at + rows]


def _streamed(file: _Readable, shape: tuple[int, ...], dtype: np.dtype) -> Iterator[np.ndarray]:
    row = prod(shape[1:]) * dtype.itemsize
    rows = max(1, BLOCK // row)
    for at in range(0, shape[0], rows):
        count = min(rows, shape[0] - at)
        content = file.read(count * row)
        if len(content) < count * row:
            raise EOFError(f"it announces {shape[0] * row} bytes and ends {count * row - len(content)} or more early")
        yield np.frombuffer(content, dtype).reshape(count, *shape[1:])


@contextmanager
def _hdf(path: Path) -> Generator[Any]:
    try:
        import h5py  # pyright: ignore[reportMissingImports]
    except ModuleNotFoundError:
        raise InputError(f"{path.suffix} files need h5py: pip install 'unweave[data]'") from None
    with h5py.File(os.fspath(path), "r") as file:
        yield file


def _datasets(group: Any, prefix: str = "", depth: int = 0) -> Iterator[Held]:
    """All data sets below a group, by way of true members only: links to elsewhere are named, not followed."""
    import h5py  # pyright: ignore[reportMissingImports]

    for name in group:
        link, whole = group.get(name, getlink=True), f"{prefix}{name}"
        if isinstance(link, h5py.ExternalLink):
            yield Held(whole, trouble="a link to another file, which is never followed")
        elif not isinstance(link, h5py.HardLink):
            yield Held(whole, trouble="a link to another place, which is never followed")
        elif isinstance(found := group[name], h5py.Dataset):
            yield _dataset(whole, found)
        elif isinstance(found, h5py.Group) and depth < _DEPTH:  # a group may hold itself
            yield from _datasets(found, f"{whole}/", depth + 1)


def _dataset(name: str, found: Any) -> Held:
    if found.external is not None or found.is_virtual:
        return Held(name, trouble="one whose numbers lie in other files, which are never opened")
    if found.shape is None:
        return Held(name, trouble="one without a shape")
    chunk = prod(found.chunks or ()) * found.dtype.itemsize
    if chunk > 1 << 30:  # one chunk is unpacked at a time, in memory
        return Held(name, trouble=f"one in chunks of {chunk} bytes, more than 2^30")
    return Held(name, tuple(map(int, found.shape)), found.dtype)
