"""Scores of dependence that need no factors: closed forms, second implementations, degenerate codes."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import sqrtm
from scipy.stats import multivariate_normal
from sklearn.metrics import mutual_info_score

from unweave.base.errors import InputError
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


@pytest.mark.parametrize("score", ALL)
def test_independent_codes_are_near_nothing_and_copies_are_not(score):
    codes = np.random.default_rng(0).normal(size=(20_000, 4))
    assert 0 <= score(codes).value < 0.02
    copies = score(np.column_stack([codes, codes[:, 0] * 2]))
    if score is gaussian_total_correlation:
        assert math.isnan(copies.value)
        assert copies.reason == "a latent is a linear function of others, so the total correlation is infinite"
    else:
        assert copies.value > 0.1


@given(
    order=st.permutations(range(4)),
    signs=st.lists(st.sampled_from([-1.0, 1.0]), min_size=4, max_size=4),
    unit=st.floats(1e-3, 1e3),
)
def test_order_sign_and_unit(order, signs, unit):
    codes = normal(300)
    changed = codes[:, list(order)] * np.array(signs) * unit
    assert gaussian_total_correlation(changed).value == pytest.approx(gaussian_total_correlation(codes).value)
    assert wasserstein_correlation(changed).value == pytest.approx(wasserstein_correlation(codes).value * unit**2)
    assert code_mutual_information(changed).value == pytest.approx(code_mutual_information(codes).value, abs=0.02)


@pytest.mark.parametrize("score", ALL)
def test_dead_latents_are_left_out(score):
    codes, noise = normal(500), np.random.default_rng(1).normal(size=(500, 1))
    more = score(np.column_stack([codes, noise, np.ones(500)]), kl_per_latent=[2, 2, 2, 2, 0.01, 3])
    assert more.value == pytest.approx(score(codes).value)
    assert more.settings["active"] == [0, 1, 2, 3]


@pytest.mark.parametrize("score", ALL)
@pytest.mark.parametrize(
    "codes", [np.ones((5, 3)), np.column_stack([np.arange(5.0), np.ones(5)]), np.arange(5.0)[:, None]]
)
def test_fewer_than_two_live_latents_give_a_reason(score, codes):
    found = score(codes)
    assert math.isnan(found.value)
    assert found.reason.startswith("dependence needs two live latents, and there is ")


@pytest.mark.parametrize("score", ALL)
@pytest.mark.parametrize("unit", [1e-80, 1e95])
def test_tiny_and_huge_codes_are_fine(score, unit):
    assert math.isfinite(score(normal(50) * unit).value)


@pytest.mark.parametrize("score", ALL)
def test_more_rows_than_asked_for_are_drawn_and_wrong_settings_refused(score):
    assert score(normal(100), n=40).settings["n"] == 40
    with pytest.raises(InputError, match="n must be 2 or more, got 1"):
        score(normal(10), n=1)
