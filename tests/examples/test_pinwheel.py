"""The pinwheel example runs, and its numbers are what they say."""

import csv
import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch

SCRIPT = Path(__file__).parents[2] / "examples" / "pinwheel.py"


@pytest.fixture(scope="module")
def example():
    spec = importlib.util.spec_from_file_location("pinwheel_example", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_it_writes_numbers_and_a_picture(example, tmp_path, capsys):
    out = tmp_path / "grid"
    example.main(["--betas", "0,1", "--alphas", "1", "--steps", "3", "--out", str(out)])
    assert (out / "aggregate-posterior.png").read_bytes().startswith(b"\x89PNG")
    rows = list(csv.DictReader((out / "numbers.csv").open()))
    assert [(float(row["beta"]), float(row["alpha"])) for row in rows] == [(0, 1), (1, 1)]
    for row in rows:
        assert all(np.isfinite(float(value)) for value in row.values())
        assert 0.25 <= float(row["accuracy"]) <= 1
        assert -0.1 <= float(row["information"]) <= np.log(400) + 0.1
    assert capsys.readouterr().out.count("mmd") == 2


def test_accuracy_finds_the_best_names_for_the_modes(example):
    modes = torch.tensor([[1.0, 0], [0, 1], [-1, 0], [0, -1]])
    labels = np.repeat([2, 0, 3, 1], 5)
    assert example.nearest_mode_accuracy(modes.repeat_interleave(5, 0), modes, labels) == 1
    assert example.nearest_mode_accuracy(modes[:1].expand(20, 2), modes, labels) == 0.25
