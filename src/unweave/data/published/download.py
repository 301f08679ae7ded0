"""Published files: where they come from, under which licence, where they lie, and how they get there whole."""

from __future__ import annotations

import hashlib
import http.client
import shutil
import urllib.request
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

from unweave.base.cache import cache_folder
from unweave.base.errors import InputError
from unweave.base.files import write_atomic

CHUNK = 1 << 20  # bytes read at a time
TIMEOUT = 30  # seconds without an answer
SIGNATURES = {".gz": (0, b"\x1f\x8b"), ".tar": (257, b"ustar"), ".jpg": (0, b"\xff\xd8\xff")}  # where, and which bytes
MOST = 16_000_000_000  # bytes of a file whose size is not known beforehand


@dataclass(frozen=True)
class Remote:
    """One published file: its name, where it is (None: to be fetched by hand), its bytes and SHA-256 where published.

    Only https is allowed. A `folder` of this name, as the archive unpacks to, may stand in its place. `content` is the
    SHA-256 of what the file unpacks to, which it has however it was packed.

    >>> Remote("a.gz", "http://example.org/a.gz")
    Traceback (most recent call last):
        ...
    unweave.base.errors.InputError: url must begin with https://, got http://example.org/a.gz
    """

    name: str
    url: str | None = None
    bytes: int | None = None
    sha256: str | None = None
    folder: str | None = None
    content: str | None = None

    def __post_init__(self) -> None:
        if self.url is not None:
            https_only(self.url)


@dataclass(frozen=True)
class Source:
    """Where a data set comes from, and what its authors ask of those who use it.

    `free` says that the licence allows every use; otherwise it has to be accepted by name before a download. `page` is
    where people find it, `note` what else they should know. The files lie in `folder`, or in one of the user's own.
    """

    name: str
    files: tuple[Remote, ...]
    licence: str
    free: bool
    citation: str
    page: str
    note: str = ""
    system: Path | None = None

    @property
    def folder(self) -> Path:
        """Where downloads are put and looked for; `unweave cache clear` leaves it alone."""
        return cache_folder() / "datasets" / self.name

    def place(self, file: Remote, own: str | None = None) -> Path:
        """Where `file` belongs: in the user's `own` folder if one is given."""
        return (self.folder if own is None else Path(own)) / file.name

    def found(self, file: Remote, own: str | None = None) -> Path | None:
        """Where `file` lies, whether as published or unpacked (without .gz, or as its `folder`), or None."""
        place = self.place(file, own)
        if file.folder is not None and (unpacked := place.with_name(file.folder)).is_dir():
            return unpacked
        forms = [place, place.with_suffix("")] if place.suffix == ".gz" else [place]
        if own is None and self.system is not None:
            forms.append(self.system / file.name)
        return next((path for path in forms if path.is_file()), None)

    def path(self, file: Remote, own: str | None = None) -> Path:
        """Where `file` lies; a missing one raises InputError with what to do."""
        if (path := self.found(file, own)) is None:
            raise InputError(self.advice(file, own))
        return path

    def at_hand(self, own: str | None = None) -> bool:
        """Whether all files are there."""
        return all(self.found(file, own) is not None for file in self.files)

    def advice(self, file: Remote, own: str | None = None) -> str:
        """One sentence: which file is missing, where it belongs and how it gets there."""
        place = self.place(file, own)
        how = f"run: unweave data download {self.name}" if file.url else f"fetch it by hand from {self.page}"
        return f"{self.name} needs the file {place}, which is not there; {how}"


def https_only(url: str) -> None:
    """Refuse any address that is not https."""
    if urlsplit(url).scheme != "https":
        raise InputError(f"url must begin with https://, got {url}")


class _HttpsOnly(urllib.request.HTTPRedirectHandler):
    """Follows redirects to https addresses only."""

    def redirect_request(
        self, req: urllib.request.Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        https_only(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def open_url(request: urllib.request.Request) -> Any:
    """The answer to a request; redirects are followed as long as they stay with https."""
    return urllib.request.build_opener(_HttpsOnly).open(request, timeout=TIMEOUT)


def digest(path: Path) -> str:
    """Sha-256 of a file in hexadecimal, read piece by piece."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def note_of(path: Path) -> Path:
    """The file beside `path` that keeps the SHA-256 which was seen first, in the form of `sha256sum`."""
    return path.with_name(f"{path.name}.sha256")


def first_seen(path: Path) -> str | None:
    """The SHA-256 which `path` had when it was first seen here, or None."""
    note = note_of(path)
    return (note.read_text("utf-8", errors="replace").split() or [None])[0] if note.is_file() else None


def record(path: Path, sha256: str) -> None:
    """Keep the SHA-256 of `path` beside it."""
    write_atomic(note_of(path), lambda sink: sink.write(f"{sha256}  {path.name}\n".encode()))


def inspected(remote: Remote, path: Path) -> tuple[str, str | None]:
    """The SHA-256 of a file that is there, and what is wrong with it: its size or the SHA-256 (None where all is well).

    Without a published SHA-256 the one seen first is expected; where none was seen, it is recorded now.
    """
    found, held = digest(path), path.stat().st_size
    seen = first_seen(path)
    if remote.sha256 is None and not is_what_it_says(path):
        return found, f"it is no {path.suffix} file, or only a part of one"
    if remote.bytes is not None and held != remote.bytes:
        return found, f"it holds {held} bytes instead of {remote.bytes}"
    if remote.sha256 is not None:
        right = found == remote.sha256
        return found, None if right else f"its SHA-256 is {found} instead of the published {remote.sha256}"
    if seen is None:
        record(path, found)
    elif found != seen:
        return found, f"its SHA-256 is {found} instead of {seen}, as first seen and kept in {note_of(path)}"
    return found, None


def is_what_it_says(path: Path, suffix: str | None = None) -> bool:
    """Whether a file has the form that its name announces, as far as its first bytes and, in a zip, its end tell."""
    suffix = path.suffix if suffix is None else suffix
    if suffix in (".npz", ".zip"):
        return zipfile.is_zipfile(path)
    if suffix not in SIGNATURES:
        return True
    at, signature = SIGNATURES[suffix]
    with path.open("rb") as file:
        file.seek(at)
        return file.read(len(signature)) == signature


@dataclass
class _Part:
    """What has arrived of a file: beside its place as NAME.part, with what the server calls this version of it."""

    target: Path
    ENDINGS: ClassVar = (".part", ".part.version")

    @property
    def path(self) -> Path:
        return self.target.with_name(self.target.name + self.ENDINGS[0])

    @property
    def version_file(self) -> Path:
        return self.target.with_name(self.target.name + self.ENDINGS[1])

    @property
    def bytes(self) -> int:
        return self.path.stat().st_size if self.path.is_file() else 0

    @property
    def version(self) -> str | None:
        return self.version_file.read_text("utf-8").strip() if self.version_file.is_file() else None

    def remove(self) -> None:
        self.path.unlink(missing_ok=True)
        self.version_file.unlink(missing_ok=True)


def fetch(
    remote: Remote,
    target: Path,
    *,
    most: int = MOST,
    opened: Callable[[urllib.request.Request], Any] = open_url,
) -> str:
    """Download `remote` to `target`, showing progress on stderr, and return its SHA-256.

    What arrives is kept as NAME.part until it is whole, and a later call goes on from there. The file appears under its
    name only with the expected size and SHA-256; otherwise its part is removed. Where no size is published, `most`
    bytes are the limit. All that goes wrong raises InputError with what to do.
    """
    if remote.url is None:
        raise InputError(f"{remote.name} must be fetched by hand and saved as {target}, since it has no https address")
    target.parent.mkdir(parents=True, exist_ok=True)
    part = _Part(target)
    if remote.bytes is None or part.bytes != remote.bytes:
        try:
            _receive(remote, part, most, opened)
        except (OSError, http.client.HTTPException) as wrong:
            reason = getattr(wrong, "reason", None) or wrong
            if getattr(wrong, "code", None) == 416 or not (part.version or remote.sha256):
                part.remove()  # nothing that a later call could go on from
            kept = f"; {part.bytes} bytes are kept, and the same command goes on from there" if part.bytes else ""
            raise InputError(
                f"{remote.url} cannot be fetched ({reason}){kept}; or save it by hand as {target}"
            ) from None
    if remote.sha256 is None and not is_what_it_says(part.path, target.suffix):
        part.remove()
        raise InputError(f"{remote.url} must be a {target.suffix} file, got something else; what arrived was removed")
    found, expected = digest(part.path), remote.sha256 or first_seen(target)
    if expected is not None and found != expected:
        part.remove()
        whose = "the published" if remote.sha256 else "the first seen"
        raise InputError(f"{remote.url} must have {whose} SHA-256 {expected}, got {found}; what arrived was removed")
    part.path.replace(target)
    part.remove()
    if remote.sha256 is None:
        record(target, found)
    return found


def _receive(remote: Remote, part: _Part, most: int, opened: Callable[[urllib.request.Request], Any]) -> None:
    """Fill the part until it is whole."""
    from rich.console import Console  # late: a data set that is there needs none of it
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn

    assert remote.url is not None
    # another version of the file must not be appended: only a server's own mark or a published SHA-256 tells
    start = part.bytes if part.version or remote.sha256 else 0
    request = urllib.request.Request(remote.url, headers={"User-Agent": "unweave", "Accept-Encoding": "identity"})
    if start:
        request.add_header("Range", f"bytes={start}-")
        if part.version:
            request.add_header("If-Range", part.version)
    console = Console(stderr=True)
    with opened(request) as answer:
        at, total = _announced(answer, start, remote)
        limit = most if remote.bytes is None else remote.bytes
        if total is not None and (total > limit or remote.bytes not in (None, total)):
            raise InputError(f"{remote.url} must hold {_limit(remote, most)} bytes, got {total}; nothing was fetched")
        _check_room(part.path.parent, (total or 0) - at)
        version = answer.headers.get("ETag") or answer.headers.get("Last-Modified") or ""
        if version.startswith("W/"):  # a weak mark: bytes may differ
            version = ""
        write_atomic(part.version_file, lambda sink: sink.write(version.encode()))
        verb = "resuming" if at else "downloading"
        size = f" ({total / 1e6:.1f} MB)" if total else ""
        console.print(f"{verb} {remote.url}{size} to {part.target}", soft_wrap=True, highlight=False)
        columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
        bar = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
        with bar, part.path.open("ab" if at else "wb") as sink:
            task = bar.add_task("", total=total, completed=at)
            while block := answer.read(CHUNK):
                at += len(block)
                if at > limit:
                    break
                sink.write(block)
                bar.advance(task, len(block))
    if at > limit:
        part.remove()
        raise InputError(f"{remote.url} must hold {_limit(remote, most)} bytes, got more; what arrived was removed")
    if total is not None and at < total:
        raise OSError(f"it broke off after {at} of {total} bytes")


def _limit(remote: Remote, most: int) -> str:
    return f"{most} or fewer" if remote.bytes is None else str(remote.bytes)


def _announced(answer: Any, start: int, remote: Remote) -> tuple[int, int | None]:
    """Where the answer begins in the file, and how many bytes the whole file has if the server says so."""
    stated = answer.headers.get("Content-Length")
    length = int(stated) if stated is not None and stated.isdigit() else None
    if answer.status != 206:  # the whole file, whatever was asked for
        return 0, length if length is not None else remote.bytes
    span, _, whole = (answer.headers.get("Content-Range") or "").removeprefix("bytes ").partition("/")
    if span.partition("-")[0] != str(start):
        raise InputError(f"{remote.url} must go on at byte {start}, got the part {span or 'unknown'}")
    return start, int(whole) if whole.isdigit() else remote.bytes


def _check_room(folder: Path, wanted: int) -> None:
    free = shutil.disk_usage(folder).free
    if wanted > free:
        raise InputError(f"{folder} must have room for {wanted / 1e6:.0f} MB, got {free / 1e6:.0f} MB free")
