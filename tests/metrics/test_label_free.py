"""Scores of dependence that need no factors: closed forms and second implementations."""

import math

import numpy as np
import pytest
from scipy.linalg import sqrtm
from scipy.stats import multivariate_normal
from sklearn.metrics import mutual_info_score

from unweave.metrics import code_mutual_information, gaussian_total_correlation, wasserstein_correlation

ALL = [gaussian_total_correlation, wasserstein_correlation, code_mutual_information]


def normal(n=2_000, d=4, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)) @ rng.normal(size=(d, d)) + 3


def test_total_correlation_is_a_kl_of_normals():
    codes = normal()
    cov = np.cov(codes.T)
    joint = multivariate_normal(np.zeros(4), cov).entropy()
    alone = sum(multivariate_normal(0, v).entropy() for v in np.diag(cov))
    assert gaussian_total_correlation(codes).value == pytest.approx(alone - joint, abs=1e-9)


def test_total_correlation_of_a_pair_has_the_closed_form():
    a, b = np.random.default_rng(0).normal(size=(2, 500))
    r = np.corrcoef(a, a + b)[0, 1]
    score = gaussian_total_correlation(np.column_stack([a, a + b]))
    assert score.value == pytest.approx(-0.5 * math.log(1 - r * r), abs=1e-12)
    assert (score.unit, score.higher_is_better) == ("nats", False)


def test_wasserstein_correlation_is_that_of_matrix_roots():
    codes = normal()
    cov = np.cov(codes.T, bias=True)
    exact = 2 * np.trace(cov) - 2 * np.trace(sqrtm(cov @ np.diag(np.diag(cov)))).real
    score = wasserstein_correlation(codes)
    assert score.value == pytest.approx(exact, rel=1e-9)
    assert score.parts["normalised"] == pytest.approx(exact / np.trace(cov), rel=1e-9)


def test_code_information_is_the_mean_over_pairs():
    codes = normal(d=3)
    cells = [np.digitize(c, np.histogram(c, 20)[1][:-1]) for c in codes.T]
    pairs = [mutual_info_score(cells[i], cells[j]) for i, j in ((0, 1), (0, 2), (1, 2))]
    assert code_mutual_information(codes).value == pytest.approx(np.mean(pairs), abs=1e-9)


@pytest.mark.parametrize("unit", [1e-80, 1e95])
def test_tiny_and_huge_codes_are_fine(unit):
    assert math.isfinite(wasserstein_correlation(normal(50) * unit).value)  # the others know no unit


@pytest.mark.parametrize("score", ALL)
def test_of_more_rows_than_asked_for_some_are_drawn(score):
    assert score(normal(100), n=40).settings["n"] == 40
