"""The density-ratio trick: permutations, logits, and a trained critic against the closed form."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from unweave.models.divergences.density_ratio import accuracy, classification_loss, log_ratio, permute_dims
from unweave.models.nets.critic import mlp_critic


@given(n=st.integers(2, 30), d=st.integers(1, 5), seed=st.integers(0, 100))
def test_permuting_keeps_every_marginal(n, d, seed):
    rng = torch.Generator().manual_seed(seed)
    z = torch.randn(n, d, generator=rng)
    assert torch.equal(permute_dims(z, rng).sort(0).values, z.sort(0).values)


def test_every_latent_gets_a_permutation_of_its_own():
    z = torch.arange(64.0)[:, None].expand(64, 4)
    shuffled = permute_dims(z, torch.Generator().manual_seed(0))
    assert all(not torch.equal(shuffled[:, 0], shuffled[:, j]) for j in range(1, 4))


def test_permuted_codes_have_no_gradient():
    z = torch.randn(8, 2, requires_grad=True)
    assert not permute_dims(z, torch.Generator().manual_seed(0)).requires_grad


def test_log_ratio_survives_logits_at_which_a_sigmoid_saturates():
    assert log_ratio(torch.tensor([[60.0, -60.0]])).item() == 120.0


def test_loss_and_accuracy_of_a_blind_critic():
    blind = torch.zeros(10, 2)
    assert classification_loss(blind, blind).item() == pytest.approx(math.log(2))
    assert accuracy(blind, blind).item() == 0.5


def test_trained_critic_finds_the_total_correlation_of_correlated_normals():
    r, rng = 0.8, torch.Generator().manual_seed(0)
    exact = -0.5 * math.log(1 - r * r)  # 0.511 nats

    def draw(n: int) -> torch.Tensor:
        a, b = torch.randn(2, n, generator=rng)
        return torch.stack([a, r * a + math.sqrt(1 - r * r) * b], dim=1)

    net = mlp_critic(2, layers=2, width=64, rng=rng)
    adam = torch.optim.Adam(net.parameters(), lr=2e-3)
    for _ in range(400):
        adam.zero_grad()
        classification_loss(net(draw(256)), net(permute_dims(draw(256), rng))).backward()
        adam.step()
    with torch.no_grad():
        found = log_ratio(net(draw(20_000))).mean().item()
    assert found == pytest.approx(exact, abs=0.08)
