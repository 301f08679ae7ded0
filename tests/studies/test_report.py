"""The page of a study and its pictures."""

import pytest

from unweave.base.errors import InputError
from unweave.studies.expansion import expand
from unweave.studies.reading import read
from unweave.studies.report import lines_of, write
from unweave.studies.table import cells, rows


def test_the_page_stands_alone_and_has_every_table_and_picture(done):
    study, trials = done
    path = write(study, trials)
    page = path.read_text()
    assert "<script" not in page
    assert "http" not in page.replace("http-equiv", "")
    assert page.count("data:image/png;base64,") == 2  # mig and distortion
    assert "4 of 4 runs are done" in page
    assert "beta-vae" in page
    assert {file.name for file in (study.folder / "figures").iterdir()} == {"mig.png", "distortion.png"}


def test_a_numeric_axis_runs_across(tiny, here):
    from unweave.studies.conduct import conduct

    study = tiny(axes={"method": ["vae", "beta-vae"], "steps": [6, 2, 4]}, seeds=[0], figures=["curves"])
    trials = expand(study)
    conduct(study, trials)
    lines = lines_of(study, trials, cells(rows(study, trials), ["distortion"]))
    assert [(line.name, line.at) for line in lines] == [("vae", (2, 4, 6)), ("beta-vae", (2, 4, 6))]
    write(study, trials)
    assert len(list((study.folder / "figures").glob("curves-*.png"))) == 6


def test_a_figure_over_seeds_shows_every_run_and_the_others_the_best_of_each_cell(tiny, here, monkeypatch):
    from unweave.run.run import Runs
    from unweave.studies.conduct import conduct

    drawn = {}
    draw = Runs.draw

    def noted(runs, figure, **given):
        drawn[figure] = sorted(run.name for run in runs)
        return draw(runs, figure, **given)

    monkeypatch.setattr(Runs, "draw", noted)
    study = tiny(figures=["rate-distortion", "curves"])
    trials = expand(study)
    conduct(study, trials)
    write(study, trials)
    assert drawn["rate-distortion"] == sorted(trial.name for trial in trials)
    assert len(drawn["curves"]) == 1
    assert len(list((study.folder / "figures").glob("curves-*.png"))) == 2


def test_runs_that_a_figure_refuses_are_left_out_and_counted(tiny, here):
    from unweave.studies.conduct import conduct

    axes = {"method": [{"method": "vae", "score_every": 3, "score_metrics": ["mig"]}, {"method": "beta-vae"}]}
    study = tiny(axes=axes, figures=["progress", "hoyer-alpha"])
    trials = expand(study)
    conduct(study, trials)
    page = write(study, trials).read_text()
    assert (study.folder / "figures" / "progress.png").exists()
    assert "progress leaves out 2 of 4 runs, the first because progress needs runs trained with --score-every" in page
    assert "hoyer-alpha cannot be drawn of any run: hoyer-alpha needs runs of a method with alpha" in page
    assert not (study.folder / "figures" / "hoyer-alpha.png").exists()


def test_without_a_finished_run_there_is_no_page(tiny):
    study = tiny()
    with pytest.raises(InputError, match="must hold finished runs for a report"):
        write(study, expand(study))


def test_text_in_the_file_cannot_become_markup(done):
    study, trials = done
    named = read("about: <b>bold</b>\naxes: {method: [vae]}", "x", out=study.folder)
    from dataclasses import replace

    assert "&lt;b&gt;bold" in write(replace(study, about=named.about), trials).read_text()
