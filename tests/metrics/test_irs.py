"""IRS: a slow second implementation, known answers, groups."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unweave.base.errors import InputError
from unweave.contracts import worlds
from unweave.metrics import irs
from unweave.metrics.scores.irs import IRS


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


@pytest.mark.parametrize(
    ("world", "low", "high"),
    [
        (worlds.identity(20_000), 1.0, 1.0),  # with its factor held, no code moves
        (worlds.permuted(20_000), 1.0, 1.0),
        (worlds.missing("shape", n=20_000), 1.0, 1.0),  # it says nothing of what is missing
        (worlds.duplicated(20_000), 1.0, 1.0),
        (worlds.rotated(20_000), 0.1, 0.6),
        (worlds.noise(20_000), 0.2, 0.5),  # 0.99 quantile over the maximum of normal noise
    ],
    ids=["identity", "permuted", "missing", "duplicated", "rotated", "noise"],
)
def test_known_answers(world, low, high):
    assert low - 1e-12 <= scored(world).value <= high


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


@given(
    order=st.permutations(range(5)),
    sign=st.sampled_from([-1.0, 1.0]),
    unit=st.floats(1e-3, 1e3),
    shift=st.floats(-10, 10),
)
def test_order_sign_common_unit_and_offset_do_not_matter(order, sign, unit, shift):
    world = worlds.noisy(worlds.rotated(400))
    changed = worlds.World(world.codes[:, list(order)] * sign * unit + shift, world.factors)
    assert scored(changed).value == pytest.approx(scored(world).value, abs=1e-6)


def test_dead_latents_change_nothing():
    clean, beside = scored(worlds.rotated(2_000)), scored(worlds.with_dead(worlds.rotated(2_000)))
    assert beside.value == pytest.approx(clean.value)


def test_wrong_settings_are_refused():
    with pytest.raises(InputError, match="quantile must lie between 0 and 1, got 99"):
        IRS(quantile=99)
