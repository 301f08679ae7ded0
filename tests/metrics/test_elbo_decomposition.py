"""ELBO decomposition: identities, Gaussian closed forms, the bound on information, priors that do not factorise."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from unweave.metrics import elbo_decomposition
from unweave.models.distributions import DiagonalNormal
from unweave.models.distributions.isotropic import IsotropicPrior
from unweave.models.distributions.mixture import Mixture
from unweave.models.distributions.sparse import Sparse
from unweave.models.divergences.minibatch import exact_split


def posteriors(n=600, d=3, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)), rng.uniform(0.1, 0.6, size=(n, d))


@given(seed=st.integers(0, 1_000), prior=st.sampled_from([None, Sparse().build(3), Mixture().build(3)]))
def test_the_parts_add_up_exactly(seed, prior):
    score = elbo_decomposition(*posteriors(60, seed=seed), prior, seed=seed)
    parts = score.parts
    assert score.value == pytest.approx(parts["mutual_information"] + parts["marginal_kl"], abs=1e-9)
    if "total_correlation" in parts:
        assert parts["marginal_kl"] == pytest.approx(parts["total_correlation"] + parts["dimension_kl"], abs=1e-9)
        assert parts["dimension_kl"] == pytest.approx(np.sum(score.tables["dimension_kl"]), abs=1e-9)


def test_a_prior_that_does_not_factorise_is_not_split_further():
    score = elbo_decomposition(*posteriors(), Mixture().build(3))
    assert set(score.parts) == {"mutual_information", "marginal_kl"}
    assert score.tables == {}


def test_it_agrees_with_the_split_over_the_whole_data_set():
    codes, scale = posteriors()
    q = DiagonalNormal(torch.from_numpy(codes), 2 * torch.from_numpy(scale).log())
    theirs = exact_split(q, IsotropicPrior(3), torch.Generator().manual_seed(1))
    ours = elbo_decomposition(codes, scale)
    for name in ("mutual_information", "total_correlation", "dimension_kl"):
        assert ours.parts[name] == pytest.approx(getattr(theirs, name), abs=0.12)
    exact = IsotropicPrior(3).kl_each(q).sum(1).mean().item()
    assert ours.interval[0] < exact < ours.interval[1]


def test_a_correlated_pair_has_the_total_correlation_of_its_covariance():
    r, width, n = 0.9, 0.3, 6_000
    codes = np.random.default_rng(2).multivariate_normal([0, 0], [[1, r], [r, 1]], size=n)
    score = elbo_decomposition(codes, np.full((n, 2), width), samples=4_000)
    total = np.array([[1 + width**2, r], [r, 1 + width**2]])
    correlation = r / (1 + width**2)
    assert score.parts["total_correlation"] == pytest.approx(-0.5 * math.log(1 - correlation**2), abs=0.05)
    information = 0.5 * math.log(np.linalg.det(total)) - 2 * math.log(width)
    assert score.parts["mutual_information"] == pytest.approx(information, abs=0.06)
    each = 0.5 * (width**2 - math.log(1 + width**2))
    assert np.ravel(score.tables["dimension_kl"]) == pytest.approx([each, each], abs=0.05)


def test_information_stops_at_the_log_of_the_points_and_the_score_says_so():
    codes, _ = posteriors(500)
    score = elbo_decomposition(codes, np.full((500, 3), 1e-5), max_points=100)
    assert score.settings["points"] == 100
    assert score.parts["mutual_information"] == pytest.approx(math.log(100), abs=1e-9)
    assert score.settings["most_information"] == math.log(100)


def test_same_seed_same_score_and_every_part_has_an_interval():
    codes, scale = posteriors()
    first, again, other = (elbo_decomposition(codes, scale, seed=s) for s in (3, 3, 4))
    assert first == again
    assert first.value != other.value
    for name, (low, high) in first.settings["intervals"].items():
        assert low < first.parts[name] < high
