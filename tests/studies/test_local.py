"""The process pool: killed workers, killed studies, and two studies at once change nothing of the results."""

import json
import signal
import time

import pytest
import yaml

from unweave.base import claim
from unweave.base.errors import InputError
from unweave.studies import local
from unweave.studies.conduct import conduct
from unweave.studies.expansion import expand
from unweave.studies.reading import find
from unweave.studies.table import rows
from unweave.studies.trial import Job, states

from .conftest import TINY, in_process, job, unweave, weights


def lines(path):
    """Steps in a run's log."""
    steps = [json.loads(line).get("step") for line in (path / "log.jsonl").read_text().splitlines()]
    return [step for step in steps if step is not None]


@pytest.mark.parametrize(
    ("memory", "hired"),
    [(None, 4), (10 * local.GUESS, 4), (2 * local.GUESS + 1, 2), (0, 1)],
)
def test_as_many_workers_as_memory_allows_but_always_one(tiny, monkeypatch, memory, hired):
    study = tiny(seeds=[0, 1, 2])
    jobs = [job(study, trial) for trial in expand(study)]
    crew = local._Crew(4, 1, local.deque(jobs))
    monkeypatch.setattr(local, "free_memory", lambda: memory)
    monkeypatch.setattr(crew, "_started", lambda: local._Worker(None, None))
    note = crew._hire()
    assert len(crew.crew) == hired
    assert (note is None) is (hired == 4)
    if note is not None:
        assert f"{hired} of 4 workers until more is free" in note.text
        assert crew._hire() is None  # said once


def test_no_more_workers_than_runs(tiny, monkeypatch):
    study = tiny(seeds=[0])
    crew = local._Crew(9, 1, local.deque(job(study, trial) for trial in expand(study)))
    monkeypatch.setattr(local, "free_memory", lambda: None)
    monkeypatch.setattr(crew, "_started", lambda: local._Worker(None, None))
    crew._hire()
    assert len(crew.crew) == 2


def test_the_system_tells_of_memory_and_cores():
    free = local.free_memory()
    assert free is None or free > 0
    assert local.cores() >= 1


class Gone:
    """A process that has ended, and its pipe."""

    def __init__(self, exitcode):
        self.exitcode = exitcode

    def join(self, _timeout=None): ...

    def close(self): ...


def test_a_run_fails_when_its_workers_died_three_times(tiny):
    study = tiny()
    trial = expand(study)[0]
    crew = local._Crew(1, 1, local.deque())
    kinds = []
    for _ in range(3):
        worker = local._Worker(Gone(-9), Gone(-9), job(study, trial), ready=True)
        crew.crew.append(worker)
        event = crew._died(worker, worker.job)
        kinds.append(event.kind)
    assert kinds == ["lost", "lost", "failed"]
    assert "died 3 times; the last was killed by SIGKILL, perhaps for want of memory" in event.text
    assert states(study, [trial])[trial.name] == "failed"


def test_workers_that_cannot_start_are_not_the_runs_fault(tiny):
    study = tiny()
    made = job(study, expand(study)[0])
    crew = local._Crew(1, 1, local.deque())
    worker = local._Worker(Gone(1), Gone(1), made)
    crew.crew.append(worker)
    with pytest.raises(InputError, match="workers must be able to start"):
        crew._died(worker, made)


def test_a_killed_worker_changes_nothing(tiny, tmp_path, plugin, monkeypatch):
    deadly = {**TINY["settings"], "data": "deadly", "steps": 12}
    study, whole = (tiny(out=tmp_path / name, seeds=[0], settings=deadly) for name in ("cut", "whole"))
    (tmp_path / "deadly").touch()
    jobs = [Job.of(study, trial, threads=1, owner="a", plugin=str(plugin)) for trial in expand(study)]
    heard = [event for event in local.run(jobs, workers=1) if event is not None]
    kinds = [event.kind for event in heard]
    assert kinds.count("lost") == 1
    assert kinds.count("done") == 2
    assert [event.step for event in heard if event.kind == "began"] == [0, 8, 0]  # from the checkpoint
    monkeypatch.setattr("unweave.studies.local.run", in_process)
    conduct(whole, expand(whole))
    assert weights(study) == weights(whole)
    assert lines(study.folder / "runs" / jobs[0].name) == [2, 4, 6, 8, 10, 12]


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_worker_that_hangs_is_ended_and_its_run_goes_on(plugin, tmp_path, tiny):
    study = tiny(axes={"method": ["vae"]}, seeds=[0], settings={**TINY["settings"], "data": "deadly", "steps": 12})
    (tmp_path / "stuck").touch()
    jobs = [Job.of(study, trial, threads=1, owner="a", plugin=str(plugin)) for trial in expand(study)]
    heard = [event for event in local.run(jobs, workers=1, hung=1) if event is not None]
    assert [event.text for event in heard if event.kind == "lost"] == [
        "its worker said nothing for 1 minutes; taken up again"
    ]
    assert heard[-1].kind == "done"


def settled(folder):
    """Wait until no process of a killed study works any more."""
    deadline = time.monotonic() + 60
    while any(claim.is_held(path) for path in (folder / "claims").glob("[!.]*")):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_study_that_was_stopped_and_then_killed_ends_as_one_that_was_not(tmp_path, plugin, here):
    """Ctrl-C in the first run, SIGKILL in the second, then done to the end."""
    file = tmp_path / "many.yaml"
    settings = {**TINY["settings"], "data": "deadly", "steps": 100, "checkpoint_every": 10, "log_every": 10}
    file.write_text(yaml.safe_dump({**TINY, "settings": settings}, sort_keys=False))
    (tmp_path / "slow").touch()
    words = ("study", "run", str(file), "--workers", "1", "--plugin", str(plugin), "--out", "cut")
    cut, whole = (find(file, out=tmp_path / name) for name in ("cut", "whole"))
    first, second = (cut.folder / "runs" / trial.name for trial in expand(cut)[:2])
    for path, how, ends in [(first, signal.SIGINT, 130), (second, signal.SIGKILL, -9)]:
        with unweave(*words, cwd=tmp_path) as process:
            while not (path / "log.jsonl").exists() or len(lines(path)) < 2:
                assert process.poll() is None, process.communicate()
                time.sleep(0.02)
            process.send_signal(how)
            assert process.wait(60) == ends
        settled(cut.folder)
        assert not (path / "done.json").exists()
    assert (first / "trial.json").exists()
    before = (first / "trial.json").stat().st_mtime_ns
    (tmp_path / "slow").unlink()
    for study in (cut, whole):
        conduct(study, expand(study))
    assert (first / "trial.json").stat().st_mtime_ns == before
    assert weights(cut) == weights(whole)
    assert len(weights(cut)) == 4
    for path in (cut.folder / "runs").iterdir():
        assert lines(path) == list(range(10, 101, 10))


@pytest.mark.slow
def test_the_study_of_three_methods_and_four_seeds_survives_sigkill(tmp_path):
    """3 methods x 4 seeds of 200 steps on dSprites, two studies at once, killed half-way, run again."""
    path = tmp_path / "three.yaml"
    settings = {
        "data": "dsprites", "data.size": 32, "net": "conv", "net.channels": [8, 8, 8], "net.hidden": 32, "steps": 200,
        "checkpoint_every": 20, "log_every": 20,
    }  # fmt: skip
    values = {
        "axes": {"method": ["vae", "beta-vae", "factor-vae"]},
        "seeds": "0..3",
        "settings": settings,
        "methods": {"factor-vae": {"critic_layers": 2, "critic_width": 32}},
        "metrics": {"mig": {}, "factor-vae-score": {"votes": 200, "held_out": 200}},
        "pool": 2000,
    }
    path.write_text(yaml.safe_dump(values, sort_keys=False))
    words = ("study", "run", str(path), "--workers", "2")
    with unweave(*words, "--out", "cut", cwd=tmp_path) as process:
        while len(list((tmp_path / "cut").glob("runs/*/trial.json"))) < 5:
            assert process.poll() is None, process.communicate()
            time.sleep(0.05)
        process.kill()
        process.wait()
    before = {p.parent.name: p.stat().st_mtime_ns for p in (tmp_path / "cut").glob("runs/*/trial.json")}
    with unweave(*words, "--out", "cut", cwd=tmp_path) as one, unweave(*words, "--out", "cut", cwd=tmp_path) as two:
        assert (one.wait(600), two.wait(600)) == (0, 0)
    with unweave(*words, "--out", "whole", cwd=tmp_path) as process:
        assert process.wait(600) == 0
    cut, whole = find(path, out=tmp_path / "cut"), find(path, out=tmp_path / "whole")
    assert len(weights(cut)) == 12
    assert weights(cut) == weights(whole)
    for name, when in before.items():
        assert (tmp_path / "cut" / "runs" / name / "trial.json").stat().st_mtime_ns == when
    for run in (cut.folder / "runs").iterdir():
        assert lines(run) == list(range(20, 201, 20))
    same = [[row._replace(minutes=0.0) for row in rows(study, expand(study))] for study in (cut, whole)]
    assert same[0] == same[1]
