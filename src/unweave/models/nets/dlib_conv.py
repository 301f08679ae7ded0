"""The convolutional net of the large study of Locatello et al.: two 4 x 4 and two 2 x 2 convolutions."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from torch import nn

from unweave.base import checks
from unweave.models.nets.base import Net
from unweave.models.nets.layers import Encoder, conv_decoder, dense, fitted, halving, side


@dataclass(frozen=True)
class DlibConv(Net):
    """Convolutions of 32, 32, 64, 64 channels with kernels 4, 4, 2, 2, then one dense layer; ReLU after each.

    Decoder: `hidden`, 1024, then 64, 32, 32 channels and logits by 4 x 4 transposed convolutions. Strides are
    2. For 32 x 32 images the second convolution and the first transposed one fall away.
    Source: Locatello et al. 2019, https://arxiv.org/abs/1811.12359.

    >>> sum(p.numel() for p in DlibConv().decoder(10, (1, 64, 64), 1).parameters())
    381313
    """

    hidden: Annotated[int, "width of the dense layer next to the convolutions"] = 256

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.at_least(1, hidden=self.hidden)

    def encoder(self, image_shape: tuple[int, int, int], heads: Mapping[str, int]) -> nn.Module:
        """Four convolutions, one dense layer, heads."""
        size = side(image_shape)
        channels = (image_shape[0], *fitted((32, 32, 64, 64), size, without=1))
        convolutions = halving(channels, fitted((4, 4, 2, 2), size, without=1))
        return Encoder(nn.Sequential(*convolutions, nn.Flatten(), *dense((1024, self.hidden))), self.hidden, heads)

    def decoder(self, width: int, image_shape: tuple[int, int, int], outputs: int) -> nn.Module:
        """Two dense layers, then four transposed convolutions."""
        rising = fitted((64, 32, 32), side(image_shape), without=0)
        return conv_decoder((width, self.hidden), (64, *rising, outputs * image_shape[0]))
