"""Decomposition VAE: overlap and structure apart, its identities, and the released code's faults."""

import math
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from torch import distributions as reference

from unweave.base.records import NATS, Pass
from unweave.base.seeds import Generators
from unweave.models.distributions import DiagonalNormal
from unweave.models.distributions.anisotropic import Anisotropic
from unweave.models.distributions.isotropic import Isotropic
from unweave.models.distributions.mixture import Mixture
from unweave.models.distributions.sparse import Sparse
from unweave.models.distributions.student import Student
from unweave.models.divergences.inclusive import exclusive_kl, inclusive_kl
from unweave.models.divergences.mmd import mmd_joint, mmd_per_latent
from unweave.models.objectives.decomposition_vae import DecompositionVAE
from unweave.models.objectives.vae import VAEObjective

PRIORS = {"isotropic": Isotropic(), "student": Student(), "mixture": Mixture(), "sparse": Sparse()}


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def a_pass(prior=PRIORS["isotropic"], d=2, n=16, learn_mean=False) -> Pass:
    mean = torch.randn(n, d, generator=rng()).requires_grad_(learn_mean)
    q = DiagonalNormal(mean, torch.randn(n, d, generator=rng(1)) - 1)
    return Pass(
        x=torch.zeros(n, 1, 2, 2), posterior=q, z=q.rsample(rng(2)), prior=prior.build(d),
        distortion=torch.rand(n, generator=rng(3)) * 50, data_size=n, rng=Generators(0),
    )  # fmt: skip


@pytest.mark.parametrize("name", PRIORS)
def test_without_alpha_it_is_the_vae_under_any_prior(name):
    at = a_pass(PRIORS[name])
    for divergence in ("mmd-joint", "kl-inclusive", "kl-exclusive", "none"):
        method = DecompositionVAE(alpha=0, beta=1, divergence=divergence)
        assert method(at).loss.item() == pytest.approx(VAEObjective()(at).loss.item(), rel=1e-6)


@pytest.mark.parametrize("divergence", ["mmd-dim", "mmd-joint", "kl-inclusive", "kl-exclusive"])
def test_each_divergence_is_the_function_it_names(divergence):
    at = a_pass()
    drawn = at.prior.sample(16, Generators(0)["prior"])
    expected = {
        "mmd-dim": lambda: mmd_per_latent(drawn, at.z).sum(),
        "mmd-joint": lambda: mmd_joint(drawn, at.z),
        "kl-inclusive": lambda: inclusive_kl(at.posterior, at.prior, Generators(0)["prior"]).mean(),
        "kl-exclusive": lambda: exclusive_kl(at.posterior, at.z, at.prior, 16).mean(),
    }[divergence]().item()
    terms = DecompositionVAE(alpha=3, beta=0.5, divergence=divergence)(at)
    assert terms["divergence"].mean.item() == pytest.approx(expected, rel=1e-6)
    assert terms["divergence"].unit == ("squared MMD" if divergence.startswith("mmd") else NATS)
    kl = at.prior.kl_each(at.posterior).sum(1).mean().item()
    assert terms.loss.item() == pytest.approx(at.distortion.mean().item() + 0.5 * kl + 3 * expected, rel=1e-5)


@pytest.mark.parametrize("alpha", [0.0, 1.0])
def test_an_unweighted_divergence_is_logged_without_gradient(alpha):
    at = a_pass(learn_mean=True)
    terms = DecompositionVAE(alpha=alpha, beta=0, divergence="kl-inclusive")(at)
    assert terms["divergence"].value.requires_grad == (alpha > 0)
    assert terms["divergence"].mean.isfinite()


def test_none_has_no_divergence():
    assert set(DecompositionVAE(divergence="none")(a_pass())) == {"distortion", "kl"}


def test_the_rate_of_a_mixture_is_one_number_an_image():
    at = a_pass(PRIORS["mixture"])
    value = DecompositionVAE(alpha=0)(at)["kl"].value
    assert value.shape == (16,)
    parts = reference.Independent(reference.Normal(at.prior.means, math.sqrt(0.03)), 1)
    p = reference.MixtureSameFamily(reference.Categorical(torch.ones(4)), parts)
    expected = reference.Normal(at.posterior.mean, at.posterior.std).log_prob(at.z).sum(1) - p.log_prob(at.z)
    torch.testing.assert_close(value, expected, rtol=1e-4, atol=1e-4)


def test_the_released_code_counts_a_mixtures_density_once_for_every_latent():
    """Its log p of shape (K, n, 1) is subtracted from log q of shape (K, n, d) before the sum over d."""
    at = a_pass(PRIORS["mixture"], d=3)
    log_q, log_p = at.posterior.log_prob_each(at.z)[None], at.prior.log_prob(at.z)[None, :, None]
    released = (log_q - log_p).sum(-1)[0]
    found = DecompositionVAE(alpha=0, legacy_mixture_kl=True)(at)["kl"].value
    torch.testing.assert_close(found, released)
    ours = DecompositionVAE(alpha=0)(at)["kl"].value
    torch.testing.assert_close(found, ours - 2 * at.prior.log_prob(at.z))


def test_the_analytic_entropy_has_the_same_mean_and_less_noise():
    at = a_pass(PRIORS["sparse"], n=1)
    many = replace(
        at, posterior=DiagonalNormal(at.posterior.mean.expand(20_000, 2), at.posterior.log_variance.expand(20_000, 2))
    )
    many = replace(many, z=many.posterior.rsample(rng(5)), distortion=torch.zeros(20_000))
    sampled, analytic = (
        DecompositionVAE(alpha=0, divergence="none", entropy=entropy)(many)["kl"].value
        for entropy in ("sample", "analytic")
    )
    assert sampled.mean().item() == pytest.approx(analytic.mean().item(), abs=5 * sampled.std().item() / 20_000**0.5)
    assert not torch.allclose(sampled, analytic)


@pytest.mark.parametrize("beta", [0.5, 1.0, 4.0])
def test_beta_is_an_annealed_prior_and_a_bonus_for_entropy(beta):
    """beta KL(q||p) = KL(q||f) - (beta - 1) H(q) - log F, with f = p^beta / F: for N(0, I), f = N(0, I / beta)."""
    d = 5
    q = DiagonalNormal(torch.randn(200, d, generator=rng()), torch.randn(200, d, generator=rng(1)))
    annealed = Anisotropic(scale=1 / beta).build(d)
    log_f = d / 2 * ((1 - beta) * math.log(2 * math.pi) - math.log(beta))
    left = beta * Isotropic().build(d).kl_each(q).sum(1)
    right = annealed.kl_each(q).sum(1) - (beta - 1) * q.entropy_each().sum(1) - log_f
    torch.testing.assert_close(left, right, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("prior", "free"), [(Isotropic(), True), (Anisotropic(variances=(2.0, 1, 0.5)), False)])
def test_a_rotation_of_codes_costs_nothing_under_an_isotropic_prior_only(prior, free):
    """A linear decoder turned back undoes the rotation; with the same width in every direction q stays diagonal."""
    n, d = 40, 3
    rotation = torch.linalg.qr(torch.randn(d, d, generator=rng(4)))[0]
    weights, x = torch.randn(d, 6, generator=rng(5)), torch.randn(n, 6, generator=rng(6))
    mean, log_variance = torch.randn(n, d, generator=rng()), torch.randn(n, 1, generator=rng(1)).expand(n, d)
    noise = torch.randn(n, d, generator=rng(2))
    losses = []
    for turn in (torch.eye(d), rotation):
        q = DiagonalNormal(mean @ turn, log_variance)
        z = q.mean + q.std * (noise @ turn)
        distortion = (z @ turn.T @ weights - x).square().sum(1)
        at = replace(a_pass(d=d, n=n), posterior=q, z=z, distortion=distortion, prior=prior.build(d))
        losses.append(DecompositionVAE(beta=4, alpha=0, divergence="none")(at).loss.item())
    assert (abs(losses[0] - losses[1]) < 1e-4) == free


def test_a_learned_variance_learns_from_the_rate_and_not_from_the_divergence():
    at = replace(a_pass(learn_mean=True), prior=Anisotropic(learn=True, variances=(2.0, 0.5)).build(2))
    (parameter,) = at.prior.parameters()
    for divergence in ("mmd-dim", "mmd-joint", "kl-inclusive"):
        DecompositionVAE(beta=0, alpha=1, divergence=divergence)(at).loss.backward(retain_graph=True)
        assert parameter.grad is None
    DecompositionVAE(beta=1, alpha=0)(at).loss.backward()
    assert parameter.grad.any()


def test_what_a_prior_cannot_give_is_refused_with_a_sentence():
    clusters, normal = (SimpleNamespace(prior=prior.build(2)) for prior in (Mixture(), Isotropic()))
    assert "cannot see the structure" in DecompositionVAE(divergence="mmd-dim").refuses(clusters)
    for divergence in ("mmd-joint", "kl-inclusive", "kl-exclusive", "none"):
        assert DecompositionVAE(divergence=divergence).refuses(clusters) is None
    assert DecompositionVAE(divergence="mmd-dim").refuses(normal) is None
    legacy = DecompositionVAE(legacy_mixture_kl=True)
    assert "needs a prior that does not factorise" in legacy.refuses(normal)
    assert legacy.refuses(clusters) is None


def test_adam_uses_amsgrad_unless_told_otherwise():
    assert DecompositionVAE().optimiser().amsgrad
    assert not DecompositionVAE(amsgrad=False).optimiser().amsgrad
