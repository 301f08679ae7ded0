"""Entropy and mutual information against scikit-learn and against the definition."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import mutual_info_score

from unweave.contracts import worlds
from unweave.metrics.information import entropy, influences, mutual_information, quantise


def test_matrix_equals_scikit_learn_cell_by_cell():
    world = worlds.noisy(worlds.rotated(3_000))
    cut = quantise(world.codes, 20)
    found = mutual_information(cut, world.factors)
    slow = [[mutual_info_score(f, c) for c in cut.T] for f in world.factors.T]
    assert found == pytest.approx(np.array(slow), abs=1e-12)
    assert entropy(world.factors) == pytest.approx([mutual_info_score(f, f) for f in world.factors.T], abs=1e-12)


def test_influences_average_to_the_weighted_information():
    world = worlds.noisy(worlds.identity(2_000))
    cut, weights = quantise(world.codes, 20), np.random.default_rng(0).normal(size=(5, 5))
    information = mutual_information(cut, world.factors)
    assert influences(cut, world.factors, weights).mean() == pytest.approx((weights * information).sum(), abs=1e-12)


def test_a_row_moves_the_information_as_leaving_it_out_says():
    world = worlds.noisy(worlds.rotated(8_000))
    cut, factors = quantise(world.codes[:, :1], 5), world.factors[:, 1:2]
    shifts = influences(cut, factors, np.ones((1, 1)))
    whole = mutual_information(cut, factors)[0, 0]
    for row in range(5):
        kept = np.arange(8_000) != row
        shift = 7_999 * (whole - mutual_information(cut[kept], factors[kept])[0, 0])
        assert shifts[row] - whole == pytest.approx(shift, abs=0.02)


def test_bins_of_equal_width_are_those_of_a_histogram():
    codes = np.random.default_rng(0).normal(size=(500, 3))
    for column, cut in zip(codes.T, quantise(codes, 20).T, strict=True):
        assert np.bincount(cut, minlength=20).tolist() == np.histogram(column, 20)[0].tolist()


def test_a_value_on_a_border_belongs_to_the_upper_bin():
    steps = np.arange(5.0)[:, None]
    assert quantise(steps, 4)[:, 0].tolist() == [0, 1, 2, 3, 3]
    assert quantise(steps, 4, "quantile")[:, 0].tolist() == [0, 1, 2, 3, 3]


def test_quantile_bins_hold_equally_many_rows_whatever_the_outliers():
    codes = np.random.default_rng(1).standard_cauchy(size=(1_000, 1))
    assert set(np.bincount(quantise(codes, 20, "quantile")[:, 0])) == {50}
    assert (np.bincount(quantise(codes, 20)[:, 0]) > 800).any()


def test_constants_fall_in_one_bin_and_know_nothing():
    for binning in ("width", "quantile"):
        cut = quantise(np.full((10, 1), 3.7), 20, binning)
        assert len(np.unique(cut)) == 1
        assert mutual_information(cut, np.arange(10)[:, None] % 2).tolist() == [[0.0]]


@given(st.lists(st.tuples(st.integers(-3, 3), st.integers(-2, 5)), min_size=2, max_size=60))
def test_information_is_symmetric_and_below_both_entropies(pairs):
    left, right = np.array(pairs)[:, :1], np.array(pairs)[:, 1:]
    one, other = mutual_information(left, right)[0, 0], mutual_information(right, left)[0, 0]
    assert one == pytest.approx(other, abs=1e-12)
    assert 0 <= one <= min(entropy(left)[0], entropy(right)[0]) + 1e-12
