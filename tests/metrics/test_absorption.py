"""Absorption: a slow second implementation, and codes whose absorption is known."""

import numpy as np
import pytest

from unweave.contracts import worlds
from unweave.metrics import Probe, absorption

N = 3_000


def concepts(seed=0):
    """An animal in half of the rows, a dog in a fifth of the animals, a colour that is neither."""
    rng = np.random.default_rng(seed)
    animal = rng.random(N) < 0.5
    dog = animal & (rng.random(N) < 0.2)
    return animal, dog, rng.random(N) < 0.3


def scored(features, factors, **settings):
    return absorption(np.stack(features, axis=1) * 1.0, np.stack(factors, axis=1).astype(int), **settings)


def slow(codes, factors, order, cut, purity=0.9, weak=0.5):
    """The same, row by row and feature by feature, for factors of two values."""
    train, test = order[:cut], order[cut:]
    active, found = np.where(codes > 0, codes, 0.0), []
    for concept in factors.T == 1:
        score = [np.corrcoef(active[train, j], concept[train])[0, 1] for j in range(active.shape[1])]
        own = int(np.nanargmax(score))
        narrow = []
        for j in range(active.shape[1]):
            where = [i for i in train if active[i, j] > 0]
            outside = sum(not concept[i] for i in where)
            if j != own and len(where) >= 10 and outside / len(where) <= (1 - purity) * (1 - concept[train].mean()):
                narrow.append(j)
        usual = np.median([active[i, own] for i in train if concept[i] and active[i, own] > 0])
        rows = [i for i in test if concept[i]]
        counts = [
            any(active[i, j] > 0 for j in narrow) and (active[i, own] == 0 or active[i, own] < weak * usual)
            for i in rows
        ]
        found.append(np.mean(counts))
    return found


def test_the_score_equals_a_slow_one():
    animal, dog, red = concepts()
    rng = np.random.default_rng(1)
    codes = np.stack([animal * 1.0 - 0.8 * dog, dog, red, rng.random(N) < 0.1, animal & red], axis=1)
    codes = codes * rng.gamma(3, size=codes.shape) * (rng.random(codes.shape) < 0.9)
    factors = np.stack([animal, dog, red], axis=1).astype(int)
    score = absorption(codes, factors, train=2_000, test=1_000)
    found = slow(codes, factors, Probe(codes, factors).rng("absorption").permutation(N), 2_000)
    assert list(score.per_factor.values()) == pytest.approx(found)
    assert score.value == pytest.approx(np.mean(found))
    assert score.parts["full"] + score.parts["partial"] == pytest.approx(score.value)
    assert score.interval[0] < score.value < score.interval[1]


@pytest.mark.parametrize(("left", "part"), [(0.0, "full"), (0.3, "partial"), (1.0, None)])
def test_a_feature_that_gives_way_to_a_narrower_one_is_absorbed(left, part):
    animal, dog, red = concepts()
    score = scored([np.where(dog, left, animal), dog, red], [animal, dog, red])
    share = 0.2 if part else 0.0
    assert score.per_factor["factor_0"] == pytest.approx(share, abs=0.06)
    assert score.per_factor["factor_1"] == score.per_factor["factor_2"] == 0
    if part:
        assert score.parts[part] == score.value
        assert score.tables["narrower_features"]["factor_0"] == ["latent 1"]


def test_a_feature_that_merely_misses_rows_is_not_absorbed():
    animal, _, red = concepts()
    missed = animal & (np.random.default_rng(2).random(N) < 0.7)
    assert scored([missed, red, red], [animal, red]).value == 0


@pytest.mark.parametrize("world", [worlds.identity(2_000), worlds.noise(2_000, d=6), worlds.duplicated(2_000)])
def test_dense_codes_absorb_next_to_nothing(world):
    assert absorption(world.codes, world.factors).value < 0.05


def test_every_value_of_a_factor_of_three_is_a_concept():
    kind = np.tile([0, 1, 2], 200)
    score = scored([kind == 0, kind == 1, kind == 2], [kind])
    assert set(score.tables["own_feature"].values()) == {"latent 0", "latent 1", "latent 2"}
    assert score.value == 0


def test_values_of_few_rows_are_left_out_and_named():
    animal, _, red = concepts()
    kind = np.where(np.arange(N) < 6, 2, animal)
    assert scored([animal, red], [kind, red]).settings["too_few_rows"] == ["factor_0=2"]
    assert "no concept" in scored([animal[:12], red[:12]], [animal[:12]]).reason
