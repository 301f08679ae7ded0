"""The cascades: who is relieved when, and a category that is solved for with one z and without gradient."""

import numpy as np
import pytest
import torch
from tests.models.objectives import small
from torch.nn import functional as F

from unweave.base.errors import InputError
from unweave.base.records import Output, Pass
from unweave.base.seeds import Generators
from unweave.data.published.dsprites import DSprites
from unweave.engine import Spec
from unweave.engine.loop import Loop
from unweave.models.divergences.assignment import by_matching
from unweave.models.objectives.cascade_vae import CascadeVAE
from unweave.models.objectives.cascade_vae_c import CascadeVAEC
from unweave.models.objectives.discrete import Assigned, Zeros

SMALL = {**small.SMALL, "latents": 6}
IMAGES = DSprites(size=32, hold="lazy").images(np.arange(0, 700_000, 45_000))
P = 20_000


def stages(method, latents: int, count: int = 8) -> list[int]:
    """Relieved latents in the middle of each stage."""
    return [method.relieved(stage * P + P // 2, latents) for stage in range(count)]


def test_the_published_stages_of_six_latents():
    assert stages(CascadeVAE(), 6) == [1, 2, 3, 4, 4, 5, 6, 6]


def test_the_published_stages_of_four_latents():
    assert stages(CascadeVAE(), 4) == [1, 2, 3, 4, 4, 4, 4, 4]


def test_stages_where_the_first_latent_waits():
    assert stages(CascadeVAE(relieve_first_at_zero=False), 6) == [0, 1, 2, 3, 4, 5, 6, 6]
    assert stages(CascadeVAEC(relieve_first_at_zero=False), 4) == [0, 1, 2, 3, 4, 4, 4, 4]


def test_stages_without_a_category():
    assert stages(CascadeVAEC(), 5) == [1, 2, 3, 4, 5, 5, 5, 5]


@pytest.mark.parametrize("edge", range(1, 8))
def test_stages_change_exactly_after_their_steps(edge):
    for method in (CascadeVAE(), CascadeVAEC()):
        before, after = (method.relieved(edge * P - back, 6) for back in (1, 0))
        assert (before, after) == (stages(method, 6)[edge - 1], stages(method, 6)[edge])


def test_the_category_comes_in_after_the_warm_up():
    method = CascadeVAE(categories=5, balance=0.5)
    assert method.discrete(4 * P - 1) == Zeros(5)
    assert method.discrete(4 * P) == Assigned(5, 0.5)


def test_the_category_may_come_in_slowly():
    method = CascadeVAE(arrival_steps=10)
    levels = [method.discrete(4 * P + since).level for since in (0, 5, 10, 5 * P)]
    assert levels == [0.0, 0.5, 1.0, 1.0]
    assert method.discrete(4 * P - 1) == Zeros(3)


def test_a_category_that_would_not_be_whole_in_the_end_is_refused():
    def vae(steps):
        slow = {**SMALL, "steps": steps, "stage_steps": 2, "warmup_stages": 3, "arrival_steps": 4}
        return Spec.make("cascade-vae", **slow).build_vae(Generators(0))

    assert vae(steps=10).category_sizes == (3,)
    assert vae(steps=5).category_sizes == ()  # all of it warm-up
    with pytest.raises(InputError, match="steps must be at least warmup_stages x stage_steps"):
        vae(steps=9)


def test_the_decoder_sees_and_costs_are_taken_at_the_level():
    vae = Spec.make("cascade-vae", **SMALL).build_vae(Generators(0)).train()
    seen = vae(IMAGES, Generators(0), discrete=Assigned(3, 0.001, level=0.25)).one_hot
    assert sorted(set(seen.flatten().tolist())) == [0.0, 0.25]
    assert (seen.sum(1) == 0.25).all()
    nll, z = vae.nll_of_category(IMAGES, vae.codes(IMAGES)), vae.codes(IMAGES)
    place = torch.tensor([[0.0, 0.25, 0.0]]).expand(len(IMAGES), 3)
    torch.testing.assert_close(nll(1, 0.25), vae.nll(vae.decode(z, place), IMAGES))


def as_pass(output: Output, step: int = 0) -> Pass:
    return Pass(**vars(output), data_size=100, rng=Generators(0), step=step)


def a_pass(method, step: int, training: bool = True) -> Pass:
    spec = Spec.make("cascade-vae", **SMALL)
    vae = spec.build_vae(Generators(0)).train(training)
    return as_pass(vae(IMAGES, Generators(0), discrete=method.discrete(step)), step)


def test_light_and_heavy_weights_stand_on_their_latents():
    method = CascadeVAE(light=0.5, heavy=7)
    at = a_pass(method, step=2 * P)
    terms = method(at)
    assert terms["kl"].weight.tolist() == [0.5, 0.5, 0.5, 7, 7, 7]
    kl = at.prior.kl_each(at.posterior)
    expected = at.distortion + 0.5 * kl[:, :3].sum(1) + 7 * kl[:, 3:].sum(1)
    assert terms.loss.item() == pytest.approx(expected.mean().item(), rel=1e-5)
    assert terms["relieved"].mean.item() == 3


def test_all_are_light_at_evaluation():
    method = CascadeVAE(light=0.5)
    assert method(a_pass(method, step=0, training=False))["kl"].weight.tolist() == [0.5] * 6


def active_vae(**settings):
    """A CascadeVAE whose category acts from the first step on, with a decoder that cares for it."""
    spec = Spec.make("cascade-vae", **{**SMALL, "warmup_stages": 0, **settings})
    vae = spec.build_vae(Generators(0))
    with torch.no_grad():
        first = next(p for p in vae.decoder.parameters() if p.shape[-1:] == (9,))
        first[:, 6:] += 3 * torch.randn(first[:, 6:].shape, generator=torch.Generator().manual_seed(1))
    return vae, spec.objective.discrete(0)


def nll_table(vae, z: torch.Tensor) -> torch.Tensor:
    """Weighted distortions (n, S), one decoding a category."""
    rows = []
    for k in range(3):
        logits = vae.decoder(torch.cat([z, F.one_hot(torch.full((len(z),), k), 3).float()], dim=1))
        rows.append(F.binary_cross_entropy_with_logits(logits, IMAGES, reduction="none").sum((1, 2, 3)))
    return torch.stack(rows, dim=1).detach()


@pytest.mark.parametrize("balance", [0.001, 50.0])
def test_categories_minimise_the_distortion_of_the_very_z_that_is_decoded(balance):
    vae, discrete = active_vae(balance=balance)
    at = vae(IMAGES, Generators(0), discrete=discrete)
    costs = nll_table(vae, at.z)
    expected = by_matching(costs.double().numpy(), balance)
    assert at.one_hot.argmax(1).tolist() == expected.tolist()
    assert len(set(expected.tolist())) > 1
    chosen = costs.gather(1, at.one_hot.argmax(1, keepdim=True))[:, 0]
    assert torch.allclose(at.distortion, chosen, rtol=1e-4)


def test_one_epsilon_serves_all_decodings():
    """The noise generator is used once, whatever the number of categories."""
    vae, discrete = active_vae()
    rng, plain = Generators(0), Generators(0)
    at = vae(IMAGES, rng, discrete=discrete)
    assert torch.equal(at.z, at.posterior.rsample(plain["noise"]))
    assert torch.equal(rng["noise"].get_state(), plain["noise"].get_state())
    assert set(rng) == {"noise"}


def test_no_gradient_passes_through_the_choice():
    """The gradient is that of a model that was simply given the categories."""
    vae, discrete = active_vae()
    at = vae(IMAGES, Generators(0), discrete=discrete)
    assert not at.one_hot.requires_grad
    found = torch.autograd.grad(CascadeVAE(warmup_stages=0)(as_pass(at)).loss, list(vae.parameters()))
    q = vae.encode(IMAGES).posterior
    logits = vae.decoder(torch.cat([q.rsample(Generators(0)["noise"]), at.one_hot], dim=1))
    distortion = F.binary_cross_entropy_with_logits(logits, IMAGES, reduction="none").sum((1, 2, 3))
    kl = 10 * 0.5 * (q.mean**2 + q.log_variance.exp() - 1 - q.log_variance).sum(1)
    expected = torch.autograd.grad((distortion + kl).mean(), list(vae.parameters()))
    for ours, theirs in zip(found, expected, strict=True):
        assert torch.allclose(ours, theirs, rtol=1e-4, atol=1e-5)


def test_the_extra_decodings_are_one_forward_pass_a_category_and_without_gradient():
    vae, discrete = active_vae()
    seen = []
    vae.decoder.register_forward_hook(lambda net, given, out: seen.append((len(given[0]), out.requires_grad)))
    vae(IMAGES, Generators(0), discrete=discrete)
    assert seen == [(16, False)] * 3 + [(16, True)]


def test_running_statistics_of_the_decoder_see_the_batch_once():
    spec = Spec.make("cascade-vae", **{**SMALL, "warmup_stages": 0})
    vae = spec.build_vae(Generators(0))
    norm = torch.nn.BatchNorm2d(1)
    vae.decoder = torch.nn.Sequential(vae.decoder, norm)
    vae(IMAGES, Generators(0), discrete=spec.objective.discrete(0))
    assert norm.num_batches_tracked.item() == 1


def test_during_the_warm_up_the_decoder_sees_zeros():
    at = a_pass(CascadeVAE(), step=0)
    assert at.one_hot.shape == (16, 3)
    assert not at.one_hot.any()


def test_codes_take_the_category_with_the_least_distortion_at_the_mean_without_balance():
    vae, _ = active_vae(balance=1e6)
    vae.eval()
    encoding = vae.encode(IMAGES)
    numbers = vae.categories(IMAGES, encoding)
    assert numbers[:, 0].tolist() == nll_table(vae, encoding.posterior.mean).argmin(1).tolist()
    at = vae(IMAGES, Generators(0))
    assert at.one_hot.argmax(1).tolist() == numbers[:, 0].tolist()
    assert not torch.equal(at.z, encoding.posterior.mean)


def test_a_model_still_in_its_warm_up_tells_no_categories():
    vae = Spec.make("cascade-vae", **SMALL).build_vae(Generators(0)).eval()
    assert vae.category_sizes == ()
    assert vae.categories(IMAGES, vae.encode(IMAGES)) is None
    assert not vae(IMAGES, Generators(0)).one_hot.any()


def rates(loop: Loop, steps: int) -> list[float]:
    found = []
    for _ in range(steps):
        loop.step()
        found.append(loop.rate)
    return found


def test_the_staircase_multiplies_the_rate_and_is_off_by_default(monkeypatch):
    monkeypatch.setattr("unweave.models.objectives.cascade.DECAY_EVERY", 2)
    common = {k: v for k, v in SMALL.items() if k != "batch"} | {"batch": 2}
    assert rates(Loop(Spec.make("cascade-vae-c", **common)), 3) == [1e-3] * 3
    found = rates(Loop(Spec.make("cascade-vae-c", **common, lr_staircase=True)), 5)
    assert found == pytest.approx([1e-3, 1e-3, 3e-4, 3e-4, 9e-5])


def test_adam_starts_afresh_with_every_stage_if_asked():
    counts = {}
    for reset in (False, True):
        loop = Loop(Spec.make("cascade-vae-c", **SMALL, stage_steps=2, reset_adam_per_stage=reset))
        counts[reset] = []
        for _ in range(5):
            loop.step()
            counts[reset].append(int(loop.state.optimiser.state_dict()["state"][0]["step"].item()))
    assert counts == {False: [1, 2, 3, 4, 5], True: [1, 2, 1, 2, 1]}


def test_l2_acts_on_weights_and_not_on_biases():
    groups = Loop(Spec.make("cascade-vae-c", **SMALL)).state.optimiser.param_groups
    assert {group["weight_decay"]: {p.ndim > 1 for p in group["params"]} for group in groups} == {
        4e-5: {True}, 0.0: {False},
    }  # fmt: skip


def test_a_prior_that_does_not_factorise_is_refused():
    class Fake:
        class prior:  # noqa: N801
            factorised = False

    assert "factorised prior" in CascadeVAEC().refuses(Fake)
