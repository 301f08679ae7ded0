"""Overlap: its two ends, the Gaussian channel, and the entropy that beta pays for."""

import math

import numpy as np
import pytest
import torch

from unweave.base.errors import InputError
from unweave.metrics import overlap
from unweave.models.distributions import DiagonalNormal
from unweave.models.distributions.isotropic import IsotropicPrior
from unweave.models.distributions.normal import log_normal


def channel(n=2_000, d=2, width=0.5, seed=0):
    """Means ~ N(0, I) and one posterior width."""
    return np.random.default_rng(seed).normal(size=(n, d)), np.full((n, d), width)


def test_a_look_up_table_does_not_overlap_and_one_cloud_does():
    codes, _ = channel()
    assert overlap(codes, np.full_like(codes, 1e-4)).value < 1e-3
    assert overlap(np.zeros_like(codes), np.ones_like(codes)).value == 1.0


@pytest.mark.parametrize("width", [0.1, 0.5, 2.0])
def test_it_is_the_width_over_width_and_spread(width):
    codes, scale = channel(width=width)
    score = overlap(codes, scale)
    assert score.value == pytest.approx(width / (width + 1), abs=0.01)
    assert score.parts["mean_std"] == pytest.approx(width)
    assert score.parts["mean_spread"] == pytest.approx(1.0, abs=0.03)
    assert np.shape(score.tables["overlap"]) == (2, 3)


def test_information_and_entropy_are_those_of_a_gaussian_channel():
    codes, scale = channel(n=8_000)
    score = overlap(codes, scale, samples=4_000)
    assert score.parts["mutual_information"] == pytest.approx(math.log(1 + 1 / 0.25), abs=0.08)  # 2 x half the log
    assert score.parts["entropy"] == pytest.approx(math.log(2 * math.pi * math.e * 0.25))


def test_information_never_exceeds_the_log_of_the_points():
    codes, _ = channel(n=500)
    score = overlap(codes, np.full_like(codes, 1e-5), max_points=200)
    assert score.settings["points"] == 200
    assert score.settings["most_information"] == math.log(200)
    assert score.parts["mutual_information"] == pytest.approx(math.log(200), abs=1e-6)
    assert score.parts["mutual_information"] <= math.log(200)


@pytest.mark.parametrize("beta", [0.5, 4.0])
def test_its_entropy_is_what_beta_adds_to_a_narrower_prior(beta):
    rng = np.random.default_rng(3)
    codes, scale = rng.normal(size=(300, 3)), rng.uniform(0.1, 1.5, size=(300, 3))
    q = DiagonalNormal(torch.from_numpy(codes), 2 * torch.from_numpy(scale).log())
    rate = IsotropicPrior(3).kl_each(q).sum(1).mean().item()
    zero = torch.zeros((), dtype=torch.float64)
    expected = log_normal(q.mean, zero, zero - math.log(beta)) - 0.5 * beta * q.std**2  # E log N(z; 0, 1 / beta)
    narrower = (-q.entropy_each() - expected).sum(1).mean().item()
    log_integral = 1.5 * ((1 - beta) * math.log(2 * math.pi) - math.log(beta))
    entropy = overlap(codes, scale).parts["entropy"]
    assert beta * rate == pytest.approx(narrower - (beta - 1) * entropy - log_integral, abs=1e-9)


def test_the_interval_is_that_of_repeated_sampling():
    values, halves = [], []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        codes, scale = rng.normal(size=(400, 3)), rng.gamma(2.0, 0.3, size=(400, 3))
        score = overlap(codes, scale, max_points=2, samples=2)
        values.append(score.value)
        halves.append((score.interval[1] - score.interval[0]) / 2)
    assert np.mean(halves) == pytest.approx(1.96 * np.std(values), rel=0.2)


def test_order_and_units_do_not_matter():
    rng = np.random.default_rng(4)
    codes, scale = rng.normal(size=(100, 3)), rng.uniform(0.1, 1, size=(100, 3))
    units = np.array([-3.0, 0.01, 100.0])
    other = overlap((codes * units)[:, ::-1], (scale * abs(units))[:, ::-1])
    assert other.value == pytest.approx(overlap(codes, scale).value)


def test_a_scale_of_zero_is_refused():
    with pytest.raises(InputError, match="scale must be more than 0"):
        overlap(np.eye(3), np.zeros((3, 3)))
