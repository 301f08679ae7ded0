"""The pieces nets are made of: dense stacks, halving and doubling convolutions, an encoder with heads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TypeVar

from torch import nn
from torch.nn.functional import softplus

from unweave.errors import InputError
from unweave.types import Codes, Images

T = TypeVar("T")


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
    """Height and width of a square image that the nets can take: 64 or 32; another one raises InputError.

    >>> side((3, 64, 64))
    64
    >>> side((1, 28, 28))
    Traceback (most recent call last):
        ...
    unweave.errors.InputError: image_shape must be (channels, 64, 64) or (channels, 32, 32), got (1, 28, 28)
    """
    channels, height, width = image_shape
    if channels < 1 or height != width or height not in (32, 64):
        raise InputError(f"image_shape must be (channels, 64, 64) or (channels, 32, 32), got {tuple(image_shape)}")
    return height


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
        for layer in (nn.Conv2d(a, b, kernel, stride=2, padding=kernel // 2 - 1), nn.ReLU())
    ]


def doubling(channels: Sequence[int]) -> list[nn.Module]:
    """Transposed 4 x 4 convolutions with stride 2, ReLU between them; each doubles height and width.

    >>> import torch
    >>> nn.Sequential(*doubling((64, 32, 1)))(torch.ones(5, 64, 16, 16)).shape
    torch.Size([5, 1, 64, 64])
    """
    layers: list[nn.Module] = []
    for a, b in pairwise(channels):
        layers += [nn.ConvTranspose2d(a, b, 4, stride=2, padding=1), nn.ReLU()]
    return layers[:-1]


def conv_decoder(before: Sequence[int], channels: Sequence[int], start: int = 4) -> nn.Sequential:
    """Dense layers of widths `before`, a map of `channels[0]` with side `start`, then doublings to logits.

    >>> import torch
    >>> conv_decoder((10, 256), (64, 64, 32, 32, 1))(torch.ones(5, 10)).shape
    torch.Size([5, 1, 64, 64])
    """
    grid = (channels[0], start, start)
    stem = dense((*before, channels[0] * start * start))
    return nn.Sequential(*stem, nn.Unflatten(1, grid), *doubling(channels))
