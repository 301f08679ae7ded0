"""What a study will cost: runs, hours and disk, from runs that are finished or from a short timing."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from unweave.engine import folder
from unweave.engine.loop import steps_in
from unweave.studies.spec import Study, Trial
from unweave.studies.trial import RUNS, State, outcome

TIMED = 6  # kinds of runs that are timed, at most
SAMPLE = 200  # finished runs that are looked at
SMALL_FILES = 100_000  # bytes of settings, log and scores


@dataclass(frozen=True)
class Plan:
    """Runs to do, seconds of one worker for them, bytes on disk in the end, and what the seconds were taken from."""

    runs: int
    train_seconds: float
    score_seconds: float | None
    bytes: float
    told_by: str

    def minutes(self, workers: int) -> float:
        """On the clock, with so many workers that do not slow each other down."""
        return (self.train_seconds + (self.score_seconds or 0.0)) / 60 / workers

    def words(self, workers: int) -> str:
        """In a sentence or two."""
        scored = "" if self.score_seconds is not None else ", without the time that scores take (no run is scored yet)"
        return (
            f"{self.runs} runs to do: about {duration(60 * self.minutes(workers))} with {workers} "
            f"worker{'s' * (workers > 1)} ({self.told_by}{scored}) and {self.bytes / 1e6:.0f} MB of disk"
        )


def duration(seconds: float) -> str:
    """A time in its natural unit.

    >>> duration(40), duration(600), duration(9000)
    ('40 seconds', '10 minutes', '2.5 hours')
    """
    if seconds < 120:
        return f"{seconds:.0f} seconds"
    return f"{seconds / 60:.0f} minutes" if seconds < 7200 else f"{seconds / 3600:.1f} hours"


def kind(trial: Trial) -> tuple[object, ...]:
    """Runs of one kind take about the same time for a step."""
    spec = trial.spec
    return spec.method.name, spec.data, spec.net, spec.training.batch, spec.training.latents


def plan(study: Study, trials: Sequence[Trial], stand: Mapping[str, State]) -> Plan:
    """What is left to do of a study and what it will take."""
    left = [trial for trial in trials if stand[trial.name] in ("missing", "stopped")]
    done = [trial for trial in trials if stand[trial.name] == "done"][:SAMPLE]
    speeds, scoring, sizes = _measured(study.folder / RUNS, done)
    basis = f"from {len(done)} finished runs"
    if not speeds and left:
        firsts = list({repr(kind(trial)): trial for trial in left}.values())[:TIMED]
        speeds = {repr(kind(trial)): 1 / steps_in(trial.spec, 1.0, timed=10) for trial in firsts}
        basis = f"from {len(firsts)} short timing{'s' * (len(firsts) > 1)} of a process with all its threads"
    usual = statistics.mean(speeds.values()) if speeds else 0.0
    seconds = sum(trial.spec.training.steps * speeds.get(repr(kind(trial)), usual) for trial in left)
    size = statistics.mean(sizes) if sizes else _size(left[0]) if left else 0.0
    scored = statistics.mean(scoring) * len(left) if scoring else None if study.metrics else 0.0
    return Plan(len(left), seconds, scored, size * len(left), basis)


def _measured(runs: Path, done: Iterable[Trial]) -> tuple[dict[str, float], list[float], list[int]]:
    """Seconds a step by kind, seconds of scoring, and bytes of each finished run."""
    speeds: dict[str, list[float]] = {}
    scoring: list[float] = []
    sizes: list[int] = []
    for trial in done:
        held = outcome(runs / trial.name)
        assert held is not None
        speeds.setdefault(repr(kind(trial)), []).append(held["spent"]["train_seconds"] / trial.spec.training.steps)
        scoring.append(held["spent"]["score_seconds"])
        sizes.append(sum(file.stat().st_size for file in (runs / trial.name).rglob("*") if file.is_file()))
    return {key: statistics.mean(each) for key, each in speeds.items()}, scoring, sizes


def _size(trial: Trial) -> float:
    weights = sum(4 * math.prod(shape) for shape in trial.spec.shapes().values())
    return weights + SMALL_FILES


def spent(study: Study, trials: Iterable[Trial]) -> dict[str, float]:
    """Images seen, and minutes of one worker in training and in scoring, over the runs that are done."""
    total = {"runs": 0, "images": 0, "train_minutes": 0.0, "score_minutes": 0.0}
    for trial in trials:
        path = study.folder / RUNS / trial.name
        if (path / folder.DONE).exists() and (held := outcome(path)) is not None:
            total["runs"] += 1
            total["images"] += held["spent"]["images"]
            total["train_minutes"] += held["spent"]["train_seconds"] / 60
            total["score_minutes"] += held["spent"]["score_seconds"] / 60
    return total
