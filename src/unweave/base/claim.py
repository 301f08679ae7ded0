"""Who works on a run: one small file, so that two processes, or two machines, never do the same one."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import secrets
import threading
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from unweave.base.errors import InputError
from unweave.base.files import write_atomic

FOLDER = "claims"  # in the folder of a study
OWN, MUTEX = ".claim", ".lock"  # of the folder itself, and for the moment in which claims or scores are changed
BEATS_EVERY = 20.0  # seconds between two signs of life of a claim
SILENT = 600.0  # seconds without a sign of life after which a claim from elsewhere is taken for dead


@cache
def here() -> dict[str, str]:
    """Machine, its boot, and the space in which process numbers mean something."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        space = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        boot = space = ""
    return {"machine": platform.node(), "boot": boot, "space": space}


def started(pid: int) -> str | None:
    """When process `pid` started, in the system's own count; None where there is no such process, "" if unknown.

    >>> started(os.getpid()) is None, started(2**22 + 1) is None
    (False, True)
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
        return None if fields[0] in "ZX" else fields[19]
    except OSError:
        pass
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except OSError:
        return ""
    return None if Path("/proc/self/stat").exists() else ""


def mine(owner: str) -> dict[str, Any]:
    """What a claim of this process says; `owner` names the `study run` it works for."""
    return {"pid": os.getpid(), "started": started(os.getpid()), **here(), "owner": owner}


def stale(held: Mapping[str, Any], silent: float) -> bool:
    """Whether the process that made the claim `held` is gone; `silent` is how long it gave no sign of life, seconds.

    On the machine that made it the process itself is looked for, by number and start; a machine that booted since
    holds no claims; of other machines, and of another container on the same one, silence decides.
    """
    place = here()
    if all(held.get(name) == place[name] for name in ("machine", "boot", "space")):
        now = started(int(held["pid"]))
        return now is None or now != held.get("started")
    if held.get("machine") == place["machine"] and held.get("boot") != place["boot"]:
        return True
    return silent > SILENT


class InUse(InputError):
    """Another living process works in the folder."""


@dataclass(frozen=True)
class Claim:
    """A run taken; `beat` every so often while working, `release` when done."""

    path: Path
    record: Mapping[str, Any]

    def beat(self) -> None:
        """Give a sign of life."""
        with contextlib.suppress(OSError):
            os.utime(self.path)

    def release(self) -> None:
        """Give the run back, if its folder still is where it was."""
        if not self.path.parent.is_dir():
            return
        with contextlib.suppress(OSError), one_at_a_time(self.path.parent):
            if _read(self.path) == self.record:
                self.path.unlink(missing_ok=True)


def take(folder: Path, name: str, owner: str) -> Claim | None:
    """Claim the run `name`, or None while a living process that works for another owner has it."""
    path, record = folder / name, mine(owner)
    with one_at_a_time(folder):
        if is_held(path) and (_read(path) or {}).get("owner") != owner:
            return None
        text = json.dumps(record) + "\n"
        write_atomic(path, lambda file: file.write(text.encode()))
    return Claim(path, record)


def is_held(path: Path) -> bool:
    """Whether a living process holds the claim in `path`."""
    try:
        silent = time.time() - path.stat().st_mtime
    except OSError:
        return False
    held = _read(path)
    return held is not None and not stale(held, silent)


def drop(folder: Path, name: str, owner: str) -> None:
    """Take away the claim of a worker that is known to be lost, if it worked for `owner`."""
    with contextlib.suppress(OSError), one_at_a_time(folder):
        held = _read(folder / name)
        if held is not None and held.get("owner") == owner:
            (folder / name).unlink(missing_ok=True)


def _read(path: Path) -> dict[str, Any] | None:
    try:
        held = json.loads(path.read_text("utf-8"))
        return held if isinstance(held.get("pid"), int) else None
    except (OSError, ValueError, AttributeError):
        return None


@contextlib.contextmanager
def alone(folder: Path, *, beside: bool = False) -> Generator[None]:
    """Nobody else works in the folder (made where missing) meanwhile; InUse tells the second one who does.

    With `beside` the claim lies next to the folder, which then need not be there and may be put in place as a whole.
    The claim of a process that is gone is taken over: at once on the machine (and in the container) it ran
    in, and of others that share the folder after ten minutes without a sign of life.
    """
    place, name = (folder.parent, f".{folder.name}{OWN}") if beside else (folder, OWN)
    taken = take(place, name, secrets.token_hex(8))
    if taken is None:
        held = _read(place / name) or {}
        where = "" if held.get("machine") == here()["machine"] else f" on {held.get('machine')}"
        raise InUse(
            f"{folder} is in use by process {held.get('pid')}{where}; wait until it is done, or choose another folder"
        )
    try:
        with beating(taken):
            yield
    finally:
        taken.release()


@contextlib.contextmanager
def beating(taken: Claim) -> Generator[None]:
    """Signs of life of the claim, from a thread, as long as the work goes on."""
    with now_and_then(BEATS_EVERY, taken.beat):
        yield


@contextlib.contextmanager
def now_and_then(seconds: float, call: Callable[[], object]) -> Generator[None]:
    """Call this from a thread every so many seconds, as long as the work goes on."""
    over = threading.Event()

    def calling() -> None:
        while not over.wait(seconds):
            call()

    thread = threading.Thread(target=calling, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@contextlib.contextmanager
def one_at_a_time(folder: Path) -> Generator[None]:
    """No other process, or thread, does so in this folder meanwhile, where the system can lock files; for moments."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / MUTEX
    with contextlib.ExitStack() as stack:
        locked = False
        with contextlib.suppress(ImportError, OSError):  # no such call, no such lock, a folder that is only read:
            import fcntl  # then the rename alone must do

            while not locked:
                file = stack.enter_context(path.open("ab"))
                fcntl.flock(file, fcntl.LOCK_EX)
                with contextlib.suppress(FileNotFoundError):  # the one before has taken it away
                    locked = os.fstat(file.fileno()).st_ino == path.stat().st_ino
        try:
            yield
        finally:
            if locked:
                path.unlink(missing_ok=True)
