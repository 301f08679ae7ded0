"""The critic's size, slope, start and refusals."""

import math

import pytest
import torch
from torch import nn

from unweave.base.errors import InputError
from unweave.models.nets.critic import mlp_critic


def made(seed=0, **sizes):
    return mlp_critic(**{"latents": 10, **sizes}, rng=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("layers", "parameters"), [(6, 5_018_002), (5, 4_017_002)])
def test_counts_as_published(layers, parameters):
    assert sum(p.numel() for p in made(layers=layers).parameters()) == parameters


def test_two_logits_and_a_slope_of_a_fifth():
    critic = made(layers=2, width=16)
    assert critic(torch.zeros(3, 10)).shape == (3, 2)
    slopes = [m.negative_slope for m in critic if isinstance(m, nn.LeakyReLU)]
    assert slopes == [0.2, 0.2]
    assert isinstance(critic[-1], nn.Linear)


def test_weights_are_xavier_uniform_and_biases_zero():
    linear = [m for m in made(width=200) if isinstance(m, nn.Linear)]
    for layer in linear:
        bound = math.sqrt(6 / (layer.in_features + layer.out_features))
        assert 0.98 * bound < layer.weight.abs().max() <= bound
        assert not layer.bias.any()


def test_weights_follow_the_generator_and_the_global_state_stays():
    before = torch.get_rng_state()
    first, again, other = made(width=8), made(width=8), made(seed=1, width=8)
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True))
    assert not torch.equal(first[0].weight, other[0].weight)


@pytest.mark.parametrize("name", ["latents", "layers", "width"])
def test_empty_sizes_are_refused(name):
    with pytest.raises(InputError, match=f"^{name} must be 1 or more"):
        made(**{name: 0})


def test_a_standardising_critic_knows_no_units():
    plain, standard = made(layers=1, width=8), made(layers=1, width=8, standardise=True)
    z = torch.randn(64, 10, generator=torch.Generator().manual_seed(1))
    other = 1e4 * z + 7
    assert torch.allclose(standard(z), standard(other), atol=1e-3)
    assert not torch.allclose(plain(z), plain(other), atol=1e-3)
    normalised = (z - z.mean(0)) / (z.var(0, correction=0) + 1e-5).sqrt()
    assert torch.allclose(standard(z), plain(normalised), atol=1e-5)
