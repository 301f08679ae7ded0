"""InfoMEC: neighbours against scikit-learn's, parts by hand."""

import math

import numpy as np
import pytest
from scipy.special import digamma
from sklearn.feature_selection import mutual_info_classif
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from unweave.contracts import worlds
from unweave.metrics import infomec
from unweave.metrics.scores.infomec import concentration, lost, neighbour_terms


def neighbour_information(codes, labels, neighbours, rng):
    """I(g_k; z_j), (K, d): the mean of what the rows add."""
    return np.maximum(0.0, neighbour_terms(codes, labels, neighbours, rng).mean(axis=2))


def scored(world, **settings):
    return infomec(world.codes, world.factors, kl_per_latent=world.kl, factor_names=world.names, **settings)


@pytest.mark.parametrize("neighbours", [1, 3, 10])
def test_information_is_that_of_scikit_learn(neighbours):
    rng = np.random.default_rng(neighbours)
    factors = worlds.grid(1_500, sizes=(3, 20))  # groups so large that the peer does not expand squares
    codes = np.column_stack([factors[:, 0], factors[:, 1] / 10, np.zeros(1_500)]) + rng.normal(size=(1_500, 3))
    codes /= codes.std(axis=0)
    mine = neighbour_information(codes, factors, neighbours, rng)
    for k, factor in enumerate(factors.T):
        peer = mutual_info_classif(codes, factor, discrete_features=False, n_neighbors=neighbours, random_state=0)
        assert mine[k] == pytest.approx(peer, abs=1e-6)


@pytest.mark.parametrize("neighbours", [1, 3, 10])
def test_information_is_that_of_all_distances_where_groups_are_small(neighbours):
    rng = np.random.default_rng(neighbours)
    factor, code = rng.integers(100, size=200), rng.normal(size=200)
    kept = np.bincount(factor)[factor] > 1  # values that occur once are left out
    labels, x = factor[kept], code[kept]
    far, terms = np.abs(x[:, None] - x), []
    for i, v in enumerate(labels):
        own = np.sort(far[i, labels == v])
        k = min(neighbours, len(own) - 1)
        terms.append(digamma(k) - digamma(len(own)) - digamma((far[i] < own[k]).sum()))
    slow = max(0.0, digamma(len(x)) + np.mean(terms))
    assert neighbour_information(code[:, None], factor[:, None], neighbours, rng)[0, 0] == pytest.approx(slow, abs=1e-6)


def test_information_of_two_normals_has_the_known_value():
    rng = np.random.default_rng(0)
    which = rng.integers(2, size=20_000)
    code = rng.normal(size=20_000) + 2 * which
    points = np.linspace(-8, 10, 20_001)
    each = [np.exp(-((points - m) ** 2) / 2) / math.sqrt(2 * math.pi) for m in (0, 2)]
    mixed = sum(each) / 2
    exact = sum((p * np.log(p / mixed)).sum() for p in each) / 2 * (points[1] - points[0])
    found = neighbour_information((code / code.std())[:, None], which[:, None], 10, rng)
    assert found[0, 0] == pytest.approx(exact, abs=0.02)


def test_concentration_by_hand():
    assert concentration(np.array([[3.0, 1.0], [0.0, 0.0]])) == pytest.approx((0.75 - 0.5) / 0.5)
    assert concentration(np.eye(3)) == 1.0
    assert math.isnan(concentration(np.zeros((2, 2))))


def test_lost_is_scikit_learns_log_loss_over_that_without_codes():
    world = worlds.noisy(worlds.rotated(800))
    labels = world.factors[:, 0]
    peer = LogisticRegression(C=np.inf, class_weight="balanced", max_iter=100).fit(world.codes, labels)
    null = LogisticRegression(C=np.inf, class_weight="balanced", max_iter=100).fit(np.zeros((800, 1)), labels)
    losses = [log_loss(labels, m.predict_proba(x)) for m, x in ((peer, world.codes), (null, np.zeros((800, 1))))]
    assert lost(world.codes, labels, 100).mean() == pytest.approx(losses[0] / losses[1], abs=1e-3)


def test_infoe_of_noise_and_of_a_missing_factor_is_near_0():
    assert abs(scored(worlds.noise(3_000, d=4)).parts["infoe"]) < 0.05
    missing = scored(worlds.missing("shape", n=1_500))
    assert dict(zip(worlds.NAMES, missing.tables["infoe_per_factor"], strict=True))["shape"] < 0.05


def test_a_narrow_latent_is_inactive_and_compactness_depends_on_their_number():
    world = worlds.identity(1_000)
    narrow = np.column_stack([world.codes, 0.01 * np.random.default_rng(0).normal(size=1_000)])
    score = infomec(narrow, world.factors)
    assert score.settings["active"] == [0, 1, 2, 3, 4]
    assert score.parts["infoc"] == pytest.approx(infomec(world.codes, world.factors).parts["infoc"], abs=1e-2)
    assert infomec(narrow, world.factors, min_range=0.0).settings["active"] == [0, 1, 2, 3, 4, 5]
