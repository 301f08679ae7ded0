"""Intervals that are had without another fit: against the bootstrap over rows, and against fresh samples."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from unweave import metrics
from unweave.contracts import worlds
from unweave.metrics.intervals import around
from unweave.metrics.scores.dci import completeness, disentanglement
from unweave.metrics.scores.dci import slopes as dci_slopes
from unweave.metrics.scores.explicitness import mean_area
from unweave.metrics.scores.infomec import concentration
from unweave.metrics.scores.infomec import slopes as infomec_slopes
from unweave.metrics.scores.modularity import modular, slopes
from unweave.metrics.scores.sap import moved, squared_correlations


def half(interval):
    return (interval[1] - interval[0]) / 2


def resampled(value, rows, repeats=200):
    """Half of a 95 % interval by the bootstrap over rows."""
    rng = np.random.default_rng(0)
    return 1.96 * np.std([value(rng.integers(rows, size=rows)) for _ in range(repeats)])


def mixed(n=2_000):
    """Codes that are turned, correlated and noisy, so that no derivative is 0."""
    world = worlds.noisy(worlds.rotated(n), 0.3)
    return np.tanh(world.codes @ (np.eye(5) + 0.4 * np.eye(5, k=1))), world.factors


LABEL_FREE = [metrics.gaussian_total_correlation, metrics.wasserstein_correlation, metrics.code_mutual_information]


@pytest.mark.parametrize("score", LABEL_FREE)
def test_intervals_of_dependence_are_those_of_the_bootstrap(score):
    codes, _ = mixed(3_000)
    found = score(codes).interval
    assert half(found) == pytest.approx(resampled(lambda rows: score(codes[rows]).value, 3_000, 60), rel=0.35)


def test_the_normalised_wasserstein_correlation_has_its_own_interval():
    codes, _ = mixed(3_000)

    def value(rows):
        return metrics.wasserstein_correlation(codes[rows]).parts["normalised"]

    found = metrics.wasserstein_correlation(codes).settings["intervals"]["normalised"]
    assert half(found) == pytest.approx(resampled(value, 3_000, 60), rel=0.35)
    scaled = metrics.wasserstein_correlation(1e3 * codes)
    assert scaled.settings["intervals"]["normalised"] == pytest.approx(found)


@pytest.mark.parametrize("score", [metrics.modularity, metrics.mig])
def test_intervals_of_binned_information_are_those_of_the_bootstrap(score):
    codes, factors = mixed(3_000)
    found = score(codes, factors).interval
    assert half(found) == pytest.approx(
        resampled(lambda rows: score(codes[rows], factors[rows]).value, 3_000, 60), rel=0.5
    )


def test_the_interval_of_areas_is_that_of_held_out_rows_drawn_again():
    codes, factors = mixed(1_500)
    labels = factors[:, 1]
    scores = LogisticRegression(max_iter=200).fit(codes, labels).predict_proba(codes)

    def area(rows):
        return np.mean([roc_auc_score(labels[rows] == v, scores[rows, v]) for v in range(6)])

    found = mean_area(scores, labels, np.arange(6))
    assert found.value == pytest.approx(area(np.arange(1_500)))
    assert half(around(found.value, found.influence)) == pytest.approx(resampled(area, 1_500, 100), rel=0.25)


def test_the_interval_of_squared_correlations_is_that_of_the_bootstrap():
    codes, factors = mixed(1_500)

    def value(rows):
        return squared_correlations(codes[rows, :1], factors[rows, 1:2].astype(float))[0, 0]

    found = around(value(np.arange(1_500)), moved(factors[:, 1].astype(float), codes[:, 0]))
    assert half(found) == pytest.approx(resampled(value, 1_500), rel=0.2)


def test_the_interval_of_sap_is_that_of_shares_of_held_out_rows():
    score = metrics.sap(*mixed(1_500))
    assert score.interval[0] < score.value < score.interval[1]
    assert half(score.interval) < 1.96 * np.sqrt(1 / score.settings["test"])


@pytest.mark.parametrize(
    ("value", "slope"),
    [
        (lambda table: disentanglement(table)[0], dci_slopes),
        (lambda table: completeness(table)[0], lambda table: dci_slopes(table.T).T),
        (lambda table: completeness(table, equal=True)[0], lambda table: dci_slopes(table.T, equal=True).T),
        (concentration, infomec_slopes),
        (lambda table: modular(table).sum(), slopes),
    ],
    ids=["disentanglement", "completeness", "completeness, equal", "concentration", "modular"],
)
def test_slopes_are_those_of_small_differences(value, slope):
    table = np.random.default_rng(0).uniform(0.1, 1, size=(4, 3))
    found, step = slope(table), 1e-6
    for cell in np.ndindex(*table.shape):
        more, less = table.copy(), table.copy()
        more[cell] += step
        less[cell] -= step
        assert found[cell] == pytest.approx((value(more) - value(less)) / (2 * step), abs=1e-6)


@pytest.mark.parametrize("backend", ["random-forest", "lasso"])
def test_disentanglement_of_fresh_samples_lies_in_the_interval(backend):
    """The forest's interval is wider than need be, so it holds them all; lasso's all but few."""
    found = []
    for seed in range(6):
        world = worlds.noisy(worlds.rotated(900, seed=seed), 0.1, seed=seed)
        found.append(metrics.dci(world.codes, world.factors[:, [0, 1, 3]], backend=backend, trees=15))
    truth = np.mean([score.value for score in found])
    inside = [score.interval[0] <= truth <= score.interval[1] for score in found]
    assert sum(inside) >= 5
    assert all(half(score.interval) < 0.2 for score in found)
    assert {"disentanglement", "completeness"} < found[0].settings["intervals"].keys()


def test_boosting_says_that_it_has_no_interval():
    score = metrics.dci(*mixed(300), backend="gbt", rounds=3)
    assert score.interval is None
    assert "another fit is not made" in score.settings["no_interval"]
    assert list(score.settings["intervals"]) == ["informativeness_accuracy"]


def test_the_three_parts_of_infomec_have_intervals():
    codes, factors = mixed(1_000)
    score = metrics.infomec(codes, factors[:, :3])
    assert list(score.settings["intervals"]) == ["infom", "infoc", "infoe"]
    for name, (low, high) in score.settings["intervals"].items():
        assert low < score.parts[name] < high


def test_the_interval_of_irs_holds_the_values_of_fresh_samples():
    found = [metrics.irs(*mixed_with(seed)) for seed in range(8)]
    middle = np.mean([score.value for score in found])
    assert sum(score.interval[0] <= middle <= score.interval[1] for score in found) >= 6
    assert all(half(score.interval) < 0.1 for score in found)


def mixed_with(seed):
    world = worlds.noisy(worlds.rotated(3_000, seed=seed), 0.2, seed=seed)
    return np.tanh(world.codes), world.factors


def test_more_rows_shrink_every_interval():
    small, large = mixed(800), mixed(6_400)
    for score in (metrics.modularity, metrics.irs, metrics.sap, metrics.mig):
        assert half(score(*large).interval) < half(score(*small).interval)
