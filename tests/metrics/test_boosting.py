"""Boosted trees against scikit-learn's, on codes whose borders are the same and on continuous ones."""

import numpy as np
import pytest
from sklearn.ensemble import GradientBoostingClassifier

from unweave.contracts import worlds
from unweave.metrics import dci
from unweave.metrics.boosting import binned, boost
from unweave.metrics.scores.dci import completeness, disentanglement


def peer(codes, labels, cut, rounds):
    model = GradientBoostingClassifier(n_estimators=rounds, random_state=0).fit(codes[:cut], labels[:cut])
    return model.feature_importances_, model.predict(codes[cut:])


@pytest.mark.parametrize("classes", [2, 3, 7])
def test_same_borders_same_trees(classes):
    rng = np.random.default_rng(classes)
    labels = rng.integers(classes, size=500)
    codes = np.column_stack([labels, labels % 2, np.zeros(500)]) + rng.normal(size=(500, 3)) * [1.0, 0.5, 0]
    codes = binned(np.round(codes, 1), 256)
    importances, guesses = peer(codes, labels, 400, 10)
    found = boost(codes, labels[:400], 400, 10)
    assert found.importances == pytest.approx(importances, abs=1e-3)
    assert (found.guesses == guesses).mean() > 0.95


@pytest.mark.parametrize("world", [worlds.identity(900), worlds.permuted(900), worlds.duplicated(900)])
def test_known_truth_codes_get_the_same_importances(world):
    ours, theirs = [], []
    for labels in world.factors.T[:2]:
        ours.append(boost(binned(world.codes, 64), labels[:600], 600, 20).importances)
        theirs.append(peer(world.codes, labels, 600, 20)[0])
    if world.codes.shape[1] > 5:  # equal codes may share as they like
        ours, theirs = ([each[:5] + each[5:] for each in both] for both in (ours, theirs))
    assert np.array(ours) == pytest.approx(np.array(theirs), abs=1e-2)


def test_codes_with_more_values_than_bins_get_nearly_the_same_importances():
    world = worlds.noisy(worlds.rotated(1_500))
    importances, guesses = peer(world.codes, world.factors[:, 1], 1_000, 20)
    found = boost(binned(world.codes, 64), world.factors[:1_000, 1], 1_000, 20)
    assert found.importances == pytest.approx(importances, abs=0.02)
    assert (found.guesses == world.factors[1_000:, 1]).mean() == pytest.approx(
        (guesses == world.factors[1_000:, 1]).mean(), abs=0.04
    )


def test_what_cannot_be_learnt_is_guessed():
    cells = np.zeros((6, 2), np.uint8)
    found = boost(cells, np.array([1, 1, 2, 1]), 4)
    assert found.importances.tolist() == [0.0, 0.0]
    assert found.guesses.tolist() == [1, 1]
    assert boost(cells[:, :0], np.array([3, 3]), 2).guesses.tolist() == [3] * 4


def test_bins_keep_few_values_apart_and_share_out_many():
    many = np.arange(1_000.0)[:, None]
    assert np.bincount(binned(many, 10)[:, 0]).tolist() == [100] * 10
    assert binned(np.array([[5.0], [-1.0], [5.0]]), 10).T.tolist() == [[1, 0, 1]]


def scored(world, **settings):
    options = {"train": 2_000, "test": 500, "backend": "gbt", "rounds": 10, **settings}
    return dci(world.codes, world.factors, kl_per_latent=world.kl, factor_names=world.names, **options)


def test_dci_by_boosting_on_known_codes():
    perfect = scored(worlds.identity(2_500))
    assert perfect.value > 0.99
    assert perfect.parts["completeness"] > 0.99
    assert scored(worlds.rotated(2_500, turn=1)).value < 0.35
    assert scored(worlds.noise(2_500, d=4)).value < 0.05
    assert perfect.settings["backend"] == "gbt"


def test_lasso_has_an_error_and_no_accuracy():
    nothing = scored(worlds.noise(2_500, d=4), backend="lasso")
    assert "informativeness_accuracy" not in nothing.parts
    low, high = nothing.settings["intervals"]["informativeness_nrmse"]
    assert low < nothing.parts["informativeness_nrmse"] < high


def test_lasso_takes_continuous_factors_and_importances_give_the_formula():
    factors = np.random.default_rng(0).random((600, 2))
    score = dci(factors @ np.array([[1.0, 0.5], [0.0, 1.0]]), factors, backend="lasso")
    table = np.array(score.tables["importances"])
    assert score.value == pytest.approx(disentanglement(table)[0], abs=1e-9)
    assert score.parts["completeness"] == pytest.approx(completeness(table)[0], abs=1e-9)
    assert len(score.tables["nrmse_per_factor"]) == 2
