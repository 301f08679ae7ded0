"""Estimators of the aggregate posterior against exact values and identities."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from unweave.base.errors import InputError
from unweave.models.distributions import DiagonalNormal
from unweave.models.distributions.isotropic import IsotropicPrior
from unweave.models.divergences.minibatch import aggregate_density, exact_split, log_weights, split_kl

ESTIMATORS = ["mss-symmetric", "mss", "mws"]


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def random_posterior(n: int, d: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> DiagonalNormal:
    rng = generator(seed)
    mean = torch.randn(n, d, generator=rng, dtype=dtype)
    return DiagonalNormal(mean, -2 + 0.5 * torch.randn(n, d, generator=rng, dtype=dtype))


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_the_three_parts_always_add_up_to_the_sampled_kl(estimator):
    q, prior = random_posterior(64, 5, dtype=torch.float32), IsotropicPrior(5)
    z = q.rsample(generator(1))
    parts = split_kl(q, z, prior, data_size=5000, estimator=estimator)
    assert torch.allclose(sum(parts), q.log_prob(z) - prior.log_prob(z), atol=1e-4)


@pytest.mark.parametrize("estimator", ["mss-symmetric", "mss"])
@given(batch=st.integers(2, 40), more=st.integers(0, 1000))
def test_rows_of_stratified_weights_sum_to_one(estimator, batch, more):
    rows = log_weights(estimator, batch, batch + more).double().exp().sum(1)
    assert torch.allclose(rows, torch.ones_like(rows), atol=1e-6)


def test_own_image_gets_its_share_on_the_diagonal_and_nowhere_else():
    """The published matrix is filled with a stride of B instead of B + 1: its first columns take these weights."""
    weights = log_weights("mss", 5, 100).exp()
    assert torch.allclose(weights.diagonal(), torch.full((5,), 1 / 100))
    assert torch.isclose(weights, torch.tensor(1 / 100)).sum() == 5
    special = torch.isclose(weights, torch.tensor((100 - 4) / (100 * 4)))
    assert special.sum(1).tolist() == [1] * 5


def brute_force(q: DiagonalNormal, z: torch.Tensor, estimator: str, n: int) -> tuple[list[float], list[list[float]]]:
    """log q(z_i) and log q(z_ij) by loops over everything."""
    b, d = z.shape
    joint, each = [], []
    for i in range(b):
        total, per_latent = 0.0, [0.0] * d
        for m in range(b):
            if estimator == "mws":
                w = 1 / (n * b)
            elif m == i:
                w = 1 / n
            elif estimator == "mss-symmetric":
                w = (n - 1) / (n * (b - 1))
            else:
                w = (n - b + 1) / (n * (b - 1)) if m == (i + 1) % b else 1 / (b - 1)
            density = 1.0
            for j in range(d):
                s = math.exp(0.5 * q.log_variance[m, j].item())
                one = math.exp(-0.5 * ((z[i, j].item() - q.mean[m, j].item()) / s) ** 2) / (s * math.sqrt(2 * math.pi))
                per_latent[j] += w * one
                density *= one
            total += w * density
        joint.append(math.log(total))
        each.append([math.log(value) for value in per_latent])
    return joint, each


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_equals_loops_over_everything(estimator):
    q = random_posterior(6, 3)
    z = q.rsample(generator(1))
    joint, each = brute_force(q, z, estimator, 50)
    found = aggregate_density(q, z, 50, estimator)
    assert torch.allclose(found.joint, torch.tensor(joint, dtype=torch.float64), atol=1e-6)
    assert torch.allclose(found.each, torch.tensor(each, dtype=torch.float64), atol=1e-6)


@pytest.mark.parametrize(("estimator", "unbiased"), [("mss-symmetric", True), ("mss", True), ("mws", False)])
def test_stratified_estimates_of_the_density_are_unbiased(estimator, unbiased):
    n, batch, batches = 200, 8, 4000
    q, rng = random_posterior(n, 2), generator(3)
    ratios = []
    for _ in range(batches):
        chosen = torch.randperm(n, generator=rng)[:batch]
        part = DiagonalNormal(q.mean[chosen], q.log_variance[chosen])
        z = part.rsample(rng)
        pairs = DiagonalNormal(q.mean[None], q.log_variance[None]).log_prob_each(z[:, None]).sum(-1)
        exact = torch.logsumexp(pairs, 1) - math.log(n)
        ratios.append((aggregate_density(part, z, n, estimator).joint - exact).exp().mean())
    found = torch.stack(ratios)
    error = found.std() / math.sqrt(batches)
    assert (abs(found.mean() - 1) < 3 * error) == unbiased


def test_weighted_sampling_has_the_gradient_of_the_naive_mean():
    q = random_posterior(16, 3)
    mean = q.mean.clone().requires_grad_()
    z = q.rsample(generator(1))
    grads = []
    for shift in (0.0, math.log(1000)):
        pairs = DiagonalNormal(mean[None], q.log_variance[None]).log_prob_each(z[:, None]).sum(-1)
        total = (torch.logsumexp(pairs, 1) - math.log(16) - shift).sum()
        grads.append(torch.autograd.grad(total, mean)[0])
    ours = aggregate_density(DiagonalNormal(mean, q.log_variance), z, 1000, "mws").joint.sum()
    assert torch.allclose(torch.autograd.grad(ours, mean)[0], grads[0])
    assert torch.equal(grads[0], grads[1])


def test_exact_split_adds_up_to_the_closed_form_rate():
    q, prior = random_posterior(4000, 4), IsotropicPrior(4)
    split = exact_split(q, prior, generator(1), samples=4000, max_bytes=20_000_000)
    assert split.mutual_information + split.total_correlation + split.dimension_kl == pytest.approx(split.kl)
    assert split.kl == pytest.approx(prior.kl_each(q).sum(-1).mean().item(), abs=1e-9)


def test_exact_split_does_not_depend_on_how_it_is_chunked():
    q, prior = random_posterior(300, 3), IsotropicPrior(3)
    small = exact_split(q, prior, generator(1), max_bytes=100_000)
    assert small.total_correlation == pytest.approx(exact_split(q, prior, generator(1)).total_correlation, abs=1e-9)


@pytest.mark.parametrize("r", [0.0, 0.5, 0.9])
def test_exact_split_of_correlated_normals_matches_the_closed_form(r):
    """Means N(0, S) and narrow posteriors give q(z) = N(0, S + s^2 I); TC = -log(1 - r'^2) / 2."""
    n, s = 6000, 0.3
    rng = generator(5)
    first, second = torch.randn(2, n, generator=rng, dtype=torch.float64)
    mean = torch.stack([first, r * first + math.sqrt(1 - r * r) * second], dim=1)
    q = DiagonalNormal(mean, torch.full_like(mean, math.log(s * s)))
    shared = r / (1 + s * s)
    split = exact_split(q, IsotropicPrior(2), rng, samples=3000)
    assert split.total_correlation == pytest.approx(-0.5 * math.log(1 - shared**2), abs=0.05)


def test_too_small_batches_and_data_are_refused():
    with pytest.raises(InputError, match="batch must be 2 or more"):
        log_weights("mss", 1, 10)
    with pytest.raises(InputError, match="data_size must be at least the batch"):
        log_weights("mss-symmetric", 8, 4)
