"""One run of a study: trained, scored, recorded, and never twice."""

import dataclasses
import json
import shutil
import signal
import time

import pytest

from unweave.base import claim
from unweave.base.errors import Diverged, InputError, Interrupted
from unweave.engine import train
from unweave.run.run import Run
from unweave.studies import trial
from unweave.studies.expansion import expand
from unweave.studies.trial import ProgressCallback, forgive, outcome, states, why_failed, work

from .conftest import job, weights


def events_of(study, trial, **changes):
    events = []
    work(job(study, trial, **changes), events.append)
    return events


def test_a_run_is_trained_and_scored_as_it_would_be_alone(tiny, tmp_path):
    study = tiny()
    trial = expand(study)[1]
    events = events_of(study, trial)
    assert [event.kind for event in events if event.kind != "step"] == ["began", "scoring", "done"]
    alone = train(trial.spec, tmp_path / "alone")
    run = study.folder / "runs" / trial.name
    assert (alone / "weights.safetensors").read_bytes() == (run / "weights.safetensors").read_bytes()
    held = outcome(run)
    assert held["spent"]["images"] == 6 * 4
    assert held["scores"]["mig"]["given"] == {"n": 200}
    assert held["weights"] == Run(run).weights_hash
    assert set(held["fit"]) >= {"distortion", "rate"}
    assert not list((study.folder / "claims").glob("[!.]*"))


def test_a_run_that_is_done_is_left_alone_and_a_new_metric_only_scored(tiny, monkeypatch):
    study = tiny()
    trial = expand(study)[0]
    events_of(study, trial)
    before = (study.folder / "runs" / trial.name / "done.json").read_bytes()
    monkeypatch.setattr("unweave.studies.trial.train_spec", lambda *_, **__: pytest.fail("trained again"))
    assert events_of(study, trial)[-1].kind == "done"
    more = tiny(metrics={"mig": {"n": 200}, "cluster-accuracy": {}})
    assert states(more, [trial])[trial.name] == "stopped"
    events_of(more, trial)
    held = outcome(study.folder / "runs" / trial.name)
    assert "needs categorical codes" in held["refused"]["cluster-accuracy"]["reason"]
    assert held["scores"].keys() == {"mig"}
    assert states(more, [trial])[trial.name] == states(study, [trial])[trial.name] == "done"
    other = tiny(metrics={"mig": {"n": 100}})
    assert states(other, [trial])[trial.name] == "stopped"
    events_of(other, trial)
    assert outcome(study.folder / "runs" / trial.name)["scores"]["mig"]["given"] == {"n": 100}
    assert (study.folder / "runs" / trial.name / "done.json").read_bytes() == before


def test_without_a_pool_scores_are_those_of_evaluate(tiny, monkeypatch):
    monkeypatch.setattr("unweave.run.run.POOL", 300)
    study = tiny(pool=None)
    trial = expand(study)[0]
    events_of(study, trial)
    run = Run(study.folder / "runs" / trial.name)
    assert run.scores["mig"].value == outcome(run.path)["scores"]["mig"]["value"]


def test_a_stopped_run_goes_on_from_its_checkpoint(tiny, tmp_path, monkeypatch):
    study = tiny()
    trial = expand(study)[0]

    def stopping(spec, out, **given):
        with pytest.raises(Interrupted):
            train(spec, out, callbacks=[_StopAfter(3)], **{k: v for k, v in given.items() if k != "callbacks"})
        raise Interrupted

    monkeypatch.setattr("unweave.studies.trial.train_spec", stopping)
    with pytest.raises(Interrupted):
        events_of(study, trial)
    assert states(study, [trial])[trial.name] == "stopped"
    monkeypatch.undo()
    events = events_of(study, trial)
    assert (events[0].kind, events[0].step) == ("began", 3)
    whole = tiny(out=tmp_path / "whole")
    events_of(whole, trial)
    assert weights(study) == weights(whole)


class _StopAfter:
    def __init__(self, step):
        self.step = step

    def on_step_end(self, step, loss):
        if step == self.step:
            signal.raise_signal(signal.SIGINT)

    def __getattr__(self, name):
        return lambda *_: None


def test_a_failure_is_recorded_with_its_reason_and_can_be_forgiven(tiny, monkeypatch):
    study = tiny()
    trial = expand(study)[0]

    def broken(*_, **__):
        raise Diverged("kl became inf at step 3")

    monkeypatch.setattr("unweave.studies.trial.train_spec", broken)
    events = events_of(study, trial)
    assert (events[-1].kind, events[-1].text) == ("failed", "kl became inf at step 3")
    run = study.folder / "runs" / trial.name
    assert states(study, [trial])[trial.name] == "failed"
    assert why_failed(run) == "kl became inf at step 3"
    monkeypatch.undo()
    assert events_of(study, trial)[-1].kind == "failed"  # until it is forgiven
    forgive(run)
    assert events_of(study, trial)[-1].kind == "done"
    assert not (run / "failed.json").exists()


def test_what_nobody_foresaw_is_recorded_with_its_traceback(tiny, monkeypatch):
    study = tiny()
    trial = expand(study)[0]
    monkeypatch.setattr("unweave.studies.trial._score", lambda *_: 1 / 0)
    assert events_of(study, trial)[-1].text == "ZeroDivisionError: division by zero"
    held = json.loads((study.folder / "runs" / trial.name / "failed.json").read_text())
    assert "lambda" in held["traceback"]
    monkeypatch.undo()
    forgive(study.folder / "runs" / trial.name)
    assert (study.folder / "runs" / trial.name / "weights.safetensors").exists()  # only scored again


def test_a_run_that_another_process_has_is_left_to_it(tiny):
    study = tiny()
    trial = expand(study)[0]
    taken = claim.take(study.folder / "claims", trial.name, "somebody")
    assert [event.kind for event in events_of(study, trial)] == ["busy"]
    assert states(study, [trial])[trial.name] == "running"
    taken.release()
    assert states(study, [trial])[trial.name] == "missing"


def test_a_folder_with_another_run_of_that_name_is_not_touched(tiny):
    study = tiny()
    first, second = expand(study)[:2]
    train(first.spec, study.folder / "runs" / second.name)
    (study.folder / "runs" / second.name / "done.json").unlink()
    assert "must hold this study's run, got another" in events_of(study, second)[-1].text


def test_an_outcome_of_a_newer_format_is_refused(tiny):
    study = tiny()
    trial = expand(study)[0]
    events_of(study, trial)
    path = study.folder / "runs" / trial.name / "trial.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": 2}))
    with pytest.raises(InputError, match="upgrade unweave"):
        states(study, [trial])


def test_a_job_holds_plain_values_only(tiny):
    study = tiny(settings={"data": "identity", "threads": 3})
    made = job(study, expand(study)[0])
    assert made.threads == 3  # the study's own
    assert json.loads(json.dumps(dataclasses.asdict(made)))["spec"]["method"]["name"] == "vae"


def test_a_metric_may_read_planes_beside_the_means(tiny):
    study = tiny(metrics={"mig": {"n": 200}, "mig (planes)": {"n": 200}, "iwae (planes)": {}})
    trial = expand(study)[0]
    work(job(study, trial), lambda event: None)
    run = study.folder / "runs" / trial.name
    held = outcome(run)
    assert held["scores"].keys() == {"mig", "mig (planes)"}
    assert "codes in planes" in held["refused"]["iwae (planes)"]["reason"]
    assert held["scores"]["mig (planes)"]["value"] == held["scores"]["mig"]["value"]  # this run has no planes
    assert states(study, [trial])[trial.name] == "done"


def test_a_full_disk_is_no_fault_of_the_run_which_goes_on_with_room(tiny, monkeypatch):
    study = tiny()
    study.folder.mkdir(parents=True)
    trial = expand(study)[0]

    def full(_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr("unweave.base.files.flush", full)
        last = events_of(study, trial)[-1]
    assert last.kind == "failed"
    assert "No space left on device" in last.text
    assert states(study, [trial])[trial.name] in ("stopped", "missing")
    assert events_of(study, trial)[-1].kind == "done"


def test_a_folder_that_vanishes_is_told_and_not_made_again(tiny, monkeypatch):
    study = tiny()
    study.folder.mkdir(parents=True)
    trial = expand(study)[0]

    class Vanishing(ProgressCallback):
        def on_step_end(self, step, loss):
            if step == 3:
                shutil.rmtree(study.folder)

    monkeypatch.setattr("unweave.studies.trial.ProgressCallback", Vanishing)
    asked = job(study, trial)
    for _ in range(2):
        events = []
        work(asked, events.append)
        last = events[-1]
        assert (last.kind, "has vanished; once it is back" in last.text) == ("failed", True)
        assert not study.folder.exists()


def test_a_metric_that_computes_is_heard_and_one_that_only_waits_is_not(monkeypatch):
    monkeypatch.setattr(trial, "ALIVE_EVERY", 0.01)
    heard = []
    with trial._heard_while_computing(lambda: heard.append(1)):
        until = time.monotonic() + 10
        while not heard:
            assert time.monotonic() < until
            sum(range(10_000))
    monkeypatch.setattr(trial, "BUSY", 0.9)  # so that the thread's own work is none
    heard.clear()
    with trial._heard_while_computing(lambda: heard.append(1)):
        time.sleep(0.1)
    assert not heard
