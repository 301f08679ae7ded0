"""The convolutional net of Mathieu et al. for Fashion-MNIST: batch normalisation, and no dense layer at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

from torch import nn

from unweave.base.checks import Range
from unweave.base.errors import InputError
from unweave.base.records import Codes, Images
from unweave.models.nets.base import Init, Net
from unweave.models.nets.layers import SoftplusStd


@dataclass(frozen=True)
class FashionConv(Net):
    """4 x 4 convolutions of f, 2f and 4f `channels` with LeakyReLU 0.2, then one over the last 4 x 4 map a head.

    The decoder mirrors it with ReLU. Batch normalisation follows every layer but the first, the heads and the last:
    encode in eval mode. The posterior's standard deviation is softplus(h) + 1e-6 of its head. Images are 32 x 32.
    Source: Mathieu et al. 2019, https://arxiv.org/abs/1812.02833.

    >>> heads = {"mean": 50, "log_variance": 50}
    >>> sum(p.numel() for p in FashionConv().encoder((1, 32, 32), heads).parameters())
    369636
    """

    init: Annotated[
        Init,
        "initialisation of the weights: torch's default, or xavier, he, normal002 or dcgan (standard deviation 0.02)",
    ] = "dcgan"
    channels: Annotated[int, "channels of the first convolution", Range(1)] = 32

    takes: ClassVar = ((1, 32, 32), (3, 32, 32))

    def encoder(self, image_shape: tuple[int, int, int], heads: Mapping[str, int]) -> nn.Module:
        """Three convolutions down to a 4 x 4 map, heads."""
        f, c = self.channels, _channels(image_shape)
        first = [nn.Conv2d(c, f, 4, 2, 1, bias=False), nn.LeakyReLU(0.2)]
        others = [
            layer
            for a in (f, 2 * f)
            for layer in (nn.Conv2d(a, 2 * a, 4, 2, 1, bias=False), nn.BatchNorm2d(2 * a), nn.LeakyReLU(0.2))
        ]
        return SoftplusStd(_ConvHeads(nn.Sequential(*first, *others), 4 * f, heads))

    def decoder(self, width: int, image_shape: tuple[int, int, int], outputs: int) -> nn.Module:
        """Four transposed convolutions up from a 1 x 1 map."""
        f, c = self.channels, _channels(image_shape)
        rising = [
            layer
            for a in (4 * f, 2 * f)
            for layer in (nn.ConvTranspose2d(a, a // 2, 4, 2, 1, bias=False), nn.BatchNorm2d(a // 2), nn.ReLU())
        ]
        first = (nn.ConvTranspose2d(width, 4 * f, 4, bias=False), nn.BatchNorm2d(4 * f), nn.ReLU())
        last = nn.ConvTranspose2d(f, outputs * c, 4, 2, 1, bias=False)
        return nn.Sequential(nn.Unflatten(1, (width, 1, 1)), *first, *rising, last)


class _ConvHeads(nn.Module):
    """A body (n, C, H, W) -> (n, width, 4, 4), then one convolution over all of that map for each name."""

    def __init__(self, body: nn.Module, width: int, heads: Mapping[str, int]) -> None:
        super().__init__()
        self.body = body
        self.heads = nn.ModuleDict({name: nn.Conv2d(width, size, 4) for name, size in heads.items()})

    def forward(self, x: Images) -> dict[str, Codes]:
        features = self.body(x)
        return {name: head(features).flatten(1) for name, head in self.heads.items()}


def _channels(image_shape: tuple[int, int, int]) -> int:
    """How many channels 32 x 32 images have; others raise InputError."""
    channels, height, width = image_shape
    if channels < 1 or (height, width) != (32, 32):
        raise InputError(f"image_shape must be (channels, 32, 32), got {tuple(image_shape)}")
    return channels
