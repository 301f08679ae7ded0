"""Ctrl-C, SIGTERM and SIGHUP: work is stopped after the step in progress, not in the middle of it."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Generator

HANGUP = getattr(signal, "SIGHUP", None)  # not on every system


@contextlib.contextmanager
def stop_requested() -> Generator[Callable[[], bool]]:
    """Whether Ctrl-C, SIGTERM or SIGHUP (the terminal has gone) has come; the step in progress is finished first.

    A second Ctrl-C stops at once. A SIGHUP that whoever started us told us to ignore, as nohup does, stays ignored.
    """
    requested = threading.Event()

    def note(number: int, _frame: object) -> None:
        if requested.is_set() and number == signal.SIGINT:
            raise KeyboardInterrupt
        requested.set()

    if threading.current_thread() is not threading.main_thread():
        yield requested.is_set
        return
    heard = [signal.SIGINT, signal.SIGTERM]
    if HANGUP is not None and signal.getsignal(HANGUP) != signal.SIG_IGN:
        heard.append(HANGUP)
    before = {number: signal.signal(number, note) for number in heard}
    try:
        yield requested.is_set
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
