"""The net of Burgess et al.: 32 channels throughout and two dense layers on each side."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from torch import nn

from unweave.base import checks
from unweave.models.nets.base import Net
from unweave.models.nets.layers import Encoder, conv_decoder, dense, fitted, halving, side


@dataclass(frozen=True)
class Burgess(Net):
    """Four 4 x 4 convolutions of 32 channels, then two dense layers of `hidden`; ReLU after each.

    Decoder: `hidden` twice, 512, then 32, 32, 32 channels and logits by 4 x 4 transposed convolutions.
    Strides are 2. For 32 x 32 images one convolution and one transposed convolution fall away.
    Source: Burgess et al. 2018, https://arxiv.org/abs/1804.03599.

    >>> sum(p.numel() for p in Burgess().decoder(10, (1, 64, 64), 1).parameters())
    249953
    """

    hidden: Annotated[int, "width of both dense layers next to the codes"] = 256

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.at_least(1, hidden=self.hidden)

    def encoder(self, image_shape: tuple[int, int, int], heads: Mapping[str, int]) -> nn.Module:
        """Four convolutions, two dense layers, heads."""
        channels = (image_shape[0], *fitted((32, 32, 32, 32), side(image_shape), without=1))
        body = nn.Sequential(*halving(channels), nn.Flatten(), *dense((512, self.hidden, self.hidden)))
        return Encoder(body, self.hidden, heads)

    def decoder(self, width: int, image_shape: tuple[int, int, int], outputs: int) -> nn.Module:
        """Three dense layers, then four transposed convolutions."""
        rising = fitted((32, 32, 32), side(image_shape), without=0)
        return conv_decoder((width, self.hidden, self.hidden), (32, *rising, outputs * image_shape[0]))
