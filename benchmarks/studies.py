"""Studies: runs per minute with one and two workers, what scheduling costs, and tables of very many runs.

Run `python benchmarks/studies.py [--steps 200] [--runs 8] [--many 12800] [--skip-training]`. Training is measured on
32 x 32 dSprites with the net of the short recipes: one process with two threads, then the local engine with one
worker and with two, one thread each. A worker's start is left out: its clock begins with its first run. The overhead
of a run is what the engine's wall time has over that which its own worker counts as training and scoring.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

from unweave.base.files import FORMAT
from unweave.engine import folder, train
from unweave.studies import local
from unweave.studies.expansion import expand
from unweave.studies.reading import read
from unweave.studies.spec import Study
from unweave.studies.table import cells, compare, keep, rows, written
from unweave.studies.trial import OUTCOME, RUNS, Job, outcome, states

SETTINGS = (
    "settings: {data: dsprites, data.size: 32, likelihood.distortion_weight: 4, net: conv, net.channels: [32, 64, 64],"
    " net.hidden: 256, lr: 0.001, log_every: 200"
)


def study(steps: int, runs: int, out: Path) -> Study:
    text = f"axes: {{method: [vae, beta-vae]}}\nseeds: 0..{runs // 2 - 1}\n{SETTINGS}, steps: {steps}}}\npool: 1000"
    return read(text, "bench", out=out)


def engine(steps: int, runs: int, workers: int, place: Path) -> tuple[float, float, float]:
    """Runs a minute, seconds of overhead a run, and the most megabytes that a worker held alone."""
    made = study(steps, runs, place / f"workers-{workers}")
    jobs = [Job.of(made, trial, threads=1, owner="bench") for trial in expand(made)]
    began, ended, most = None, 0.0, 0
    for event in local.run(jobs, workers=workers):
        if event is None:
            continue
        if event.kind == "began" and began is None:
            began = time.perf_counter()
        most = max(most, event.memory)
        ended = time.perf_counter()
    assert began is not None
    wall = ended - began
    counted = 0.0
    for job in jobs:
        held = outcome(job.out)
        assert held is not None
        counted += held["spent"]["train_seconds"] + held["spent"]["score_seconds"]
    return 60 * runs / wall, (wall * workers - counted) / runs, most / 1e6


def serial(steps: int, runs: int, threads: int, place: Path) -> float:
    """Runs a minute of one process, training alone."""
    import dataclasses

    trials = expand(study(steps, runs, place))
    began = time.perf_counter()
    for number, trial in enumerate(trials):
        training = dataclasses.replace(trial.spec.training, threads=threads)
        train(dataclasses.replace(trial.spec, training=training), place / f"serial-{threads}-{number}")
    return 60 * runs / (time.perf_counter() - began)


def many(count: int, place: Path) -> dict[str, float]:
    """Seconds that expansion, status and table of `count` finished runs take; the folders are made up."""
    cells_wanted, seeds = max(1, count // 50), min(50, count)
    betas = ", ".join(str(1 + k / 100) for k in range(cells_wanted))
    text = f"axes: {{beta: [{betas}]}}\nseeds: 0..{seeds - 1}\n{SETTINGS}, method: beta-vae}}\nmetrics: [mig, dci]"
    made = read(text, "many", out=place / "many")
    times: dict[str, float] = {}
    began = time.perf_counter()
    trials = expand(made)
    times["expansion"] = time.perf_counter() - began
    given = {"value": 0.5, "interval": [0.4, 0.6], "reason": None, "higher_is_better": True, "version": 1, "given": {}}
    five = dict.fromkeys(("shape", "scale", "orientation", "x", "y"), 0.5)
    for number, trial in enumerate(trials):
        path = made.folder / RUNS / trial.name
        path.mkdir(parents=True)
        score = {**given, "value": 0.5 + (number * 7919 % 1000) / 5000, "parts": {"raw": 0.5}, "per_factor": five}
        held = {
            "format": FORMAT, "run": trial.name, "hash": trial.spec.hash, "weights": "0", "pool": None,
            "spent": {"images": 640_000, "train_seconds": 900.0, "score_seconds": 30.0},
            "fit": {"distortion": 20.0, "rate": 15.0, "images": 5000.0}, "scores": {"mig": score, "dci": score},
            "refused": {},
        }  # fmt: skip
        (path / OUTCOME).write_text(json.dumps(held))
        (path / folder.DONE).write_text("{}")
    began = time.perf_counter()
    stand = states(made, trials)
    times["status"] = time.perf_counter() - began
    assert set(stand.values()) == {"done"}
    began = time.perf_counter()
    found = list(rows(made, trials))
    keep(made, found)
    text = written(cells(found), "md")
    told = [each.verdict for metric in made.metrics for each in compare(found, metric)]
    times["table"] = time.perf_counter() - began
    assert len(told) == 2 * (cells_wanted - 1)
    assert text.count("\n") > cells_wanted
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--runs", type=int, default=8)
    parser.add_argument("--many", type=int, default=12_800)
    parser.add_argument("--skip-training", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        for what, seconds in many(given.many, place).items():
            print(f"{what} of {given.many:,} runs: {seconds:.1f} s", flush=True)
        if given.skip_training:
            return
        two_threads = serial(given.steps, given.runs, 2, place)
        print(f"one process, two threads: {two_threads:.1f} runs a minute", flush=True)
        rates = {}
        for workers in (1, 2):
            rate, overhead, memory = engine(given.steps, given.runs, workers, place)
            rates[workers] = rate
            print(
                f"{workers} worker{'s' * (workers > 1)}, one thread each: {rate:.1f} runs a minute, overhead "
                f"{overhead:.3f} s a run, {memory:.0f} MB held by a worker alone",
                flush=True,
            )
        print(f"2 workers / 1 worker: {rates[2] / rates[1]:.2f}; 2 workers / two threads: {rates[2] / two_threads:.2f}")


if __name__ == "__main__":
    main()
