"""Explicitness: areas against scikit-learn's, known answers."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from unweave.base.errors import InputError
from unweave.contracts import worlds
from unweave.metrics import Probe, explicitness
from unweave.metrics.scores.explicitness import Explicitness, mean_area


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


@pytest.mark.parametrize(
    ("world", "low", "high"),
    [
        (worlds.identity(3_000), 0.9, 1.0),
        (worlds.permuted(3_000), 0.9, 1.0),
        (worlds.rotated(3_000), 0.9, 1.0),  # linear readers do not mind a rotation
        (worlds.duplicated(3_000), 0.9, 1.0),
        (worlds.noise(3_000), 0.47, 0.53),
    ],
    ids=["identity", "permuted", "rotated", "duplicated", "noise"],
)
def test_known_answers(world, low, high):
    assert low <= scored(world).value <= high


def test_a_missing_factor_is_guessed_and_the_others_are_not():
    score = scored(worlds.missing("shape", n=3_000))
    assert score.per_factor["shape"] == pytest.approx(0.5, abs=0.04)
    assert score.per_factor["x"] > 0.9


def test_unit_and_sign_do_not_matter():
    world = worlds.noisy(worlds.rotated(800))
    changed = worlds.World(world.codes * np.array([-3.0, 1, 1e3, 0.1, -1]) + 5, world.factors)
    assert scored(changed).value == pytest.approx(scored(world).value, abs=1e-3)  # a solver decides


def test_dead_latents_change_nothing():
    clean, beside = scored(worlds.rotated(800)), scored(worlds.with_dead(worlds.rotated(800)))
    assert beside.value == pytest.approx(clean.value, abs=1e-9)


def test_fewer_rows_than_values_give_a_number_or_a_reason():
    score = explicitness(np.random.default_rng(0).normal(size=(6, 2)), np.arange(12).reshape(6, 2))
    assert np.isnan(score.value)
    assert score.reason == "no factor has a value that is seen in training and in held-out rows"


def test_wrong_settings_are_refused():
    with pytest.raises(InputError, match="test must be 1 or more, got 0"):
        Explicitness(test=0)
