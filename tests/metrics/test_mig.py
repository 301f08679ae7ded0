"""Mutual information gap: known answers, collapsed latents, and an interval that covers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import mutual_info_score

from unweave.base.errors import InputError
from unweave.contracts import worlds
from unweave.metrics import mig
from unweave.metrics.scores.mig import MIG


def scored(world, **settings):
    return mig(world.codes, world.factors, kl_per_latent=world.kl, factor_names=world.names, **settings)


@pytest.mark.parametrize(
    "world, low, high",
    [
        (worlds.identity(), 0.887, 0.907),
        (worlds.permuted(), 0.887, 0.907),
        (worlds.rotated(turn=1), 0.0, 0.12),
        (worlds.rotated(turn=2), 0.0, 0.12),
        (worlds.missing("shape"), 0.686, 0.706),
        (worlds.missing("shape", "orientation"), 0.526, 0.546),
        (worlds.duplicated(), 0.0, 1e-9),
        (worlds.noise(), 0.0, 0.01),
    ],
    ids=["identity", "permuted", "rotated", "rotated again", "no shape", "no two", "duplicated", "noise"],
)
def test_known_answers(world, low, high):
    score = scored(world, n=10_000)
    assert low <= score.value <= high
    assert score.interval[0] <= score.value <= score.interval[1]
    assert score.settings["n"] == 10_000


def test_the_ceiling_of_twenty_bins_is_per_factor_and_goes_with_more_bins():
    score = scored(worlds.identity())
    assert score.per_factor["shape"] == pytest.approx(1.0, abs=0.01)
    assert score.per_factor["orientation"] == pytest.approx(0.81, abs=0.01)
    assert score.per_factor["x"] == pytest.approx(0.85, abs=0.01)
    assert scored(worlds.identity(), bins=40).value > 0.97


def test_the_value_equals_a_slow_one_made_with_scikit_learn():
    world, gaps = worlds.noisy(worlds.rotated(2_000)), []
    cut = [np.digitize(c, np.histogram(c, 20)[1][:-1]) for c in world.codes.T]
    for factor in world.factors.T:
        info = sorted(mutual_info_score(factor, c) for c in cut)
        gaps.append((info[-1] - info[-2]) / mutual_info_score(factor, factor))
    score = scored(world)
    assert list(score.per_factor.values()) == pytest.approx(gaps, abs=1e-12)
    assert score.value == pytest.approx(np.mean(gaps), abs=1e-12)


def test_a_collapsed_latent_does_not_win_a_factor_with_its_rescaled_range():
    world = worlds.missing("x", n=20_000)
    whisper = (worlds.identity(20_000).codes[:, 3:4]) * 1e-3  # knows x, but with a rate of nothing
    both = worlds.World(np.column_stack([world.codes, whisper]), world.factors, np.array([2.0] * 4 + [1e-3]))
    assert scored(both).per_factor["x"] < 0.02
    assert scored(both).tables["mutual_information"][3][4] == 0.0
    assert scored(both, prune=False).per_factor["x"] > 0.8
    assert mig(both.codes, both.factors).per_factor["factor_3"] > 0.8  # no KL known: bins know no units
    assert mig(both.codes, both.factors, min_std=0.05).per_factor["factor_3"] < 0.02


def test_dead_latents_change_nothing():
    alone, beside = worlds.rotated(3_000), worlds.with_dead(worlds.rotated(3_000))
    clean, pruned = scored(alone), scored(beside)
    assert (pruned.value, pruned.interval, pruned.per_factor) == (
        clean.value,
        clean.interval,
        clean.per_factor,
    )


def test_tables_are_factors_by_latents():
    score = scored(worlds.missing("shape", n=2_000), exclude_factors=("scale",))
    assert np.shape(score.tables["mutual_information"]) == np.shape(score.tables["normalised"]) == (4, 4)
    assert score.tables["rows"] == ["shape", "orientation", "x", "y"]
    assert score.tables["columns"][-1] == "latent 3"


def test_the_interval_is_that_of_repeated_sampling():
    values, halves = [], []
    for seed in range(150):
        score = scored(worlds.noisy(worlds.identity(1_500, seed=seed), std=0.3, seed=10_000 + seed))
        values.append(score.value)
        halves.append((score.interval[1] - score.interval[0]) / 2)
    assert np.mean(halves) == pytest.approx(1.96 * np.std(values), rel=0.2)
    assert np.mean(np.abs(values - np.mean(values)) < halves) > 0.9


def test_the_interval_is_that_of_a_bootstrap_of_the_binned_rows():
    world = worlds.noisy(worlds.rotated(4_000, turn=1), std=0.2)
    score, rng = scored(world), np.random.default_rng(3)
    again = [mig(world.codes[i], world.factors[i]).value for i in (rng.integers(4_000, size=(150, 4_000)))]
    assert (score.interval[1] - score.interval[0]) / 2 == pytest.approx(1.96 * np.std(again), rel=0.3)


def test_the_interval_knows_that_the_entropy_is_estimated_from_the_same_rows():
    rare = (np.random.default_rng(4).random((500, 1)) < 0.1).astype(int)
    score = mig(np.column_stack([rare, np.ones(500)]), rare)  # its gap is 1 in every sample
    assert score.interval == pytest.approx((1.0, 1.0), abs=1e-9)


@given(
    order=st.permutations(range(5)),
    signs=st.lists(st.sampled_from([-1.0, 1.0]), min_size=5, max_size=5),
    scale=st.lists(st.floats(1e-3, 1e3), min_size=5, max_size=5),
    binning=st.sampled_from(["width", "quantile"]),
)
def test_order_sign_and_unit_of_codes_do_not_matter(order, signs, scale, binning):
    world = worlds.noisy(worlds.rotated(500))
    changed = world.codes[:, list(order)] * np.array(signs) * np.array(scale)
    value = mig(world.codes, world.factors, binning=binning).value
    assert mig(changed, world.factors, binning=binning).value == pytest.approx(value, abs=0.01)


def test_names_of_factor_values_do_not_matter():
    world = worlds.noisy(worlds.identity(800))
    assert mig(world.codes, -7 * world.factors + 100).value == pytest.approx(mig(world.codes, world.factors).value)


def test_quantile_bins_bear_an_outlier():
    world = worlds.noisy(worlds.identity(5_000), std=0.01)
    world.codes[0] = 1e4
    assert scored(world, binning="quantile").value > 0.8
    assert scored(world).value < 0.1


def test_one_latent_has_no_gap():
    score = mig(np.arange(10.0)[:, None], np.arange(10)[:, None] % 3)
    assert np.isnan(score.value)
    assert score.reason == "a gap needs two latents, and there is one"


def test_wrong_settings_are_refused():
    with pytest.raises(InputError, match="bins must be 2 or more, got 1"):
        MIG(bins=1)
    with pytest.raises(InputError, match="binning must be one of width, quantile, got 'depth'"):
        mig(np.eye(4), np.eye(4, dtype=int), binning="depth")
