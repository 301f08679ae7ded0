"""Parameter counts of the published nets on grey 64 x 64 images, and layers that tell them apart."""

import pytest
from torch import nn

from unweave.base.registry import nets
from unweave.models.nets.conv import Conv

TEN = {"mean": 10, "log_variance": 10}
SIX = {"mean": 6, "log_variance": 6}
GREY = (1, 64, 64)


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize(
    ("name", "heads", "width", "encoder", "decoder"),
    [
        ("higgins-mlp", TEN, 10, 6_381_620, 7_814_896),
        ("dlib-conv", TEN, 10, 309_204, 381_313),
        ("kim2018", TEN, 10, 249_172, 248_833),
        ("mathieu-dsprites", TEN, 10, 249_172, 298_017),
        ("jointvae", {**SIX, "categories": 3}, 9, 381_647, 381_057),
        ("cascade", SIX, 9, 380_876, 381_057),
        ("burgess", TEN, 10, 252_052, 249_953),
    ],
)
def test_counts_as_published(name, heads, width, encoder, decoder):
    net = nets.get(name)()
    assert count(net.encoder(GREY, heads)) == encoder
    assert count(net.decoder(width, GREY, 1)) == decoder


def test_counts_worked_out_by_hand():
    """The two nets whose counts no source states, layer by layer."""
    convolutions = (3 * 16 * 32 + 32) + (32 * 16 * 32 + 32) + (32 * 16 * 64 + 64) + (64 * 16 * 64 + 64)
    rgb = nets.get("kim2018-rgb")()
    assert count(rgb.encoder((3, 64, 64), TEN)) == convolutions + (1024 * 256 + 256) + (256 * 20 + 20)

    grey = convolutions - 2 * 16 * 32
    last, norms = 64 * 16 * 512 + 512, 2 * (32 + 32 + 64 + 64 + 512)
    chen = nets.get("chen-conv")()
    assert count(chen.encoder(GREY, TEN)) == grey + last + norms + (512 * 20 + 20)
    up = (10 * 512 + 512) + (512 * 16 * 64 + 64) + (64 * 16 * 64 + 64) + (64 * 16 * 32 + 32)
    up += (32 * 16 * 32 + 32) + (32 * 16 * 1 + 1) + 2 * (512 + 64 + 64 + 32 + 32)
    assert count(chen.decoder(10, GREY, 1)) == up


@pytest.mark.parametrize(
    ("name", "convolutions"),
    [
        ("dlib-conv", [(1, 32, 4), (32, 64, 2), (64, 64, 2)]),
        ("kim2018", [(1, 32, 4), (32, 64, 4), (64, 64, 4)]),
        ("burgess", [(1, 32, 4), (32, 32, 4), (32, 32, 4)]),
        ("chen-conv", [(1, 32, 4), (32, 64, 4), (64, 64, 4), (64, 512, 4)]),
    ],
)
def test_small_images_lose_the_second_convolution(name, convolutions):
    encoder = nets.get(name)().encoder((1, 32, 32), TEN)
    found = [m for m in encoder.modules() if isinstance(m, nn.Conv2d)]
    assert [(m.in_channels, m.out_channels, m.kernel_size[0]) for m in found] == convolutions


@pytest.mark.parametrize(
    ("name", "rising"),
    [
        ("dlib-conv", [(64, 32), (32, 32), (32, 1)]),
        ("mathieu-dsprites", [(64, 64), (64, 32), (32, 1)]),
        ("burgess", [(32, 32), (32, 32), (32, 1)]),
        ("chen-conv", [(10, 512), (512, 64), (64, 32), (32, 32), (32, 1)]),
    ],
)
def test_small_images_lose_the_first_doubling(name, rising):
    decoder = nets.get(name)().decoder(10, (1, 32, 32), 1)
    found = [m for m in decoder.modules() if isinstance(m, nn.ConvTranspose2d)]
    assert [(m.in_channels, m.out_channels) for m in found] == rising


def test_only_mathieus_dense_layer_stays_linear():
    bodies = {name: nets.get(name)().encoder(GREY, TEN).body for name in ("kim2018", "mathieu-dsprites")}
    assert isinstance(bodies["kim2018"][-1], nn.ReLU)
    assert isinstance(bodies["mathieu-dsprites"][-1], nn.Linear)


def test_higgins_decoder_uses_tanh_and_its_encoder_relu():
    net = nets.get("higgins-mlp")()
    inside = [{type(m) for m in part.modules()} for part in (net.encoder(GREY, TEN), net.decoder(10, GREY, 1))]
    assert nn.ReLU in inside[0]
    assert nn.Tanh not in inside[0]
    assert nn.Tanh in inside[1]
    assert nn.ReLU not in inside[1]


def test_generic_conv_mirrors_its_channels():
    decoder = Conv(channels=(8, 16, 24, 40), hidden=50).decoder(10, (3, 64, 64), 2)
    rising = [(m.in_channels, m.out_channels) for m in decoder if isinstance(m, nn.ConvTranspose2d)]
    dense = [(m.in_features, m.out_features) for m in decoder if isinstance(m, nn.Linear)]
    assert rising == [(40, 24), (24, 16), (16, 8), (8, 6)]
    assert dense == [(10, 50), (50, 40 * 4 * 4)]
