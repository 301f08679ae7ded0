"""Checkpoints: one safetensors file each, with the counters as JSON in its header, written atomically."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from unweave.base.errors import Damaged, InputError
from unweave.base.files import FORMAT, check_sum, with_sum, write_atomic, writing
from unweave.engine.state import State

FOLDER, PATTERN = "checkpoints", "step-*.safetensors"


def stored(run: Path) -> list[Path]:
    """Checkpoints of a run, newest first."""
    return sorted((run / FOLDER).glob(PATTERN), reverse=True)


def kept(run: Path) -> str:
    """What there is of an unfinished run and how it goes on, for people."""
    found = stored(run)
    upto = f"the run is kept up to step {int(found[0].stem.rpartition('-')[2])}" if found else "no step is kept yet"
    return f"{upto}; --resume goes on with it once there is room"


def write(run: Path, state: State, keep: int = 2, of: str = "") -> Path:
    """Save `state` of the run with the hash `of`, then remove all but the newest `keep` checkpoints."""
    folder = run / FOLDER
    with writing(folder):
        folder.mkdir(exist_ok=True)  # not its parents: a folder that has vanished is not made again
    path = folder / f"step-{state.step:09d}.safetensors"
    header = {"format": str(FORMAT), "counters": json.dumps(state.counters()), "run": of}
    data = with_sum(save(state.tensors(), metadata=header))
    write_atomic(path, lambda file: file.write(data))
    for old in stored(run)[keep:]:
        old.unlink()
    return path


def remove(run: Path) -> None:
    """Remove all checkpoints, which a finished run no longer needs."""
    for path in stored(run):
        path.unlink()
    with contextlib.suppress(OSError):
        (run / FOLDER).rmdir()


def read(path: Path, state: State, of: str = "") -> None:
    """Restore `state` from one checkpoint of the run with the hash `of`.

    A damaged one, and one of another run, raise InputError that names it; `state` is then to be restored from another.
    """
    try:
        check_sum(path.read_bytes(), path)
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  not a dict
        counters = json.loads(header["counters"])
        newer = int(header.get("format", "0")) > FORMAT
    except (SafetensorError, OSError, KeyError, ValueError) as wrong:
        raise Damaged(f"checkpoint {path} cannot be read: {wrong}") from None
    if of and header.get("run", of) != of:
        raise Damaged(f"checkpoint {path} is that of the run {header['run']}, not of {of}")
    if newer:
        raise InputError(
            f"checkpoint {path} has format {header['format']}, newer than the {FORMAT} that this unweave reads"
        )
    expected = {n: t.shape for n, t in state.tensors().items() if n.partition("/")[0] in ("vae", "critic")}
    found = {n: t.shape for n, t in tensors.items() if n.partition("/")[0] in ("vae", "critic")}
    if expected != found:
        raise InputError(f"checkpoint {path} does not hold the weights that the run's settings call for")
    try:
        state.restore(tensors, counters)
    except (RuntimeError, KeyError, TypeError, ValueError, AttributeError) as wrong:
        raise Damaged(f"checkpoint {path} does not hold a whole state: {wrong}") from None


def read_newest(run: Path, state: State, say: Callable[[str], None], of: str = "") -> Path | None:
    """Restore from the newest checkpoint that can be read, naming those that cannot; None if there is none at all."""
    broken: list[str] = []
    for path in stored(run):
        try:
            read(path, state, of)
        except InputError as wrong:
            broken.append(str(wrong))
            say(f"{wrong}; trying the one before")
            continue
        return path
    if broken:
        raise InputError(f"no checkpoint of {run} can be read; {broken[0]}")
    return None
