"""Coverage by simulation: the interval of every score holds the mean of fresh rows of the same model."""

import importlib.util
from pathlib import Path

import pytest
from scipy.stats import binom

spec = importlib.util.spec_from_file_location(
    "coverage_of_scores", Path(__file__).parents[2] / "benchmarks/coverage.py"
)
coverage = importlib.util.module_from_spec(spec)
spec.loader.exec_module(coverage)

DRAWS = 40
TOO_FEW = int(binom.ppf(0.001, DRAWS, 0.90))  # 28 of 40: an interval that covers 0.90 gets fewer once in 1,000 tests


def test_an_interval_that_is_too_narrow_is_found(monkeypatch):
    metric = dict(coverage.cases(["hoyer"]))["hoyer"]
    honest = coverage.covered(metric, "mixed", 300, DRAWS)[""]
    monkeypatch.setattr(coverage, "intervals", lambda score: {"": (score.value, (score.value, score.value))})
    assert honest["coverage"] * DRAWS >= TOO_FEW
    assert coverage.covered(metric, "mixed", 300, DRAWS)[""]["coverage"] == 0


@pytest.mark.slow
@pytest.mark.parametrize("kind", coverage.KINDS)
@pytest.mark.parametrize(("name", "metric"), [each for each in coverage.cases([]) if " " not in each[0]])
def test_every_interval_holds_the_mean_of_fresh_rows(name, metric, kind):
    for part, told in coverage.covered(metric, kind, 1_000, DRAWS).items():
        assert told["coverage"] * told["draws"] >= min(TOO_FEW, told["draws"]), (part, told)
