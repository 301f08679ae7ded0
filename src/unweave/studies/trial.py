"""One run of a study in its folder: trained, scored, and what the tables need to know of it."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import time
import traceback
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

from unweave.base import claim
from unweave.base.codes import PLANES, of_title
from unweave.base.errors import CannotWrite, Diverged, InputError
from unweave.base.files import read_derived, write_json
from unweave.base.registry import load_file, metrics
from unweave.base.settings import build
from unweave.engine import Spec, checkpoint, folder
from unweave.engine import train as train_spec
from unweave.engine.callbacks import Callback
from unweave.metrics.probe import Probe
from unweave.models.vae import VAE
from unweave.run.run import Run
from unweave.studies.spec import Study, Trial
from unweave.subspaces.reading import in_planes

RUNS, OUTCOME, FAILED = "runs", "trial.json", "failed.json"
NEEDED = ("pool", "weights", "spent", "fit", "scores", "refused")  # without which an outcome is none
ALIVE_EVERY, BUSY = 5.0, 0.01  # seconds between signs of life while scoring; share of a core that is one
REPORTS_EVERY = 0.5  # seconds between two reports of how far a run has come

State: TypeAlias = Literal["done", "failed", "running", "stopped", "missing"]
Report: TypeAlias = Callable[["Event"], None]


@dataclass(frozen=True)
class Event:
    """News of a run: it began, is at a step, is scored, done, failed, is busy (another process has it), lost.

    A lost run's worker died; it is taken up again. A note is for people.
    """

    run: str
    kind: Literal["began", "step", "scoring", "done", "failed", "busy", "lost", "note"]
    step: int = 0
    steps: int = 0
    text: str = ""
    memory: int = 0  # bytes that the worker alone holds, 0 where the system does not tell


@dataclass(frozen=True)
class Job:
    """All that a worker needs to know of a run, as plain values that can travel."""

    name: str
    study: str  # the study's folder
    spec: Mapping[str, Any]
    metrics: Mapping[str, Mapping[str, Any]]
    pool: int | None = None
    threads: int = 1
    owner: str = ""
    plugin: str | None = None
    there: bool = False  # whether the study's folder was there when the job was made

    @classmethod
    def of(cls, study: Study, trial: Trial, *, threads: int, owner: str, plugin: str | None = None) -> Job:
        """The job of one run; a study that sets `threads` itself keeps them."""
        own = trial.spec.training.threads or threads
        there = study.folder.is_dir()
        return cls(
            trial.name, str(study.folder), trial.spec.plain(), study.metrics, study.pool, own, owner, plugin, there
        )  # fmt: skip

    @property
    def out(self) -> Path:
        """The run's folder."""
        return Path(self.study) / RUNS / self.name


def outcome(path: Path) -> dict[str, Any] | None:
    """What the study kept of the run in `path`; None where there is nothing yet."""
    try:
        return read_derived(path / OUTCOME, NEEDED) or None
    except OSError:
        return None


def lacking(held: Mapping[str, Any] | None, wanted: Mapping[str, Mapping[str, Any]], pool: int | None) -> list[str]:
    """Metrics that a run has not been scored with under these settings."""
    if held is None or held.get("pool") != pool:
        return list(wanted)
    known = {**held["refused"], **held["scores"]}
    return [name for name, given in wanted.items() if name not in known or known[name]["given"] != given]


def states(study: Study, trials: list[Trial]) -> dict[str, State]:
    """Where every run of the study stands, by its folder's name."""
    runs, claims = study.folder / RUNS, study.folder / claim.FOLDER
    there = {path.name for path in runs.iterdir()} if runs.is_dir() else set[str]()
    claimed = {path.name for path in claims.iterdir()} if claims.is_dir() else set[str]()
    found: dict[str, State] = {}
    for trial in trials:
        found[trial.name] = _state(study, trial.name, trial.name in there, trial.name in claimed)
    return found


def _state(study: Study, name: str, there: bool, claimed: bool) -> State:
    path = study.folder / RUNS / name
    held = outcome(path) if there else None
    if held is not None and not lacking(held, study.metrics, study.pool):
        return "done"  # though another call may just hold it to see that
    if claimed and claim.is_held(study.folder / claim.FOLDER / name):
        return "running"
    if not there:
        return "missing"
    if (path / FAILED).is_file():
        return "failed"
    return "stopped" if folder.is_run(path) else "missing"


def why_failed(path: Path) -> str:
    """The reason in failed.json."""
    return str(read_derived(path / FAILED).get("reason", f"nobody knows why, since {FAILED} was damaged"))


def forgive(path: Path) -> None:
    """Let a failed run be tried again: from the start where it would fail again from its checkpoint."""
    kind = read_derived(path / FAILED).get("kind")
    if kind in (Diverged.__name__, InputError.__name__) and not (path / folder.DONE).exists():
        folder.clear(path)
    (path / FAILED).unlink(missing_ok=True)


def fail(path: Path, wrong: BaseException | str) -> str:
    """Record why the run in `path` failed, and give the reason."""
    known = isinstance(wrong, (InputError, Diverged, str))
    reason = str(wrong) if known else f"{type(wrong).__name__}: {wrong}"
    kind = "Lost" if isinstance(wrong, str) else type(wrong).__name__
    trace = "" if isinstance(wrong, str) else "".join(traceback.format_exception(wrong))
    write_json(path / FAILED, {"reason": reason, "kind": kind, "traceback": trace})
    return reason


def gone(job: Job) -> str:
    """What is said when a shared folder is no longer there."""
    return f"{job.study}, the folder of the study, has vanished; once it is back the same command goes on"


def failed(job: Job, wrong: BaseException | str) -> str:
    """Why a run failed, recorded beside it; a full disk or a folder that has vanished is no fault of the run.

    Such a run counts as stopped, and the next call goes on with it.
    """
    if job.there and not Path(job.study).is_dir():
        return gone(job)
    if isinstance(wrong, CannotWrite):
        return str(wrong)
    try:
        return fail(job.out, wrong)
    except (OSError, CannotWrite) as full:
        return f"{wrong}, which could not be recorded: {full}"


def work(job: Job, report: Report) -> None:
    """Do one run: claim it, train what is missing, score what is missing. Only Ctrl-C and SIGTERM come out of it."""
    if job.there and not Path(job.study).is_dir():
        report(Event(job.name, "failed", text=gone(job)))
        return
    try:
        taken = claim.take(Path(job.study) / claim.FOLDER, job.name, job.owner)
    except (OSError, CannotWrite) as wrong:
        report(Event(job.name, "failed", text=failed(job, wrong)))
        return
    if taken is None:
        report(Event(job.name, "busy"))
        return
    try:
        with claim.beating(taken):
            try:
                if job.plugin is not None:
                    _load_once(job.plugin)
                if (job.out / FAILED).exists():
                    report(Event(job.name, "failed", text=why_failed(job.out)))
                    return
                text = _do(job, report)
            except claim.InUse:  # `unweave train --resume` of this one run, say
                report(Event(job.name, "busy"))
            except Exception as wrong:
                report(Event(job.name, "failed", text=failed(job, wrong), memory=private_memory()))
            else:
                report(Event(job.name, "done", text=text, memory=private_memory()))
    finally:
        taken.release()


_LOADED: set[str] = set()


def _load_once(plugin: str) -> None:
    if plugin not in _LOADED:
        load_file(plugin)
        _LOADED.add(plugin)


def private_memory() -> int:
    """Bytes of this process that no other shares, 0 where the system does not tell."""
    try:
        lines = Path("/proc/self/status").read_text("ascii").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon:")), 0)


class ProgressCallback(Callback):
    """Passes on how far a run has come, not more often than every half second."""

    def __init__(self, job: Job, report: Report) -> None:
        self.job, self.report, self.last = job, report, 0.0

    def on_train_start(self, vae: VAE, spec: Spec, run: Path, step: int) -> None:
        self.steps = spec.training.steps
        self.report(Event(self.job.name, "began", step, self.steps))

    def on_step_end(self, step: int, loss: float) -> None:
        if (now := time.monotonic()) - self.last >= REPORTS_EVERY:
            self.last = now
            self.report(Event(self.job.name, "step", step, self.steps))


def _do(job: Job, report: Report) -> str:
    import torch

    spec, out = Spec.from_plain(job.spec), job.out
    spec = dataclasses.replace(spec, training=dataclasses.replace(spec.training, threads=job.threads))
    torch.set_num_threads(job.threads)
    if (out / folder.DONE).exists():
        if not spec.training.keep_checkpoints:
            checkpoint.remove(out)  # where it was killed before it could
    else:
        (out / OUTCOME).unlink(missing_ok=True)
        going = folder.is_run(out)
        if going and folder.read_spec(out)[0].hash != spec.hash:
            raise InputError(f"{out} must hold this study's run, got another with the same name")
        train_spec(spec, out, resume=going, overwrite=not going, callbacks=[ProgressCallback(job, report)])
    report(Event(job.name, "scoring"))
    held = _score(job, Run(out), report)
    (out / FAILED).unlink(missing_ok=True)
    parts = [f"{name} {entry['value']:.3f}" for name, entry in held["scores"].items() if entry["value"] is not None]
    minutes = (held["spent"]["train_seconds"] + held["spent"]["score_seconds"]) / 60
    return ", ".join([*parts, f"{minutes:.1f} minutes"])


def _score(job: Job, run: Run, report: Report) -> dict[str, Any]:
    """Score the run with the metrics it lacks and write down all that the tables need."""
    began = time.perf_counter()
    held: dict[str, Any] = outcome(run.path) or {}
    if held.get("pool", ...) != job.pool or held["weights"] != run.weights_hash:
        done = run.done
        held = {
            "run": run.name,
            "hash": run.spec.hash,
            "weights": run.weights_hash,
            "pool": job.pool,
            "spent": {"images": done["images"], "train_seconds": done["seconds"], "score_seconds": 0.0},
            "fit": {k: v if math.isfinite(v) else None for k, v in run.fit(min(5000, job.pool or 5000)).items()},
            "scores": {},
            "refused": {},
        }
    wanted = lacking(held, job.metrics, job.pool)
    if wanted:
        with _heard_while_computing(lambda: report(Event(job.name, "scoring"))):
            probe = run.probe if job.pool is None else _pool(run, job.pool)
            for name in wanted:
                held = _with_metric(held, run, probe, name, job.metrics[name], keep=job.pool is None)
    spent = held["spent"]
    spent["score_seconds"] = round(spent["score_seconds"] + time.perf_counter() - began, 2)
    write_json(run.path / OUTCOME, held)
    return held


@contextlib.contextmanager
def _heard_while_computing(tell: Callable[[], None]) -> Generator[None]:
    """Signs of life while metrics, of which some take long, use the processor; who only waits gives none."""
    used = time.process_time()

    def look() -> None:
        nonlocal used
        before, used = used, time.process_time()
        if used - before > ALIVE_EVERY * BUSY:
            tell()

    with claim.now_and_then(ALIVE_EVERY, look):
        yield


def _with_metric(
    held: dict[str, Any], run: Run, probe: Probe, name: str, given: Mapping[str, Any], *, keep: bool
) -> dict[str, Any]:
    """What is held of the run, with this metric; scores of the full pool are kept in the run's metrics.json too."""
    scores = {k: v for k, v in held["scores"].items() if k != name}
    refused = {k: v for k, v in held["refused"].items() if k != name}
    metric_name, codes = of_title(name)
    metric = build(metrics.get(metric_name), given, of=name, prefix=f"{name}.")
    if codes == PLANES:
        probe = run.book(PLANES).probe() if keep else in_planes(probe, run.subspaces)
    if (reason := metric.refuses(probe)) is not None:
        refused[name] = {"given": dict(given), "reason": reason}
        return {**held, "scores": scores, "refused": refused}
    made = run.evaluate([metric_name], {metric_name: given}, calibrate=False, codes=codes) if keep else {}
    score = made[metric_name] if keep else metric(probe)
    plain = score.as_json()
    kept = {k: plain[k] for k in ("value", "interval", "reason", "parts", "per_factor", "higher_is_better", "version")}
    return {**held, "scores": {**scores, name: {"given": dict(given), **kept}}, "refused": refused}


def _pool(run: Run, pool: int) -> Probe:
    """Fewer encoded images than a run is scored on by itself."""
    data = run.data.held_out or run.data
    return Probe.of_encoder(run.posterior, data, n=pool, seed=run.spec.training.seed, model=run.vae)
