"""Closed forms against sampling and identities."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from unweave.models.distributions import DiagonalNormal
from unweave.models.distributions.isotropic import IsotropicPrior
from unweave.models.divergences.kl import kl_divergence

SMALL = st.floats(-2, 2)


def q_of(mean: list[float], log_variance: list[float]) -> DiagonalNormal:
    return DiagonalNormal(torch.tensor([mean]), torch.tensor([log_variance]))


@given(mean=st.lists(SMALL, min_size=3, max_size=3), log_variance=st.lists(SMALL, min_size=3, max_size=3))
def test_closed_form_is_nonnegative_and_zero_only_at_the_prior(mean, log_variance):
    kl = kl_divergence(q_of(mean, log_variance), IsotropicPrior(3), torch.zeros(1, 3))
    assert kl.shape == (1, 3)
    assert (kl >= -1e-6).all()
    assert kl_divergence(q_of([0] * 3, [0] * 3), IsotropicPrior(3), torch.zeros(1, 3)).abs().max() < 1e-7


def test_closed_form_equals_torch_and_the_mean_of_samples():
    q = q_of([0.5, -1.0], [-1.0, 0.3])
    theirs = torch.distributions.kl_divergence(
        torch.distributions.Normal(q.mean, q.std), torch.distributions.Normal(torch.zeros(2), torch.ones(2))
    )
    assert torch.allclose(IsotropicPrior(2).kl_each(q), theirs, atol=1e-6)
    many = DiagonalNormal(q.mean.expand(200_000, 2), q.log_variance.expand(200_000, 2))
    z = many.rsample(torch.Generator().manual_seed(0))
    sampled = many.log_prob(z) - IsotropicPrior(2).log_prob(z)
    assert sampled.mean().item() == pytest.approx(theirs.sum().item(), abs=4 * sampled.std().item() / math.sqrt(2e5))
