"""Prior match: zero where codes are draws of the prior, known divergences where they are not."""

import math

import numpy as np
import pytest
import torch

from unweave.metrics import prior_match
from unweave.models.distributions.mixture import Mixture
from unweave.models.distributions.sparse import Sparse

FAST = {"max_points": 2, "samples": 2}  # where the KL does not matter


def normals(n=2_000, d=2, seed=0):
    return np.random.default_rng(seed).normal(size=(n, d))


def test_draws_of_the_prior_match_it_and_the_interval_holds_zero():
    inside, values = 0, []
    for seed in range(40):
        score = prior_match(normals(1_000, seed=seed) * 0.8, np.full((1_000, 2), 0.6), seed=seed, **FAST)
        inside += score.interval[0] <= 0 <= score.interval[1]
        values.append(score.value)
    assert inside >= 34  # 95 % of 40 is 38; fewer than 34 would come by chance once in a thousand
    assert abs(np.mean(values)) < 4 * np.std(values) / math.sqrt(40)


@pytest.mark.parametrize("moved", [lambda z: z + 1.0, lambda z: z * 2.0, lambda z: z * 0.3])
def test_other_codes_do_not(moved):
    score = prior_match(moved(normals()), np.full((2_000, 2), 1e-3), **FAST)
    assert score.interval[0] > 0.02
    assert min(score.tables["mmd"])[0] > 0.01


def test_each_latent_is_told_apart():
    score = prior_match(normals() + np.array([0.0, 2.0]), np.full((2_000, 2), 1e-3), **FAST)
    fit, off = (row[0] for row in score.tables["mmd"])
    assert abs(fit) < 0.02 < 0.3 < off
    assert score.value == pytest.approx(fit + off)


def test_dependence_is_seen_by_the_joint_form_and_by_the_kl_only():
    z = normals()
    both = np.column_stack([z[:, 0], 0.99 * z[:, 0] + 0.14 * z[:, 1]])
    score = prior_match(both, np.full((2_000, 2), 0.1))
    assert abs(score.value) < 0.02
    assert score.parts["mmd_joint"] > 0.03
    assert score.parts["kl"] > 1.0


def test_the_kl_is_that_of_two_normals():
    spread, width = 0.5, 0.4
    score = prior_match(normals(8_000, 1) * spread, np.full((8_000, 1), width), samples=4_000)
    variance = spread**2 + width**2
    assert score.parts["kl"] == pytest.approx(0.5 * (variance - 1 - math.log(variance)), abs=0.04)
    assert score.settings["kl_interval"][0] < score.parts["kl"] < score.settings["kl_interval"][1]


def test_clusters_match_a_mixture_and_not_a_normal():
    prior = Mixture().build(2)
    codes = prior.sample(800, torch.Generator().manual_seed(5)).numpy()
    scale = np.full_like(codes, 0.02)
    own, normal = prior_match(codes, scale, prior), prior_match(codes, scale)
    assert abs(own.value) < 0.02 < normal.value
    assert own.parts["kl"] < normal.parts["kl"]


def test_more_latents_than_are_compared_at_once():
    prior = Sparse().build(23)
    codes = prior.sample(600, torch.Generator().manual_seed(6)).numpy()
    score = prior_match(codes, np.full_like(codes, 1e-3), prior, blocks=3, **FAST)
    assert np.shape(score.tables["mmd"]) == (23, 1)
    assert score.interval[0] < 0 < score.interval[1]


def test_too_few_rows_give_a_reason():
    score = prior_match(normals(19), np.ones((19, 2)))
    assert math.isnan(score.value)
    assert score.reason == "10 blocks of 2 or more images need 20, there are 19"
