"""Starting weights: their spread, where they come from, and what no net can be built from."""

import math
import re
from dataclasses import dataclass

import pytest
import torch
from torch import nn

from unweave.base.errors import InputError
from unweave.base.registry import nets
from unweave.models.nets.base import Net, build, drawing_from, initialise
from unweave.models.nets.conv import Conv
from unweave.models.nets.dlib_conv import DlibConv

HEADS = {"mean": 10, "log_variance": 10}


@pytest.fixture
def rng():
    return torch.Generator().manual_seed(0)


def layers():
    return nn.Linear(300, 200), nn.Conv2d(30, 50, 4), nn.ConvTranspose2d(40, 25, 4)


def started(init, rng):
    with drawing_from(rng):
        module = nn.ModuleList(layers())
        initialise(module, init)
    return list(module)


@pytest.mark.parametrize(
    ("init", "bounds"),
    [
        ("xavier", [math.sqrt(6 / 500), math.sqrt(6 / (80 * 16)), math.sqrt(6 / (65 * 16))]),
        ("he", [math.sqrt(6 / 300), math.sqrt(6 / (30 * 16)), math.sqrt(6 / (25 * 16))]),
        ("torch", [1 / math.sqrt(300), 1 / math.sqrt(30 * 16), 1 / math.sqrt(25 * 16)]),
    ],
)
def test_uniform_starts_fill_their_range(init, bounds, rng):
    for layer, bound in zip(started(init, rng), bounds, strict=True):
        assert layer.weight.abs().max() <= bound
        assert layer.weight.abs().max() > 0.99 * bound
        assert layer.weight.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.03)


def test_normal_start_leaves_transposed_convolutions_as_torch_made_them(rng):
    linear, convolution, transposed = started("normal002", rng)
    for layer in (linear, convolution):
        assert layer.weight.std().item() == pytest.approx(0.02, rel=0.03)
        assert layer.weight.abs().max() > 3 * 0.02  # not a uniform of that spread
        assert not layer.bias.any()
    assert transposed.weight.abs().max() <= 1 / math.sqrt(25 * 16)
    assert transposed.bias.any()


def test_dcgan_starts_all_convolutions_from_the_narrow_normal(rng):
    for layer in started("dcgan", rng):
        assert layer.weight.std().item() == pytest.approx(0.02, rel=0.03)
        assert layer.weight.abs().max() > 3 * 0.02
        assert not layer.bias.any()


@pytest.mark.parametrize(("init", "zero"), [("xavier", True), ("he", True), ("torch", False)])
def test_biases(init, zero, rng):
    assert all(bool(layer.bias.any()) != zero for layer in started(init, rng))


def test_batch_normalisation_starts_neutral(rng):
    with drawing_from(rng):
        norm = nn.Sequential(nn.BatchNorm2d(7))
        initialise(norm, "normal002")
    assert torch.equal(norm[0].weight, torch.ones(7))
    assert torch.equal(norm[0].bias, torch.zeros(7))


@dataclass(frozen=True)
class Odd(Net):
    """A plug-in's net with a layer that `initialise` does not know."""

    def encoder(self, image_shape, heads):
        return nn.Bilinear(2, 2, 3)

    def decoder(self, width, image_shape, outputs):
        return nn.Embedding(4, width)


def test_layers_of_other_packages_follow_the_generator_too():
    made = [build(Odd(), (1, 64, 64), HEADS, 5, 1, torch.Generator().manual_seed(s)) for s in (1, 1, 2)]
    for first, again, other in zip(*made, strict=True):
        assert torch.equal(first.weight, again.weight)
        assert not torch.equal(first.weight, other.weight)


def test_the_decoder_does_not_move_the_encoder():
    """The encoder is drawn first, so what the likelihood asks of the decoder leaves it alone."""
    encoders = [
        build(DlibConv(), (1, 32, 32), HEADS, 10, outputs, torch.Generator().manual_seed(0))[0] for outputs in (1, 2)
    ]
    assert all(torch.equal(a, b) for a, b in zip(*(e.parameters() for e in encoders), strict=True))


def test_two_builds_from_one_generator_differ(rng):
    first, second = (build(DlibConv(), (1, 32, 32), HEADS, 10, 1, rng)[0] for _ in range(2))
    assert not torch.equal(first.heads["mean"].weight, second.heads["mean"].weight)


def test_the_global_state_comes_back_after_an_error(rng):
    before = torch.get_rng_state()
    with pytest.raises(InputError, match="image_shape"):
        build(DlibConv(), (1, 28, 28), HEADS, 10, 1, rng)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    ("wrong", "rule"),
    [
        ({"width": 0}, "width must be 1 or more"),
        ({"outputs": 0}, "outputs must be 1 or more"),
        ({"heads": {"mean": 0}}, "mean must be 1 or more"),
    ],
)
def test_empty_sizes_are_refused(wrong, rule, rng):
    right = {"image_shape": (1, 64, 64), "heads": HEADS, "width": 10, "outputs": 1, "rng": rng}
    with pytest.raises(InputError, match=f"^{rule}"):
        build(Conv(), **{**right, **wrong})


@pytest.mark.parametrize(
    ("name", "settings", "image_shape", "rule"),
    [
        ("conv", {"channels": ()}, (1, 32, 32), "number of channels must be 1 or more"),
        ("conv", {"channels": (32, 0)}, (1, 32, 32), "channels must be 1 or more"),
        ("conv", {"hidden": 0}, (1, 32, 32), "hidden must be 1 or more"),
        ("conv", {"channels": (8,) * 6}, (1, 32, 32), "channels must be at most 5 numbers for images of side 32"),
        ("conv", {"channels": (2,) * 5}, (1, 200, 31), "channels must be at most 4 numbers for images of side 31"),
        ("broadcast", {"layers": 0}, (1, 32, 32), "layers must be 1 or more"),
        ("broadcast", {"doublings": 5}, (1, 32, 32), "doublings must be at most 4 for images of side 32"),
        ("mlp", {"hidden": ()}, (1, 1, 4), "number of hidden layers must be 1 or more"),
        ("mlp", {"hidden": (8, 0)}, (1, 1, 4), "hidden must be 1 or more"),
        ("mlp", {"activation": "sine"}, (1, 1, 4), "activation must be one of relu, tanh"),
        ("mlp", {}, (1, 1, 0), "image_shape must be three numbers of 1 or more"),
        ("pinwheel-mlp", {"layers": 0}, (1, 1, 2), "layers must be 1 or more"),
        ("pinwheel-mlp", {}, (1, 32, 32), r"image_shape must be \(1, 1, numbers\)"),
        ("fashion-conv", {}, (1, 1, 2), r"image_shape must be \(channels, 32, 32\)"),
    ],
)
def test_what_cannot_be_built_is_refused(name, settings, image_shape, rule, rng):
    with pytest.raises(InputError, match=f"^{rule}"):
        build(nets.get(name)(**settings), image_shape, HEADS, 10, 1, rng)


PUBLISHED = "dlib-conv higgins-mlp kim2018 kim2018-rgb mathieu-dsprites jointvae cascade burgess chen-conv".split()


@pytest.mark.parametrize(
    ("image_shape", "advice"),
    [
        ((1, 28, 28), "; the net conv takes it"),
        ((3, 128, 100), "; the net conv takes it"),
        ((1, 1, 12), "; the net mlp takes it"),
        ((1, 8, 300), "; the net mlp takes it"),
        ((1, 300, 300), "; make the images smaller"),
        ((0, 64, 64), ""),
    ],
    ids=str,
)
def test_published_nets_take_64_and_32_pixels_only_and_say_which_net_takes_others(image_shape, advice):
    rule = re.escape("image_shape must be (channels, 64, 64) or (channels, 32, 32)") + f".*{advice}$"
    for name in PUBLISHED:
        with pytest.raises(InputError, match=rule):
            nets.get(name)().encoder(image_shape, HEADS)
