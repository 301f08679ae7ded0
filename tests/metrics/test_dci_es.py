"""DCI-ES: curves by hand, a slow second implementation, and known codes."""

import itertools
import math

import numpy as np
import pytest
from scipy.stats import norm

from unweave.base.errors import InputError
from unweave.contracts import worlds
from unweave.metrics import Probe, dci_es
from unweave.metrics.scores.dci_es import explicitness


def scored(world, **settings):
    return dci_es(world.codes, world.factors, kl_per_latent=world.kl, factor_names=world.names, **settings)


def area(curve):
    """1 - A / Z, point by point."""
    least, lowest = [], math.inf
    for loss in curve:
        lowest = min(lowest, loss)
        least.append(lowest)
    under = sum((a + b) / 2 - lowest for a, b in itertools.pairwise(least))
    return 1 - under / ((len(curve) - 1) * (1 - lowest) / 2)


def fitted(x, y, penalties):
    """Weights of the ridge regression whose generalised cross-validation is least, by the hat matrix itself."""
    tried = []
    for penalty in penalties:
        inverse = np.linalg.inv(x.T @ x + penalty * len(x) * np.eye(x.shape[1]))
        weights = inverse @ x.T @ y
        free = len(x) - 1 - np.trace(x @ inverse @ x.T)
        tried.append((((y - x @ weights) ** 2).sum() / free**2, weights))
    return min(tried, key=lambda each: each[0])[1]


def test_the_score_equals_a_slow_one():
    world, counts = worlds.noisy(worlds.World(np.sinh(worlds.rotated(700).codes), worlds.rotated(700).factors)), (8, 40)
    probe = Probe(world.codes, world.factors)
    order = probe.rng("dci-es").permutation(700)
    train, test = order[:466], order[466:]
    z = (world.codes - world.codes.mean(0)) / world.codes.std(0, ddof=1)
    rng = probe.rng("dci-es/features")
    weights = rng.normal(size=(5, 40)) * 2 ** rng.uniform(-1, 2, size=40) / math.sqrt(5)
    features = math.sqrt(2) * np.cos(z @ weights + rng.uniform(0, 2 * math.pi, size=40))
    found, informed = [], []
    for y in world.factors.T * 1.0:
        base = (y[test] - y[train].mean()) ** 2
        curve, told = [], False
        for count in (0, *counts):
            x = np.column_stack([z, features[:, :count]])
            x = x - x[train].mean(0)
            guess = y[train].mean() + x[test] @ fitted(x[train], y[train] - y[train].mean(), 10.0 ** np.arange(-6, 2))
            errors = (y[test] - guess) ** 2
            curve.append(min(1, errors.mean() / base.mean()))
            gain = base - errors
            told |= gain.mean() > norm.ppf(1 - 0.05 / 15) * gain.std() / math.sqrt(len(test))
        found.append(area(curve) if told else 0)
        informed.append(1 - min(curve) if told else 0)
    score = scored(world, features=counts)
    assert list(score.per_factor.values()) == pytest.approx(found, abs=1e-5)
    assert score.parts == pytest.approx(
        {"explicitness": np.mean(found), "size": 1.0, "informativeness": np.mean(informed)}, abs=1e-5
    )
    assert score.value < 0.98


def test_a_curve_that_rises_again_counts_by_its_least_loss_so_far():
    assert explicitness(np.array([[1.0, 0.5, 0.7, 0.5]]))[0] == pytest.approx(1 - 2 * 0.25 / (3 * 0.5))
    assert explicitness(np.array([[1.0, 1.0, 1.0, 0.0]]))[0] == pytest.approx(-2 / 3)
    assert explicitness(np.ones((1, 4)))[0] == 1.0  # there is no room; the score counts it as 0


@pytest.mark.parametrize(
    ("world", "e", "size", "informed"),
    [
        (worlds.identity(900), 1, 1, 1),
        (worlds.permuted(900), 1, 1, 1),
        (worlds.rotated(900), 1, 1, 1),
        (worlds.missing("x", n=900), 0.8, 5 / 4, 0.8),
        (worlds.duplicated(900), 1, 1 / 2, 1),
        (worlds.with_dead(worlds.identity(900)), 1, 1, 1),
        (worlds.noise(900), 0, 1 / 2, 0),
    ],
)
def test_known_codes(world, e, size, informed):
    score = scored(world)
    assert score.parts == pytest.approx({"explicitness": e, "size": size, "informativeness": informed}, abs=1e-4)


def test_a_bent_code_tells_as_much_as_a_straight_one_and_less_explicitly():
    world = worlds.identity(3_000)
    angle = 2 * math.pi * world.factors[:, 2] / 40
    bent = np.column_stack([np.delete(world.codes, 2, axis=1), np.cos(angle), np.sin(angle)])
    score = scored(worlds.World(bent, world.factors))
    assert score.per_factor["orientation"] < 0.9
    assert score.per_factor["x"] == pytest.approx(1, abs=1e-4)
    linear, *_, largest = score.tables["losses"][2]
    assert linear > 0.3 > 0.2 > largest


def test_noise_is_told_to_tell_something_in_few_pools():
    told = [
        len(dci_es(z.codes, z.factors).settings["counted_as_0"]) < 5
        for z in (worlds.noise(300, d=4, seed=s) for s in range(20))
    ]
    assert sum(told) <= 4  # 1 in 20 by design; more than 4 of 20 have a probability of 0.3 %


@pytest.mark.parametrize("features", [(), (0, 4), (8, 4), (4, 4)])
def test_features_must_grow(features):
    with pytest.raises(InputError, match="features must be"):
        scored(worlds.identity(100), features=features)
