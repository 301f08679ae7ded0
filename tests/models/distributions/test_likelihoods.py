"""Likelihoods are proper distributions, in nats per image."""

import math

import pytest
import torch
from scipy import integrate

from unweave.base.errors import InputError
from unweave.models.distributions.likelihoods import Bernoulli, ContinuousBernoulli, Gaussian, Laplace


def one(value: float) -> torch.Tensor:
    return torch.full((1, 1, 1, 1), value, dtype=torch.float64)


@pytest.mark.parametrize("likelihood", [ContinuousBernoulli()])
@pytest.mark.parametrize("logit", [-6.0, -0.31, -0.29, 0.0, 1e-4, 0.1, 0.3, 2.0])
def test_continuous_bernoulli_integrates_to_one(likelihood, logit):
    area, _ = integrate.quad(lambda x: math.exp(-likelihood.nll(one(logit), one(x)).item()), 0, 1)
    assert area == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("likelihood", [Gaussian(scale=0.2, squash=False), Laplace(scale=0.1, squash=False)])
def test_densities_integrate_to_one(likelihood):
    area, _ = integrate.quad(lambda x: math.exp(-likelihood.nll(one(0.4), one(x)).item()), -4, 5, points=[0.4])
    assert area == pytest.approx(1.0, abs=1e-6)


def test_continuous_bernoulli_branches_meet_and_agree_with_the_series_in_the_probability():
    near = torch.linspace(-0.29, 0.29, 7, dtype=torch.float64)
    exact = torch.where(near == 0, math.log(2), (near / torch.tanh(near / 2)).abs().log())
    assert torch.allclose(ContinuousBernoulli.log_normaliser(near), exact.nan_to_num(math.log(2)), atol=1e-7)
    p = torch.tensor(0.502, dtype=torch.float64)
    series = math.log(2) + 4 / 3 * (p - 0.5) ** 2 + 104 / 45 * (p - 0.5) ** 4
    assert ContinuousBernoulli.log_normaliser(p.logit()).item() == pytest.approx(series.item(), abs=1e-9)


def test_continuous_bernoulli_image_is_the_mean_of_the_density():
    for logit in (-3.0, -0.005, 0.0, 0.02, 4.0):
        mean, _ = integrate.quad(
            lambda x, a=logit: x * math.exp(-ContinuousBernoulli().nll(one(a), one(x)).item()), 0, 1
        )
        assert ContinuousBernoulli().image(one(logit)).item() == pytest.approx(mean, abs=1e-6)


def test_gradients_are_finite_at_zero_logits():
    logits = torch.zeros(2, 1, 4, 4, requires_grad=True)
    ContinuousBernoulli().nll(logits, torch.rand(2, 1, 4, 4)).sum().backward()
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()


def test_bernoulli_floor_is_reached_by_the_best_decoder_and_by_no_other():
    x = torch.tensor([0.0, 0.25, 0.5, 0.75, 1.0]).reshape(1, 1, 1, 5)
    best = Bernoulli().nll(x.clamp(1e-6, 1 - 1e-6).logit(), x)
    assert best.item() == pytest.approx(Bernoulli().floor(x).item(), abs=1e-4)
    assert Bernoulli().nll(x.clamp(0.1, 0.9).logit(), x) > Bernoulli().floor(x)


def test_nll_sums_over_channels_and_pixels():
    x = torch.rand(3, 2, 4, 4)
    whole = Bernoulli().nll(torch.zeros_like(x), x)
    assert whole.shape == (3,)
    assert torch.allclose(whole, torch.full((3,), 32 * math.log(2)))


def test_bad_settings_are_refused():
    with pytest.raises(InputError, match="scale must be more than 0"):
        Gaussian(scale=0)
    with pytest.raises(InputError, match="distortion_weight must be more than 0"):
        Bernoulli(distortion_weight=-1)


def test_a_learned_scale_is_a_normal_density_of_every_pixel():
    likelihood = Gaussian(learn_scale=True, squash=False)
    rng = torch.Generator().manual_seed(0)
    output, x = torch.randn(5, 4, 1, 3, generator=rng), torch.randn(5, 2, 1, 3, generator=rng)
    mean, raw = output[:, :2], output[:, 2:]
    scale = torch.nn.functional.softplus(raw) + 1e-6
    expected = -torch.distributions.Normal(mean, scale).log_prob(x).flatten(1).sum(1)
    torch.testing.assert_close(likelihood.nll(output, x), expected)
    torch.testing.assert_close(likelihood.image(output), mean)
    assert (likelihood.outputs, Gaussian().outputs) == (2, 1)
    assert (likelihood.floor(x) == -math.inf).all()


def test_a_learned_scale_never_reaches_zero():
    output = torch.tensor([0.3, -1e4]).reshape(1, 2, 1, 1).requires_grad_()
    likelihood = Gaussian(learn_scale=True, squash=False)
    nll = likelihood.nll(output, torch.tensor(0.3).reshape(1, 1, 1, 1))
    assert nll.item() == pytest.approx(math.log(1e-6 * math.sqrt(2 * math.pi)), rel=1e-5)
    nll.sum().backward()
    assert output.grad.isfinite().all()


@pytest.mark.parametrize("likelihood", [Gaussian, Laplace])
def test_without_squash_means_may_leave_the_unit_interval(likelihood):
    output = torch.tensor([-0.5, 1.7]).reshape(1, 1, 1, 2)
    assert torch.equal(likelihood(squash=False).image(output), output)
    assert torch.equal(likelihood().image(output), output.sigmoid())
