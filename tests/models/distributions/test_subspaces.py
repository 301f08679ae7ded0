"""The prior of independent subspaces against scipy, integrals by brute force and its own invariances."""

import math

import numpy as np
import pytest
import torch
from scipy import integrate, stats

from unweave.base.errors import InputError
from unweave.models.distributions import DiagonalNormal
from unweave.models.distributions.isotropic import Isotropic
from unweave.models.distributions.subspaces import Ball, Ring, Subspaces, Tails


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def surface(k):
    return 2 * math.pi ** (k / 2) / math.gamma(k / 2)


BLOCKS = [
    *(Ring(k, radius, width) for k in (1, 2, 3, 5) for radius, width in ((1.35, 0.25), (0.0, 1.0), (3.0, 0.1))),
    *(Tails(k, df) for k in (1, 2, 3) for df in (2.5, 9.0)),
    *(Ball(k) for k in (1, 2, 4)),
]


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_radii_have_the_mass_that_the_density_gives_them(block):
    """P(|z| < r), by quadrature of the density over shells, at the radii told for three shares."""

    def shell(r):
        squared = torch.tensor([r * r], dtype=torch.float64)
        return surface(block.size) * r ** (block.size - 1) * block.log_prob(squared).exp().item()

    shares = np.array([0.05, 0.5, 0.95])
    for share, radius in zip(shares, block.radius_at(shares), strict=True):
        assert integrate.quad(shell, 0, radius, limit=200)[0] == pytest.approx(share, abs=1e-5)


@pytest.mark.parametrize("k", [1, 2, 3])
def test_blocks_of_t_and_normal_are_scipys(k):
    z = torch.randn(20, k, generator=rng(), dtype=torch.float64)
    tails = Subspaces(sizes=(k,), radial=("student-t",), df=4.0, scale=1.7).build(k)
    expected = stats.multivariate_t(shape=1.7**2 * np.eye(k), df=4.0).logpdf(z.numpy())
    np.testing.assert_allclose(tails.log_prob(z).numpy(), np.atleast_1d(expected), rtol=1e-10)
    ball = Subspaces(sizes=(k,), radial=("normal",)).build(k)
    torch.testing.assert_close(ball.log_prob(z), Isotropic().build(k).log_prob(z))


def test_a_ring_without_radius_is_normal():
    z = torch.randn(20, 4, generator=rng(), dtype=torch.float64)
    torch.testing.assert_close(
        Subspaces(radius=0.0, width=1.0, scale=0.6).build(4).log_prob(z),
        Subspaces(radial=("normal",), scale=0.6).build(4).log_prob(z),
    )


def test_blocks_are_independent_and_the_same_in_every_direction():
    prior = Subspaces(sizes=(2, 3, 1), radial=("ring", "student-t", "normal")).build(6)
    z = torch.randn(30, 6, generator=rng(), dtype=torch.float64)
    alone = [
        Subspaces(sizes=(k,), radial=(radial,)).build(k).log_prob(part)
        for k, radial, part in zip((2, 3, 1), ("ring", "student-t", "normal"), z.split((2, 3, 1), 1), strict=True)
    ]
    torch.testing.assert_close(prior.log_prob(z), sum(alone))
    turn = torch.block_diag(
        *(torch.linalg.qr(torch.randn(k, k, generator=rng(k), dtype=torch.float64))[0] for k in (2, 3, 1))
    )
    torch.testing.assert_close(prior.log_prob(z @ turn), prior.log_prob(z))


def test_latents_of_the_default_have_mean_0_and_variance_1():
    z = Subspaces().build(5).sample(200_000, rng())
    torch.testing.assert_close(z.mean(0), torch.zeros(5), atol=0.01, rtol=0)
    torch.testing.assert_close(z.var(0), torch.ones(5), atol=0.02, rtol=0)
    radius = z[:, :2].norm(dim=1)
    assert (radius < 0.9).double().mean() < 0.001  # nothing lies in the middle of a ring


def test_the_rate_is_closed_only_where_every_block_is_normal():
    q = DiagonalNormal(torch.randn(9, 3, generator=rng()), torch.randn(9, 3, generator=rng(1)))
    normal = Subspaces(radial=("normal",), scale=2.0).build(3)
    expected = torch.distributions.kl_divergence(
        torch.distributions.Normal(q.mean, q.std), torch.distributions.Normal(0.0, 2.0)
    )
    torch.testing.assert_close(normal.kl_each(q), expected)
    assert Subspaces().build(3).kl_each(q) is None


def test_the_gradient_in_the_middle_of_a_ring_is_finite():
    z = torch.zeros(1, 2, requires_grad=True)
    Subspaces().build(2).log_prob(z).sum().backward()
    assert z.grad.isfinite().all()


@pytest.mark.parametrize(
    ("settings", "latents", "rule"),
    [
        ({"sizes": (2, 2)}, 5, r"sizes must add up to the latents \(5\)"),
        ({"sizes": (2, 0)}, 2, "sizes must be 1 or more"),
        ({"radial": ()}, 2, "radial must name"),
        ({"radial": ("ring", "ring")}, 6, r"as many as blocks \(3\)"),
        ({"radial": ("disc",)}, 2, "radial must be one of"),
        ({"radius": -1.0}, 2, "radius"),
        ({"width": 0.0}, 2, "width"),
    ],
)
def test_settings_that_fit_no_density_are_refused(settings, latents, rule):
    with pytest.raises(InputError, match=rule):
        Subspaces(**settings).build(latents)
