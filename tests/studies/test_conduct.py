"""A study done in one process, with an engine that says what a worker would say."""

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from unweave.base import claim
from unweave.base.errors import InputError
from unweave.engine import train
from unweave.studies.conduct import Options, conduct
from unweave.studies.expansion import expand
from unweave.studies.plan import plan, spent
from unweave.studies.reading import find
from unweave.studies.table import keep, rows
from unweave.studies.trial import states

from .conftest import in_process, weights


def test_only_what_is_missing_is_done_and_adding_a_seed_or_an_axis_adds_runs(tiny, here, capsys):
    study = tiny()
    trials = expand(study)
    stand = conduct(study, trials)
    assert set(stand.values()) == {"done"}
    assert "4 of 4 runs done: beta-vae, seed 1" in capsys.readouterr().err
    first = weights(study)
    more = tiny(seeds=[0, 1, 2], axes={"method": ["vae", "beta-vae"], "lr": [None, 0.01]})
    stand = states(more, expand(more))
    assert sorted(stand.values()) == ["done"] * 4 + ["missing"] * 8
    conduct(more, expand(more))
    assert "5 of 12 runs done" in capsys.readouterr().err
    after = weights(more)
    assert len(after) == 12
    assert {name: after[name] for name in first} == first
    assert find(study.folder).seeds == (0, 1, 2)  # the folder tells what it holds


def test_failures_do_not_stop_the_rest_and_are_tried_again_when_told(tiny, here, monkeypatch):
    study = tiny()
    trials = expand(study)
    from unweave.studies import trial as module

    train_spec = module.train_spec

    def sometimes(spec, out, **given):
        if spec.method.name == "vae":
            raise InputError("no such thing")
        return train_spec(spec, out, **given)

    monkeypatch.setattr(module, "train_spec", sometimes)
    stand = conduct(study, trials)
    assert sorted(stand.values()) == ["done", "done", "failed", "failed"]
    monkeypatch.setattr(module, "train_spec", train_spec)
    assert sorted(conduct(study, trials).values()) == ["done", "done", "failed", "failed"]
    assert set(conduct(study, trials, Options(retry_failed=True)).values()) == {"done"}


def test_a_budget_of_runs_is_kept_call_by_call_and_cuts_seeds_first(tiny, here):
    study = tiny(budget={"runs": 2})
    trials = expand(study)
    stand = conduct(study, trials)
    assert [stand[t.name] for t in trials] == ["done", "done", "missing", "missing"]
    assert set(conduct(study, trials).values()) == {"done"}


def test_a_budget_of_minutes_stops_with_all_that_is_done_kept(tiny, here, capsys):
    study = tiny()
    stand = conduct(study, expand(study), Options(minutes=1e-9))
    assert sorted(stand.values()) == ["done"] + ["missing"] * 3
    assert "the budget of 1e-09 minutes is used up" in capsys.readouterr().err


def test_runs_of_another_process_are_waited_for_and_taken_over_when_it_dies(tiny, monkeypatch, capsys):
    study = tiny()
    trials = expand(study)
    theirs = claim.take(study.folder / "claims", trials[2].name, "them")
    clock = SimpleNamespace(monotonic=time.monotonic, sleep=lambda _: theirs.release())
    monkeypatch.setattr("unweave.studies.conduct.time", clock)
    monkeypatch.setattr("unweave.studies.local.run", in_process)
    assert set(conduct(study, trials).values()) == {"done"}
    assert "another process is doing 1 of the runs" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"workers": 0}, "workers must be 1 or more"),
        ({"threads": 0}, "threads must be 1 or more"),
        ({"minutes": 0}, "minutes must be more than 0"),
        ({"address": "auto"}, "address must be left out unless the engine is ray"),
    ],
)
def test_wrong_options_are_refused(options, sentence):
    with pytest.raises(InputError, match=sentence):
        Options(**options)


def test_a_plan_is_taken_from_what_was_measured(done, tiny):
    study, trials = done
    for trial in trials:  # as if a step had taken a tenth of a second, and scoring two
        path = study.folder / "runs" / trial.name / "trial.json"
        held = json.loads(path.read_text())
        del held["#sum"]
        held["spent"] |= {"train_seconds": 0.6, "score_seconds": 2.0}
        path.write_text(json.dumps(held))
    more = tiny(settings={**study.settings, "steps": 600})
    longer = expand(more)
    stand = states(more, longer)
    made = plan(more, longer + trials, stand | states(study, trials))
    assert made.runs == 4
    assert made.train_seconds == pytest.approx(4 * 600 * 0.1)
    assert made.score_seconds == pytest.approx(8)
    assert made.minutes(2) == pytest.approx(248 / 120)
    assert "from 4 finished runs" in made.words(2)
    assert spent(study, trials) == {
        "runs": 4, "images": 96, "train_minutes": pytest.approx(0.04), "score_minutes": pytest.approx(8 / 60),
    }  # fmt: skip


def test_without_finished_runs_a_plan_times_a_few_steps(tiny):
    study = tiny()
    trials = expand(study)
    made = plan(study, trials, states(study, trials))
    assert made.train_seconds > 0
    assert made.score_seconds is None
    assert made.bytes > 4 * 10_000
    assert "2 short timings" in made.words(1)
    assert "no run is scored yet" in made.words(1)


def test_several_conductors_share_one_folder_and_every_run_is_done_once(tiny, here, monkeypatch):
    """Two calls at once, while tables and the kept study are written and read all the time: nothing is done twice."""
    study, done, over = tiny(), [], threading.Event()
    trials = expand(study)
    study.keep()

    def counted(spec, out, **how):
        done.append(out.name)
        return train(spec, out, **how)

    monkeypatch.setattr("unweave.studies.trial.train_spec", counted)

    def look():
        torn = []
        while not over.is_set():
            keep(study, rows(study, trials))
            text = (study.folder / "results.csv").read_text()
            torn += [line for line in text.splitlines() if line.count(",") != text.partition("\n")[0].count(",")]
            find(study.folder)  # refuses a study.yaml whose last line is not its sum
        return torn

    with ThreadPoolExecutor(4) as pool:
        lookers = [pool.submit(look) for _ in range(2)]
        conductors = [pool.submit(conduct, tiny(), trials) for _ in range(2)]
        stands = [conductor.result() for conductor in conductors]
        over.set()
        assert [looker.result() for looker in lookers] == [[], []]
    assert stands[0] == stands[1] == dict.fromkeys((trial.name for trial in trials), "done")
    assert sorted(done) == sorted(trial.name for trial in trials)
    assert not list((study.folder / "claims").iterdir())
