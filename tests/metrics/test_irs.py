"""IRS: a slow second implementation, groups."""

import math

import numpy as np
import pytest

from unweave.contracts import worlds
from unweave.metrics import irs


def scored(world, **settings):
    return irs(world.codes, world.factors, kl_per_latent=world.kl, factor_names=world.names, **settings)


def slow(codes, factors, quantile=0.99):
    widest = np.abs(codes - codes.mean(0)).max(0)
    table = np.zeros((codes.shape[1], factors.shape[1]))
    for j in range(codes.shape[1]):
        for k in range(factors.shape[1]):
            moved = []
            for v in np.unique(factors[:, k]):
                those = codes[factors[:, k] == v, j]
                moved.append(np.percentile(np.abs(those - those.mean()), 100 * quantile))
            table[j, k] = 1 - np.mean(moved) / widest[j]
    return np.average(table.max(1), weights=widest), table


@pytest.mark.parametrize("quantile", [0.5, 0.99, 1.0])
def test_the_value_equals_a_slow_one(quantile):
    world = worlds.noisy(worlds.rotated(3_000))
    value, table = slow(world.codes, world.factors, quantile)
    score = scored(world, quantile=quantile)
    assert np.array(score.tables["robustness"]) == pytest.approx(table, abs=1e-9)
    assert score.value == pytest.approx(value, abs=1e-9)


def test_a_merged_code_moves_by_a_thirty_second_while_its_coarse_factor_is_held():
    score = scored(worlds.merged(20_000))
    table = dict(zip(worlds.NAMES, score.tables["robustness"][3], strict=True))
    assert table["x"] == pytest.approx(1 - 1 / 32, abs=0.01)
    assert table["y"] < 0.1


def test_values_with_one_row_are_left_out_and_the_groups_are_counted():
    codes = np.array([[0.0], [1.0], [7.0], [3.0]])
    score = irs(codes, np.array([[0, 0], [0, 1], [1, 2], [2, 3]]))
    assert score.settings["groups"] == {"factor_0": 1, "factor_1": 0}
    assert score.settings["K"] == 1
    lonely = irs(codes, np.arange(4)[:, None])
    assert math.isnan(lonely.value)
    assert lonely.reason == "no factor varies and has a value with two rows"


def test_continuous_factors_are_cut_into_bins():
    factors = np.random.default_rng(0).random((4_000, 2))
    score = irs(factors, factors)
    assert score.settings["groups"] == {"factor_0": 20, "factor_1": 20}
    assert score.value == pytest.approx(1 - 1 / 20, abs=0.01)  # half a bin out of half a range
