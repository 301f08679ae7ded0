"""FactorVAE: nothing of the critic's loss may reach the encoder, and the order of algorithm 2."""

import numpy as np
import pytest
import torch
from tests.models.objectives.small import WITH_CRITIC

from unweave.base.errors import InputError
from unweave.base.records import Terms
from unweave.base.seeds import Generators
from unweave.engine import Spec
from unweave.engine.loop import Loop
from unweave.models.divergences.density_ratio import log_ratio

SMALL = {**WITH_CRITIC, "gamma": 5}


def encoder_gradient_of_its_own_loss(loop: Loop) -> list[torch.Tensor]:
    """Gradient of distortion + KL + gamma TC with a critic whose weights are constants, by autograd alone."""
    state, rng = loop.state, Generators(loop.spec.training.seed)
    rng.restore({name: tensor.clone() for name, tensor in state.rng.state().items()})
    x = loop.data.images(np.array(state.batches._order[:16]))  # what the first step will see
    at = state.vae(x, rng)
    kl = 0.5 * (at.posterior.mean**2 + at.posterior.log_variance.exp() - 1 - at.posterior.log_variance).sum(1)
    loss = (at.distortion + kl + 5 * log_ratio(state.critic_net(at.z))).mean()
    return list(torch.autograd.grad(loss, list(state.vae.parameters())))


def test_after_a_step_the_vae_has_the_gradient_of_its_own_loss_alone():
    loop = Loop(Spec.make("factor-vae", **SMALL))
    expected = encoder_gradient_of_its_own_loss(loop)
    loop.step()  # trains the critic too, after the VAE
    for parameter, gradient in zip(loop.state.vae.parameters(), expected, strict=True):
        assert torch.allclose(parameter.grad, gradient, rtol=1e-4, atol=1e-5)


def test_the_critic_sees_the_codes_of_the_same_step_and_a_second_batch_through_current_weights(monkeypatch):
    seen = []
    loop = Loop(Spec.make("factor-vae", **SMALL))
    cls = type(loop.state.critic)
    original = cls.loss

    def spy(self, net, z, reference):
        seen.append((z.clone(), reference.clone(), z.requires_grad, reference.requires_grad))
        return original(self, net, z, reference)

    monkeypatch.setattr(cls, "loss", spy)
    before = [p.detach().clone() for p in loop.state.vae.parameters()]
    _, _, at, _ = loop.step()
    assert torch.equal(seen[0][0], at.z.detach())
    assert seen[0][2:] == (False, False)
    assert any(not torch.equal(a, b) for a, b in zip(before, loop.state.vae.parameters(), strict=True))
    x2 = loop.data.images(loop.state.second_batches._order[:16])
    noise = torch.randn(16, 3, generator=Generators(0)["second-batch noise"])
    with torch.no_grad():
        q = loop.state.vae.encode(x2).posterior
    z2 = q.mean + q.std * noise
    assert torch.allclose(seen[0][1].sort(0).values, z2.sort(0).values, atol=1e-6)


def test_single_batch_permutes_its_own_codes(monkeypatch):
    loop = Loop(Spec.make("factor-vae", **SMALL, single_batch=True))
    seen = []
    cls = type(loop.state.critic)
    original = cls.loss
    monkeypatch.setattr(cls, "loss", lambda s, n, z, r: (seen.append((z, r)), original(s, n, z, r))[1])
    loop.step()
    z, reference = seen[0]
    assert torch.equal(z.sort(0).values, reference.sort(0).values)
    assert not torch.equal(z, reference)


def test_more_critic_steps_draw_more_batches_and_train_it_more():
    one, three = (Loop(Spec.make("factor-vae", **SMALL, critic_steps=n)) for n in (1, 3))
    for loop in (one, three):
        loop.step()
    assert one.state.second_batches.state()["position"] == 16
    assert three.state.second_batches.state()["position"] == 16 * (1 + 2 + 2)
    steps = [loop.state.critic_optimiser.state_dict()["state"][0]["step"].item() for loop in (one, three)]
    assert steps == [1, 3]


def test_without_weight_on_total_correlation_it_trains_exactly_as_a_vae():
    """Named generators: the critic's draws move neither the data order nor the noise."""
    common = {k: v for k, v in SMALL.items() if k not in ("critic_layers", "critic_width", "gamma")}
    plain = Loop(Spec.make("vae", **common))
    factor = Loop(Spec.make("factor-vae", **{**SMALL, "gamma": 0}))
    for _ in range(3):
        assert plain.step()[0].item() == factor.step()[0].item()


def test_total_correlation_needs_two_latents():
    with pytest.raises(InputError, match="2 or more latents"):
        Loop(Spec.make("factor-vae", **{**SMALL, "latents": 1}))


def test_logged_terms_of_the_critic_name_their_units():
    _, terms, _, critic_terms = Loop(Spec.make("factor-vae", **SMALL)).step()
    assert {"distortion", "kl", "total_correlation"} == set(terms)
    assert isinstance(critic_terms, Terms)
    assert critic_terms["critic_accuracy"].unit == "share of codes"
