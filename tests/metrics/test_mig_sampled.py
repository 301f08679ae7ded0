"""Sampled mutual information gap: a slow second implementation, known answers, subsamples."""

import math

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import norm

from unweave.base.errors import InputError
from unweave.contracts import worlds
from unweave.metrics import Probe, mig_sampled
from unweave.metrics.scores.mig_sampled import SampledMIG, stratified


def scored(codes, std, factors, **settings):
    return mig_sampled(codes, np.full(codes.shape, std), factors, **settings)


SMALL = worlds.grid(600, sizes=(3, 4))


def test_the_value_equals_a_slow_one_within_three_standard_errors():
    codes = SMALL @ np.random.default_rng(0).normal(size=(2, 3))
    scale = np.random.default_rng(1).uniform(0.3, 1.0, codes.shape)
    rng, n = np.random.default_rng(2), len(codes)
    rows = rng.integers(n, size=4_000)
    z = codes[rows] + scale[rows] * rng.normal(size=(4_000, 3))
    each = norm.logpdf(z[:, None], codes, scale)  # (m, n, d)
    every = logsumexp(each, axis=1) - math.log(n)
    gaps = []
    for factor in SMALL.T:
        same = factor[rows, None] == factor
        log_ratios = logsumexp(np.where(same[..., None], each, -np.inf), axis=1) - np.log(same.sum(1))[:, None] - every
        top = np.sort(log_ratios.mean(axis=0))[::-1]
        share = np.bincount(factor) / n
        gaps.append((top[0] - top[1]) / -(share * np.log(share)).sum())
    score = mig_sampled(codes, scale, SMALL, samples=600)
    error = (score.interval[1] - score.interval[0]) / 2 / 1.96
    assert abs(score.value - np.mean(gaps)) < 3 * error * math.sqrt(1 + 600 / 4_000)


def test_a_perfect_sharp_code_scores_one_and_no_bin_bounds_it():
    world = worlds.identity(6_000)
    assert scored(world.codes, 0.001, world.factors).value == pytest.approx(1.0, abs=0.05)


def test_known_answers():
    codes = SMALL * 1.0
    assert scored(codes, 0.01, SMALL).value == pytest.approx(1.0, abs=0.01)
    assert scored(codes, 100.0, SMALL).value < 0.02  # so broad that nothing is told
    assert scored(np.column_stack([codes, codes]), 0.01, SMALL).value == pytest.approx(0.0, abs=1e-6)
    assert scored(codes[:, :1].repeat(2, axis=1), 0.01, SMALL).value == pytest.approx(0.0, abs=1e-6)
    lost = scored(np.column_stack([codes[:, 0], np.random.default_rng(0).normal(size=600)]), 0.3, SMALL)
    assert lost.per_factor["factor_1"] < 0.1


def test_information_of_a_noisy_bit_has_the_known_value():
    bit = np.arange(400)[:, None] % 2
    score = scored(np.column_stack([2.0 * bit, np.zeros(400)]), 1.0, bit, samples=400)
    points = np.linspace(-8, 10, 20_001)
    mixed = (norm.pdf(points) + norm.pdf(points - 2)) / 2
    exact = (norm.pdf(points) * np.log(norm.pdf(points) / mixed)).sum() * (points[1] - points[0])
    low, high = (bound * math.log(2) for bound in score.interval)
    middle, error = (low + high) / 2, (high - low) / 2 / 1.96
    assert abs(middle - exact) < 3 * error


def test_order_sign_and_unit_hardly_matter_and_dead_latents_not_at_all():
    codes = SMALL @ np.random.default_rng(0).normal(size=(2, 3))
    base = scored(codes, 0.5, SMALL).value
    assert scored(codes * -7.0 + 2, 3.5, SMALL).value == pytest.approx(base, abs=0.1)  # other draws
    dead = np.column_stack([codes, np.ones(600)])
    assert scored(dead, 0.5, SMALL).settings["active"] == [0, 1, 2]
    assert scored(dead, 0.5, SMALL).value == pytest.approx(base)


def test_a_subsample_is_even_and_says_so():
    rows = stratified(SMALL, 60, np.random.default_rng(0))
    assert len(np.unique(rows)) == 60
    shares = np.bincount(SMALL[rows, 1]) / 60
    assert shares == pytest.approx(np.bincount(SMALL[:, 1]) / 600, abs=1 / 60 + 1e-9)
    score = scored(SMALL * 1.0, 0.1, SMALL, max_components=60)
    assert score.settings["components"] == 60
    assert score.settings["components_per_value"] == {"factor_0": 20.0, "factor_1": 15.0}


def test_few_components_overstate_the_information_of_what_is_told():
    codes = np.random.default_rng(0).normal(size=(2_000, 2))
    factors = worlds.grid(2_000, sizes=(10, 10))
    few, many = (scored(codes, 0.3, factors, max_components=m) for m in (50, 2_000))
    assert few.tables["mutual_information"][0][0] > many.tables["mutual_information"][0][0]


def test_without_a_positive_scale_it_is_refused():
    with pytest.raises(InputError, match="scale must be more than 0"):
        scored(SMALL * 1.0, 0.0, SMALL)
    with pytest.raises(InputError, match="needs the standard deviation of every code"):
        SampledMIG()(Probe(SMALL * 1.0, SMALL))
