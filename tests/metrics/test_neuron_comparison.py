"""Neuron comparison: a slow second implementation, and known codes."""

from itertools import permutations

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import mutual_info_score

from unweave.base.seeds import derive
from unweave.contracts import worlds
from unweave.metrics import Probe, neuron_comparison
from unweave.metrics.scores.neuron_comparison import told_by_bins


def scored(world, **settings):
    return neuron_comparison(world.codes, world.factors, kl_per_latent=world.kl, factor_names=world.names, **settings)


def most(table):
    """Column of each row, one each, with the largest sum, by trying all."""
    rows, columns = table.shape
    return max(permutations(range(columns), rows), key=lambda order: sum(table[i, j] for i, j in enumerate(order)))


def test_the_score_equals_a_slow_one():
    factors = worlds.grid(600, sizes=(3, 4, 2))
    mixing = np.array([[1.0, 0.4, 0.0, 0.1], [0.0, 0.9, 0.5, 0.0], [0.3, 0.0, 0.7, 1.0]])
    codes = factors @ mixing + np.random.default_rng(0).normal(scale=0.3, size=(600, 4))
    order = Probe(codes, factors).rng("neuron-comparison").permutation(600)
    train, test = order[:400], order[400:]
    ranks = codes.argsort(axis=0).argsort(axis=0)
    cells = [ranks * size // 600 for size in (3, 4, 2)]  # no ties
    own = most(
        np.array([[mutual_info_score(factors[train, k], cells[k][train, j]) for j in range(4)] for k in range(3)])
    )
    single, lost = [], []
    for k, size in enumerate((3, 4, 2)):
        cell, truth = cells[k][:, own[k]], factors[:, k]
        counts = np.array([[((cell == b) & (truth == v))[train].sum() for v in range(size)] for b in range(size)])
        stands = np.array(most(counts))
        single.append((stands[cell[test]] == truth[test]).mean())
        seen = []
        for x in (codes, np.delete(codes, own[k], axis=1)):
            seed = derive(0, f"neuron-comparison/{k}") % 2**32
            grown = RandomForestClassifier(10, max_features=None, min_samples_leaf=10, random_state=seed)
            seen.append(grown.fit(x[train], truth[train]).score(x[test], truth[test]))
        lost.append(seen[0] - seen[1])
    score = neuron_comparison(codes, factors)
    assert list(score.per_factor.values()) == pytest.approx(single)
    assert list(score.tables["knockout_per_factor"].values()) == pytest.approx(lost)
    assert list(score.tables["own_latent"].values()) == [f"latent {j}" for j in own]
    assert 0.4 < score.value < 0.95


@pytest.mark.parametrize(
    ("world", "single", "knockout"),
    [
        (worlds.identity(1_200), (0.999, 1), (0.75, 0.9)),  # all but what guessing gets
        (worlds.permuted(1_200), (0.999, 1), (0.75, 0.9)),
        (worlds.with_dead(worlds.identity(1_200)), (0.999, 1), (0.75, 0.9)),
        (worlds.duplicated(1_200), (0.999, 1), (-0.01, 0.01)),
        (worlds.missing("x", n=1_200), (0.8, 0.82), (0.6, 0.72)),
        (worlds.rotated(1_200), (0.2, 0.4), (0.1, 0.35)),
        (worlds.noise(1_200, d=5), (0.08, 0.16), (-0.04, 0.04)),  # the mean of 1 / V is 0.117
    ],
)
def test_known_codes(world, single, knockout):
    score = scored(world)
    assert single[0] <= score.value <= single[1]
    assert knockout[0] <= score.parts["knockout"] <= knockout[1]


def test_a_factor_without_a_latent_of_its_own_is_guessed():
    factors = worlds.grid(300, sizes=(4, 2))
    score = neuron_comparison(factors[:, :1] * 1.0, factors)
    assert score.tables["own_latent"] == {"factor_0": "latent 0"}
    assert score.per_factor["factor_0"] == 1.0
    assert score.tables["knockout_per_factor"]["factor_1"] == 0.0
    assert score.per_factor["factor_1"] == pytest.approx(0.5, abs=0.12)


def test_a_bin_beside_all_values_tells_nothing_right():
    cell, labels, rows = np.array([0, 0, 1, 1, 2]), np.array([0, 0, 1, 1, 1]), np.arange(5)
    assert told_by_bins(cell, labels, rows, rows).tolist() == [True, True, True, True, False]
