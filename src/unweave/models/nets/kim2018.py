"""The convolutional nets of FactorVAE: four 4 x 4 convolutions and one dense layer."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from torch import nn

from unweave.base import checks
from unweave.models.nets.base import Net
from unweave.models.nets.layers import Encoder, conv_decoder, dense, fitted, halving, side


@dataclass(frozen=True)
class Kim2018(Net):
    """Four 4 x 4 convolutions of 32, 32, 64, 64 channels, then one dense layer; ReLU after each.

    Decoder: `hidden`, 1024, then 64, 32, 32 channels and logits by 4 x 4 transposed convolutions. Strides are
    2. For 32 x 32 images the second convolution and the first transposed one fall away.
    Source: Kim & Mnih 2018, https://arxiv.org/abs/1802.05983; dense layers as in public re-implementations.

    >>> sum(p.numel() for p in Kim2018().decoder(10, (1, 64, 64), 1).parameters())
    248833
    """

    hidden: Annotated[int, "width of the dense layer next to the convolutions"] = 128

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.at_least(1, hidden=self.hidden)

    def encoder(self, image_shape: tuple[int, int, int], heads: Mapping[str, int]) -> nn.Module:
        """Four convolutions, one dense layer, heads."""
        channels = (image_shape[0], *fitted((32, 32, 64, 64), side(image_shape), without=1))
        body = nn.Sequential(*halving(channels), nn.Flatten(), *dense((1024, self.hidden)))
        return Encoder(body, self.hidden, heads)

    def decoder(self, width: int, image_shape: tuple[int, int, int], outputs: int) -> nn.Module:
        """Two dense layers, then four transposed convolutions."""
        rising = fitted((64, 32, 32), side(image_shape), without=0)
        return conv_decoder((width, self.hidden), (64, *rising, outputs * image_shape[0]))


@dataclass(frozen=True)
class Kim2018RGB(Kim2018):
    """`Kim2018` for colour images: the dense layers next to the codes are twice as wide."""

    hidden: Annotated[int, "width of the dense layer next to the convolutions"] = 256
