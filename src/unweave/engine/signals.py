"""Ctrl-C and SIGTERM: work is stopped after the step in progress, not in the middle of it."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Generator


@contextlib.contextmanager
def stop_requested() -> Generator[Callable[[], bool]]:
    """Whether Ctrl-C or SIGTERM has come; the step in progress is finished first. A second Ctrl-C stops at once."""
    requested = threading.Event()

    def note(number: int, _frame: object) -> None:
        if requested.is_set() and number == signal.SIGINT:
            raise KeyboardInterrupt
        requested.set()

    if threading.current_thread() is not threading.main_thread():
        yield requested.is_set
        return
    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield requested.is_set
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
