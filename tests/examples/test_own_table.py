"""The example of a table runs, and its numbers are what they say."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

SCRIPT = Path(__file__).parents[2] / "examples" / "own_table.py"


@pytest.fixture(scope="module")
def example():
    spec = importlib.util.spec_from_file_location("own_table_example", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_it_trains_draws_and_names_the_latent_of_each_cause(example, tmp_path, capsys):
    out = tmp_path / "own"
    example.main(["--rows", "200", "--steps", "3", "--out", str(out)])
    assert (out / "columns.png").read_bytes().startswith(b"\x89PNG")
    text = capsys.readouterr().out
    assert "sensors.csv: 200 rows; 12 numeric columns" in text
    for cause in example.CAUSES:
        assert f"{cause}: latent " in text


def test_each_cause_moves_three_columns_most(example):
    causes = example.hidden(3000)
    names, rows = example.measured(causes)
    together = np.abs(np.corrcoef(rows.T, causes.T)[:12, 12:])
    assert together.argmax(1).tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]
    assert together.max(1).min() > 0.85
    assert len(names) == 12
