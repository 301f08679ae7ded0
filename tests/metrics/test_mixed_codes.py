"""The FactorVAE score of codes with a categorical part: Gini variance, and votes counted by a loop."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from unweave.metrics import factor_vae_score
from unweave.metrics.base import LEFT_OUT
from unweave.metrics.probe import Probe
from unweave.metrics.scores.factor_vae_score import Columns, gini_variance

FEW = {"samples": 20, "votes": 600, "held_out": 600}


def gini_by_pairs(labels: np.ndarray) -> float:
    n = len(labels)
    return sum(a != b for a in labels for b in labels) / (2 * n * (n - 1))


@given(arrays(np.int64, st.integers(2, 12), elements=st.integers(-1, 3)))
def test_gini_variance_is_its_sum_over_pairs(labels):
    assert float(gini_variance(labels)) == pytest.approx(gini_by_pairs(labels))


def test_gini_variance_of_two_equal_halves_is_a_quarter():
    assert float(gini_variance(np.repeat([3, 7], 50_000))) == pytest.approx(0.25, abs=1e-4)


def test_the_same_sum_of_squares_is_the_variance():
    """Two categories 0 and 1 are numbers too: there both forms agree."""
    labels = np.random.default_rng(0).integers(2, size=(5, 30))
    assert gini_variance(labels) == pytest.approx(labels.var(axis=1, ddof=1))


def grid() -> np.ndarray:
    return np.stack(np.meshgrid(range(3), range(6), range(8), indexing="ij"), axis=-1).reshape(-1, 3)


def test_spread_is_variance_over_variance_for_both_kinds_of_column():
    rng = np.random.default_rng(0)
    codes, categories = rng.normal(size=(200, 2)) * [3, 0.1], rng.integers(3, size=(200, 2))
    rows = rng.integers(200, size=(4, 15))
    found = Columns(codes, categories, normalised=True).spread(rows)
    for vote in range(4):
        chosen = rows[vote]
        for j in range(2):
            assert found[vote, j] == pytest.approx(codes[chosen, j].var(ddof=1) / codes[:, j].var(ddof=1))
            own, whole = gini_by_pairs(categories[chosen, j]), gini_by_pairs(categories[:, j])
            assert found[vote, 2 + j] == pytest.approx(own / whole)


def test_votes_are_those_of_a_loop():
    """Same rows, each vote counted on its own with pairs."""
    rng = np.random.default_rng(1)
    factors = grid()
    codes = factors[:, 1:] + rng.normal(size=(len(factors), 2))
    categories = (factors[:, :1] + (rng.random((len(factors), 1)) < 0.2)) % 3
    probe = Probe(codes, factors, categories=categories)
    score = factor_vae_score(codes, factors, categories=categories, **FEW)
    draws = probe.rng("factor-vae-score/in_sample")
    chosen = draws.integers(3, size=FEW["votes"])
    rows = probe.groups.sharing(chosen, FEW["samples"], draws)
    counted = np.zeros((3, 3), int)
    for k, vote in zip(chosen, rows, strict=True):
        spread = [codes[vote, j].var(ddof=1) / codes[:, j].var(ddof=1) for j in range(2)]
        spread.append(gini_by_pairs(categories[vote, 0]) / gini_by_pairs(categories[:, 0]))
        counted[np.argmin(spread), k] += 1
    assert score.tables["votes"] == counted.tolist()
    assert score.tables["rows"] == ["latent 0", "latent 1", "category 0"]


def test_a_category_makes_up_for_the_missing_latent():
    factors = grid()
    codes = factors[:, 1:] * 1.0
    without = factor_vae_score(codes, factors, **FEW)
    with_it = factor_vae_score(codes, factors, categories=factors[:, :1], **FEW)
    assert without.value == pytest.approx(2 / 3, abs=0.08)
    assert with_it.value == 1.0
    kept_out = factor_vae_score(codes, factors, categories=factors[:, :1], categorical=False, **FEW)
    assert kept_out == without.with_settings(categorical=False, categorical_codes=LEFT_OUT)


def test_names_of_categories_do_not_matter():
    factors = grid()
    renamed = np.array([7, -2, 30])[factors[:, :1]]
    first, second = (
        factor_vae_score(factors[:, 1:] * 1.0, factors, categories=given, **FEW) for given in (factors[:, :1], renamed)
    )
    assert first.tables == second.tables


def test_a_category_that_never_changes_never_votes():
    factors = grid()
    score = factor_vae_score(factors[:, 1:] * 1.0, factors, categories=np.zeros((len(factors), 1), int), **FEW)
    assert score.tables["votes"][2] == [0, 0, 0]
    assert score.settings["active"] == [0, 1]


def test_a_category_alone_can_vote():
    factors = grid()
    score = factor_vae_score(np.zeros((len(factors), 2)), factors, categories=factors[:, :1], **FEW)
    assert score.value == pytest.approx(1 / 3, abs=0.08)
    assert score.reason is None
