"""Categorical codes: rates with a known value, numbers and places that belong together, relaxed samples."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.distributions import Categorical, kl_divergence

from unweave.models.distributions.categorical import gumbel_softmax, kl_to_uniform, most_likely, one_hot

SIZES = (3, 2, 4)


def probabilities(n: int = 50, seed: int = 0) -> torch.Tensor:
    logits = 3 * torch.randn(n, sum(SIZES), generator=torch.Generator().manual_seed(seed))
    return torch.cat([block.softmax(1) for block in logits.split(SIZES, dim=1)], dim=1)


def test_a_certain_category_costs_log_s_and_a_uniform_one_nothing():
    certain = one_hot(torch.tensor([[2, 0, 3]]), SIZES)
    assert kl_to_uniform(certain, SIZES)[0].tolist() == pytest.approx([math.log(s) for s in SIZES], abs=1e-6)
    uniform = torch.cat([torch.full((1, s), 1 / s) for s in SIZES], dim=1)
    assert kl_to_uniform(uniform, SIZES)[0].tolist() == pytest.approx([0, 0, 0], abs=1e-6)


def test_the_rate_is_torchs_kl_of_every_block():
    a = probabilities()
    expected = [
        kl_divergence(Categorical(block), Categorical(torch.full_like(block, 1 / block.shape[1])))
        for block in a.split(SIZES, dim=1)
    ]
    assert torch.allclose(kl_to_uniform(a, SIZES), torch.stack(expected, dim=1), atol=1e-5)


def test_a_probability_of_zero_has_a_finite_gradient():
    logits = torch.tensor([[200.0, 0.0, -200.0]], requires_grad=True)
    kl_to_uniform(logits.softmax(1), (3,)).sum().backward()
    assert torch.isfinite(logits.grad).all()


@given(st.lists(st.tuples(*(st.integers(0, s - 1) for s in SIZES)), min_size=1, max_size=20))
def test_numbers_and_places_belong_together(rows):
    numbers = torch.tensor(rows)
    places = one_hot(numbers, SIZES)
    assert places.sum(1).tolist() == [len(SIZES)] * len(rows)
    assert torch.equal(most_likely(places, SIZES), numbers)


def test_relaxed_samples_are_distributions_and_have_a_gradient():
    a = probabilities().requires_grad_()
    y = gumbel_softmax(a, SIZES, 0.67, torch.Generator().manual_seed(1))
    for block in y.split(SIZES, dim=1):
        assert torch.allclose(block.sum(1), torch.ones(len(a)), atol=1e-5)
    y.square().sum().backward()
    assert torch.isfinite(a.grad).all()
    assert (a.grad.abs().sum(0) > 0).all()


def test_the_largest_place_of_a_relaxed_sample_is_drawn_from_the_probabilities():
    n = 40_000
    a = torch.tensor([[0.7, 0.2, 0.1]]).expand(n, -1)
    y = gumbel_softmax(a, (3,), 0.67, torch.Generator().manual_seed(0))
    shares = torch.bincount(y.argmax(1), minlength=3) / n
    assert torch.allclose(shares, a[0], atol=4 * 0.5 / math.sqrt(n))


def test_a_low_temperature_gives_one_hot_samples():
    y = gumbel_softmax(probabilities(), SIZES, 1e-3, torch.Generator().manual_seed(0))
    assert y.split(SIZES, dim=1)[0].max(1).values.mean() > 0.99


def test_draws_follow_the_generator_alone():
    a = probabilities()
    first, second = (gumbel_softmax(a, SIZES, 0.5, torch.Generator().manual_seed(4)) for _ in range(2))
    torch.rand(3)
    assert torch.equal(first, second)
