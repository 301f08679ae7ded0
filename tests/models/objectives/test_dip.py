"""DIP-VAE I and II: penalties on a covariance, written out element by element."""

import numpy as np
import pytest
import torch
from tests.models.objectives.small import SMALL

from unweave.base.records import Pass
from unweave.base.seeds import Generators
from unweave.engine import Spec
from unweave.engine.loop import Loop
from unweave.models.distributions import DiagonalNormal
from unweave.models.distributions.isotropic import IsotropicPrior
from unweave.models.objectives.dip import covariance_of_means
from unweave.models.objectives.dip_vae_i import DIPVAEI
from unweave.models.objectives.dip_vae_ii import DIPVAEII


def a_posterior(seed: int = 0) -> DiagonalNormal:
    rng = torch.Generator().manual_seed(seed)
    mean = torch.randn(20, 4, generator=rng) @ torch.randn(4, 4, generator=rng) + 2
    return DiagonalNormal(mean, torch.randn(20, 4, generator=rng))


def a_pass(q: DiagonalNormal, training: bool = True, memory: dict | None = None) -> Pass:
    rng = torch.Generator().manual_seed(9)
    return Pass(
        x=torch.zeros(20, 1, 2, 2), posterior=q, z=q.rsample(rng), prior=IsotropicPrior(4), training=training,
        distortion=torch.rand(20, generator=rng), data_size=100, rng=Generators(0),
        memory={} if memory is None else memory,
    )  # fmt: skip


def covariance(q: DiagonalNormal, second: bool) -> np.ndarray:
    """E[mu mu^T] - E[mu] E[mu]^T, image by image, and for II the mean variances on the diagonal."""
    mean, variance = q.mean.double().numpy(), q.log_variance.double().exp().numpy()
    outer = sum(np.outer(row, row) for row in mean) / len(mean)
    found = outer - np.outer(mean.mean(0), mean.mean(0))
    return found + (np.diag(variance.mean(0)) if second else 0)


def penalties(c: np.ndarray) -> tuple[float, float]:
    """Sums over i != j of C_ij^2 and over i of (C_ii - 1)^2, by loops."""
    d = len(c)
    off = sum(c[i, j] ** 2 for i in range(d) for j in range(d) if i != j)
    return off, sum((c[i, i] - 1) ** 2 for i in range(d))


@pytest.mark.parametrize(("method", "second"), [(DIPVAEI, False), (DIPVAEII, True)])
def test_the_loss_is_its_formula(method, second):
    q = a_posterior()
    at = a_pass(q)
    off, on = penalties(covariance(q, second))
    kl = IsotropicPrior(4).kl_each(q).sum(1)
    expected = (at.distortion + kl).mean().item() + 3 * off + 5 * on
    terms = method(off_diagonal=3, diagonal=5)(at)
    assert terms.loss.item() == pytest.approx(expected, rel=1e-4)
    assert terms["off_diagonal"].unit == "squared covariance"


def test_the_covariance_divides_by_the_number_of_images():
    q = a_posterior()
    assert torch.allclose(covariance_of_means(q), torch.cov(q.mean.T, correction=0), atol=1e-5)


def test_a_code_with_identity_covariance_costs_nothing():
    rows = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]]).repeat(5, 1)
    terms = DIPVAEI()(pass_of(DiagonalNormal(rows, torch.zeros(20, 2))))
    assert (terms["diagonal"].mean.item(), terms["off_diagonal"].mean.item()) == (0.0, 0.0)
    noisy = DIPVAEII()(pass_of(DiagonalNormal(rows, torch.zeros(20, 2))))
    assert noisy["diagonal"].mean.item() == pytest.approx(2.0)  # variances 1 + 1, off by 1 each


def pass_of(q: DiagonalNormal) -> Pass:
    return Pass(
        x=torch.zeros(20, 1, 2, 2), posterior=q, z=q.mean, prior=IsotropicPrior(q.mean.shape[1]),
        distortion=torch.zeros(20), data_size=100, rng=Generators(0),
    )  # fmt: skip


def test_a_running_average_mixes_batches_and_lets_only_the_last_one_have_a_gradient():
    first, second = a_posterior(0), a_posterior(1)
    second.mean.requires_grad_()
    method, memory = DIPVAEI(off_diagonal=1, diagonal=1, average=0.75), {}
    method(a_pass(first, memory=memory))
    assert torch.allclose(memory["covariance"], covariance_of_means(first), atol=1e-5)
    terms = method(a_pass(second, memory=memory))
    mixed = 0.75 * covariance(first, False) + 0.25 * covariance(
        DiagonalNormal(second.mean.detach(), second.log_variance), False
    )
    off, on = penalties(mixed)
    assert terms["off_diagonal"].mean.item() == pytest.approx(off, rel=1e-4)
    assert terms["diagonal"].mean.item() == pytest.approx(on, rel=1e-4)
    assert not memory["covariance"].requires_grad
    gradient = torch.autograd.grad(terms["off_diagonal"].mean, second.mean)[0]
    constant = torch.from_numpy(covariance(first, False)).float()
    again = 0.75 * constant + 0.25 * covariance_of_means(second)
    direct = torch.autograd.grad(again.square().sum() - again.diagonal().square().sum(), second.mean)[0]
    assert torch.allclose(gradient, direct, rtol=1e-3, atol=1e-4)


def test_evaluation_does_not_move_the_average():
    memory = {}
    DIPVAEII(average=0.5)(a_pass(a_posterior(), training=False, memory=memory))
    assert memory == {}


def test_the_average_is_part_of_the_state_of_a_run():
    """Saved half-way and restored, training goes on to the same bytes."""
    spec = Spec.make("dip-vae-i", **SMALL, average=0.9)
    whole = Loop(spec)
    for _ in range(3):
        whole.step()
    saved = {name: tensor.clone() for name, tensor in whole.state.tensors().items()}
    counters = whole.state.counters()
    assert "memory/covariance" in saved
    again = Loop(spec)
    again.state.restore(saved, counters)
    for loop in (whole, again):
        for _ in range(3):
            loop.step()
    for ours, theirs in zip(whole.state.vae.parameters(), again.state.vae.parameters(), strict=True):
        assert torch.equal(ours, theirs)
