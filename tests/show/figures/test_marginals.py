"""Marginals of the aggregate posterior: densities, order, the distance to the prior, refusals."""

import numpy as np
import pytest
import torch
from tests.show.conftest import Coded

from unweave.base.errors import InputError
from unweave.models.distributions.mixture import Mixture
from unweave.show.figures.marginals import Marginals, density


def titles(picture):
    return [axes.get_title(loc="left") for axes in picture.figure.axes if axes.get_visible()]


def distances(picture):
    return [float(part.split("distance ")[1].rstrip(".")) for part in picture.alt.split(": ", 1)[1].split("; ")]


def test_density_is_the_mean_of_the_normals_and_holds_all_mass():
    rng = np.random.default_rng(0)
    mean, std, line = rng.normal(size=1200), rng.uniform(0.3, 1, 1200), np.linspace(-8, 8, 401)
    seen = density(mean, std, line)
    assert seen.sum() * (line[1] - line[0]) == pytest.approx(1, abs=1e-6)
    one = np.exp(-0.5 * ((line[180] - mean) / std) ** 2) / (std * (2 * np.pi) ** 0.5)
    assert seen[180] == pytest.approx(one.mean())


def test_narrow_posteriors_do_not_fall_between_the_points():
    line = np.linspace(-1, 1, 11)
    assert density(np.array([0.1]), np.array([1e-6]), line).sum() * 0.2 == pytest.approx(1, abs=0.01)


def test_codes_as_the_prior_are_near_and_a_shifted_latent_is_far():
    rng = np.random.default_rng(0)
    mean = rng.normal(size=(2000, 2)) * 0.8
    mean[:, 1] = 0.1 * mean[:, 1] + 3
    std = np.full((2000, 2), 0.6)
    picture = Marginals()(Coded(mean, std, kl=np.full((2000, 2), [1.0, 0.02])))
    assert titles(picture) == ["z0 1.00 nats", "z1 0.02 nats"]
    near, far = distances(picture)
    assert near < 0.05
    assert far > 0.8


def test_a_prior_without_marginals_is_counted_from_its_samples():
    prior = Mixture()
    codes = prior.build(2).sample(3000, torch.Generator().manual_seed(1)).numpy()
    picture = Marginals()(Coded(codes, np.full((3000, 2), 0.01), prior=prior))
    assert max(distances(picture)) < 0.15


def test_no_more_panels_than_asked_for_and_the_strongest_first():
    kl = np.tile([0.1, 2.0, 1.0], (50, 1))
    rng = np.random.default_rng(0)
    picture = Marginals(latents=2, columns=2)(Coded(rng.normal(size=(50, 3)), np.ones((50, 3)), kl=kl))
    assert titles(picture) == ["z1 2.00 nats", "z2 1.00 nats"]


def test_at_least_one_panel_is_asked_for():
    with pytest.raises(InputError, match="latents must be 1 or more"):
        Marginals(latents=0)
