"""Studies from the command line: runs, tables, choice and reproductions, and one clear line for what is wrong."""

import contextlib
import csv
import io
import json
import subprocess
import sys

import pytest
import yaml

from unweave.face.cli.app import main

TINY = {
    "axes": {"method": ["vae", "beta-vae"]},
    "seeds": "0..1",
    "settings": {
        "data": "identity", "data.sizes": [3, 4, 5], "net.hidden": 8, "batch": 4, "latents": 3, "steps": 6,
        "checkpoint_every": 2, "log_every": 2,
    },
    "metrics": {"mig": {"n": 200}},
    "pool": 300,
    "published": [{"cell": "vae", "metric": "mig", "mean": 0.5, "sd": 0.4, "n": 10, "source": "nowhere"}],
    "differs": ["everything"],
}  # fmt: skip


def in_process(jobs, **_):
    """An engine that does all runs here."""
    from unweave.studies.trial import work

    for job in jobs:
        messages = []
        work(job, messages.append)
        yield from messages
        yield None


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder with tiny.yaml, its study done in studies/tiny."""
    place = tmp_path_factory.mktemp("home")
    (place / "tiny.yaml").write_text(yaml.safe_dump(TINY, sort_keys=False))
    with contextlib.chdir(place), pytest.MonkeyPatch.context() as patched:
        patched.setattr("unweave.studies.local.run", in_process)
        assert main(["study", "run", "tiny.yaml"]) == 0
    return place


@pytest.fixture
def inside(home, monkeypatch):
    monkeypatch.chdir(home)
    monkeypatch.setattr("unweave.studies.local.run", in_process)


@pytest.mark.parametrize(
    ("words", "rule"),
    [
        ("study", "ACTION"),
        ("study rnu tiny.yaml", "unknown action of study 'rnu'"),
        ("study run nowhere.yaml", "nowhere.yaml, which does not exist"),
        ("study run lecture", "unknown study 'lecture'"),
        ("study run wrong.yaml", "axes.method[2]: unknown method 'factr-vae'"),
        ("study run tiny.yaml --scale smoke", "scale must be left out"),
        ("study run tiny.yaml --workers 0", "workers must be 1 or more"),
        ("study run tiny.yaml --engine slurm", "engine must be one of"),
        ("study run tiny.yaml --engine ray --workers none-at-all", "workers must be a whole number"),
        ("study run metric-calibration", "see it by `unweave repro metric-calibration`"),
        ("study table tiny.yaml --out empty", "must hold finished runs for a table"),
        ("study table tiny.yaml --format excel", "unknown format 'excel'"),
        ("study table tiny.yaml --metrics miq", "unknown metric of the study 'miq'"),
        ("study table tiny.yaml --format parquet", "--format parquet needs --out-file"),
        ("study table tiny.yaml --tidy", "--tidy needs --format"),
        ("study table tiny.yaml --against best", "unknown cell 'best'"),
        ("study report tiny.yaml --out empty", "must hold finished runs for a report"),
        ("select tiny.yaml --by luck", "unknown way to choose 'luck'"),
        ("select tiny.yaml --over all", "over must be one of"),
        ("select tiny.yaml --out empty", "udr needs two finished runs"),
        ("repro lecture", "unknown study 'lecture'"),
        ("repro lecture-dsprites --scale huge", "unknown scale 'huge'"),
    ],
)
def test_wrong_input_gets_one_line_and_status_2(words, rule, inside, home, refused):
    wrong = {**TINY, "axes": {"method": ["vae", "beta-vae", "factr-vae"]}}
    (home / "wrong.yaml").write_text(yaml.safe_dump(wrong, sort_keys=False))
    refused(words, rule)
    assert not (home / "empty").exists()


def test_lists_and_unknown_names_import_nothing_heavy(home):
    commands = [
        ["repro"],
        ["repro", "lecture"],
        ["study", "run", "lecture"],
        ["study", "run", "wrong.yaml"],
        ["select", "lecture"],
        ["select", "tiny.yaml", "--by", "luck"],
    ]
    code = f"import sys\nfrom unweave.face.cli.app import main\nfor words in {commands}: main(words)\n"
    code += "print([m for m in ('torch', 'scipy', 'sklearn', 'matplotlib', 'pandas') if m in sys.modules])"
    (home / "wrong.yaml").write_text("axes: {method: [vae, factr-vae]}")
    done = subprocess.run([sys.executable, "-c", code], cwd=home, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    assert done.stderr.count("\n") == 5


def test_running_again_does_nothing_and_status_says_so(inside, capsys):
    assert main(["study", "run", "tiny.yaml"]) == 0
    first = capsys.readouterr()
    assert "4 of 4 runs done in studies/tiny" in first.out
    assert "runs done:" not in first.err
    for named in ("tiny.yaml", "studies/tiny", "tiny"):
        assert main(["study", "status", named]) == 0
        shown = capsys.readouterr().out
        assert "beta-vae  2 of 2 done" in shown
        assert "spent: 96 images" in shown


def test_a_dry_run_lists_runs_time_and_disk_and_does_none(inside, home, capsys):
    more = {**TINY, "seeds": "0..2"}
    (home / "more.yaml").write_text(yaml.safe_dump(more, sort_keys=False))
    assert main(["study", "run", "more.yaml", "--out", "studies/tiny", "--dry-run", "--workers", "2"]) == 0
    shown = capsys.readouterr().out
    assert shown.count("missing ") == 2
    assert "2 runs to do: about" in shown
    assert "with 2 workers (from 4 finished runs)" in shown
    assert len(list((home / "studies" / "tiny" / "runs").iterdir())) == 4


def test_a_metric_of_the_study_that_no_run_has_yet_is_left_out(inside, home, capsys):
    more = {**TINY, "metrics": {**TINY["metrics"], "cluster-accuracy": {}}}
    (home / "another.yaml").write_text(yaml.safe_dump(more, sort_keys=False))
    assert main(["study", "table", "another.yaml", "--out", "studies/tiny"]) == 0
    shown = capsys.readouterr().out
    assert "| mig | n |" in shown
    assert "cluster-accuracy" not in shown


def test_tables_in_every_form(inside, home, capsys):
    def printed(*words):
        assert main(["study", "table", "tiny.yaml", *words]) == 0
        return capsys.readouterr().out

    text = printed()
    assert "| mig | n | mean | sd | 95 % interval | best | minutes |" in text
    assert "| vae | mig | 0.500 (0.400) | 0.214 to 0.786 |" in text
    assert " 2 common seeds)" in text
    assert text == printed("--format", "markdown")
    found = json.loads(printed("--format", "json"))
    assert {(each["cell"], each["metric"]) for each in found} == {
        (cell, metric) for cell in ("vae", "beta-vae") for metric in ("mig", "distortion")
    }
    assert len(list(csv.DictReader(io.StringIO(printed("--format", "csv"))))) == 4
    tidy = list(csv.DictReader(io.StringIO(printed("--format", "csv", "--tidy"))))
    assert {row["metric"] for row in tidy} >= {"mig", "distortion", "rate"}
    assert r"\begin{tabular}" in printed("--format", "latex", "--metrics", "mig")
    assert printed("--format", "csv", "--out-file", "t.csv") == "t.csv\n"
    assert (home / "t.csv").read_text().startswith("cell,metric,n,mean")


def test_the_report_is_written_into_the_folder(inside, home, capsys):
    assert main(["study", "report", "tiny.yaml"]) == 0
    assert capsys.readouterr().out == "studies/tiny/report.html\n"
    assert "everything" in (home / "studies" / "tiny" / "report.html").read_text()


def test_select_ranks_runs_by_a_way_and_its_settings(inside, capsys):
    words = ["select", "tiny.yaml", "--method", "spearman", "--min-kl", "0", "--over", "study"]
    assert main(words) == 0
    assert "udr chooses " in capsys.readouterr().out
    assert main([*words, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert len(found["ranked"]) == 4
    assert found["regret"] >= 0


def test_repro_lists_and_computes(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["repro"]) == 0
    assert "lecture-dsprites" in capsys.readouterr().out
    assert main(["repro", "mss-against-mws"]) == 0
    shown = capsys.readouterr().out
    row = next(line for line in shown.splitlines() if line.startswith("| batch 64, mws minus mean | total-correlation"))
    assert "| inside |" in row
    assert "What differs from the published protocol" in shown
    assert (tmp_path / "studies" / "mss-against-mws-smoke" / "table.md").read_text() in shown


def test_repro_prints_ours_beside_the_published_row(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("unweave.studies.local.run", in_process)
    monkeypatch.setattr("unweave.studies.reading._catalogue", lambda: tmp_path)
    scales = {"smoke": {"seeds": [0, 1]}, "paper": {}}
    (tmp_path / "ours.yaml").write_text(yaml.safe_dump({**TINY, "about": "Ours.", "scales": scales}, sort_keys=False))
    assert main(["repro", "ours", "--scale", "smoke"]) == 0
    shown = capsys.readouterr().out
    assert "spent: 96 images" in shown
    assert "| vae | mig | 0.500 (0.400) | 0.214 to 0.786 |" in shown
    assert "- everything" in shown
    assert "all pictures in studies/ours-smoke/report.html" in shown
    assert (tmp_path / "studies" / "ours-smoke" / "figures" / "mig.png").exists()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_lecture_table_at_smoke_scale(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["repro", "lecture-dsprites", "--scale", "smoke", "--workers", "2"]) == 0
    shown = capsys.readouterr().out
    assert "20 of 20 runs done" in shown
    assert shown.count("Jeong and Song 2019, table 1") == 10
