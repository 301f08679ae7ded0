"""The folder of a run: plain files, each written under another name, flushed and renamed."""

from __future__ import annotations

import contextlib
import platform
import subprocess
from collections.abc import Generator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from unweave.base import claim
from unweave.base.errors import Damaged, InputError
from unweave.base.files import is_another, read_json, sum_of_file, write_json
from unweave.engine import checkpoint
from unweave.engine.spec import Spec

SETTINGS, WEIGHTS, LOG, DONE = "settings.json", "weights.safetensors", "log.jsonl", "done.json"
SCORES, METRICS = "scores.jsonl", "metrics.json"  # what it scored while it was trained, and afterwards


def made_with(threads: int) -> dict[str, Any]:
    """What a run was made with: versions, machine, commit of the working folder's repository if there is one."""
    try:
        asked = subprocess.run(
            ["git", "describe", "--always", "--dirty"], capture_output=True, text=True, timeout=5, check=True
        )
        commit = asked.stdout.strip()
    except (OSError, subprocess.SubprocessError):
        commit = None
    return {
        "unweave": version("unweave"),
        "torch": torch.__version__,
        "numpy": version("numpy"),
        "python": platform.python_version(),
        "machine": platform.machine(),
        "system": platform.system(),
        "threads": threads,
        "commit": commit,
    }


def is_run(path: Path) -> bool:
    """Whether a folder holds a run."""
    return (path / SETTINGS).is_file()


def read_spec(path: Path) -> tuple[Spec, dict[str, Any]]:
    """The settings of the run in `path`, and all that settings.json says."""
    if not path.is_dir():
        raise InputError(f"{path} is not a run: there is no such folder")
    stored = read_json(path / SETTINGS)
    try:
        return Spec.from_plain(stored), stored
    except InputError as wrong:
        raise InputError(f"{path / SETTINGS}: {wrong}") from None


SEALED = (SETTINGS, WEIGHTS, LOG, SCORES)  # what no longer changes once a run is done


def seal(path: Path, done: Mapping[str, Any]) -> None:
    """Write done.json: what it says of the run, and the sums of the files that change no more."""
    sums = {name: sum_of_file(path / name) for name in SEALED if (path / name).is_file()}
    write_json(path / DONE, {**done, "sums": sums})


def check_sealed(path: Path, *names: str) -> None:
    """Damaged where one of these files of a finished run is not the one it ended with; older runs know no sums."""
    sums = read_json(path / DONE).get("sums") if (path / DONE).is_file() else None
    for name in names:
        if is_another(path / name, sums):
            raise Damaged(
                f"{path / name} is not the file that the run ended with: it was changed or damaged since; "
                f'if you changed it on purpose, remove "sums" and "#sum" from {DONE}'
            )


@contextlib.contextmanager
def alone(path: Path) -> Generator[None]:
    """Nobody else trains, imports or saves into the folder meanwhile; the second one is told by InputError."""
    if path.exists() and not path.is_dir():
        raise InputError(f"out must be a folder, got {path}, which is a file")
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(claim.alone(path))
        except OSError as wrong:
            raise InputError(f"out must be a folder that can be written to, got {path}: {wrong.strerror}") from None
        yield


def clear(path: Path) -> None:
    """Remove what a run wrote, and nothing else that lies in the folder."""
    kept = ("doctor.json", "subspaces.json", "report.html", "estimator.json")
    for name in (DONE, WEIGHTS, LOG, SCORES, METRICS, *kept, SETTINGS):
        (path / name).unlink(missing_ok=True)
    for file in checkpoint.stored(path):
        file.unlink()


def check(path: Path, *, resume: bool, overwrite: bool) -> None:
    """Make sure that a run may be written to `path`, without touching it.

    A folder with a finished run, an unfinished one or anything else in it is refused unless asked for.
    """
    if path.exists() and not path.is_dir():
        raise InputError(f"out must be a folder, got {path}, which is a file")
    if resume:
        if not is_run(path):
            raise InputError(f"resume needs a run to go on with; {path} holds none")
    elif overwrite:
        return
    elif (path / DONE).exists():
        raise InputError(f"{path} holds a finished run; choose another --out, or --overwrite to replace it")
    elif is_run(path):
        raise InputError(f"{path} holds an unfinished run; --resume goes on with it, --overwrite starts again")
    elif path.is_dir() and not all(_of_a_kill(each.name) for each in path.iterdir()):
        raise InputError(f"{path} holds other files; choose another --out, or --overwrite to write beside them")


def _of_a_kill(name: str) -> bool:
    """Whether a file is what a process leaves that was killed before it had written anything whole."""
    return name in (claim.OWN, claim.MUTEX) or (name.startswith(".") and name.endswith(".tmp"))


def prepare(path: Path, *, resume: bool, overwrite: bool) -> None:
    """Make the folder of a run and see that it can be written to; with `overwrite` what a run wrote there goes.

    Refuses what `check` refuses. Call it last, when nothing else can be wrong any more.
    """
    check(path, resume=resume, overwrite=overwrite)
    try:
        path.mkdir(parents=True, exist_ok=True)
        probe = path / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as wrong:
        raise InputError(f"out must be a folder that can be written to, got {path}: {wrong.strerror}") from None
    for litter in [*path.glob(".*.tmp"), *(path / checkpoint.FOLDER).glob(".*.tmp")]:
        litter.unlink(missing_ok=True)  # of a process that was killed while it wrote
    if overwrite and not resume:
        clear(path)
