"""The Ray engine: the same runs on one machine or a cluster; a lost worker's run goes on from its checkpoint."""

from __future__ import annotations

import contextlib
import getpass
import os
import secrets
import shutil
import tempfile
import time
from collections import Counter, deque
from collections.abc import Generator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from unweave.base import claim
from unweave.base.errors import InputError
from unweave.base.files import write_atomic
from unweave.engine import folder
from unweave.engine.log import read_log
from unweave.studies.local import DEATHS, TICK
from unweave.studies.trial import Event, Job, failed, work

MARK = ".seen-"  # and a token: a file that tells a worker whether it sees the study's folder
PACKED = ("settings.json", "weights.safetensors", "log.jsonl", "metrics.json", "done.json", "trial.json", "failed.json")


def run(
    jobs: Sequence[Job], *, workers: int, threads: int = 1, address: str | None = None, store: bool = False
) -> Generator[Event | None]:
    """Do `jobs` on Ray and give what the workers say; None at least every 0.2 seconds.

    Without `address` Ray is started on this machine with `workers` places, and stopped at the end; with one ("auto",
    or "host:port") at most `workers` runs go on at a time there. Workers that see the study's folder write into it;
    others send finished runs back through the object store, as all do with `store`. Without Ray an InputError says
    what to install.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is reported to anybody
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray
    except ModuleNotFoundError:
        raise InputError("--engine ray needs Ray: pip install 'unweave[ray]'") from None
    if not jobs:
        return
    fresh = not ray.is_initialized()
    if fresh:
        start(ray, workers * threads, address)
    home = Path(jobs[0].study)
    token = secrets.token_hex(8)
    mark = home / f"{MARK}{token}"
    write_atomic(mark, lambda file: file.write(token.encode()))
    try:
        yield from _events(ray, jobs, workers, threads, None if store else token)
    finally:
        mark.unlink(missing_ok=True)
        if fresh:
            ray.shutdown()


def start(ray: Any, places: int, address: str | None) -> None:
    """Start Ray here, or join the cluster at `address`; one that cannot be reached raises InputError."""
    quiet = {"logging_level": "ERROR", "log_to_driver": False, "include_dashboard": False}
    if address is None:
        ray.init(num_cpus=places, object_store_memory=200_000_000, **quiet)
        return
    try:
        ray.init(address=address, logging_level="ERROR", log_to_driver=False)
    except (ConnectionError, ValueError, RuntimeError) as wrong:
        raise InputError(f"--address must be that of a Ray cluster, got {address}: {wrong}") from None


def _events(ray: Any, jobs: Sequence[Job], workers: int, threads: int, token: str | None) -> Generator[Event | None]:
    remote = ray.remote(num_cpus=threads, max_retries=0)(do)
    waiting, deaths = deque(jobs), Counter[str]()
    going: dict[Any, tuple[Job, claim.Claim]] = {}
    reported: dict[str, int] = {}
    beaten = time.monotonic()
    try:
        while waiting or going:
            while waiting and len(going) < workers:
                job = waiting.popleft()
                taken = claim.take(Path(job.study) / claim.FOLDER, job.name, job.owner)
                if taken is None:
                    yield Event(job.name, "busy")
                    continue
                held = _packed(job.out) if (job.out / folder.DONE).exists() else {}
                going[remote.remote(job, token, held)] = job, taken
                yield Event(job.name, "began", 0, int(job.spec["training"]["steps"]))
            ready, _ = ray.wait(list(going), timeout=TICK) if going else ([], [])
            for reference in ready:
                job, _taken = going.pop(reference)
                event = _ended(ray, reference, job, deaths)
                claim.drop(Path(job.study) / claim.FOLDER, job.name, job.owner)
                if event.kind == "lost":
                    waiting.appendleft(job)
                yield event
            if not ready:
                yield from _how_far([job for job, _ in going.values()], reported)
            if time.monotonic() - beaten > claim.BEATS_EVERY:
                beaten = time.monotonic()
                for _, taken in going.values():
                    taken.beat()
            yield None
    finally:
        _stop(ray, list(going))
        for job, _ in going.values():
            claim.drop(Path(job.study) / claim.FOLDER, job.name, job.owner)


def _ended(ray: Any, reference: Any, job: Job, deaths: Counter[str]) -> Event:
    try:
        events, packed = ray.get(reference)
    except ray.exceptions.RayError as wrong:
        deaths[job.name] += 1
        how = type(wrong).__name__
        if deaths[job.name] < DEATHS:
            return Event(job.name, "lost", text=f"its worker is lost ({how}); taken up again")
        return Event(job.name, "failed", text=failed(job, f"its worker was lost {DEATHS} times; the last: {how}"))
    for name, content in packed.items():
        write_atomic(job.out / name, lambda file, content=content: file.write(content))
    return events[-1]


def _how_far(jobs: Any, reported: dict[str, int]) -> Generator[Event]:
    """Steps done, read from the logs that can be seen here."""
    for job in jobs:
        with contextlib.suppress(InputError, OSError):
            records, _ = read_log(job.out / folder.LOG)
            step = int(records[-1]["step"]) if records else 0
            if step > reported.get(job.name, 0):
                reported[job.name] = step
                yield Event(job.name, "step", step, int(job.spec["training"]["steps"]))


def _stop(ray: Any, references: list[Any]) -> None:
    """Tell workers to save their runs, and wait until they have."""
    for reference in references:
        ray.cancel(reference)
    with contextlib.suppress(Exception):
        ray.wait(references, num_returns=len(references), timeout=60)


def do(job: Job, token: str | None, held: dict[str, bytes]) -> tuple[list[Event], dict[str, bytes]]:
    """What a worker does: the run in the study's folder if it sees that, else in a folder of its own, sent back.

    `held` are the files of a run that is trained and not yet scored. Returns the events and the files to send. A
    worker's own folder stays until the run is done, so that a second try on the same machine goes on from there.
    """
    events: list[Event] = []
    if token is not None and (Path(job.study) / f"{MARK}{token}").is_file():
        work(job, events.append)
        return events, {}
    own = replace(job, study=str(Path(tempfile.gettempdir()) / f"unweave-{getpass.getuser()}-{job.owner}"), there=False)
    for name, content in held.items():
        write_atomic(own.out / name, lambda file, content=content: file.write(content))
    work(own, events.append)
    found = _packed(own.out)
    shutil.rmtree(own.out)
    return events, found


def _packed(out: Path) -> dict[str, bytes]:
    return {name: (out / name).read_bytes() for name in PACKED if (out / name).is_file()}
