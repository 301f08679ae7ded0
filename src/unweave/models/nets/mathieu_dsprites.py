"""The dSprites net of Mathieu et al.: a dense layer without activation before the heads."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from torch import nn

from unweave.base import checks
from unweave.models.nets.base import Net
from unweave.models.nets.layers import Encoder, conv_decoder, fitted, halving, side


@dataclass(frozen=True)
class MathieuDSprites(Net):
    """Four 4 x 4 convolutions of 32, 32, 64, 64 channels with ReLU, then one dense layer that stays linear.

    Decoder: `hidden`, 1024, then 64, 64, 32 channels and logits by 4 x 4 transposed convolutions, ReLU
    between. Strides are 2. For 32 x 32 images the second convolution and the first transposed one fall away.
    Source: Mathieu et al. 2019, https://arxiv.org/abs/1812.02833.

    >>> sum(p.numel() for p in MathieuDSprites().decoder(10, (1, 64, 64), 1).parameters())
    298017
    """

    hidden: Annotated[int, "width of the dense layer next to the convolutions"] = 128

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.at_least(1, hidden=self.hidden)

    def encoder(self, image_shape: tuple[int, int, int], heads: Mapping[str, int]) -> nn.Module:
        """Four convolutions, one linear layer, heads."""
        channels = (image_shape[0], *fitted((32, 32, 64, 64), side(image_shape), without=1))
        body = nn.Sequential(*halving(channels), nn.Flatten(), nn.Linear(1024, self.hidden))
        return Encoder(body, self.hidden, heads)

    def decoder(self, width: int, image_shape: tuple[int, int, int], outputs: int) -> nn.Module:
        """Two dense layers, then four transposed convolutions."""
        rising = fitted((64, 64, 32), side(image_shape), without=0)
        return conv_decoder((width, self.hidden), (64, *rising, outputs * image_shape[0]))
