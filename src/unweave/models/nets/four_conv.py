"""What the published nets for 64 x 64 images share: four convolutions, dense layers, and the way back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

from torch import nn

from unweave.base.checks import Range
from unweave.models.nets.base import Net
from unweave.models.nets.layers import Encoder, conv_decoder, dense, fitted, halving, side


@dataclass(frozen=True)
class FourConv(Net):
    """Convolutions of `falling` channels and `kernels` with stride 2, dense `layers` of `hidden`; ReLU after each.

    The decoder has as many dense layers, a 4 x 4 map, and transposed 4 x 4 convolutions with stride 2 of `rising`
    channels, the map's first, up to the logits. For 32 x 32 images the second convolution and the first transposed one
    fall away. A net of its own says what differs; with `linear` the last dense layer has no ReLU.

    >>> sum(p.numel() for p in FourConv(hidden=128).decoder(10, (1, 64, 64), 1).parameters())
    248833
    """

    hidden: Annotated[int, "width of the dense layer next to the convolutions", Range(1)] = 256

    falling: ClassVar[tuple[int, ...]] = (32, 32, 64, 64)
    kernels: ClassVar[tuple[int, ...]] = (4, 4, 4, 4)
    rising: ClassVar[tuple[int, ...]] = (64, 64, 32, 32)
    layers: ClassVar[int] = 1
    linear: ClassVar[bool] = False

    def encoder(self, image_shape: tuple[int, int, int], heads: Mapping[str, int]) -> nn.Module:
        """Four convolutions, dense layers, heads."""
        size = side(image_shape)
        channels = (image_shape[0], *fitted(self.falling, size, without=1))
        convolutions = halving(channels, fitted(self.kernels, size, without=1))
        layers = dense((16 * self.falling[-1], *[self.hidden] * self.layers))
        body = nn.Sequential(*convolutions, nn.Flatten(), *(layers[:-1] if self.linear else layers))
        return Encoder(body, self.hidden, heads)

    def decoder(self, width: int, image_shape: tuple[int, int, int], outputs: int) -> nn.Module:
        """Dense layers, then four transposed convolutions."""
        channels = fitted(self.rising, side(image_shape), without=1)
        return conv_decoder((width, *[self.hidden] * self.layers), (*channels, outputs * image_shape[0]))
