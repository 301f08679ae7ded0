"""SAP: the exact classifier and the continuous form against second implementations."""

import numpy as np
import pytest
from sklearn.svm import LinearSVC

from unweave.base.errors import InputError
from unweave.contracts import worlds
from unweave.metrics import Probe, sap
from unweave.metrics.svm import LineMachine


def scored(world, **settings):
    return sap(world.codes, world.factors, kl_per_latent=world.kl, factor_names=world.names, **settings)


@pytest.mark.parametrize("classes", [2, 3, 17])
@pytest.mark.parametrize("offset", [0.0, 5.0])
def test_lines_are_those_of_scikit_learn(classes, offset):
    rng = np.random.default_rng(classes)
    labels = rng.integers(classes, size=400)
    x = 0.3 * labels + rng.normal(size=400) + offset
    peer = LinearSVC(C=0.01, class_weight="balanced", dual=False, tol=1e-10, max_iter=10_000).fit(x[:, None], labels)
    machine = LineMachine(x)
    w, b = machine.fit(labels)
    shown = slice(-1, None) if classes == 2 else slice(None)
    assert w[shown] == pytest.approx(peer.coef_[:, 0], abs=1e-6)
    assert b[shown] == pytest.approx(peer.intercept_, abs=1e-6)
    new = np.linspace(-3, 12, 500)
    assert np.array_equal(machine.guess(labels, new), peer.predict(new[:, None]))


def test_the_value_equals_a_slow_one_made_with_scikit_learn():
    world = worlds.noisy(worlds.rotated(700))
    score = scored(world, train=500, test=200)
    order = Probe(world.codes, world.factors).rng("sap").permutation(700)
    train, test = order[:500], order[500:]
    gaps = []
    for factor in world.factors.T:
        accuracies = []
        for code in world.codes.T:
            peer = LinearSVC(C=0.01, class_weight="balanced", dual=False, tol=1e-9, max_iter=10_000)
            accuracies.append(peer.fit(code[train, None], factor[train]).score(code[test, None], factor[test]))
        best, second = sorted(accuracies)[::-1][:2]
        gaps.append(best - second)
    assert list(score.per_factor.values()) == pytest.approx(gaps, abs=1e-6)
    assert score.value == pytest.approx(np.mean(gaps), abs=1e-6)


def test_continuous_is_the_gap_of_squared_correlations():
    world = worlds.rotated(800)
    score = scored(world, kind="continuous", train=600, test=200)
    train = Probe(world.codes, world.factors).rng("sap").permutation(800)[:600]
    table = np.corrcoef(world.factors[train].T, world.codes[train].T)[:5, 5:] ** 2
    top = np.sort(table, axis=1)[:, ::-1]
    assert np.array(score.tables["scores"]) == pytest.approx(table, abs=1e-9)
    assert score.value == pytest.approx((top[:, 0] - top[:, 1]).mean(), abs=1e-9)


def test_known_answers_of_the_svm_form():
    perfect = scored(worlds.identity(12_000))
    assert perfect.value > 0.1
    assert perfect.per_factor["shape"] > 0.2  # three values: the outer two are told, the middle one hardly
    assert scored(worlds.missing("shape", n=12_000)).per_factor["shape"] < 0.03
    assert scored(worlds.duplicated(12_000)).value == pytest.approx(0.0, abs=1e-9)
    assert scored(worlds.noise(12_000)).value < 0.02


def test_a_factor_of_two_values_is_told_by_a_line():
    factors = worlds.grid(2_000, sizes=(2, 2))
    assert sap(factors * 2.0 - 1, factors).value == pytest.approx(0.5, abs=0.06)  # right always, and half the time


def test_continuous_factors_need_the_continuous_form():
    factors = np.random.default_rng(0).random((300, 2))
    assert sap(factors * 3 - 1, factors, kind="continuous").value > 0.95
    with pytest.raises(InputError, match="SAP needs factors that are integers"):
        sap(factors, factors)
