"""beta-VAE score: points made in a loop, the confusion, small codes."""

import numpy as np
import pytest

from unweave.contracts import worlds
from unweave.metrics import beta_vae_score
from unweave.metrics.probe import Probe
from unweave.metrics.scores.beta_vae_score import BetaVAEScore


def scored(world, **options):
    return beta_vae_score(world.codes, world.factors, kl_per_latent=world.kl, factor_names=world.names, **options)


def test_points_equal_those_of_a_python_loop():
    world = worlds.noisy(worlds.identity(300))
    probe, chosen = Probe(world.codes, world.factors), np.array([1, 3, 4])
    metric, none = BetaVAEScore(samples=6), np.empty((300, 0), int)
    made = metric._points(probe.codes, none, probe.groups, chosen, 40, np.random.default_rng(0))
    points, labels = made.apart, made.factor
    rng = np.random.default_rng(0)
    assert rng.integers(3, size=40).tolist() == labels.tolist()
    first, second = probe.groups.pairs(chosen[labels], 6, rng)
    for point, a, b in zip(points, first, second, strict=True):
        pairs = [abs(probe.codes[i] - probe.codes[j]) for i, j in zip(a, b, strict=True)]
        assert point == pytest.approx(sum(pairs) / 6, abs=1e-12)


def test_the_value_is_read_off_the_confusion():
    score = scored(worlds.rotated(10_000, turn=2), train=1_000, test=700)
    table = np.array(score.tables["confusion"])
    assert table.sum() == 700
    assert score.value == table.trace() / 700
    assert score.per_factor["x"] == table[3, 3] / table[3].sum()
    assert score.tables["rows"] == list(worlds.NAMES)


def test_small_codes_underfit_unless_standardised():
    world = worlds.noisy(worlds.identity(5_000), std=0.3)
    small = worlds.World(world.codes * 1e-3, world.factors)
    options = {"train": 1_000, "test": 1_000, "samples": 10, "min_std": 0.0}
    assert scored(small, **options).value == scored(world, **options).value
    assert scored(small, standardise=False, **options).value < scored(world, **options).value - 0.05


def test_two_points_of_one_factor_are_still_a_classifier():
    score = scored(worlds.identity(300), train=2, test=50, seed=1)
    assert 0 <= score.value <= 1
