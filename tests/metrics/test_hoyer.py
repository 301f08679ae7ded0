"""Hoyer sparsity: anchors from priors, its two ends, dead latents and rows of zeros."""

import numpy as np
import pytest
import torch

from unweave.metrics import hoyer
from unweave.models.distributions.isotropic import Isotropic
from unweave.models.distributions.sparse import Sparse
from unweave.models.distributions.student import Student


@pytest.mark.parametrize(
    "prior, expected",
    [
        (Isotropic(), 0.231),
        (Sparse(gamma=0.8, sigma0=0.05), 0.650),
        (Sparse(gamma=0.95, sigma0=0.05), 0.630),
        (Student(df=9), 0.259),
    ],
    ids=["normal", "sparse 0.8", "sparse 0.95", "student"],
)
def test_draws_of_a_prior_in_fifty_dimensions(prior, expected):
    score = hoyer(prior.build(50).sample(5_000, torch.Generator().manual_seed(0)))
    assert score.value == pytest.approx(expected, abs=0.01)
    assert score.interval[0] < score.value < score.interval[1]
    assert score.interval[1] - score.interval[0] < 0.015


def test_one_hot_rows_are_sparse_and_rows_of_one_magnitude_are_not():
    rng = np.random.default_rng(0)
    one_hot = np.eye(6)[rng.integers(6, size=300)] * rng.uniform(1, 5, size=(300, 1))
    assert hoyer(one_hot).parts["raw"] == pytest.approx(1.0)
    assert hoyer(one_hot).value == pytest.approx(1.0)
    signs = rng.choice([-2.0, 2.0], size=(300, 6))
    assert hoyer(signs).parts["raw"] == pytest.approx(0.0, abs=1e-9)
    assert hoyer(signs).value == pytest.approx(0.0, abs=1e-3)


def test_a_latent_that_shrinks_for_all_raises_the_raw_form_only():
    codes = np.random.default_rng(1).normal(size=(2_000, 4))
    small = codes * np.array([1.0, 1.0, 1e-3, 1e-3])
    plain, shrunk = hoyer(codes, prune=False), hoyer(small, prune=False)
    assert shrunk.value == pytest.approx(plain.value, abs=1e-9)
    assert shrunk.parts["raw"] > plain.parts["raw"] + 0.2


def test_dead_latents_are_left_out_and_the_dimension_shrinks_with_them():
    rng = np.random.default_rng(2)
    live, whisper = rng.normal(size=(1_000, 5)), rng.normal(scale=0.01, size=(1_000, 2))
    beside = np.column_stack([live[:, :3], whisper, np.full(1_000, 7.0), live[:, 3:]])
    assert hoyer(beside).settings["active"] == [0, 1, 2, 6, 7]
    assert hoyer(beside).value == pytest.approx(hoyer(live).value, abs=1e-12)
    assert hoyer(beside, prune=False).settings["active"] == [0, 1, 2, 3, 4, 6, 7]
    rates = np.array([1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.01, 1.0])
    assert hoyer(beside, kl_per_latent=rates).settings["active"] == [0, 1, 2, 3, 4, 7]


def test_rows_of_zeros_say_nothing():
    codes = np.random.default_rng(3).normal(size=(50, 3))
    some = hoyer(np.concatenate([codes, np.zeros((50, 3))]), prune=False)
    assert some.settings["used_rows"] == 50
    assert some.parts["raw"] == pytest.approx(hoyer(codes, prune=False).parts["raw"])
