"""Reading published tar and zip archives without trust: nothing is extracted, and no name or link leads out of them."""

from __future__ import annotations

import tarfile
import zipfile
import zlib
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from unweave.base.errors import InputError

MOST_MEMBER = 1 << 28  # bytes of one member


@contextmanager
def whole(path: Path, kind: str) -> Generator[None]:
    """Turn what goes wrong with a damaged file into one InputError."""
    try:
        yield
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, OSError, RuntimeError) as wrong:
        why = " ".join(str(wrong).split()) or "it ends too early"
        raise InputError(f"{path} must be a complete {kind}, got one that cannot be read ({why})") from None


def tar_members(archive: tarfile.TarFile, wanted: Callable[[PurePosixPath], bool]) -> Iterator[tarfile.TarInfo]:
    """The plain files of a tar archive whose names are `wanted`, in its order.

    Among these, names and links that lead out of the archive, devices (all by tarfile's data filter) and files of more
    than 256 MB are refused; folders and other links are passed over. Nothing is extracted.
    """
    for member in archive:
        if not wanted(PurePosixPath(member.name)):
            continue
        try:
            tarfile.data_filter(member, "/archive")
        except tarfile.FilterError as wrong:
            raise InputError(f"{archive.name} must hold nothing that leads out of it, got {wrong}") from None
        if member.isreg():
            _check_member(str(archive.name), member.name, member.size)
            yield member


def zip_members(archive: zipfile.ZipFile, wanted: Callable[[PurePosixPath], bool]) -> Iterator[zipfile.ZipInfo]:
    """The files of a zip archive whose names are `wanted`, in its order.

    Among these, names that lead out of the archive and files of more than 256 MB are refused.
    """
    for member in archive.infolist():
        name = PurePosixPath(member.filename.replace("\\", "/"))
        if member.is_dir() or not wanted(name):
            continue
        if name.is_absolute() or ".." in name.parts or ":" in name.parts[0]:
            raise InputError(f"{archive.filename} must hold nothing that leads out of it, got {member.filename}")
        _check_member(str(archive.filename), member.filename, member.file_size)
        yield member


def _check_member(archive: str, name: str, size: int) -> None:
    if size > MOST_MEMBER:
        raise InputError(f"{archive} must hold members of {MOST_MEMBER} bytes or fewer, got {name} with {size}")


def text_of(path: Path, most: int = 1 << 26) -> str:
    """The text of a file of at most `most` bytes."""
    if path.stat().st_size > most:
        raise InputError(f"{path} must be a text of {most} bytes or fewer, got {path.stat().st_size}")
    return path.read_text("utf-8", errors="replace")
