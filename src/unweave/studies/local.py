"""The local engine: runs side by side in spawned processes of one machine, as many as memory allows."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
import time
from collections import Counter, deque
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnContext, SpawnProcess
from pathlib import Path
from typing import Any

from unweave.base.errors import InputError, Interrupted
from unweave.engine.signals import HANGUP
from unweave.studies.trial import Event, Job, failed, work

TICK = 0.2  # seconds between two looks at the workers
FINAL = ("done", "failed", "busy")
DEATHS = 3  # a run whose workers died so often has failed
GUESS = 600_000_000  # bytes that a worker holds alone, until one has said
PATIENCE = 60.0  # seconds that a worker gets to save its run
HUNG = 60.0  # minutes without news of a worker after which it is ended
LIBRARIES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def cores() -> int:
    """Processor cores that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on every system
        return os.cpu_count() or 1


def free_memory() -> int | None:
    """Bytes that new processes can have, the limit of the container included; None where the system does not tell."""
    try:
        lines = Path("/proc/meminfo").read_text("ascii").splitlines()
    except OSError:
        return None
    free = next((int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")), None)
    with contextlib.suppress(OSError, ValueError):
        group = Path("/sys/fs/cgroup")
        left = int((group / "memory.max").read_text("ascii")) - int((group / "memory.current").read_text("ascii"))
        statistics = dict(line.split() for line in (group / "memory.stat").read_text("ascii").splitlines())
        left += int(statistics.get("inactive_file", 0))  # pages of files, given back when asked for
        return left if free is None else min(free, left)
    return free


def run(jobs: Sequence[Job], *, workers: int, threads: int = 1, hung: float = HUNG) -> Generator[Event | None]:
    """Do `jobs` in at most `workers` processes and give what they say; None at least every 0.2 seconds.

    A worker that dies loses nothing but the steps since the last checkpoint: its run goes to another, and fails at
    the third death. One of which nothing was heard for `hung` minutes is ended, and counts as dead. Closing the
    generator lets the workers save their runs and ends them.
    """
    crew = _Crew(workers, threads, deque(jobs), hung)
    try:
        yield from crew.events()
    except BaseException as stop:
        crew.dismiss(at_once=isinstance(stop, KeyboardInterrupt) and not isinstance(stop, Interrupted))
        raise
    crew.dismiss()


@dataclass
class _Worker:
    process: SpawnProcess
    pipe: Connection
    job: Job | None = None
    ready: bool = False
    heard: float = 0.0  # when it last said something, by the monotonic clock
    hung: bool = False


class _Crew:
    """The processes and what is left to do."""

    def __init__(self, workers: int, threads: int, waiting: deque[Job], hung: float = HUNG) -> None:
        self.most, self.threads, self.waiting, self.hung = workers, threads, waiting, hung
        self.crew: list[_Worker] = []
        self.deaths: Counter[str] = Counter()
        self.needed, self.known = GUESS, False  # bytes a worker holds
        self.short = False  # whether it was reported that memory is short
        self.context: SpawnContext = multiprocessing.get_context("spawn")

    def events(self) -> Generator[Event | None]:
        while self.waiting or any(worker.job for worker in self.crew):
            if (note := self._hire()) is not None:
                yield note
            for worker in self.crew:
                if worker.job is None and self.waiting:
                    worker.job, worker.heard = self.waiting.popleft(), time.monotonic()
                    with contextlib.suppress(OSError):  # it died idle: found below
                        worker.pipe.send(worker.job)
            ready = wait([worker.pipe for worker in self.crew if worker.job is not None], timeout=TICK)
            for worker in [each for each in self.crew if each.pipe in ready]:
                if (event := self._heard(worker)) is not None:
                    yield event
            for worker in self.crew:
                limit = self.hung if worker.ready else max(self.hung, HUNG)  # it has torch to import
                if worker.job is not None and time.monotonic() - worker.heard > 60 * limit:
                    worker.hung = True
                    worker.process.kill()  # the pipe then ends, which is heard above
            yield None

    def _hire(self) -> Event | None:
        """Start a worker for every job that waits, as far as memory goes."""
        while len(self.crew) < min(self.most, len(self.waiting) + sum(1 for each in self.crew if each.job)):
            unborn = 0 if self.known else len(self.crew)  # those that have not taken their memory yet
            free = free_memory()
            if self.crew and free is not None and free < self.needed * (1 + unborn):
                if self.short:
                    return None
                self.short = True
                text = f"{free / 1e9:.1f} GB are free and a worker needs {self.needed / 1e9:.1f}"
                return Event("", "note", text=f"{text}: {len(self.crew)} of {self.most} workers until more is free")
            self.crew.append(self._started())
        return None

    def _started(self) -> _Worker:
        ours, theirs = self.context.Pipe()
        process = self.context.Process(target=serve, args=(theirs, os.getpid()), daemon=True)
        before = {name: os.environ.get(name) for name in LIBRARIES}
        os.environ.update(dict.fromkeys(LIBRARIES, str(self.threads)))  # read by the libraries when they load
        try:
            process.start()
        finally:
            for name, value in before.items():
                os.environ.pop(name) if value is None else os.environ.update({name: value})
        theirs.close()
        return _Worker(process, ours)

    def _heard(self, worker: _Worker) -> Event | None:
        job = worker.job
        assert job is not None
        try:
            event: Event | None = worker.pipe.recv()
        except (EOFError, OSError):
            return self._died(worker, job)
        worker.heard = time.monotonic()
        if event is None:
            worker.ready = True
            return None
        if event.memory:
            self.needed, self.known = max(event.memory, self.needed if self.known else 0), True
        if event.kind in FINAL:
            worker.job = None
        return event

    def _died(self, worker: _Worker, job: Job) -> Event:
        self.crew.remove(worker)
        worker.process.join(PATIENCE)
        worker.pipe.close()
        self.deaths[job.name] += 1
        how = f"said nothing for {self.hung:g} minutes" if worker.hung else ended(worker.process.exitcode)
        if not worker.ready and (worker.process.exitcode or 0) > 0:
            raise InputError(
                "workers must be able to start, and one ended as soon as it did; a script that runs a study must do so "
                "below `if __name__ == '__main__':`, since every worker imports it"
            )
        if self.deaths[job.name] < DEATHS:
            self.waiting.appendleft(job)
            return Event(job.name, "lost", text=f"its worker {how}; taken up again")
        return Event(job.name, "failed", text=failed(job, f"its worker died {DEATHS} times; the last {how}"))

    def dismiss(self, *, at_once: bool = False) -> None:
        """End all workers; those in a run save it first, unless it must be at once."""
        for worker in self.crew:
            worker.pipe.close()
            if at_once:
                worker.process.kill()
            elif worker.job is not None:
                worker.process.terminate()
        until = time.monotonic() + PATIENCE
        for worker in self.crew:
            worker.process.join(max(0.1, until - time.monotonic()))
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()
        self.crew.clear()


def ended(code: int | None) -> str:
    """How a process ended, in words.

    >>> ended(-9), ended(1)
    ('was killed by SIGKILL, perhaps for want of memory', 'ended with status 1')
    """
    if code is None or code >= 0:
        return f"ended with status {code}"
    name = signal.Signals(-code).name
    return f"was killed by {name}" + (", perhaps for want of memory" if name == "SIGKILL" else "")


def serve(pipe: Any, parent: int) -> None:
    """The life of a worker: one job after the other, until there are no more or the parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent, which says what to do
    if HANGUP is not None:
        signal.signal(HANGUP, signal.SIG_IGN)  # so does the end of the terminal
    threading.Thread(target=_die_with, args=(parent,), daemon=True).start()

    turn = threading.Lock()  # signs of life come from a thread

    def report(event: Event) -> None:
        try:
            with turn:
                pipe.send(event)
        except OSError:  # nobody listens any more: save and stop
            os.kill(os.getpid(), signal.SIGTERM)

    with contextlib.suppress(EOFError, OSError, KeyboardInterrupt):
        pipe.send(None)  # ready
        while True:
            work(pipe.recv(), report)


def _die_with(parent: int) -> None:
    """Save and stop as soon as the parent is gone."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(PATIENCE)
    os._exit(1)
