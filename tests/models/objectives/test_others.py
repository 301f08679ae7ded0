"""What is special about the other methods, and what no method's settings may be."""

import pytest
import torch

from unweave.base.errors import InputError
from unweave.base.records import Pass
from unweave.base.registry import methods
from unweave.base.seeds import Generators
from unweave.models.distributions import DiagonalNormal
from unweave.models.distributions.isotropic import IsotropicPrior
from unweave.models.divergences.minibatch import split_kl
from unweave.models.objectives.annealed_vae import AnnealedVAE
from unweave.models.objectives.beta_tcvae import BetaTCVAE
from unweave.models.objectives.beta_vae import BetaVAE


def a_pass(step: int = 0, training: bool = True) -> Pass:
    rng = torch.Generator().manual_seed(0)
    q = DiagonalNormal(torch.randn(16, 3, generator=rng), torch.randn(16, 3, generator=rng))
    return Pass(
        x=torch.zeros(16, 1, 2, 2),
        posterior=q,
        z=q.rsample(rng),
        prior=IsotropicPrior(3),
        step=step,
        training=training,
        distortion=torch.rand(16, generator=rng) * 50,
        data_size=1000,
        rng=Generators(0),
        total_steps=100,
    )


def test_beta_rises_over_its_warmup():
    assert BetaVAE(beta=4, warmup=100)(a_pass(25))["kl"].weight == 1.0
    assert BetaVAE(beta=4)(a_pass(0))["kl"].weight == 4.0


def test_capacity_gap_is_taken_of_the_batch_mean_not_of_each_image():
    at = a_pass()
    kl = IsotropicPrior(3).kl_each(at.posterior).sum(1)
    terms = AnnealedVAE(gamma=10, capacity_min=kl.mean().item(), capacity_max=50)(at)
    assert terms["capacity_gap"].mean.item() == pytest.approx(0, abs=1e-5)
    assert (kl - kl.mean()).abs().mean() > 0.1


def test_capacity_grows_then_stays_and_is_full_at_evaluation():
    method = AnnealedVAE(gamma=1, capacity_max=10, anneal_steps=100)
    kl = IsotropicPrior(3).kl_each(a_pass().posterior).sum(1).mean().item()
    for at, capacity in ((a_pass(50), 5), (a_pass(500), 10), (a_pass(0, training=False), 10)):
        assert method(at)["capacity_gap"].mean.item() == pytest.approx(abs(kl - capacity), abs=1e-4)


@pytest.mark.parametrize("estimator", ["mss-symmetric", "mss", "mws"])
def test_tcvae_with_other_weights_is_the_weighted_sum_of_the_three_parts(estimator):
    at = a_pass()
    mi, tc, dkl = split_kl(at.posterior, at.z, at.prior, at.data_size, estimator)
    method = BetaTCVAE(alpha=0.5, beta=3, gamma=2, estimator=estimator)
    expected = at.distortion + 0.5 * mi + 3 * tc + 2 * dkl
    assert method(at).loss.item() == pytest.approx(expected.mean().item(), rel=1e-5)


def test_tcvae_form_with_the_exact_rate_has_the_same_expectation():
    """Averaged over many draws, KL + (beta - 1) TC equals MI + beta TC + sum KL: the parts add up to the KL."""
    at = a_pass()
    mi, tc, dkl = split_kl(at.posterior, at.z, at.prior, at.data_size)
    exact = BetaTCVAE(beta=4)(at).loss - at.distortion.mean()
    sampled = (mi + 4 * tc + dkl).mean()
    kl = IsotropicPrior(3).kl_each(at.posterior).sum(1).mean()
    assert (exact - sampled).item() == pytest.approx((kl - (mi + tc + dkl).mean()).item(), abs=1e-4)


@pytest.mark.parametrize(
    ("name", "settings", "rule"),
    [
        ("aae", {"variant": "wasserstein"}, "variant must be"),
        ("aae", {"strength": -1}, "strength must be 0 or more"),
        ("cascade-vae", {"categories": 1}, "categories must be 2 or more"),
        ("cascade-vae", {"stage_steps": 0}, "stage_steps must be 1 or more"),
        ("cascade-vae", {"balance": -0.1}, "balance must be 0 or more"),
        ("cascade-vae", {"heavy": -1.0}, "heavy must be 0 or more"),
        ("decomposition-vae", {"alpha": -1}, "alpha must be 0 or more"),
        ("decomposition-vae", {"divergence": "mmd"}, "divergence must be one of mmd-dim, mmd-joint"),
        ("decomposition-vae", {"entropy": "exact"}, "entropy must be one of sample, analytic"),
        *(("dip-vae-i", {"average": average}, "average must") for average in (1.0, 1.5, -0.1)),
        ("joint-vae", {"categories": (3, 1)}, "categories must be 2 or more"),
        ("joint-vae", {"tau": 0.0}, "tau must be more than 0"),
        ("joint-vae", {"capacity_min": 3.0, "capacity_max": 2.0}, "capacity_max must be 3.0 or more"),
        ("joint-vae", {"gamma_discrete": -1.0}, "gamma_discrete must be 0 or more"),
    ],
)
def test_settings_out_of_range_are_refused(name, settings, rule):
    with pytest.raises(InputError, match=rule):
        methods.get(name)(**settings)
