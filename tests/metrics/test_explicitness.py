"""Explicitness: areas against scikit-learn's."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from unweave.contracts import worlds
from unweave.metrics import Probe, explicitness
from unweave.metrics.scores.explicitness import mean_area


def scored(world, **settings):
    options = {"train": 2_000, "test": 1_000, **settings}
    return explicitness(world.codes, world.factors, kl_per_latent=world.kl, factor_names=world.names, **options)


def test_areas_are_those_of_scikit_learn_ties_included():
    rng = np.random.default_rng(0)
    labels, scores = rng.integers(4, size=300), rng.integers(6, size=(300, 4)) / 5
    each = [roc_auc_score(labels == v, scores[:, v]) for v in range(4)]
    assert mean_area(scores, labels, np.arange(4)).value == pytest.approx(np.mean(each), abs=1e-9)


def test_a_value_without_rows_is_left_out():
    scores = np.array([[0.9, 0.1, 0.5], [0.2, 0.8, 0.5]])
    assert mean_area(scores, np.array([0, 1]), np.arange(3)).value == 1.0
    assert np.isnan(mean_area(scores, np.array([0, 0]), np.arange(3)).value)


def test_the_value_equals_a_slow_one_made_with_scikit_learn():
    world = worlds.noisy(worlds.rotated(900))
    score = scored(world, train=600, test=300)
    order = Probe(world.codes, world.factors).rng("explicitness").permutation(900)
    train, test = order[:600], order[600:]
    codes = (world.codes - world.codes[train].mean(0)) / world.codes[train].std(0)
    for k, name in enumerate(worlds.NAMES[:2]):
        labels = world.factors[:, k]
        guessed = LogisticRegression(max_iter=200).fit(codes[train], labels[train]).predict_proba(codes[test])
        each = [roc_auc_score(labels[test] == v, guessed[:, v]) for v in np.unique(labels)]
        assert score.per_factor[name] == pytest.approx(np.mean(each), abs=1e-3)
