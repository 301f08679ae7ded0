"""The density of codes in the plane: its numbers, its overlay, several runs at once, refusals."""

import numpy as np
import pytest
import torch
from tests.show.conftest import Coded

from unweave.base.errors import InputError
from unweave.models.distributions.isotropic import Isotropic
from unweave.models.distributions.mixture import Mixture
from unweave.models.distributions.sparse import Sparse
from unweave.show.figures.aggregate_posterior import AggregatePosterior, Cloud, enclosing


def coded(n=50, d=2, spread=1.0, std=0.1, **more):
    rng = np.random.default_rng(0)
    return Coded(rng.normal(size=(n, d)) * spread, np.full((n, d), std), **{"prior": Mixture(), **more})


def test_density_is_the_mean_of_the_posteriors_and_holds_all_mass():
    fake, line = coded(n=7, std=0.3), np.linspace(-6, 6, 200)
    seen = Cloud.of(fake, None).density(line)
    assert seen.sum() * (line[1] - line[0]) ** 2 == pytest.approx(1, abs=1e-3)
    z = np.array([line[120], line[90]])  # rows are the second latent
    parts = np.exp(-0.5 * ((z - fake.mean) / 0.3) ** 2).prod(1) / (2 * np.pi * 0.09)
    assert seen[90, 120] == pytest.approx(parts.mean())


def test_needles_are_drawn_as_wide_as_a_cell():
    line = np.linspace(-3, 3, 100)
    seen = Cloud.of(coded(std=1e-5, spread=0.5), None).density(line)
    assert seen.sum() * (line[1] - line[0]) ** 2 == pytest.approx(1, abs=0.01)


def test_prior_is_outlined_in_every_width_that_allows_it():
    line = np.linspace(-1.5, 1.5, 61)
    z = torch.tensor([[line[40], line[10]]]).float()
    for prior in (Mixture(), Sparse(), Isotropic()):
        height = Cloud.of(coded(prior=prior), None).prior_density(line)[10, 40]
        assert height == pytest.approx(prior.build(2).log_prob(z).exp().item(), rel=1e-4)
    wide = Cloud.of(coded(d=4, prior=Sparse()), (1, 3)).prior_density(line)
    np.testing.assert_allclose(wide, Cloud.of(coded(prior=Sparse()), None).prior_density(line), rtol=1e-5)
    assert Cloud.of(coded(d=4, prior=Mixture()), (0, 1)).prior_density(line) is None


def test_contours_enclose_their_share_of_a_normal():
    line = np.linspace(-6, 6, 400)
    density = Cloud.of(coded(prior=Isotropic()), None).prior_density(line)
    low, high = enclosing(density, (0.5, 0.9))
    radius = np.sqrt(-2 * np.log(np.array([high, low]) * 2 * np.pi))
    assert radius == pytest.approx(np.sqrt(-2 * np.log([0.5, 0.1])), abs=0.01)
    assert enclosing(np.ones((3, 3)), (0.5, 0.9)) == [1.0]


def test_the_panel_shows_modes_and_names_the_latents():
    axes = AggregatePosterior()(coded()).figure.axes[0]
    crosses = np.stack(axes.lines[0].get_data(), axis=1)
    np.testing.assert_allclose(crosses, [[1, 0], [0, 1], [-1, 0], [0, -1]], atol=1e-6)
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("z0", "z1")
    assert axes.get_title(loc="left") == "decomposition-vae on pinwheel\nbeta 1"


def test_the_latents_that_carry_most_are_taken_by_rate_or_else_by_spread():
    fake = coded(d=4, prior=Isotropic())
    fake.mean = fake.mean * np.array([0.1, 3.0, 0.2, 2.0])
    assert Cloud.of(fake, None).latents == (1, 3)
    fake.kl = np.tile([2.0, 0.1, 1.0, 0.2], (50, 1))
    assert Cloud.of(fake, None).latents == (0, 2)
    axes = AggregatePosterior(latents=(2, 1))(fake).figure.axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("z2", "z1")


def test_several_runs_share_axes_and_are_named_by_what_differs():
    many = [coded(beta=0.1), coded(beta=1.0, spread=3), coded(beta=10.0)]
    picture = AggregatePosterior(columns=2)(many)
    shown = [axes for axes in picture.figure.axes if axes.get_visible()]
    assert [axes.get_title(loc="left") for axes in shown] == ["beta 0.1", "beta 1", "beta 10"]
    assert len({axes.get_xlim() for axes in shown}) == 1
    assert "beta 1: codes spread 2." in picture.alt


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"cells": 1}, "cells must be 2 or more, got 1"),
        ({"reach": 0.0}, "reach must be more than 0, got 0.0"),
        ({"latents": (1, 1)}, r"latents must be two different ones, got \(1, 1\)"),
    ],
)
def test_bad_settings_are_refused(settings, sentence):
    with pytest.raises(InputError, match=sentence):
        AggregatePosterior(**settings)


def test_what_has_no_plane_of_codes_is_refused():
    with pytest.raises(InputError, match="needs 2 or more latents"):
        AggregatePosterior()(coded(d=1, prior=Isotropic()))
    with pytest.raises(InputError, match="latents must be below 2"):
        AggregatePosterior(latents=(0, 5))(coded())


def test_a_whole_grid_has_a_row_for_each_beta_and_a_column_for_each_alpha():
    pairs = [(1.0, 10.0), (0.1, 0.0), (1.0, 0.0), (0.1, 10.0), (1.0, 2.0), (0.1, 2.0)]
    axes = AggregatePosterior()([coded(beta=b, alpha=a) for b, a in pairs]).figure.axes
    assert [each.get_title(loc="left") for each in axes] == [f"beta {b:g}, alpha {a:g}" for b, a in sorted(pairs)]
    assert axes[0].get_gridspec().get_geometry() == (2, 3)


def test_runs_that_are_no_grid_are_ordered_by_beta_then_alpha():
    many = [coded(beta=2.0), coded(beta=0.5, alpha=3.0), coded(beta=0.5, alpha=1.0)]
    axes = AggregatePosterior()(many).figure.axes
    titles = [each.get_title(loc="left") for each in axes]
    assert titles == ["beta 0.5, alpha 1", "beta 0.5, alpha 3", "beta 2"]  # the last has no alpha
    assert axes[0].get_gridspec().get_geometry() == (1, 3)


def test_runs_that_differ_in_much_or_nothing_go_by_their_names():
    plain, other = coded(name="plain"), coded(alpha=1 / 3, beta=2 / 3, name="other")
    assert [axes.get_title(loc="left") for axes in AggregatePosterior()([plain, plain]).figure.axes] == ["plain"] * 2
    lines = [axes.get_title(loc="left") for axes in AggregatePosterior()([plain, other]).figure.axes]
    assert lines == ["beta 0.666667, alpha\n0.333333", "beta 1"]
    other.__class__ = type("Odd", (Coded,), {"settings": {"method": {"name": "a" * 30, "beta": "b" * 30}}})
    assert AggregatePosterior()([plain, other]).figure.axes[1].get_title(loc="left") == "other"


def test_panels_of_different_latents_each_name_their_own():
    first, second = coded(d=3, prior=Isotropic()), coded(d=3, prior=Isotropic(), beta=2.0)
    first.mean, second.mean = first.mean * np.array([1, 2, 0.1]), second.mean * np.array([0.1, 2, 1])
    axes = AggregatePosterior()([first, second]).figure.axes
    assert [(each.get_xlabel(), each.get_ylabel()) for each in axes] == [("z0", "z1"), ("z1", "z2")]
