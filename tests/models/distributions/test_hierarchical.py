"""The tree prior against the multivariate normal that its linear form is, and what learning adds."""

import pytest
import torch
from torch.distributions import MultivariateNormal, Normal, kl_divergence

from unweave.base.errors import InputError
from unweave.models.distributions import DiagonalNormal
from unweave.models.distributions.hierarchical import Hierarchical
from unweave.models.distributions.isotropic import Isotropic

TREE = (-1, 0, 0, 1, -1)


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def covariance(parents, rho):
    """By the path between two latents: rho to the number of its edges, 0 between trees."""

    def ancestors(j):
        return [j, *ancestors(parents[j])] if parents[j] >= 0 else [j]

    def entry(i, j):
        common = [each for each in ancestors(i) if each in ancestors(j)]
        if not common:
            return 0.0
        return rho ** (ancestors(i).index(common[0]) + ancestors(j).index(common[0]))

    d = len(parents)
    return torch.tensor([[entry(i, j) for j in range(d)] for i in range(d)], dtype=torch.float64)


@pytest.mark.parametrize("conditional", ["linear", "learned"])
def test_it_starts_as_the_normal_distribution_of_its_tree(conditional):
    prior = Hierarchical(parents=TREE, correlation=0.6, conditional=conditional).build(5)
    z = torch.randn(20, 5, generator=rng(), dtype=torch.float64)
    expected = MultivariateNormal(torch.zeros(5, dtype=torch.float64), covariance(TREE, 0.6))
    torch.testing.assert_close(prior.log_prob(z), expected.log_prob(z))
    drawn = prior.sample(100_000, rng()).double()
    torch.testing.assert_close(drawn.T.cov(), expected.covariance_matrix, atol=0.02, rtol=0)


def test_the_closed_rate_is_that_of_the_whole_distribution():
    prior = Hierarchical(parents=TREE, correlation=-0.7, conditional="linear").build(5)
    q = DiagonalNormal(torch.randn(9, 5, generator=rng()).double(), torch.randn(9, 5, generator=rng(1)).double())
    whole = MultivariateNormal(torch.zeros(5, dtype=torch.float64), covariance(TREE, -0.7))
    expected = [
        kl_divergence(MultivariateNormal(m, s.square().diag()), whole) for m, s in zip(q.mean, q.std, strict=True)
    ]
    torch.testing.assert_close(prior.kl_each(q).sum(1), torch.stack(expected))
    assert (prior.kl_each(q) >= 0).all()


def test_without_correlation_it_is_the_isotropic_prior():
    z, q = torch.randn(9, 3, generator=rng()), DiagonalNormal(torch.ones(2, 3), torch.zeros(2, 3))
    prior = Hierarchical(correlation=0.0, conditional="linear").build(3)
    torch.testing.assert_close(prior.log_prob(z), Isotropic().build(3).log_prob(z))
    torch.testing.assert_close(prior.kl_each(q), Isotropic().build(3).kl_each(q))


def test_the_default_tree_is_binary():
    prior = Hierarchical(conditional="linear").build(7)
    assert prior.parents == (-1, 0, 0, 1, 1, 2, 2)


def test_a_learned_child_can_be_idle_unless_its_parent_is_on():
    """z1 | z0 = N(0, 0.05^2) for z0 < 0, N(1.5, 1) for z0 > 0: found by maximum likelihood, better than any normal."""
    parent = torch.randn(4_000, generator=rng())
    on = (parent > 0).float()
    child = on * 1.5 + torch.where(on > 0, 1.0, 0.05) * torch.randn(4_000, generator=rng(1))
    z = torch.stack([parent, child], dim=1)
    prior = Hierarchical(correlation=0.0).build(2)
    adam = torch.optim.Adam(prior.parameters(), lr=0.05)
    for _ in range(400):
        adam.zero_grad()
        (-prior.log_prob(z).mean()).backward()
        adam.step()
    best_normal = MultivariateNormal(z.mean(0), z.T.cov()).log_prob(z).mean()
    assert prior.log_prob(z).mean() > best_normal + 0.5
    drawn = prior.sample(20_000, rng(2)).detach()
    assert drawn[drawn[:, 0] < -1, 1].std() < 0.2 < 0.7 < drawn[drawn[:, 0] > 1, 1].std()
    assert prior.kl_each(DiagonalNormal(z, z)) is None


def test_what_a_root_is_does_not_change_by_learning():
    prior = Hierarchical(parents=(-1, 0)).build(2)
    with torch.no_grad():
        prior.mean_steps += 1
        prior.log_variance_steps += 1
    z = torch.randn(9, 2, generator=rng())
    torch.testing.assert_close(prior.log_prob_given(z)[:, 0], Normal(0.0, 1.0).log_prob(z[:, 0]))
    assert not torch.allclose(prior.log_prob_given(z)[:, 1], Normal(0.0, 1.0).log_prob(z[:, 1]))


@pytest.mark.parametrize("count", [2, 3, 7])
def test_a_clustered_root_has_variance_1_and_the_density_of_its_mixture(count):
    prior = Hierarchical(clusters=count, parents=(-1, -1), conditional="linear").build(2)
    drawn = prior.sample(100_000, rng()).double()
    torch.testing.assert_close(drawn.T.cov(), torch.eye(2).double(), atol=0.02, rtol=0)
    z = torch.linspace(-4, 4, 4_001).double()
    density = prior.log_prob(torch.stack([z, z], dim=1)).exp().sqrt()  # both roots are the same
    assert (density.sum() * (z[1] - z[0])).item() == pytest.approx(1, abs=1e-4)
    peaks = (density[1:-1] > density[:-2]) & (density[1:-1] > density[2:])
    assert peaks.sum() == count
    assert prior.kl_each(DiagonalNormal(drawn, drawn)) is None


@pytest.mark.parametrize(
    ("settings", "rule"),
    [
        ({"parents": (-1, 1, 0)}, "parents must name a latent that comes before"),
        ({"parents": (-2, 0, 0)}, "parents must name a latent that comes before"),
        ({"parents": (-1, 0)}, r"parents must be as many as the latents \(3\)"),
        ({"correlation": 1.0}, "correlation must lie between"),
        ({"clusters": 0}, "clusters must be 1 or more"),
        ({"conditional": "given"}, "conditional must be one of"),
    ],
)
def test_settings_that_are_no_tree_are_refused(settings, rule):
    with pytest.raises(InputError, match=rule):
        Hierarchical(**settings).build(3)
