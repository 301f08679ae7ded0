"""Does what is missing of a study, with any engine, until all is done or somebody says stop."""

from __future__ import annotations

import contextlib
import secrets
import time
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from unweave.base import claim
from unweave.base.checks import POSITIVE, Range
from unweave.base.errors import CannotWrite, InputError, Interrupted
from unweave.base.settings import Settings
from unweave.engine.signals import stop_requested
from unweave.studies import local
from unweave.studies.board import Board
from unweave.studies.spec import Study, Trial
from unweave.studies.trial import RUNS, Event, Job, State, forgive, states

Engine: TypeAlias = Callable[[Sequence[Job]], Generator[Event | None]]
POLL = 0.5  # seconds between two looks at runs that another process has


@dataclass(frozen=True)
class Options(Settings):
    """How a study is run: which engine, how many workers with how many threads each, and what may be spent."""

    engine: Annotated[Literal["local", "ray"], "run on processes of this machine, or on Ray"] = "local"
    workers: Annotated[int | None, "number of runs at a time [one per core]", Range(1)] = None
    threads: Annotated[int, "threads per worker", Range(1)] = 1
    hung: Annotated[float, "minutes without news of a worker (local) after which its run goes to another", POSITIVE] = (
        local.HUNG
    )
    address: Annotated[str | None, "address of a Ray cluster: auto, or host:port [a local Ray]"] = None
    retry_failed: Annotated[bool, "try failed runs again"] = False
    minutes: Annotated[float | None, "stop after this many minutes, with all runs saved", POSITIVE] = None
    plugin: Annotated[str | None, "a Python file that registers more methods, nets or data sets"] = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.address is not None and self.engine != "ray":
            raise InputError(f"address must be left out unless the engine is ray, got {self.address}")

    @property
    def places(self) -> int:
        """How many runs go on at once: as many as there are cores for, if not told."""
        return self.workers or max(1, local.cores() // self.threads)

    def made(self) -> Engine:
        """The engine."""
        if self.engine == "local":
            return partial(local.run, workers=self.places, threads=self.threads, hung=self.hung)
        from unweave.studies import ray

        return partial(ray.run, workers=self.places, threads=self.threads, address=self.address)


def summary(stand: dict[str, State]) -> str:
    """How many runs are in which state, in words.

    >>> summary({"a": "done", "b": "missing", "c": "done"})
    '2 of 3 runs done, 1 missing'
    """
    count = Counter(stand.values())
    others = [f"{count[each]} {each}" for each in ("running", "stopped", "failed", "missing") if count[each]]
    return ", ".join([f"{count['done']} of {len(stand)} runs done", *others])


def conduct(study: Study, trials: Sequence[Trial], options: Options = Options()) -> dict[str, State]:
    """Do the runs of `trials` that are not done, and return where every one stands.

    What is done stays as it is, what was stopped goes on from its checkpoint, what failed is left alone unless
    `retry_failed`, and what another process is doing is waited for. Ctrl-C, SIGTERM and SIGHUP raise Interrupted
    once the workers have saved their runs; a budget that is used up ends the same way, without the exception.
    """
    study.keep()
    stand = states(study, list(trials))
    if options.retry_failed:
        for name in [name for name, state in stand.items() if state == "failed"]:
            forgive(study.folder / RUNS / name)
            stand[name] = "stopped"
    left = [trial for trial in trials if stand[trial.name] not in ("done", "failed")]
    allowed = left if study.budget.runs is None else left[: study.budget.runs]
    owner, names = secrets.token_hex(8), {t.name: f"{t.cell}, seed {t.seed}" for t in trials}
    jobs = [Job.of(study, t, threads=options.threads, owner=owner, plugin=options.plugin) for t in allowed]
    board = Board(len(trials), sum(state == "done" for state in stand.values()), names)
    minutes = options.minutes or study.budget.minutes
    try:
        over = _until_done(study, jobs, options.made(), board, minutes)
    finally:
        board.close()
    if not study.folder.is_dir():
        raise CannotWrite(f"{study.folder} has vanished meanwhile; once it is back the same command goes on")
    stand = states(study, list(trials))
    if over:
        board.say(f"the budget of {minutes:g} minutes is used up; the same command goes on")
    elif len(allowed) < len(left):
        board.say(f"the budget of {study.budget.runs} runs is used up; the same command goes on")
    return stand


def _is_held(job: Job) -> bool:
    """Whether another process does the run, for a study or by itself."""
    return claim.is_held(Path(job.study) / claim.FOLDER / job.name) or claim.is_held(job.out / claim.OWN)


def _until_done(study: Study, jobs: Sequence[Job], engine: Engine, board: Board, minutes: float | None) -> bool:
    """Run the jobs, and those that another process had and gave up; whether the time ran out."""
    deadline = None if minutes is None else time.monotonic() + 60 * minutes
    with stop_requested() as stop:

        def over() -> bool:
            if stop():
                raise Interrupted(f"stopped; the runs under way are saved in {study.folder}; the same command goes on")
            return deadline is not None and time.monotonic() > deadline

        while jobs:
            busy: list[Job] = []
            with contextlib.closing(engine(jobs)) as events:
                for event in events:
                    if event is None:
                        board.tick()
                        if over():
                            return True
                    elif event.kind == "busy":
                        busy.append(next(job for job in jobs if job.name == event.run))
                    else:
                        board.heard(event)
            if busy:
                board.say(f"another process is doing {len(busy)} of the runs; waiting for it")
            while busy and all(_is_held(job) for job in busy):
                time.sleep(POLL)
                if over():
                    return True
            jobs = busy
    return False
