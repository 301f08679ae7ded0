"""The example of embeddings trains two nets and scores them beside dictionaries and each other."""

import importlib.util
from pathlib import Path

import numpy as np

SCRIPT = Path(__file__).parents[2] / "examples" / "digits.py"


def test_it_scores_one_net_and_compares_two(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    spec = importlib.util.spec_from_file_location("digits_example", SCRIPT)
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    assert example.main(["--steps", "3", "--width", "8", "--out", str(tmp_path / "d")]) == 0
    shown = capsys.readouterr().out
    for words in ("seed 1: ", "permuted", "random", "explicitness", "feature-agreement", "subspace"):
        assert words in shown
    assert np.load(tmp_path / "d" / "seed-0.npy").shape == (898, 8)
