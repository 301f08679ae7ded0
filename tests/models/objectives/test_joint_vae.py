"""JointVAE: two capacities of batch means, and what its categories are while training and afterwards."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from tests.models.objectives.small import SMALL

from unweave.base.records import Pass
from unweave.base.seeds import Generators
from unweave.data.published.dsprites import DSprites
from unweave.engine import Spec
from unweave.models.distributions import DiagonalNormal
from unweave.models.distributions.isotropic import IsotropicPrior
from unweave.models.objectives.discrete import Gumbel
from unweave.models.objectives.joint_vae import JointVAE


def a_pass(probabilities: torch.Tensor, step: int = 0, training: bool = True, channels: int = 1) -> Pass:
    rng = torch.Generator().manual_seed(0)
    n = len(probabilities)
    q = DiagonalNormal(torch.randn(n, 4, generator=rng), torch.randn(n, 4, generator=rng))
    return Pass(
        x=torch.zeros(n, channels, 5, 6), posterior=q, z=q.rsample(rng), prior=IsotropicPrior(4), step=step,
        training=training, distortion=torch.rand(n, generator=rng) * 50, data_size=1000, rng=Generators(0),
        categories=probabilities, distortion_weight=2.0,
    )  # fmt: skip


def halves() -> torch.Tensor:
    """Each image is certain, and the batch as a whole is not."""
    return torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]] * 8)


def test_the_loss_is_its_formula():
    at = a_pass(halves(), step=25)
    kl_z = IsotropicPrior(4).kl_each(at.posterior).sum(1).mean().item()
    expected = 2 * at.distortion.mean().item() + 30 * abs(kl_z - 0.25 * 8) + 70 * abs(math.log(3) - 0.25)
    method = JointVAE(gamma=30, gamma_discrete=70, capacity_max=8, capacity_discrete_max=1.0, anneal_steps=100)
    assert method(at).loss.item() == pytest.approx(expected, rel=1e-5)


def test_the_categories_rate_is_that_of_each_image_not_of_the_batch():
    assert JointVAE()(a_pass(halves()))["kl_discrete"].mean.item() == pytest.approx(math.log(3), abs=1e-5)


@pytest.mark.parametrize(("categories", "maximum"), [((3,), 5.0), ((2, 4), 10.0)])
def test_the_discrete_capacity_never_exceeds_what_categories_can_tell(categories, maximum):
    method = JointVAE(categories=categories, capacity_discrete_max=maximum, anneal_steps=100)
    bound = sum(map(math.log, categories))
    found = [method.capacities(step)[1] for step in range(0, 300, 5)]
    assert found[1] == pytest.approx(maximum * 0.05)
    assert max(found) == found[-1] == pytest.approx(bound)
    assert all(earlier <= later for earlier, later in pairwise(found))


def test_capacities_are_full_at_evaluation():
    method = JointVAE(capacity_max=0.0, capacity_discrete_max=1.0, gamma=0.0, gamma_discrete=1.0)
    gap = method(a_pass(halves(), training=False))["capacity_gap_discrete"].mean.item()
    assert gap == pytest.approx(math.log(3) - 1.0, abs=1e-5)


@pytest.mark.parametrize("channels", [1, 3])
def test_the_legacy_scale_divides_by_pixels_and_the_distortion_by_channels_too(channels):
    at = a_pass(halves(), channels=channels)
    own, legacy = JointVAE()(at), JointVAE(legacy_jointvae_scale=True)(at)
    assert legacy["distortion"].share.item() == pytest.approx(own["distortion"].share.item() / 30 / channels, rel=1e-5)
    for name in ("capacity_gap", "capacity_gap_discrete"):
        assert legacy[name].share.item() == pytest.approx(own[name].share.item() / 30, rel=1e-5)
        assert legacy[name].mean.item() == own[name].mean.item()


def vae_of(method: str = "joint-vae", **settings):
    spec = Spec.make(method, **{**SMALL, **settings})
    return spec.build_vae(Generators(0)), spec


def test_the_decoder_sees_relaxed_samples_in_training_and_the_most_likely_category_afterwards():
    vae, spec = vae_of(categories=(3, 2))
    x = DSprites(size=32, hold="lazy").images(np.arange(0, 700_000, 100_000))
    at = vae(x, Generators(1), discrete=spec.objective.discrete(0))
    assert at.one_hot.shape == (7, 5)
    assert ((at.one_hot > 0) & (at.one_hot < 1)).any()
    vae.eval()
    at = vae(x, Generators(1))
    assert set(at.one_hot.flatten().tolist()) == {0.0, 1.0}
    first = vae.categories(x, vae.encode(x))
    assert first.shape == (7, 2)
    assert torch.equal(first[:, 0], at.categories[:, :3].argmax(1))
    assert torch.equal(at.one_hot, vae.places(first, 7))


def test_gumbel_noise_has_a_generator_of_its_own():
    """What it draws moves neither the noise of the codes nor anything else."""
    vae, spec = vae_of()
    x = DSprites(size=32, hold="lazy").images(np.arange(5))
    rng = Generators(0)
    first = vae(x, rng, discrete=spec.objective.discrete(0))
    second = vae(x, rng, discrete=spec.objective.discrete(0))
    assert not torch.equal(first.one_hot, second.one_hot)
    plain = Generators(0)
    q = first.posterior
    assert torch.equal(first.z, q.rsample(plain["noise"]))
    assert torch.equal(second.z, q.rsample(plain["noise"]))


def test_relaxed_samples_need_probabilities():
    with pytest.raises(ValueError, match="does not give"):
        Gumbel((3,), 0.5).decide(None, lambda k: torch.zeros(1))
