"""Nets for images of any size and for vectors: what they take, how deep they are, and what must never change."""

import hashlib
import re

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from unweave.base.errors import InputError
from unweave.models.nets.base import build
from unweave.models.nets.conv import Conv
from unweave.models.nets.mlp import MLP

HEADS = {"mean": 10, "log_variance": 10}


def built(net, shape, outputs=1):
    return build(net, shape, HEADS, 10, outputs, torch.Generator().manual_seed(0))


def digest(modules):
    seen = hashlib.sha256()
    for module in modules:
        for name, tensor in module.state_dict().items():
            seen.update(name.encode())
            seen.update(tensor.numpy().tobytes())
    return seen.hexdigest()[:16]


@pytest.mark.parametrize(
    ("shape", "weights", "codes", "logits"),
    [
        ((1, 32, 32), "d11de83aa7b4efc9", -0.1766748046502471, -0.020620084720292198),
        ((3, 64, 64), "91de097799c3df8d", -0.38543110713362694, -0.9656204817189433),
        ((1, 64, 64), "0319101b7347c7c8", -0.9706978248432279, 1.8507947104293976),
    ],
)
@pytest.mark.parametrize("net", [Conv(), Conv(channels=(32, 64, 64))], ids=["default", "named"])
def test_runs_of_the_first_release_keep_their_weights_and_outputs(net, shape, weights, codes, logits):
    encoder, decoder = built(net, shape)
    assert digest((encoder, decoder)) == weights
    x = torch.rand(3, *shape, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        z = encoder(x)["mean"]
        assert z.double().sum().item() == pytest.approx(codes, abs=1e-4)
        assert decoder(z).double().sum().item() == pytest.approx(logits, abs=1e-2)


@given(st.integers(1, 5), st.integers(16, 256), st.integers(16, 256), st.integers(1, 2))
def test_shapes_match_at_every_size(channels, height, width, outputs):
    shape, net = (channels, height, width), Conv(hidden=8)
    with torch.device("meta"):
        encoder, decoder = net.encoder(shape, HEADS), net.decoder(10, shape, outputs)
        assert encoder(torch.zeros(2, *shape))["mean"].shape == (2, 10)
        assert decoder(torch.zeros(2, 10)).shape == (2, outputs * channels, height, width)


@given(st.data())
def test_channels_given_by_hand_fit_every_size_too(data):
    height, width = data.draw(st.integers(16, 90)), data.draw(st.integers(16, 90))
    depth = data.draw(st.integers(1, min(height, width).bit_length() - 1))
    shape, net = (1, height, width), Conv(channels=tuple(range(2, 2 + depth)), hidden=4)
    with torch.device("meta"):
        assert net.encoder(shape, HEADS)(torch.zeros(2, *shape))["mean"].shape == (2, 10)
        assert net.decoder(10, shape, 1)(torch.zeros(2, 10)).shape == (2, *shape)


@pytest.mark.parametrize("size", [(16, 16), (17, 33), (31, 47), (63, 40)], ids=str)
def test_every_pixel_is_seen_and_every_pixel_is_drawn(size):
    encoder, decoder = built(Conv(channels=(4, 4, 4), hidden=16), (1, *size))
    x = torch.rand(4, 1, *size, generator=torch.Generator().manual_seed(2)).requires_grad_()
    encoder(x)["mean"].square().sum().backward()
    assert (x.grad.abs().sum(0) > 0).all()
    with torch.no_grad():
        decoder[-1].bias.zero_()
        drawn = decoder(torch.randn(16, 10, generator=torch.Generator().manual_seed(3)))
    assert (drawn.abs().amax(0) > 0).all()


@pytest.mark.parametrize(
    ("size", "depth"),
    [(16, 3), (28, 3), (32, 3), (64, 3), (71, 3), (72, 4), (128, 4), (143, 4), (144, 5), (256, 5)],
)
def test_depth_follows_the_size(size, depth):
    assert Conv().channels_for((size, size)) == (32, *[64] * (depth - 1))
    smallest = size >> depth
    assert 2 <= smallest <= 8


def test_long_images_keep_two_rows():
    assert len(Conv().channels_for((16, 256))) == 3
    assert len(Conv().channels_for((40, 256))) == 4


@pytest.mark.parametrize(
    ("shape", "end"),
    [
        ((1, 8, 8), "; the net mlp takes it"),
        ((1, 1, 12), "; the net mlp takes it"),
        ((3, 257, 64), "; make the images smaller"),
        ((0, 64, 64), ""),
    ],
    ids=str,
)
def test_conv_says_what_it_takes(shape, end):
    with pytest.raises(InputError, match=f"with sides of 16 to 256, got {re.escape(str(shape) + end)}$"):
        Conv().decoder(10, shape, 1)


def test_conv_may_halve_down_to_one_row():
    deep = Conv(channels=(2, 2, 2, 2, 2))
    assert deep.encoder((1, 33, 32), HEADS)(torch.zeros(2, 1, 33, 32))["mean"].shape == (2, 10)


def test_mlp_mirrors_its_widths():
    net = MLP(hidden=(30, 20, 5), activation="tanh")
    encoder, decoder = net.encoder((3, 4, 5), HEADS), net.decoder(10, (3, 4, 5), 2)
    sizes = [
        [(m.in_features, m.out_features) for m in part if isinstance(m, nn.Linear)] for part in (encoder.body, decoder)
    ]
    assert sizes == [[(60, 30), (30, 20), (20, 5)], [(10, 5), (5, 20), (20, 30), (30, 120)]]
    assert sum(isinstance(m, nn.Tanh) for m in encoder.body) == 3
    assert not any(isinstance(m, nn.ReLU) for m in decoder)
    assert isinstance(decoder[-2], nn.Linear)  # logits, then their shape


@pytest.mark.parametrize(
    ("numbers", "width"), [(1, 128), (2, 128), (128, 128), (129, 256), (256, 256), (784, 512), (4000, 512)]
)
def test_mlp_widths_follow_the_length(numbers, width):
    assert MLP().widths_for(numbers) == (width, width)
    assert MLP(hidden=(7,)).widths_for(numbers) == (7,)
