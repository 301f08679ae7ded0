"""AAE: what it leaves out of the VAE's loss, and a critic that knows the prior."""

import pytest
import torch
from tests.models.objectives.small import WITH_CRITIC as SMALL
from torch import nn

from unweave.base.records import Pass
from unweave.base.seeds import Generators
from unweave.engine import Spec
from unweave.engine.loop import Loop
from unweave.models.distributions import DiagonalNormal
from unweave.models.distributions.isotropic import IsotropicPrior
from unweave.models.distributions.normal import log_normal
from unweave.models.objectives.aae import AAE, prior_samples


class ExactCritic(nn.Module):
    """The two log densities themselves: log q(z) over the images given, and log p(z)."""

    def __init__(self, q: DiagonalNormal, prior: IsotropicPrior) -> None:
        super().__init__()
        self.q, self.prior = q, prior

    def log_aggregate(self, z: torch.Tensor) -> torch.Tensor:
        pairs = log_normal(z[:, None], self.q.mean[None], self.q.log_variance[None]).sum(-1)
        return pairs.logsumexp(1) - torch.tensor(float(len(self.q.mean))).log()

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return torch.stack([self.log_aggregate(z), self.prior.log_prob(z)], dim=1)


def a_pass() -> Pass:
    rng = torch.Generator().manual_seed(0)
    q = DiagonalNormal(2 * torch.randn(32, 3, generator=rng), torch.randn(32, 3, generator=rng) - 2)
    prior = IsotropicPrior(3)
    return Pass(
        x=torch.zeros(32, 1, 2, 2), posterior=q, z=q.rsample(rng), prior=prior, data_size=32,
        distortion=torch.rand(32, generator=rng), rng=Generators(0), critic=ExactCritic(q, prior),
        distortion_weight=3.0,
    )  # fmt: skip


def test_with_the_mutual_information_back_in_it_is_the_vae():
    """recon + MI + KL(q(z) || p(z)) = recon + E [log q(z|x) - log p(z)], sample by sample."""
    at = a_pass()
    information = (at.posterior.log_prob(at.z) - at.critic.log_aggregate(at.z)).mean()
    vae = 3 * at.distortion.mean() + (at.posterior.log_prob(at.z) - at.prior.log_prob(at.z)).mean()
    assert (AAE()(at).loss + information).item() == pytest.approx(vae.item(), rel=1e-5)


def test_strength_scales_the_divergence_alone():
    at = a_pass()
    one, five = AAE(strength=1)(at), AAE(strength=5)(at)
    divergence = one["aggregate_kl"].mean.item()
    assert (five.loss - one.loss).item() == pytest.approx(4 * divergence, rel=1e-5)
    assert not one["kl"].active


def test_the_gan_variant_is_minus_log_of_the_priors_probability():
    at = a_pass()
    logits = at.critic(at.z)
    expected = 3 * at.distortion.mean() - 2 * logits.log_softmax(1)[:, 1].mean()
    assert AAE(variant="gan", strength=2)(at).loss.item() == pytest.approx(expected.item(), rel=1e-5)


def test_a_trained_critic_finds_the_divergence_of_two_normals():
    """KL(N(1, 1) || N(0, 1)) = 1/2 nat for one latent."""
    rng, prior = Generators(0), IsotropicPrior(1)
    critic = AAE(critic_layers=1, critic_width=16).critic()
    net = critic.build(1, rng["critic-init"])
    optimiser = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(600):
        z = 1 + torch.randn(256, 1, generator=rng["noise"])
        optimiser.zero_grad()
        critic.loss(net, z, critic.reference(z, prior, rng)).loss.backward()
        optimiser.step()
    z = 1 + torch.randn(20_000, 1, generator=rng["noise"])
    logits = net(z).detach()
    assert (logits[:, 0] - logits[:, 1]).mean().item() == pytest.approx(0.5, abs=0.1)


def test_the_reference_is_as_many_draws_of_the_prior_from_their_own_generator():
    prior = IsotropicPrior(3)
    drawn = prior_samples(torch.zeros(5, 3), prior, Generators(0))
    assert torch.equal(drawn, torch.randn(5, 3, generator=Generators(0)["prior"]))


def test_the_critic_sees_the_codes_of_the_step_and_the_prior_and_no_second_batch(monkeypatch):
    loop = Loop(Spec.make("aae", **SMALL))
    seen = []
    cls = type(loop.state.critic)
    original = cls.loss
    monkeypatch.setattr(cls, "loss", lambda s, n, z, r: (seen.append((z, r)), original(s, n, z, r))[1])
    at = loop.step()[2]
    assert torch.equal(seen[0][0], at.z.detach())
    assert torch.equal(seen[0][1], torch.randn(16, 3, generator=Generators(0)["prior"]))
    assert loop.state.second_batches.state()["position"] == 0


def test_a_prior_that_learns_is_refused():
    class Learning(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.spread = nn.Parameter(torch.zeros(3))

    class Fake:
        prior = Learning()

    assert "cannot learn" in AAE().refuses(Fake)
