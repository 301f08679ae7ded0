"""Codes brought to mean 0 and variance 1 in training: exact, never dearer, refused where it cannot be."""

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file
from torch.distributions import Normal, kl_divergence

from unweave.base import registry
from unweave.base.errors import InputError
from unweave.base.records import Latents
from unweave.base.seeds import Generators
from unweave.engine import Spec, train
from unweave.engine.standardise import Ends, check_standardisable, moments, standardise
from unweave.models.distributions.isotropic import IsotropicPrior, kl_of_moments
from unweave.models.distributions.likelihoods import Bernoulli
from unweave.models.nets.base import build
from unweave.models.nets.conv import Conv
from unweave.models.vae import VAE, heads

TINY = {"data": "dsprites", "data.size": 32, "net": "conv", "net.channels": (4, 8), "net.hidden": 16, "batch": 8}
SOFTPLUS = {"fashion-conv", "pinwheel-mlp"}  # deviations that no change of weights scales


def made(method: str = "beta-vae", **given) -> tuple[VAE, torch.Tensor]:
    """A model whose codes are off by far, and some images."""
    spec = Spec.make(method, **{**TINY, "latents": 4, **given})
    vae = spec.build_vae(Generators(3))
    ends = Ends.of(vae)
    if ends is not None:
        with torch.no_grad():
            ends.mean.weight *= torch.tensor([30.0, 0.1, 5.0, 1.0])[:, None]
            ends.mean.bias += torch.tensor([2.0, -1.0, 0.0, 5.0])
            ends.log_variance.bias -= torch.tensor([4.0, 1.0, 0.0, 6.0])
    return vae, spec.dataset.images(np.random.default_rng(0).choice(len(spec.dataset), 700, replace=False))


def rate(vae: VAE, images: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        return vae.prior.kl_each(vae.encode(images).posterior).double().mean(0)


@given(mean=st.floats(-20, 20), std=st.floats(1e-3, 1e3))
def test_what_is_saved_is_the_kl_of_the_moments_to_the_prior(mean: float, std: float):
    ours = kl_of_moments(torch.tensor([mean], dtype=torch.float64), torch.tensor([std], dtype=torch.float64))
    double = torch.tensor(mean, dtype=torch.float64)
    theirs = kl_divergence(Normal(double, std), Normal(torch.zeros_like(double), 1.0))
    assert ours.item() == pytest.approx(theirs.item(), rel=1e-9, abs=1e-9)
    assert ours.item() >= -1e-12


def test_moments_are_those_of_many_draws():
    vae, images = made()
    mean, std = moments(vae, images)
    with torch.no_grad():
        q = vae.encode(images).posterior
        draws = torch.cat([q.rsample(Generators(seed)["noise"]) for seed in range(200)]).double()
    assert torch.allclose(mean, draws.mean(0), atol=0.02 * std.max().item())
    assert torch.allclose(std, draws.std(0), rtol=0.02)
    assert vae.training


@pytest.mark.parametrize("method", ["beta-vae", "joint-vae", "cascade-vae"])
def test_images_stay_and_the_rate_falls_by_what_is_said(method: str):
    vae, images = made(method)
    before, mean = rate(vae, images), vae.encode(images[:5]).posterior.mean
    noise = torch.randn(5, 4, generator=torch.Generator().manual_seed(1))
    q = vae.encode(images[:5]).posterior
    one_hot = vae.places(torch.zeros(5, len(vae.latents.categories), dtype=torch.long), 5)
    drawn = vae.decode(q.mean + noise * q.std, one_hot)
    saved = standardise(vae, images)
    again = vae.encode(images[:5]).posterior
    assert torch.allclose(vae.decode(again.mean + noise * again.std, one_hot), drawn, atol=1e-5)
    assert torch.allclose(before - rate(vae, images), saved, rtol=1e-4, atol=1e-4)
    assert saved.min() >= 0
    assert saved.sum() > 10
    assert not torch.allclose(again.mean, mean, atol=0.1)
    now = moments(vae, images)
    assert torch.allclose(now[0], torch.zeros_like(now[0]), atol=1e-4)
    assert torch.allclose(now[1], torch.ones_like(now[1]), atol=1e-4)
    assert standardise(vae, images).sum() < 1e-6  # nothing is left to save


@pytest.mark.parametrize("name", registry.nets.names())
def test_every_net_folds_or_is_refused(name: str):
    shape = registry.nets.get(name).takes[0]
    latents = Latents(6, (3,))
    encoder, decoder = build(registry.nets.get(name)(), shape, heads(latents), latents.width, 1, Generators(0)["init"])
    vae = VAE(encoder, decoder, IsotropicPrior(6), Bernoulli(), latents)
    images = torch.rand(2, *shape, generator=torch.Generator().manual_seed(0))
    if name in SOFTPLUS:
        with pytest.raises(InputError, match=f"{name}'s are a softplus"):
            check_standardisable(vae, images, net=name, prior="isotropic")
    else:
        check_standardisable(vae, images, net=name, prior="isotropic")


def test_a_check_leaves_the_model_as_it_was():
    vae, images = made()
    before = copy.deepcopy(vae.state_dict())
    check_standardisable(vae, images[:2], net="conv", prior="isotropic")
    assert all(torch.equal(before[name], tensor) for name, tensor in vae.state_dict().items())
    assert vae.training


class Bent(torch.nn.Module):
    """A decoder that squares codes before its first linear layer sees them."""

    def __init__(self, decoder: torch.nn.Module) -> None:
        super().__init__()
        self.decoder = decoder

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return self.decoder(z.square())


def test_a_net_that_only_looks_right_is_refused(monkeypatch: pytest.MonkeyPatch):
    straight = Conv.decoder
    monkeypatch.setattr(Conv, "decoder", lambda self, *given: Bent(straight(self, *given)))
    vae, images = made()
    with pytest.raises(InputError, match="begins with a linear layer, got conv"):
        check_standardisable(vae, images[:2], net="conv", prior="isotropic")


def test_a_net_without_offsets_is_refused():
    vae, images = made()
    vae.encoder.heads["mean"] = torch.nn.Linear(16, 4, bias=False)
    with pytest.raises(InputError, match="a linear layer, got own"):
        check_standardisable(vae, images[:2], net="own", prior="isotropic")


@pytest.mark.parametrize(
    ("given", "rule"),
    [
        ({"prior": "student-t"}, "standardise_every needs the prior isotropic"),
        ({"net": "pinwheel-mlp", "data": "pinwheel"}, "pinwheel-mlp's are a softplus"),
        ({"standardise_every": -1}, "standardise_every must be 0 or more"),
    ],
)
def test_runs_that_cannot_are_refused_and_leave_nothing(tmp_path: Path, given: dict, rule: str):
    whole = {"data": "dsprites", "steps": 2, "latents": 2, "standardise_every": 1, **given}
    with pytest.raises(InputError, match=rule):
        train(Spec.make("vae", **whole), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_run_ends_standardised_and_is_as_good_as_its_log_says(tmp_path: Path):
    plain = Spec.make("beta-vae", **TINY, latents=3, steps=40, lr=1e-2)
    spec = Spec.make("beta-vae", **TINY, latents=3, steps=40, lr=1e-2, standardise_every=10)
    assert spec.hash != plain.hash
    assert "--standardise-every 10" in spec.command
    path = train(spec, tmp_path / "run")
    vae = spec.build_vae(Generators(0))
    vae.load_state_dict(load_file(path / "weights.safetensors"))
    images = spec.dataset.images(np.random.default_rng(5).integers(0, len(spec.dataset), 2_000))
    mean, std = moments(vae, images)
    assert mean.abs().max() < 0.15
    assert (std - 1).abs().max() < 0.15


@pytest.mark.parametrize("method", ["factor-vae", "cascade-vae"])
def test_a_stopped_run_goes_on_to_the_same_bytes(ends_alike, method: str):
    more = {"stage_steps": 2} if method == "cascade-vae" else {}
    easy = {"blur": 3, "blur_steps": 8}
    ends_alike(Spec.make(method, **TINY, **easy, latents=3, steps=12, standardise_every=5, **more), 7)
