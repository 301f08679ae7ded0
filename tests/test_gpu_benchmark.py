"""The script for a card runs whole on the processor, goes on where it stopped, and tells what went wrong."""

import importlib.util
import json
from pathlib import Path

import pytest
import torch

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "gpu.py"


@pytest.fixture(scope="module")
def gpu():
    """The script as a module."""
    spec = importlib.util.spec_from_file_location("gpu_benchmark", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def test_a_step_in_float64_is_the_same_step(gpu):
    found = gpu.step_check("factor-vae", torch.device("cpu"))
    assert found["good"]
    assert 0 < found["gradients apart"] < 1e-5


def test_a_wrong_gradient_is_told(gpu, monkeypatch, tmp_path):
    monkeypatch.setattr(gpu, "gradients", lambda spec, device, dtype: (1.0, torch.eye(2)[int(dtype == torch.float64)]))
    notes = gpu.Notes(tmp_path, torch.device("cpu"), float("inf"))
    notes.once("steps", "vae", lambda: gpu.step_check("vae", torch.device("cpu")))
    assert gpu.failed(json.loads((tmp_path / "gpu.json").read_text())["steps"]["vae"])


def test_what_is_known_is_not_found_out_again_and_what_failed_is(gpu, tmp_path):
    calls = []

    def fails():
        calls.append("fails")
        raise RuntimeError("out of memory")

    for _ in range(2):
        notes = gpu.Notes(tmp_path, torch.device("cpu"), float("inf"))
        notes.once("part", "good", lambda: calls.append("good") or {"value": 1})
        notes.once("part", "bad", fails)
    assert calls == ["good", "fails", "fails"]
    assert "out of memory" in json.loads((tmp_path / "gpu.json").read_text())["part"]["bad"]["failed"]


def test_without_a_card_it_says_so(gpu, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert gpu.main(["--out", str(tmp_path / "out"), "--device", "cuda"]) == 2
    assert gpu.main(["--out", str(tmp_path / "out")]) == 0  # as all benchmarks are run
    assert "--device cpu" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_it_runs_whole_on_the_processor(gpu, tmp_path):
    assert gpu.main(["--device", "cpu", "--minutes", "2", "--out", str(tmp_path)]) == 0
    held = json.loads((tmp_path / "gpu.json").read_text())
    assert set(held) >= {"machine", "steps", "bytes", "speed", "factor-vae"}
    assert all(each["same again"] and each["same when resumed"] for each in held["bytes"].values())
    assert 0 <= held["factor-vae"]["0"]["score"] <= 1
