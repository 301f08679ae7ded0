"""What every registered net must keep: shapes, gradients, repeatable weights, refusals."""

import pytest
import torch

from unweave.base.errors import InputError
from unweave.base.registry import nets
from unweave.base.settings import build as from_settings
from unweave.base.settings import plain, settings_of
from unweave.models.nets.base import Net, build

HEADS = {"mean": 5, "log_variance": 5, "categories": 3}
OTHER_SIZES = [(1, 28, 28), (1, 64, 32), (3, 128, 128), (1, 1, 12), (4, 33, 47)]

each_net = pytest.mark.parametrize("name", nets.names())


def made(net: Net, image_shape=None, outputs=1, seed=0):
    rng = torch.Generator().manual_seed(seed)
    return build(net, image_shape or net.takes[0], HEADS, 8, outputs, rng)


def images(n, image_shape):
    return torch.rand(n, *image_shape, generator=torch.Generator().manual_seed(1))


@each_net
def test_encoder_gives_heads_in_order_and_decoder_gives_maps(name):
    for outputs, image_shape in enumerate(nets.get(name).takes, 1):
        encoder, decoder = made(nets.get(name)(), image_shape, outputs)
        codes = encoder(images(2, image_shape))
        found = [(head, tuple(values.shape)) for head, values in codes.items()]
        assert found == [(head, (2, size)) for head, size in HEADS.items()], image_shape
        channels, height, width = image_shape
        assert decoder(torch.zeros(2, 8)).shape == (2, outputs * channels, height, width)


@each_net
def test_decoder_ends_in_logits(name):
    _, decoder = made(nets.get(name)())
    logits = decoder(100 * torch.randn(8, 8, generator=torch.Generator().manual_seed(2)))
    assert logits.isfinite().all()
    assert logits.min() < 0  # neither a sigmoid nor a ReLU
    assert logits.max() > 0


@each_net
def test_gradients_reach_every_parameter(name):
    encoder, decoder = made(nets.get(name)())
    heads = encoder(images(8, nets.get(name).takes[0]))
    picture = decoder(torch.cat([heads["mean"], heads["categories"]], dim=1))
    ((picture - 0.3) ** 2).sum().add((heads["log_variance"] ** 2).sum()).backward()
    still = [
        parameter
        for module in (encoder, decoder)
        for parameter, value in module.named_parameters()
        if value.grad is None or not value.grad.isfinite().all() or not value.grad.any()
    ]
    assert still == []


@each_net
@pytest.mark.parametrize("init", ["torch", "xavier"])  # the layers' own start, and one of ours
def test_same_generator_same_weights_and_the_global_state_stays(name, init):
    net = nets.get(name)(init=init)
    torch.manual_seed(3)
    before = torch.get_rng_state()
    first = made(net)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(4)
    again, other = made(net), made(net, seed=5)
    for one, two, three in zip(first, again, other, strict=True):
        assert list(one.state_dict()) == list(two.state_dict())
        assert all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True))
        assert any(not torch.equal(a, b) for a, b in zip(one.parameters(), three.parameters(), strict=True))


@each_net
def test_other_sizes_are_refused_or_work(name):
    net = nets.get(name)()
    for image_shape in OTHER_SIZES:
        try:
            encoder, decoder = net.encoder(image_shape, HEADS), net.decoder(8, image_shape, 1)
        except InputError:
            for half in (lambda shape: net.encoder(shape, HEADS), lambda shape: net.decoder(8, shape, 1)):
                with pytest.raises(InputError, match="image_shape must be"):
                    half(image_shape)
        else:
            assert encoder(torch.zeros(2, *image_shape))["mean"].shape == (2, HEADS["mean"]), image_shape
            assert decoder(torch.zeros(2, 8)).shape == (2, *image_shape)


@each_net
def test_settings_have_help_and_survive_a_round_trip(name):
    cls = nets.get(name)
    assert all(setting.help for setting in settings_of(cls))
    assert from_settings(cls, plain(cls()), of=name) == cls()
    assert nets.name_of(cls) == name
    with pytest.raises(InputError, match="init must be one of torch, xavier"):
        cls(init="zeros")
