"""Intervals that are had without another fit: against the bootstrap over rows, and against fresh samples."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from unweave import metrics
from unweave.contracts import worlds
from unweave.metrics.intervals import around, other_pools
from unweave.metrics.scores.beta_vae_score import distances
from unweave.metrics.scores.explicitness import mean_area
from unweave.metrics.scores.infomec import concentration
from unweave.metrics.scores.infomec import slopes as infomec_slopes
from unweave.metrics.scores.irs import resampled as resampled_ranks
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
        (concentration, infomec_slopes),
        (lambda table: modular(table).sum(), slopes),
    ],
    ids=["concentration", "modular"],
)
def test_slopes_are_those_of_small_differences(value, slope):
    table = np.random.default_rng(0).uniform(0.1, 1, size=(4, 3))
    found, step = slope(table), 1e-6
    for cell in np.ndindex(*table.shape):
        more, less = table.copy(), table.copy()
        more[cell] += step
        less[cell] -= step
        assert found[cell] == pytest.approx((value(more) - value(less)) / (2 * step), abs=1e-6)


@pytest.mark.parametrize("backend", ["random-forest", "lasso", "gbt"])
def test_dci_says_why_disentanglement_has_no_interval(backend):
    score = metrics.dci(*mixed(300), backend=backend, rounds=3, trees=5)
    assert score.interval is None
    assert "fitted again" in score.settings["no_interval"]
    assert [name.partition("_")[0] for name in score.settings["intervals"]] == ["informativeness"]


def test_the_three_parts_of_infomec_have_intervals_where_rows_suffice():
    codes, factors = mixed(3_000)
    score = metrics.infomec(codes, factors[:, :2])
    assert list(score.settings["intervals"]) == ["infom", "infoc", "infoe"]
    for name, (low, high) in score.settings["intervals"].items():
        assert low < score.parts[name] < high
    few = metrics.infomec(codes[:500], factors[:500, :2])
    assert few.interval is None
    assert list(few.settings["intervals"]) == ["infoe"]


def test_explicitness_of_few_rows_has_no_interval():
    score = metrics.explicitness(*mixed(800))
    assert score.interval is None
    assert "fewer than 3,000 rows" in score.settings["no_interval"]


def test_another_pool_moves_votes_and_points_less_the_larger_it_is():
    """Beyond Wilson's interval of votes, which does not depend on the rows."""
    for score in (metrics.factor_vae_score, metrics.beta_vae_score):
        small, large = (score(*mixed(n)) for n in (600, 9_600))
        assert half(small.interval) > 1.5 * half(large.interval)


def test_moved_means_of_other_pools_have_the_variance_of_means():
    rng = np.random.default_rng(0)
    rows, labels = rng.normal(size=(3_000, 1)), rng.integers(3, size=3_000)
    found = other_pools(rows, labels, 3, 12_000, rng.normal(size=(3_000, 400)))
    assert found.shape == (3, 1, 400)
    assert found.std(axis=2) == pytest.approx(np.full((3, 1), 4_000**-0.5), rel=0.15)


def test_mean_distances_are_those_of_all_pairs():
    rng = np.random.default_rng(0)
    codes, labels = rng.normal(size=(60, 2)), rng.integers(4, size=60)
    slow = [np.abs(codes[i] - codes[labels == labels[i]]).mean(axis=0) for i in range(60)]
    assert distances(codes, labels) == pytest.approx(np.array(slow))


def test_a_maximum_of_new_rows_moves_as_maxima_do():
    rng = np.random.default_rng(0)
    for draw, most in (
        (rng.normal, 2),
        (rng.random, 4),
    ):  # of a distribution that ends, too wide rather than too narrow
        largest = draw(size=(1_000, 400)).max(axis=0).std()
        found = [resampled_ranks(np.sort(draw(size=(1_000, 1)), axis=0), 1.0, 200, rng).std() for _ in range(30)]
        assert 0.8 * largest < np.mean(found) < most * largest


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
