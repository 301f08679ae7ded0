"""The program as a user meets it: exit statuses, one clear line, and whole runs from the command line."""

import csv
import io
import json
import re

import pytest

from unweave.face.cli.app import main
from unweave.subspaces import Block, Subspaces

TINY = (
    "--data dsprites --data.size 32 --data.hold lazy --net conv --net.channels 4,4,4 --net.hidden 8 --batch 4"
    " --latents 3 --steps 8 --threads 1"
).split()


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "f1"
    assert main(["train", "factor-vae", *TINY, "--critic-width", "8", "--gamma", "10", "--out", str(out)]) == 0
    return out


@pytest.mark.parametrize(
    ("words", "rule"),
    [
        ("trian", 'Did you mean "train"?'),
        ("train faktor-vae --data dsprites", "did you mean 'factor-vae'?"),
        ("train beta-vae --data dsprites --beta -1", "beta must be 0 or more"),
        ("train factor-vae --data dsprites --gama 3", "Did you mean --gamma?"),
        ("train vae --data dspirtes", "did you mean 'dsprites'?"),
        ("train vae", "data must name a data set"),
        ("train vae --resume --out nowhere-at-all", "nowhere-at-all holds none"),
        ("train vae --resume", "resume needs out"),
        ("train", "METHOD"),
        ("train vae --data dsprites --steps many", "steps must be a whole number"),
        ("train vae --data dsprites --recipe nonsense", "unknown recipe 'nonsense'"),
        ("train vae --data dsprites --plugin nowhere.py", "--plugin must be a Python file"),
        ("train vae --data dsprites --net.hiden 3", "--net.hiden"),
        ("train vae --recipe factor-vae-dsprites-laptop", "is for factor-vae, got"),
        ("train vae --data dsprites --batch 800000 --data.hold lazy --steps 1", "batch must be 737280 or less"),
        ("evaluate nowhere", "nowhere is not a run"),
        ("evaluate nowhere --metrics miq", "unknown metric 'miq'"),
        ("traverse nowhere", "nowhere is not a run"),
        ("draw portrait nowhere", "unknown figure 'portrait'"),
        ("report nowhere", "nowhere is not a run"),
        ("table nowhere", "nowhere, which is none"),
        ("list", "requires an argument"),
        ("list method", "did you mean 'methods'?"),
        ("demo --minutes -1", "minutes must be more than 0"),
    ],
)
def test_wrong_input_gets_one_line_and_status_2(words, rule, refused, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    refused(words, rule)


def test_a_folder_that_cannot_be_written_is_refused(refused, tmp_path):
    (tmp_path / "file").touch()
    refused(["train", "vae", *TINY, "--out", str(tmp_path / "file" / "run")], "can be written to")


def test_resume_with_other_settings_names_the_fields_that_differ(finished, refused):
    words = ["train", "factor-vae", *TINY, "--gamma", "11", "--seed", "4", "--out", str(finished), "--resume"]
    line = refused(words, "gamma (given 11.0, stored 10.0)")
    assert "seed (given 4, stored 0)" in line
    assert "steps" not in line.partition("got others")[2]
    refused(f"train vae --resume --out {finished}", "method (given vae, stored factor-vae)")


def test_resume_takes_the_rest_from_the_folder_and_a_finished_run_is_left_alone(finished):
    before = (finished / "weights.safetensors").read_bytes()
    assert main(["train", "factor-vae", "--resume", "--out", str(finished)]) == 0
    assert (finished / "weights.safetensors").read_bytes() == before


def test_a_finished_run_is_never_overwritten_by_default(finished, refused):
    refused(["train", "vae", *TINY, "--out", str(finished)], "holds a finished run")


def test_scores_as_json_and_tables(finished, capsys, monkeypatch):
    monkeypatch.setattr("unweave.run.run.POOL", 3000)
    few = "--metrics mig,factor-vae-score --factor-vae-score.votes 200 --factor-vae-score.held-out 100".split()
    assert main(["evaluate", str(finished), *few, "--json"]) == 0
    scores = json.loads(capsys.readouterr().out)
    assert set(scores) == {"mig", "factor-vae-score"}
    assert {"value", "interval", "per_factor", "settings", "reason", "version"} <= scores["mig"].keys()
    assert main(["evaluate", str(finished), *few]) == 0
    shown = capsys.readouterr().out
    assert "distortion" in shown
    assert "floor" in shown
    assert main(["table", str(finished.parent), "--format", "csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert list(rows[0]) == "run method data seed metric factor value low high settings_hash saw".split()
    assert {row["metric"] for row in rows} >= {"mig", "factor-vae-score"}
    for form in ("md", "json", "latex"):
        assert main(["table", str(finished), "--format", form]) == 0
        assert "mig" in capsys.readouterr().out


def test_pictures_and_report(finished, tmp_path, monkeypatch, refused):
    monkeypatch.setattr("unweave.run.run.POOL", 2000)
    assert main(["traverse", str(finished), "--out", str(tmp_path / "t.gif")]) == 0
    assert (tmp_path / "t.gif").read_bytes()[:3] == b"GIF"
    assert main(["reconstruct", str(finished), "--out", str(tmp_path / "r.png")]) == 0
    assert main(["draw", "curves", str(finished)]) == 0
    assert (finished / "figures" / "curves.png").exists()
    assert main(["report", str(finished), "--out", str(tmp_path / "page.html")]) == 0
    assert "<html" in (tmp_path / "page.html").read_text()
    refused(f"traverse {finished} --out {tmp_path}/t.bmp", "t.bmp")


def test_recipes_can_be_trained_and_shortened(tmp_path):
    words = "train factor-vae --recipe factor-vae-dsprites-laptop --steps 2 --data.hold lazy".split()
    assert main([*words, "--out", str(tmp_path / "r")]) == 0
    settings = json.loads((tmp_path / "r" / "settings.json").read_text())
    assert settings["method"]["gamma"] == 20
    assert settings["training"]["blur_steps"] == 1
    assert settings["training"]["steps"] == 2
    assert settings["recipe"] == "factor-vae-dsprites-laptop"


def test_lists(capsys):
    for kind in ("methods", "data", "metrics", "nets", "priors", "likelihoods", "figures", "recipes"):
        assert main(["list", kind]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert lines
        assert all(len(line.split("  ", 1)) == 2 for line in lines)


def test_a_file_of_ones_own_adds_a_method(tmp_path, refused):
    (tmp_path / "mine.py").write_text(
        "from dataclasses import dataclass\n"
        "from unweave.models.objectives import Objective\n"
        "from unweave.models.objectives.base import rate\n"
        "from unweave.base.registry import methods\n"
        "@dataclass(frozen=True)\n"
        "class Light(Objective):\n"
        "    share: float = 0.5\n"
        "    def __call__(self, at):\n"
        "        return at.terms(kl=(self.share, rate(at)))\n"
        "methods.add('light-vae', Light)\n"
    )
    words = ["train", "light-vae", *TINY, "--share", "0.25", "--plugin", str(tmp_path / "mine.py")]
    assert main([*words, "--out", str(tmp_path / "r")]) == 0
    from unweave.base import registry

    registry.methods._added.clear()
    refused(f"evaluate {tmp_path}/r", "unknown method 'light-vae'")


def test_interrupting_exits_with_130_and_says_how_to_go_on(tmp_path, capsys, monkeypatch):
    from unweave.base.errors import Interrupted
    from unweave.engine.progress import ProgressBar

    def stop(self, step, loss):
        raise Interrupted("stopped after step 1; --resume goes on")

    monkeypatch.setattr(ProgressBar, "on_step_end", stop)
    assert main(["train", "vae", *TINY, "--out", str(tmp_path / "r")]) == 130
    assert "--resume goes on" in capsys.readouterr().err


def test_a_demo_in_a_second_names_the_plane_it_finds(tmp_path, capsys, monkeypatch):
    block = Block((2, 7), (0.0, 0.0), ((1.0, 0.0), (0.0, 1.0)))
    found = Subspaces(10, 2000, 0, 0.05, tuple(range(10)), (), (block,), ())
    monkeypatch.setattr("unweave.run.run.POOL", 2000)
    monkeypatch.setattr("unweave.run.run.Run._find_subspaces", lambda run: found)
    monkeypatch.setattr("unweave.run.scorebook.calibrates", lambda metric: False)  # half a minute of forests
    assert main(["demo", "--minutes", "0.01", "--out", str(tmp_path / "demo")]) == 0
    said = capsys.readouterr().out
    assert "open it in a browser" in said
    assert re.search(r"images, [01]\.\d\d with latents 2 and 7 read as radius and angle", said)
    page = (tmp_path / "demo" / "report.html").read_text()
    for part in ("factor-vae-score", "mig", "dci", "beta-vae-score", "<img"):
        assert part in page
    assert main(["demo", "--out", str(tmp_path / "demo")]) == 0
    assert "is there already and is used" in capsys.readouterr().err
