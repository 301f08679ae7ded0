"""A small run, looked at by the doctor and scored with its floors and ceilings."""

import json

import pytest

from unweave.face.cli.app import main
from unweave.run.run import Run


@pytest.fixture(scope="module")
def finished(tmp_path_factory, tiny):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("unweave.run.run.POOL", 600)
        out = tmp_path_factory.mktemp("runs") / "v0"
        assert main(["train", "vae", *tiny, "--out", str(out)]) == 0
        yield out


def test_findings_are_printed_kept_and_strict_json(finished, capsys):
    assert main(["doctor", str(finished)]) == 0
    shown = capsys.readouterr().out
    assert "vae on dsprites" in shown
    assert "live" in shown or "dead" in shown
    kept = (finished / "doctor.json").read_text()
    assert main(["doctor", str(finished), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found[0]["topic"] == "live latents"
    assert {"topic", "sentence", "good", "numbers"} == set(found[0])
    assert (finished / "doctor.json").read_text() == kept
    assert [each.as_json() for each in Run(finished).findings] == found


def test_what_was_kept_of_other_weights_is_not_believed(finished):
    path = finished / "doctor.json"
    right = Run(finished).findings
    path.write_text(json.dumps({"format": 1, "of": "others", "findings": []}))
    assert Run(finished).findings == right


def test_evaluate_calibrates_and_adds_to_scores_without(finished, capsys):
    words = ["evaluate", str(finished), "--metrics", "mig,hoyer", "--json"]
    assert main([*words, "--no-calibrate"]) == 0
    bare = json.loads(capsys.readouterr().out)
    assert bare["mig"]["floor"] is None
    assert main(words) == 0
    full = json.loads(capsys.readouterr().out)
    assert full["mig"]["value"] == bare["mig"]["value"]
    assert full["mig"]["floor"] < 0.2 < 0.6 < full["mig"]["ceiling"]
    assert set(full["mig"]["tables"]["as_if_missing"]) == {"shape", "scale", "orientation", "x", "y"}
    assert full["mig"]["settings"]["calibration"]["rows"] == 600
    assert full["hoyer"] == bare["hoyer"]
    assert Run(finished).scores["mig"].ceiling == full["mig"]["ceiling"]


def test_the_page_says_both(finished, tmp_path, capsys):
    assert main(["evaluate", str(finished), "--metrics", "mig"]) == 0
    assert "noise" in capsys.readouterr().out
    assert main(["report", str(finished), "--out", str(tmp_path / "r.html")]) == 0
    page = (tmp_path / "r.html").read_text("utf-8")
    assert "What the codes are like" in page
    assert "which says" in page


def test_no_run_is_refused_in_one_line(refused, tmp_path):
    refused(f"doctor {tmp_path}", "is not a run")
