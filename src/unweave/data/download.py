"""Files from the network into the cache: once, whole, and only with the expected SHA-256."""

from __future__ import annotations

import hashlib
import http.client
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from unweave.data.cache import write_atomic
from unweave.errors import InputError

CHUNK = 1 << 18  # bytes read at a time
TIMEOUT = 30  # seconds without an answer


@dataclass(frozen=True)
class Remote:
    """A file on the network: where, how many bytes, and their SHA-256 in hexadecimal. Only https is allowed."""

    url: str
    bytes: int
    sha256: str

    def __post_init__(self) -> None:
        if not self.url.startswith("https://"):
            raise InputError(f"url must begin with https://, got {self.url}")


def fetch(remote: Remote, target: Path) -> Path:
    """Download `remote` to `target`, showing progress on stderr, and return `target`.

    No more than the stated number of bytes is read, and the file appears only when its SHA-256 is right. Anything
    else raises InputError with what to do, and leaves nothing behind.
    """
    from rich.console import Console  # late: a data set that is there needs none of it
    from rich.progress import wrap_file

    request = urllib.request.Request(remote.url, headers={"User-Agent": "unweave"})
    console = Console(stderr=True)
    console.print(
        f"downloading {remote.url} ({remote.bytes / 1e6:.1f} MB) to {target}", soft_wrap=True, highlight=False
    )
    try:
        with (
            urllib.request.urlopen(request, timeout=TIMEOUT) as answer,  # https by the check above
            wrap_file(answer, remote.bytes, console=console, transient=True) as source,
        ):
            write_atomic(target, lambda sink: _copy(source, sink, remote))
    except (OSError, http.client.HTTPException) as wrong:
        reason = getattr(wrong, "reason", wrong)
        raise InputError(
            f"{remote.url} cannot be fetched ({reason}); get it by other means and save it as {target}"
        ) from None
    return target


def _copy(source: BinaryIO, sink: BinaryIO, remote: Remote) -> None:
    """Copy exactly the expected bytes, or raise InputError."""
    digest, left = hashlib.sha256(), remote.bytes
    while block := source.read(min(CHUNK, left + 1)):
        left -= len(block)
        if left < 0:
            break
        digest.update(block)
        sink.write(block)
    if left:
        size = f"more than {remote.bytes}" if left < 0 else f"only {remote.bytes - left}"
        raise InputError(f"{remote.url} must hold {remote.bytes} bytes, got {size}")
    if digest.hexdigest() != remote.sha256:
        raise InputError(f"{remote.url} must have SHA-256 {remote.sha256}, got {digest.hexdigest()}")
