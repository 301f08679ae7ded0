"""The pieces nets are made of: dense stacks, halving and doubling convolutions, an encoder with heads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TypeVar

from torch import nn
from torch.nn.functional import softplus

from unweave.base.errors import InputError
from unweave.base.records import Codes, Images
from unweave.models.nets.convolution import Conv2d, ConvTranspose2d

T = TypeVar("T")

SMALLEST, LARGEST = 16, 256  # sides of images for convolutions of any size


class Encoder(nn.Module):
    """A shared body (n, C, H, W) -> (n, width), then one linear head for each name.

    >>> import torch
    >>> codes = Encoder(nn.Flatten(), 4, {"mean": 2, "scale": 3})(torch.ones(5, 1, 2, 2))
    >>> {name: tuple(each.shape) for name, each in codes.items()}
    {'mean': (5, 2), 'scale': (5, 3)}
    """

    def __init__(self, body: nn.Module, width: int, heads: Mapping[str, int]) -> None:
        super().__init__()
        self.body = body
        self.heads = nn.ModuleDict({name: nn.Linear(width, size) for name, size in heads.items()})

    def forward(self, x: Images) -> dict[str, Codes]:
        """Images to the numbers of every head, in the order of the heads."""
        features = self.body(x)
        return {name: head(features) for name, head in self.heads.items()}


class SoftplusStd(nn.Module):
    """An encoder whose head log_variance gives raw numbers h, read as sigma = softplus(h) + 1e-6.

    >>> import torch
    >>> raw = Encoder(nn.Flatten(), 4, {"log_variance": 2})
    >>> SoftplusStd(raw)(torch.ones(5, 1, 2, 2))["log_variance"].shape
    torch.Size([5, 2])
    """

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, x: Images) -> dict[str, Codes]:
        """The encoder's heads, log_variance as 2 log sigma."""
        heads = self.encoder(x)
        if "log_variance" in heads:
            heads["log_variance"] = 2 * (softplus(heads["log_variance"]) + 1e-6).log()
        return heads


def side(image_shape: tuple[int, int, int]) -> int:
    """Height and width of a square image that the published nets take: 64 or 32; another one raises InputError.

    >>> side((3, 64, 64))
    64
    >>> side((1, 28, 28))
    Traceback (most recent call last):
        ...
    unweave.base.errors.InputError: image_shape must be (channels, 64, 64) or (channels, 32, 32), got (1, 28, 28);
    the net conv takes it
    """
    channels, height, width = image_shape
    if channels < 1 or height != width or height not in (32, 64):
        raise InputError(f"image_shape must be (channels, 64, 64) or (channels, 32, 32), got {instead(image_shape)}")
    return height


def instead(image_shape: tuple[int, int, int]) -> str:
    """The end of a refusal: the shape that arrived, and the net that takes it or what else helps.

    >>> instead((1, 1, 12)), instead((1, 600, 600))
    ('(1, 1, 12); the net mlp takes it', '(1, 600, 600); make the images smaller')
    """
    short, long = sorted(image_shape[1:])
    if image_shape[0] < 1 or short < 1:
        return f"{tuple(image_shape)}"
    if short < SMALLEST:
        return f"{tuple(image_shape)}; the net mlp takes it"
    return f"{tuple(image_shape)}; " + ("the net conv takes it" if long <= LARGEST else "make the images smaller")


def halved(size: tuple[int, int], times: int) -> list[tuple[int, int]]:
    """Heights and widths of the maps that `times` halvings leave of an image, the image's own first; odd ones lose one.

    >>> halved((28, 45), 2)
    [(28, 45), (14, 22), (7, 11)]
    """
    return [(size[0] >> k, size[1] >> k) for k in range(times + 1)]


def fitted(layers: Sequence[T], image_side: int, without: int) -> tuple[T, ...]:
    """One entry a layer for 64 x 64 images; for 32 x 32 the one numbered `without` falls away.

    >>> fitted((32, 32, 64, 64), 64, without=1), fitted((32, 32, 64, 64), 32, without=1)
    ((32, 32, 64, 64), (32, 64, 64))
    """
    return tuple(layer for at, layer in enumerate(layers) if image_side == 64 or at != without)


def dense(widths: Sequence[int], activation: type[nn.Module] = nn.ReLU) -> list[nn.Module]:
    """Linear layers from each width to the next, every one followed by the activation."""
    return [layer for a, b in pairwise(widths) for layer in (nn.Linear(a, b), activation())]


def halving(channels: Sequence[int], kernels: Sequence[int] | None = None) -> list[nn.Module]:
    """Convolutions with stride 2 and ReLU; each halves height and width. Kernels are 4 or 2; 4 if not given.

    >>> import torch
    >>> nn.Sequential(*halving((1, 32, 64), kernels=(4, 2)))(torch.ones(5, 1, 64, 64)).shape
    torch.Size([5, 64, 16, 16])
    """
    sizes = [4] * (len(channels) - 1) if kernels is None else kernels
    return [
        layer
        for (a, b), kernel in zip(pairwise(channels), sizes, strict=True)
        for layer in (Conv2d(a, b, kernel, stride=2, padding=kernel // 2 - 1), nn.ReLU(inplace=True))
    ]


def doubling(channels: Sequence[int], size: tuple[int, int] | None = None) -> list[nn.Module]:
    """Transposed 4 x 4 convolutions with stride 2, ReLU between them; each doubles height and width.

    With the `size` they are to end in, they undo as many halvings of such an image: a side that was odd gets one more.

    >>> import torch
    >>> nn.Sequential(*doubling((64, 32, 1)))(torch.ones(5, 64, 16, 16)).shape
    torch.Size([5, 1, 64, 64])
    >>> nn.Sequential(*doubling((64, 32, 1), (63, 65)))(torch.ones(5, 64, 15, 16)).shape
    torch.Size([5, 1, 63, 65])
    """
    times = len(channels) - 1
    ends = halved((0, 0) if size is None else size, times)[-2::-1]
    layers: list[nn.Module] = []
    for (a, b), (height, width) in zip(pairwise(channels), ends, strict=True):
        odd = (height % 2, width % 2)
        layers += [ConvTranspose2d(a, b, 4, stride=2, padding=1, output_padding=odd), nn.ReLU(inplace=True)]
    return layers[:-1]


def conv_decoder(before: Sequence[int], channels: Sequence[int], size: tuple[int, int] | None = None) -> nn.Sequential:
    """Dense layers of widths `before`, a map of `channels[0]`, then doublings to the logits of an image of `size`.

    The map is what the same number of halvings leaves of the image; without a `size` it is 4 x 4.

    >>> import torch
    >>> conv_decoder((10, 256), (64, 64, 32, 32, 1))(torch.ones(5, 10)).shape
    torch.Size([5, 1, 64, 64])
    >>> conv_decoder((10, 256), (64, 32, 3), (30, 41))(torch.ones(5, 10)).shape
    torch.Size([5, 3, 30, 41])
    """
    height, width = (4, 4) if size is None else halved(size, len(channels) - 1)[-1]
    stem = dense((*before, channels[0] * height * width))
    return nn.Sequential(*stem, nn.Unflatten(1, (channels[0], height, width)), *doubling(channels, size))
