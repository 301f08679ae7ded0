"""What every registered prior must keep, ours and other packages' alike."""

import math

import pytest
import torch

from unweave.base import registry
from unweave.base.errors import InputError
from unweave.base.settings import build, changed, plain, settings_of
from unweave.models.distributions import DiagonalNormal

each_prior = pytest.mark.parametrize("name", registry.priors.names())


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def made(name, latents=2, images=None, **settings):
    return build(registry.priors.get(name), settings, of=name).build(latents, images)


@each_prior
def test_a_density_is_one_number_for_each_code(name):
    z = torch.randn(7, 2, generator=rng())
    prior = made(name)
    assert prior.log_prob(z).shape == (7,)
    assert prior.log_prob(z).isfinite().all()
    if prior.factorised:
        assert prior.log_prob_each(z).shape == (7, 2)
        torch.testing.assert_close(prior.log_prob_each(z).sum(1), prior.log_prob(z))
    else:
        with pytest.raises(InputError, match="log_prob_each needs a prior that factorises"):
            prior.log_prob_each(z)


@each_prior
def test_the_density_integrates_to_one(name):
    """By the substitution z = tan(pi u / 2), so that heavy tails are not cut."""
    u = torch.linspace(-1, 1, 1603)[1:-1].double()
    line, step = (math.pi * u / 2).tan(), math.pi / 2 * (u[1] - u[0]) / (math.pi * u / 2).cos().square()
    grid = torch.cartesian_prod(line, line)
    area = torch.outer(step, step).flatten()
    assert (made(name).log_prob(grid).exp() * area).sum().item() == pytest.approx(1, abs=2e-3)


@each_prior
def test_samples_follow_the_density_and_their_generator(name):
    prior = made(name)
    z = prior.sample(40_000, rng())
    assert z.shape == (40_000, 2)
    assert torch.equal(z, prior.sample(40_000, rng()))
    assert not torch.equal(z[:9], prior.sample(9, rng(1)))
    for low, high in ((-0.1, 0.1), (0.6, 1.4)):  # a square on the diagonal axis, counted and integrated
        inside = ((z[:, 0] > low) & (z[:, 0] < high) & (z[:, 1].abs() < 0.4)).double().mean().item()
        x, y = torch.linspace(low, high, 201), torch.linspace(-0.4, 0.4, 201)
        mass = prior.log_prob(torch.cartesian_prod(x, y)).exp().mean().item() * (high - low) * 0.8
        assert inside == pytest.approx(mass, abs=5 * math.sqrt(mass / 40_000) + 0.003)


@each_prior
def test_a_closed_rate_equals_the_sampled_one(name):
    prior = made(name)
    q = DiagonalNormal(torch.tensor([[0.7, -0.2]]), torch.tensor([[-1.0, 0.4]]))
    exact = prior.kl_each(q)
    if exact is None:
        return
    assert exact.shape == (1, 2)
    many = DiagonalNormal(q.mean.expand(40_000, 2), q.log_variance.expand(40_000, 2))
    z = many.rsample(rng())
    sampled = many.log_prob(z) - prior.log_prob(z)
    assert sampled.mean().item() == pytest.approx(exact.sum().item(), abs=5 * sampled.std().item() / 200)


@each_prior
def test_gradients_reach_the_code_and_stay_finite_at_the_origin(name):
    z = torch.stack([torch.zeros(2), torch.ones(2)]).requires_grad_()
    made(name).log_prob(z).sum().backward()
    assert z.grad.isfinite().all()
    assert z.grad[1].any()


@each_prior
def test_it_can_be_built_without_data_or_memory(name):
    with torch.device("meta"):
        shapes = {key: value.shape for key, value in made(name, latents=3).state_dict().items()}
    assert shapes == {key: value.shape for key, value in made(name, latents=3).state_dict().items()}


@each_prior
def test_settings_have_help_and_survive_a_round_trip(name):
    cls = registry.priors.get(name)
    assert all(setting.help for setting in settings_of(cls))
    assert build(cls, plain(cls()), of=name) == cls()
    assert changed(cls()) == {}
    assert registry.priors.name_of(cls) == name
    assert registry.priors.summary(name).endswith(".")
    for setting in settings_of(cls):
        if setting.type is float:
            with pytest.raises(InputError, match=setting.name):
                build(cls, {setting.name: float("nan")}, of=name)
