"""What work says on standard error while it goes on: a terminal that has gone must not stop it."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console


class Steady:
    """Standard error, on which a write that fails (the terminal was closed, a pipe or a disk is full) is left out."""

    def write(self, text: str) -> int:
        """Show the text if that can be."""
        with contextlib.suppress(OSError):
            _stream().write(text)
        return len(text)

    def flush(self) -> None:
        """Show what was held back if that can be."""
        with contextlib.suppress(OSError):
            _stream().flush()

    def __getattr__(self, name: str) -> Any:
        if name == "rich_proxied_file":  # by which rich would go round this one
            raise AttributeError(name)
        return getattr(_stream(), name)


def _stream() -> Any:
    """Standard error itself, also while rich has put something in its place that writes here."""
    return getattr(sys.stderr, "rich_proxied_file", sys.stderr)


def console() -> Console:
    """A console on standard error for progress and messages."""
    from rich.console import Console

    return Console(file=Steady(), stderr=True, highlight=False)  # pyright: ignore[reportArgumentType]


def tell(sentence: str) -> None:
    """One line on standard error, if that can be."""
    print(sentence, file=Steady(), flush=True)
