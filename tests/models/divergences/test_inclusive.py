"""KL between prior and aggregate posterior: exact for a full batch, biased upwards for a part of it."""

import math

import pytest
import torch

from unweave.models.distributions import DiagonalNormal
from unweave.models.distributions.anisotropic import Anisotropic
from unweave.models.distributions.isotropic import Isotropic
from unweave.models.distributions.mixture import Mixture
from unweave.models.divergences.inclusive import batch_density, exclusive_kl, inclusive_kl


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def repeated(q, n):
    return DiagonalNormal(q.mean.repeat(n, 1), q.log_variance.repeat(n, 1))


MODES = DiagonalNormal(Mixture().build(2).means, torch.full((4, 2), math.log(0.03)))


def test_posteriors_that_make_up_the_prior_have_no_divergence_from_it():
    """Four posteriors on the four modes: q(z) is p(z), so every term of the mean is 0."""
    prior, q = Mixture().build(2), repeated(MODES, 25)
    torch.testing.assert_close(inclusive_kl(q, prior, rng()), torch.zeros(100), atol=1e-4, rtol=0)
    whole = exclusive_kl(q, q.rsample(rng()), prior, data_size=100)
    torch.testing.assert_close(whole, torch.zeros(100), atol=1e-4, rtol=0)


def test_a_full_batch_gives_the_exact_divergence():
    """All posteriors alike: q(z) is one normal, and KL between normals has a closed form, in both directions."""
    n, q = 4_000, DiagonalNormal(torch.tensor([[0.5, -0.3]]), torch.tensor([[-0.5, 0.2]]))
    prior = Isotropic().build(2)
    variance = q.log_variance.exp()
    exact = 0.5 * (q.log_variance + (1 + q.mean**2) / variance - 1).sum().item()
    found = inclusive_kl(repeated(q, n), prior, rng())
    assert found.mean().item() == pytest.approx(exact, abs=5 * found.std().item() / n**0.5)
    alike = repeated(q, n)
    backwards = exclusive_kl(alike, alike.rsample(rng()), prior, data_size=n)
    assert backwards.mean().item() == pytest.approx(
        prior.kl_each(q).sum().item(), abs=5 * backwards.std().item() / n**0.5
    )


def test_density_of_a_batch_is_the_mean_of_its_posteriors():
    q = DiagonalNormal(torch.randn(5, 2, generator=rng()), torch.randn(5, 2, generator=rng(1)))
    z = torch.randn(7, 2, generator=rng(2))
    by_hand = [
        sum(DiagonalNormal(q.mean[[m]], q.log_variance[[m]]).log_prob(p[None]).exp() for m in range(5)) / 5 for p in z
    ]
    torch.testing.assert_close(batch_density(q, z), torch.cat(by_hand).log())


def test_parts_of_the_data_overstate_the_divergence():
    q = repeated(MODES, 8)
    prior = Mixture().build(2)
    parts = [
        inclusive_kl(DiagonalNormal(q.mean[rows], q.log_variance[rows]), prior, rng(k)).mean().item()
        for k in range(40)
        for rows in [torch.randperm(32, generator=rng(100 + k))[:6]]
    ]
    assert sum(parts) / 40 > inclusive_kl(q, prior, rng()).mean().item() + 0.1


def test_the_gradient_goes_to_the_posterior_and_not_to_the_prior():
    prior = Anisotropic(learn=True).build(2)
    mean = torch.zeros(20, 2, requires_grad=True)
    found = inclusive_kl(DiagonalNormal(mean, torch.zeros(20, 2)), prior, rng()).mean()
    found.backward()
    assert mean.grad.any()
    assert all(parameter.grad is None for parameter in prior.parameters())
