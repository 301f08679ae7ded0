"""Importance-weighted bound: a linear Gaussian model, whose log-likelihood is known, with and without categories."""

import math
from importlib import import_module

import numpy as np
import pytest
import torch
from torch import nn

from unweave.base.errors import InputError
from unweave.base.records import Latents
from unweave.data.base import ImageData
from unweave.metrics import iwae
from unweave.metrics.probe import Probe
from unweave.metrics.scores.iwae import FLOATS, IWAE
from unweave.models.distributions.isotropic import IsotropicPrior
from unweave.models.distributions.likelihoods import Gaussian
from unweave.models.objectives.discrete import Assigned
from unweave.models.vae import VAE

PIXELS, WIDTH = 4, 0.5


class Encoder(nn.Module):
    """The exact posterior's mean with standard deviations that are too large by `wide`."""

    def __init__(self, loadings, wide):
        super().__init__()
        precision = torch.eye(2) + loadings.T @ loadings / WIDTH**2
        self.to_mean = torch.linalg.solve(precision, loadings.T / WIDTH**2)
        self.log_variance = precision.inverse().diagonal().log() + 2 * math.log(wide)

    def forward(self, x):
        mean = x.flatten(1) @ self.to_mean.T
        return {"mean": mean, "log_variance": self.log_variance.expand_as(mean)}


class Decoder(nn.Linear):
    """Code (and one-hot category) to pixels; remembers the largest batch it saw."""

    most = 0

    def forward(self, z):
        self.most = max(self.most, len(z))
        return super().forward(z)[:, None, None, :]


def model(wide=1.3, offsets=None):
    rng = torch.Generator().manual_seed(0)
    loadings = torch.randn(PIXELS, 2, generator=rng)
    size = 0 if offsets is None else len(offsets)
    decoder = Decoder(2 + size, PIXELS, bias=False)
    decoder.weight.data = loadings if offsets is None else torch.cat([loadings, offsets.T], dim=1)
    latents = Latents(2, (size,) if size else (), head=False)
    discrete = Assigned(size, 1.0) if size else None
    likelihood = Gaussian(scale=WIDTH, squash=False, distortion_weight=7.0)
    return VAE(Encoder(loadings, wide), decoder, IsotropicPrior(2), likelihood, latents, discrete).eval()


def log_p(vae, x):
    """Exact log p(x) of every image: a mixture of normals with one mean a category."""
    weight = vae.decoder.weight.detach().double()
    loadings, offsets = weight[:, :2], weight[:, 2:].T if weight.shape[1] > 2 else torch.zeros(1, PIXELS).double()
    covariance = loadings @ loadings.T + WIDTH**2 * torch.eye(PIXELS).double()
    normals = torch.distributions.MultivariateNormal(offsets, covariance)
    return torch.logsumexp(normals.log_prob(x.flatten(1).double()[:, None]), dim=1) - math.log(len(offsets))


def images(vae, n=60, seed=1):
    rng = torch.Generator().manual_seed(seed)
    codes = torch.randn(n, vae.decoder.in_features, generator=rng)
    if codes.shape[1] > 2:
        codes[:, 2:] = torch.eye(codes.shape[1] - 2)[torch.arange(n) % (codes.shape[1] - 2)]
    clean = vae.decoder(codes).detach()
    return clean + WIDTH * torch.randn(clean.shape, generator=rng)


@pytest.fixture(scope="module")
def plain():
    return model()


def test_a_thousand_samples_reach_the_exact_log_likelihood(plain):
    x = images(plain)
    score = iwae(plain, x, k=1_000)
    exact = log_p(plain, x)
    assert score.value == pytest.approx(exact.mean().item(), abs=0.05)
    assert score.settings["categories"] == "none"
    half = 1.96 * exact.std().item() / math.sqrt(len(x))
    assert score.interval[1] - score.interval[0] == pytest.approx(2 * half, rel=0.1)


def test_one_sample_is_the_elbo_in_expectation(plain):
    x = images(plain)
    q = plain.encode(x).posterior
    spread = plain.decoder.weight.square().sum(0) @ q.std[0].square() / (2 * WIDTH**2)  # E |A(z - mean)|^2
    distortion = plain.likelihood.nll(plain.decode(q.mean), x) + spread
    elbo = -(distortion + plain.prior.kl_each(q).sum(1)).mean().item()
    single = np.mean([iwae(plain, x, k=1, seed=seed).value for seed in range(60)])
    assert single == pytest.approx(elbo, abs=0.1)
    assert iwae(plain, x, k=1_000).parts["elbo"] == pytest.approx(elbo, abs=0.03)


def test_it_does_not_fall_with_more_samples_and_stays_below_the_truth():
    loose = model(wide=2.5)
    x = images(loose, n=100)
    values = [iwae(loose, x, k=k).value for k in (1, 4, 16, 64, 1_000)]
    assert values == sorted(values)
    assert values[-1] < log_p(loose, x).mean().item() + 0.05
    assert values[1] - values[0] > 0.3


def exactly(vae, x):
    return log_p(vae, x).mean().item()


def circle(count, radius):
    """Means of categories, (count, pixels), at right angles to the loadings: they do not move the posterior of z."""
    turns = 2 * math.pi * torch.arange(count) / count
    across = torch.linalg.svd(model().decoder.weight.detach())[0][:, 2:]  # (pixels, 2)
    return radius * torch.stack([turns.cos(), turns.sin()], dim=1) @ across.T


@pytest.mark.parametrize("radius", [0.0, 0.7, 5.0])  # categories that change nothing, blur, stand apart
def test_categories_are_summed_over(radius):
    vae = model(offsets=circle(3, radius))
    x = images(vae)
    score = iwae(vae, x, k=1_000)
    assert score.settings["categories"] == "enumerated"
    assert score.value == pytest.approx(exactly(vae, x), abs=0.05)


@pytest.mark.parametrize("radius, lost", [(0.0, math.log(65)), (60.0, 0.0)])  # one of 65 equal terms; the only one
def test_too_many_categories_stand_as_told_and_the_bound_holds(radius, lost):
    vae = model(wide=1.0, offsets=circle(65, radius))
    x = images(vae, n=20)
    score = iwae(vae, x, k=200)
    assert score.settings["categories"] == "as told"
    assert score.value == pytest.approx(exactly(vae, x) - lost, abs=0.05)


def test_a_batch_of_decodings_is_bounded(plain, monkeypatch):
    x = images(plain, n=4)
    whole = iwae(plain, x, k=100).value
    plain.decoder.most = 0
    monkeypatch.setattr(import_module("unweave.metrics.scores.iwae"), "FLOATS", 32)
    assert iwae(plain, x, k=100).value == pytest.approx(whole, abs=1e-6)
    assert plain.decoder.most == 32 // PIXELS < 100 < FLOATS


def test_the_model_is_left_as_it_was(plain):
    vae = model().train()
    iwae(vae, images(vae, n=2), k=2)
    assert vae.training


class Rows(ImageData):
    """Given images."""

    image_shape = (1, 1, PIXELS)
    bounded = False

    def __init__(self, x):
        self.x = x

    def __len__(self):
        return len(self.x)

    def images(self, indices):
        return self.x[self.checked_indices(indices)]


def test_a_probe_of_data_without_factors_gives_the_images(plain):
    x = images(plain, n=300)
    probe = Probe.of_encoder(lambda x: plain.encode(x).posterior, Rows(x), model=plain)
    score = IWAE(n=50, k=200)(probe)
    assert score.settings["images"] == 50
    assert score.value == pytest.approx(log_p(plain, x).mean().item(), abs=0.8)
    assert score.interval[0] < log_p(plain, x).mean().item() < score.interval[1]
    assert IWAE(n=50, k=200)(probe) == score


def test_what_is_missing_is_refused(plain):
    assert "needs the model that made the codes" in IWAE().refuses(Probe(np.eye(3)))
    assert "needs the data set" in IWAE().refuses(Probe(np.eye(3), model=plain))
    with pytest.raises(InputError, match="codes must have 2 rows"):
        iwae(plain, images(plain, n=1))
