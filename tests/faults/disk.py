"""A disk that fails at one chosen operation: all writes, flushes and renames are counted, the k-th breaks."""

import contextlib
import errno
import io
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from unweave.base import files

WAYS = ("full", "broken", "dies")  # ENOSPC, EIO, and the process ends there


class Died(BaseException):
    """Stands for the end of the process: nothing below catches it, and nothing is written any more."""


class Disk:
    """Counts operations; from the `fails_at`-th on it is full or broken, or everything ends there."""

    def __init__(self, fails_at: int = 0, way: str = "full") -> None:
        self.count, self.fails_at, self.way, self.dead = 0, fails_at, way, False

    def operation(self, half: Callable[[], object] = lambda: None) -> None:
        """One more; where it is the one that fails, `half` of it is done first."""
        self.count += 1
        if self.dead or (self.fails_at and self.count >= self.fails_at and self.way == "dies"):
            if not self.dead:
                half()
            self.dead = True
            raise Died
        if self.fails_at and self.count >= self.fails_at:
            half()
            number = errno.ENOSPC if self.way == "full" else errno.EIO
            raise OSError(number, os.strerror(number))

    @contextlib.contextmanager
    def mounted(self) -> Iterator["Disk"]:
        """Everything that goes through base/files.py goes to this disk."""
        disk, flush, rename, unlink = self, files.flush, files.rename, Path.unlink

        class Raw(io.FileIO):
            def write(self, data):
                disk.operation(lambda: io.FileIO.write(self, bytes(data)[: len(data) // 2]))
                return super().write(data)

        def flushing(number):
            disk.operation()
            flush(number)

        def renaming(old, new):
            disk.operation()
            rename(old, new)

        def unlinking(path, missing_ok=False):
            if disk.dead:  # what a dead process would have tidied stays
                return
            unlink(path, missing_ok=missing_ok)

        files.raw, before = Raw, files.raw
        files.flush, files.rename, Path.unlink = flushing, renaming, unlinking
        try:
            yield self
        finally:
            files.raw, files.flush, files.rename, Path.unlink = before, flush, rename, unlink
