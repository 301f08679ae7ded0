"""What is special about each structured prior: closed forms, limits, and starts from data."""

import math

import pytest
import torch
from torch import distributions as reference

from unweave.base.errors import InputError
from unweave.models.distributions import DiagonalNormal
from unweave.models.distributions.anisotropic import Anisotropic, pca_variances
from unweave.models.distributions.isotropic import Isotropic
from unweave.models.distributions.mixture import Mixture
from unweave.models.distributions.sparse import Sparse
from unweave.models.distributions.student import Student


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def codes(n=50, d=3, seed=0):
    return torch.randn(n, d, generator=rng(seed))


def some_images(n=200, seed=0, offset=5.0):
    """Pictures whose pixels have rank 30, falling variances and a large common mean."""
    spread = torch.diag(torch.linspace(3, 0.5, 30))
    basis = torch.linalg.qr(torch.randn(36, 36, generator=rng(seed)))[0][:30]
    return (offset + codes(n, 30, seed) @ spread @ basis).reshape(n, 1, 6, 6)


def learned(prior):
    return [name for name, _ in prior.named_parameters()]


# ---- anisotropic


def test_given_variances_are_used_as_they_are_times_scale():
    prior = Anisotropic(variances=(4.0, 1.0, 0.25), scale=2.0).build(3)
    z = codes()
    expected = reference.Normal(0, torch.tensor([8.0, 2.0, 0.5]).sqrt()).log_prob(z)
    torch.testing.assert_close(prior.log_prob_each(z), expected)
    q = DiagonalNormal(codes(seed=1), codes(seed=2))
    kl = reference.kl_divergence(
        reference.Normal(q.mean, q.std), reference.Normal(0, torch.tensor([8.0, 2.0, 0.5]).sqrt())
    )
    torch.testing.assert_close(prior.kl_each(q), kl)


def test_equal_variances_are_the_isotropic_prior():
    q, z = DiagonalNormal(codes(), codes(seed=1)), codes(seed=2)
    torch.testing.assert_close(Anisotropic().build(3).kl_each(q), Isotropic().build(3).kl_each(q))
    torch.testing.assert_close(Anisotropic().build(3).log_prob(z), Isotropic().build(3).log_prob(z))


@pytest.mark.parametrize("make", [Anisotropic, Student, Sparse, Mixture])
def test_learned_variances_get_a_gradient_and_keep_their_sum(make):
    prior = make(learn=True, variances=(1.5, 0.75, 0.75)).build(3)
    (name,) = learned(prior)
    assert name.endswith("logits")
    adam = torch.optim.Adam(prior.parameters(), lr=0.1)
    start = prior.get_parameter(name).clone()
    for _ in range(20):
        adam.zero_grad()
        (-prior.log_prob(codes() * torch.tensor([0.3, 1.0, 2.0]))).mean().backward()
        assert prior.get_parameter(name).grad.any()
        adam.step()
    assert not torch.allclose(start, prior.get_parameter(name))
    spread = prior.get_submodule(name.rpartition(".")[0])
    assert spread.log().exp().sum().item() == pytest.approx(3.0 * make().scale, rel=1e-5)


def test_fixed_variances_are_kept_with_the_weights_and_not_trained():
    prior = Anisotropic(start="pca").build(3, some_images)
    assert learned(prior) == []
    again = Anisotropic(start="pca").build(3)  # as a run is opened: no data, weights to come
    assert not torch.allclose(again.spread.log(), prior.spread.log())
    again.load_state_dict(prior.state_dict())
    assert torch.equal(again.spread.log(), prior.spread.log())


def test_pca_takes_the_largest_variances_of_centred_images_in_order():
    images = some_images()
    exact = torch.linalg.eigvalsh(torch.cov(images.flatten(1).T.double(), correction=0)).flip(0)[:10]
    torch.testing.assert_close(pca_variances(images, 10).double(), exact, rtol=1e-5, atol=0)
    prior = Anisotropic(start="pca", scale=0.5).build(10, lambda: images)
    torch.testing.assert_close(prior.spread.log().exp().double(), 0.5 * 10 * exact / exact.sum(), rtol=1e-5, atol=0)


def test_legacy_pca_takes_the_smaller_ten_of_twenty_uncentred_singular_values():
    images = some_images()
    squares = torch.linalg.svdvals(images.flatten(1).double()).square() / len(images)
    found = pca_variances(images, 10, legacy=True).double()
    torch.testing.assert_close(found, squares[10:20].flip(0), rtol=1e-4, atol=0)
    assert found[0] < found[-1] < squares[9]  # rising, and none of the ten that matter


def test_a_start_from_data_that_cannot_be_had_is_refused():
    with pytest.raises(InputError, match="latents must be 6 or fewer for variances from the data"):
        pca_variances(torch.rand(6, 1, 4, 4), 7)
    with pytest.raises(InputError, match="start by pca needs data that vary in 2 directions"):
        pca_variances(torch.rand(6, 1, 1, 1).expand(6, 1, 2, 2), 2)
    with pytest.raises(InputError, match="latents must be 20 or fewer, with 20 images"):
        pca_variances(some_images(), 21, legacy=True)


@pytest.mark.parametrize(
    ("prior", "settings", "rule"),
    [
        (Anisotropic, {"scale": 0.0}, "scale must be more than 0"),
        (Anisotropic, {"variances": (1.0, -1.0)}, "variances must be more than 0"),
        (Anisotropic, {"variances": (1.0,), "start": "pca"}, "start must be iso where variances are given"),
        (Anisotropic, {"legacy_pca": True}, "legacy_pca needs start to be pca"),
        (Sparse, {"gamma": 1.5}, "gamma must lie between 0 and 1"),
        (Sparse, {"sigma0": 0.0}, "sigma0 must be more than 0"),
        (Student, {"df": 0}, "df must be more than 0"),
    ],
)
def test_bad_settings_are_refused(prior, settings, rule):
    with pytest.raises(InputError, match=rule):
        prior(**settings)


def test_variances_must_be_as_many_as_latents():
    with pytest.raises(InputError, match="variances must be as many as the latents"):
        Anisotropic(variances=(1.0, 2.0)).build(3)


# ---- student-t


def test_student_is_torchs_t_with_scale_the_root_of_v():
    prior, z = Student(df=5.0, variances=(4.0, 1.0, 0.25)).build(3), 3 * codes()
    expected = reference.StudentT(5.0, 0.0, torch.tensor([2.0, 1.0, 0.5])).log_prob(z)
    torch.testing.assert_close(prior.log_prob_each(z), expected, rtol=1e-5, atol=1e-5)


def test_student_with_many_degrees_of_freedom_is_normal():
    z = 2 * codes()
    many, normal = Student(df=1e8).build(3).log_prob_each(z), Isotropic().build(3).log_prob_each(z)
    torch.testing.assert_close(many, normal, atol=1e-4, rtol=0)
    few = Student(df=9).build(3).log_prob_each(z)
    assert (few - normal).abs().max() > 0.1


def test_student_has_the_tails_of_its_degrees_of_freedom():
    drawn = Student(df=9.0).build(2).sample(100_000, rng())
    assert drawn.var().item() == pytest.approx(9 / 7, rel=0.02)
    kurtosis = (drawn**4).mean() / drawn.var() ** 2
    assert kurtosis.item() == pytest.approx(3 + 6 / (9 - 4), rel=0.15)


def test_only_an_isotropic_normal_allows_rotation():
    rotation = torch.linalg.qr(torch.randn(3, 3, generator=rng(7)))[0]
    z = 2 * codes()
    isotropic = Isotropic().build(3)
    torch.testing.assert_close(isotropic.log_prob(z @ rotation), isotropic.log_prob(z), atol=1e-4, rtol=0)
    for other in (Student(df=5), Anisotropic(variances=(2.0, 1.0, 0.5)), Sparse()):
        prior = other.build(3)
        assert (prior.log_prob(z @ rotation) - prior.log_prob(z)).abs().max() > 0.1


# ---- mixture


def torch_mixture(means, variance, weights):
    parts = reference.Independent(reference.Normal(means, math.sqrt(variance)), 1)
    return reference.MixtureSameFamily(reference.Categorical(weights), parts)


def test_the_default_mixture_is_torchs_and_gives_one_number_a_code():
    means = torch.tensor([[0.0, -1], [0, 1], [1, 0], [-1, 0]])
    z = codes(64, 2)
    found = Mixture().build(2).log_prob(z)
    assert found.shape == (64,)
    torch.testing.assert_close(found, torch_mixture(means, 0.03, torch.ones(4) / 4).log_prob(z), rtol=1e-4, atol=1e-4)


def test_means_and_weights_can_be_given():
    prior = Mixture(components=2, means=(0.0, 1, 2, 3, 4, 5), weights=(1.0, 3.0), scale=0.5).build(3)
    z = codes()
    expected = torch_mixture(torch.tensor([[0.0, 1, 2], [3, 4, 5]]), 0.5, torch.tensor([0.25, 0.75])).log_prob(z)
    torch.testing.assert_close(prior.log_prob(z), expected, rtol=1e-4, atol=1e-4)
    drawn = prior.sample(20_000, rng())
    assert (drawn[:, 0] > 1.5).double().mean().item() == pytest.approx(0.75, abs=0.03)


def test_further_latents_of_a_circle_stay_at_the_centre():
    means = Mixture(components=3, radius=2.0).build(4).means
    assert means[:, 2:].abs().max() == 0
    torch.testing.assert_close(means.norm(dim=1), torch.full((3,), 2.0))


@pytest.mark.parametrize(
    ("settings", "latents", "rule"),
    [
        ({"components": 0}, 2, "components must be 1 or more"),
        ({"weights": (1.0, 2.0)}, 2, "weights must be as many as the components"),
        ({"weights": (1.0, 2.0, 3.0, 0.0)}, 2, "weights must be more than 0"),
        ({"means": (1.0, 2.0, 3.0)}, 2, "means must hold components x latents numbers"),
        ({}, 1, "latents must be 2 or more for clusters on a circle"),
    ],
)
def test_mixtures_that_do_not_fit_are_refused(settings, latents, rule):
    with pytest.raises(InputError, match=rule):
        Mixture(**settings).build(latents)


# ---- sparse


@pytest.mark.parametrize("variances", [None, (2.0, 1.0, 0.5)])
def test_without_a_spike_the_sparse_prior_is_its_slab_in_value_and_gradient(variances):
    z = torch.cat([codes(), torch.zeros(1, 3), torch.full((1, 3), 40.0)])
    grads = []
    for prior in (Sparse(gamma=0.0, variances=variances).build(3), Anisotropic(variances=variances).build(3)):
        at = z.clone().requires_grad_()
        value = prior.log_prob_each(at)
        (grad,) = torch.autograd.grad(value.sum(), at)
        grads.append((value, grad))
    torch.testing.assert_close(grads[0], grads[1])


def test_all_spike_is_the_narrow_normal():
    z = 0.1 * codes()
    torch.testing.assert_close(Sparse(gamma=1.0).build(3).log_prob_each(z), reference.Normal(0, 0.05).log_prob(z))


def test_sigma0_is_a_standard_deviation_and_gamma_the_share_of_the_spike():
    drawn = Sparse(gamma=0.8, sigma0=0.05).build(2).sample(100_000, rng())
    assert drawn.var().item() == pytest.approx(0.8 * 0.05**2 + 0.2, rel=0.02)
    small = (drawn.abs() < 0.15).double().mean().item()
    assert small == pytest.approx(0.8 * 0.9973 + 0.2 * 0.1192, abs=0.005)
