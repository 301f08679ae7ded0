"""Mutual information gap: a second implementation, collapsed latents, and an interval that covers."""

import numpy as np
import pytest
from sklearn.metrics import mutual_info_score

from unweave.contracts import worlds
from unweave.metrics import mig


def scored(world, **settings):
    return mig(world.codes, world.factors, kl_per_latent=world.kl, factor_names=world.names, **settings)


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


def test_quantile_bins_bear_an_outlier():
    world = worlds.noisy(worlds.identity(5_000), std=0.01)
    world.codes[0] = 1e4
    assert scored(world, binning="quantile").value > 0.8
    assert scored(world).value < 0.1
