"""What every registered method must keep, also those of other packages."""

import numpy as np
import pytest
import torch

from unweave.base import registry
from unweave.base.errors import InputError
from unweave.base.records import Pass, Terms
from unweave.base.seeds import Generators
from unweave.base.settings import build as build_settings
from unweave.base.settings import settings_of
from unweave.data.published.dsprites import DSprites
from unweave.models.distributions.isotropic import Isotropic
from unweave.models.distributions.likelihoods import Bernoulli
from unweave.models.nets.base import build
from unweave.models.nets.conv import Conv
from unweave.models.vae import VAE, heads

METHODS = registry.methods.names()
DATA = DSprites(size=32, hold="lazy")
BATCH = 8


def objective_of(name: str, **settings):
    return build_settings(registry.methods.get(name), settings, of=name)


def small_vae(objective, rng: Generators, d: int = 4) -> VAE:
    latents = objective.latents(d)
    net = Conv(channels=(8, 8, 8), hidden=16)
    encoder, decoder = build(net, DATA.image_shape, heads(latents), latents.width, 1, rng["init"])
    return VAE(encoder, decoder, Isotropic().build(d), Bernoulli(), latents)


def one_pass(
    objective, step: int = 0, seed: int = 0, vae: VAE | None = None
) -> tuple[VAE, Pass, torch.nn.Module | None]:
    rng = Generators(seed)
    vae = vae or small_vae(objective, rng)
    critic = objective.critic()
    net = None if critic is None else critic.build(4, rng["critic-init"]).requires_grad_(False)
    x = DATA.images(np.arange(0, len(DATA), len(DATA) // BATCH)[:BATCH])
    output = vae(x, rng, discrete=objective.discrete(step), drawn_from=objective.drawn_from)
    at = Pass(**vars(output), data_size=len(DATA), rng=rng, step=step, total_steps=1000, critic=net)
    return vae, at, net


@pytest.mark.parametrize("name", METHODS)
def test_loss_is_finite_and_the_sum_of_its_named_terms(name):
    objective = objective_of(name)
    terms = objective(one_pass(objective, step=100)[1])
    assert isinstance(terms, Terms)
    assert torch.isfinite(terms.loss)
    assert terms.loss.item() == pytest.approx(sum(t.share.item() for t in terms.values() if t.active), rel=1e-5)
    assert "distortion" in terms
    for term in terms.values():
        assert term.unit
        assert term.value.ndim <= 2
        if term.value.ndim:
            assert len(term.value) == BATCH


@pytest.mark.parametrize("name", METHODS)
def test_gradients_reach_every_parameter(name):
    objective = objective_of(name, **registry.methods.get(name).probing)
    vae, at, net = one_pass(objective, step=100)
    objective(at).loss.backward()
    for parameter, tensor in vae.named_parameters():
        assert tensor.grad is not None, parameter
        assert tensor.grad.abs().sum() > 0, parameter
    if net is not None:
        assert all(tensor.grad is None for tensor in net.parameters())


@pytest.mark.parametrize("name", METHODS)
def test_neutral_settings_give_a_plain_vae(name):
    cls = registry.methods.get(name)
    if cls.neutral is None:
        assert cls.no_neutral, f"{name} must say why no settings of it are a plain VAE"
        return
    neutral, plain = objective_of(name, **cls.neutral), objective_of("vae")
    ours = neutral(one_pass(neutral)[1]).loss
    assert ours.item() == pytest.approx(plain(one_pass(plain)[1]).loss.item(), rel=1e-6)


@pytest.mark.parametrize("name", METHODS)
def test_same_seed_same_loss(name):
    objective = objective_of(name)
    first, second = (objective(one_pass(objective, seed=3)[1]).loss.item() for _ in range(2))
    assert first == second
    assert objective(one_pass(objective, seed=4)[1]).loss.item() != first


@pytest.mark.parametrize("name", METHODS)
def test_the_distortion_carries_its_weight(name):
    objective = objective_of(name)
    rng = Generators(0)
    vae = small_vae(objective, rng)
    vae.likelihood = Bernoulli(distortion_weight=4.0)
    terms = objective(one_pass(objective, vae=vae)[1])
    assert terms["distortion"].weight == 4.0


@pytest.mark.parametrize("name", METHODS)
def test_settings_are_explained_and_wrong_ones_refused(name):
    for setting in settings_of(registry.methods.get(name)):
        assert setting.help, f"{name}.{setting.name} needs a sentence of help"
        if setting.type is float:
            with pytest.raises(InputError, match=setting.name):
                objective_of(name, **{setting.name: float("nan")})
    with pytest.raises(InputError, match="unknown setting"):
        objective_of(name, no_such_setting=1)


@pytest.mark.parametrize("name", METHODS)
def test_every_method_says_what_it_is(name):
    assert registry.methods.summary(name)
    assert registry.methods.get(name).__doc__
