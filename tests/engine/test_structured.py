"""Structured priors through the engine: default settings of a data set, learned parts kept, runs opened again."""

import numpy as np
import pytest
import torch

from unweave.base.errors import InputError
from unweave.base.seeds import Generators
from unweave.data.published.pinwheel import Pinwheel
from unweave.engine import Spec, train
from unweave.models.distributions.likelihoods import Gaussian
from unweave.models.distributions.mixture import Mixture
from unweave.run import recipes
from unweave.run.run import Run

TINY = {"data": "pinwheel", "latents": 2, "batch": 50, "steps": 6, "lr": 1e-2, "checkpoint_every": 2, "net.hidden": 8}


def made(**settings):
    return Spec.make("decomposition-vae", **{**TINY, **settings})


def test_a_data_set_brings_its_net_and_its_likelihood_with_settings():
    spec = made()
    assert spec.net.name == "pinwheel-mlp"
    assert spec.likelihood.settings == Gaussian(squash=False, learn_scale=True)
    assert made(likelihood="gaussian") == spec
    assert made(likelihood=Gaussian()).likelihood.settings == Gaussian()
    assert not made(likelihood="laplace").likelihood.settings.squash  # since its numbers leave [0, 1]
    assert made(likelihood="laplace", **{"likelihood.squash": True}).likelihood.settings.squash
    plain = made(**{"likelihood.learn_scale": False, "likelihood.squash": True})
    assert plain.likelihood.settings == Gaussian()
    assert Spec.from_plain(plain.plain()) == plain


@pytest.mark.parametrize("settings", [{}, {"likelihood.squash": True, "likelihood.learn_scale": False}])
def test_the_command_of_a_run_says_all_that_makes_it(settings):
    from unweave.face.cli.train import options  # the options that the command line itself would take

    spec = made(**settings)
    words = spec.command.split()
    assert "--data pinwheel" in spec.command
    assert ("--likelihood.squash" in words) == bool(settings)
    assert ("--likelihood.no-squash" in words) == (not settings)
    assert options(words[1:])


@pytest.mark.parametrize(
    "prior",
    [
        {"prior": "mixture", "prior.learn": True, "divergence": "kl-inclusive"},
        {"prior": "anisotropic", "prior.start": "pca", "prior.learn": True},
        {"prior": "student-t", "prior.start": "pca", "divergence": "mmd-dim"},
        {"prior": "sparse", "divergence": "kl-exclusive"},
    ],
    ids=lambda settings: settings["prior"],
)
def test_runs_end_alike_whether_stopped_or_not_and_open_again(prior, ends_alike):
    spec = made(**prior)
    run = Run(ends_alike(spec, 5, crash=True))
    fresh = spec.build_vae(Generators(0)).prior.state_dict()
    kept = run.vae.prior.state_dict()
    for name, value in kept.items():
        moved = name.endswith("logits") and prior.get("prior.learn", False)
        assert torch.allclose(value, fresh[name], atol=1e-6) != moved
    points = run.decode(run.encode(run.data.images(np.arange(5))))
    assert points.shape == (5, 1, 1, 2)
    assert np.isfinite(run.fit(100)["rate"])


def test_pca_looks_at_the_data_of_the_run():
    prior = made(**{"prior": "anisotropic", "prior.start": "pca"}).build_vae(Generators(0)).prior
    points = torch.from_numpy(Pinwheel().points).double()
    exact = torch.linalg.eigvalsh(torch.cov(points.T, correction=0)).flip(0)
    torch.testing.assert_close(prior.spread.log().exp().double(), 2 * exact / exact.sum(), rtol=1e-5, atol=0)


def test_method_and_prior_that_do_not_go_together_are_refused():
    with pytest.raises(InputError, match=r"decomposition-vae cannot be .* mmd-dim"):
        made(prior=Mixture(), divergence="mmd-dim").build_vae(Generators(0))
    with pytest.raises(InputError, match="needs a factorised prior"):
        Spec.make("beta-tcvae", data="pinwheel", latents=2, prior="mixture").build_vae(Generators(0))


def test_a_net_with_batch_normalisation_trains_and_encodes_each_image_alone(tmp_path):
    spec = Spec.make(
        "decomposition-vae", data="dsprites", net="fashion-conv", prior="sparse", divergence="mmd-dim", latents=3,
        batch=8, steps=3, **{"data.size": 32, "data.hold": "lazy", "net.channels": 4},
    )  # fmt: skip
    run = Run(train(spec, tmp_path / "run"))
    assert any("running_mean" in name for name in run.vae.state_dict())
    x = run.data.images(np.arange(0, 60_000, 10_000))
    torch.testing.assert_close(run.encode(x)[:2], run.encode(x[:2]))


@pytest.mark.parametrize("name", ["decomposition-vae-pinwheel-published", "decomposition-vae-fashion-published"])
def test_published_recipes_are_whole(name):
    recipe = recipes.load(name)
    spec = Spec.make(recipe.method, recipe=name, **recipe.settings)
    assert spec.adam.amsgrad
    published = {
        "decomposition-vae-pinwheel-published": (400, 500, 2, 1e-3, 0, 1, "kl-inclusive"),
        "decomposition-vae-fashion-published": (500, 9600, 50, 5e-4, 1, 100, "mmd-dim"),
    }
    training, method = spec.training, spec.objective
    assert published[name] == (
        training.batch, training.steps, training.latents, spec.adam.lr, method.beta, method.alpha, method.divergence,
    )  # fmt: skip
