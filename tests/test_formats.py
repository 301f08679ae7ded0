"""Files of every format that was ever written can be opened, and answer as they did."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import unweave
from unweave.base.files import FORMAT
from unweave.engine import folder
from unweave.engine.training import train
from unweave.face.cli.app import main
from unweave.run.run import Run
from unweave.studies import expand, find
from unweave.studies.table import rows, tidy
from unweave.studies.trial import RUNS, states

from .formats.make import answers, images, table

HOME = Path(__file__).parent / "formats"
FORMATS = sorted(path.name for path in HOME.iterdir() if path.name.isdigit())


@pytest.fixture(params=FORMATS)
def place(request, tmp_path):
    """A copy of one format's files."""
    return Path(shutil.copytree(HOME / request.param, tmp_path / request.param))


@pytest.fixture
def stored(place):
    """What they answered when they were written."""
    with np.load(place / "answers.npz") as found:
        return dict(found)


def trained(place):
    """The runs of the study, and of which cell they are."""
    study = find(place / "study")
    return {trial.cell: Run(study.folder / RUNS / trial.name) for trial in expand(study)}


def test_the_format_of_today_is_among_them():
    assert str(FORMAT) in FORMATS


def test_runs_answer_as_they_did(place, stored):
    for cell, run in trained(place).items():
        now = answers(run)
        assert now
        for name, value in now.items():
            assert np.allclose(value, stored[f"{cell} {name}"], atol=1e-5), (cell, name)


def test_a_run_keeps_its_name_though_settings_were_added_since(place):
    for run in [*trained(place).values(), Run(place / "stopped")]:
        assert run.spec.hash == run.stored["hash"]


def test_a_study_is_done_and_has_the_same_table(place):
    study = find(place / "study")
    trials = expand(study)
    assert set(states(study, trials).values()) == {"done"}
    kept = list(csv.DictReader((place / "study" / "results.csv").read_text().splitlines()))
    now = list(csv.DictReader(tidy(rows(study, trials), "csv").splitlines()))
    assert [{name: row[name] for name in kept[0]} for row in now] == kept  # columns may have come, none has gone


def test_scores_and_the_log_of_a_run_are_read(place):
    run = trained(place)["joint-vae"]
    assert set(run.scores) == {"mig", "modularity"}
    assert [line["step"] for line in run.log] == [2, 4, 6]
    assert [line["step"] for line in run.progress] == [3, 6]
    assert run.done["images"] == 24


def test_a_stopped_run_goes_on_to_the_end(place):
    path = place / "stopped"
    spec, stored = folder.read_spec(path)
    assert stored["hash"] == spec.hash
    train(spec, path, resume=True)
    run = Run(path)
    assert [line["step"] for line in run.log] == [2, 4, 6]
    assert run.done["steps"] == 6
    assert np.isfinite(run.encode(images()).numpy()).all()


def test_an_estimator_and_an_exported_model_answer_as_they_did(place, stored):
    codes = unweave.Unweaver.load(place / "estimator").transform(table())
    assert np.allclose(codes, stored["estimator codes"], atol=1e-5)
    model = unweave.load_model(place / "exported")
    assert np.allclose(model.encode(images()).numpy(), stored["joint-vae codes"], atol=1e-5)


def test_a_newer_format_is_refused_by_name(place, capsys):
    path = place / "stopped" / "settings.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": FORMAT + 1}))
    assert main(["evaluate", str(place / "stopped")]) == 2
    assert f"has format {FORMAT + 1}, newer than the {FORMAT} that this unweave reads" in " ".join(
        capsys.readouterr().err.split()
    )
