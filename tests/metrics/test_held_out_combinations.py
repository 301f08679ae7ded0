"""Held-out combinations: a slow second implementation, and known codes."""

import math

import numpy as np
import pytest
from scipy.stats import norm

from unweave.contracts import worlds
from unweave.metrics import Probe, held_out_combinations


def scored(world, **settings):
    return held_out_combinations(
        world.codes, world.factors, kl_per_latent=world.kl, factor_names=world.names, **settings
    )


def errors(x, y, rows, held):
    """Squared errors of the ridge regression whose generalised cross-validation is least, by the hat matrix itself."""
    middle, level, tried = x[rows].mean(0), y[rows].mean(), []
    a, b = x[rows] - middle, y[rows] - level
    for penalty in 10.0 ** np.arange(-6, 2):
        inverse = np.linalg.inv(a.T @ a + penalty * len(a) * np.eye(a.shape[1]))
        free = len(a) - 1 - np.trace(a @ inverse @ a.T)
        weights = inverse @ a.T @ b
        tried.append((((b - a @ weights) ** 2).sum() / free**2, weights))
    return (y[held] - level - (x[held] - middle) @ min(tried, key=lambda each: each[0])[1]) ** 2


def test_the_score_equals_a_slow_one():
    factors = worlds.grid(600, sizes=(3, 4, 6))
    mixing = np.array([[1.0, 0.4, 0.0], [0.0, 0.9, 0.5], [0.3, 0.0, 0.7]])
    codes = np.sinh(factors @ mixing / 2) + np.random.default_rng(0).normal(scale=0.2, size=(600, 3))
    probe = Probe(codes, factors)
    order = probe.rng("held-out-combinations").permutation(600)
    train, test = order[:400], order[400:]
    x = (codes - codes.mean(0)) / codes.std(0, ddof=1)
    rng, found = probe.rng("held-out-combinations/corners"), {0: [], 1: [], 2: []}
    high = factors >= [2, 2, 3]
    for a, b in ((0, 1), (0, 2), (1, 2)):
        first, second = rng.integers(2), rng.integers(2)
        outside = [n for n in train if not (high[n, a] == first and high[n, b] == second)]
        inside = [n for n in test if high[n, a] == first and high[n, b] == second]
        alike = rng.permutation(train)[: len(outside)]
        for k in (a, b):
            y = factors[:, k] * 1.0
            idle = (y[inside] - y[alike].mean()) ** 2
            new, old = (idle - errors(x, y, rows, inside) for rows in (outside, alike))
            told = old.mean() > norm.ppf(1 - 0.05 / 6) * old.std() / math.sqrt(len(old))
            found[k].append(min(1, max(0, new.mean()) / old.mean()) if told else 0)
    score = held_out_combinations(codes, factors, features=0)
    assert list(score.per_factor.values()) == pytest.approx([np.mean(each) for each in found.values()], abs=1e-6)
    assert score.value == pytest.approx(np.mean(list(found.values())), abs=1e-6)
    assert 0.3 < score.value < 0.99


def tangled():
    """The identity, but x changes its sign with the half of y."""
    world = worlds.identity(1_200)
    codes = world.codes.copy()
    codes[:, 3] *= np.sign(codes[:, 4])
    return worlds.World(codes, world.factors)


@pytest.mark.parametrize(
    ("world", "value"),
    [
        (worlds.identity(1_200), 1.0),
        (worlds.permuted(1_200), 1.0),
        (worlds.rotated(1_200), 1.0),
        (worlds.duplicated(1_200), 1.0),
        (worlds.with_dead(worlds.identity(1_200)), 1.0),
        (worlds.missing("x", n=1_200), 0.8),
        (worlds.noise(1_200, d=5), 0.0),
    ],
)
def test_known_codes(world, value):
    assert scored(world).value == pytest.approx(value, abs=0.005)


def test_what_is_tangled_is_told_but_not_in_combinations_never_seen():
    score = scored(tangled())
    assert score.parts["told_if_seen"] > 0.9
    assert score.per_factor["x"] < 0.4
    assert score.per_factor["scale"] > 0.98


def test_one_factor_has_no_combinations():
    score = held_out_combinations(np.random.default_rng(0).normal(size=(60, 2)), np.arange(60)[:, None] % 3)
    assert math.isnan(score.value)
    assert "two factors" in score.reason
