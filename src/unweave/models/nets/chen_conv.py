"""The convolutional net of beta-TCVAE: batch normalisation throughout and no dense layers except the heads."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated

from torch import nn

from unweave.base.checks import Range
from unweave.models.nets.base import Net
from unweave.models.nets.convolution import Conv2d, ConvTranspose2d
from unweave.models.nets.layers import Encoder, fitted, side


@dataclass(frozen=True)
class ChenConv(Net):
    """Convolutions of 32, 32, 64, 64 channels (4 x 4, stride 2), then one of 4 x 4 to `hidden` numbers.

    Decoder: `hidden`, a 4 x 4 map of 64 channels, then 64, 32, 32 channels and logits by 4 x 4 transposed
    convolutions with stride 2. Batch normalisation and ReLU follow every layer but heads and logits: encode
    in eval mode. For 32 x 32 images the second convolution and the first doubling fall away.
    Source: Chen et al. 2018, https://arxiv.org/abs/1802.04942.

    >>> ChenConv().decoder(10, (1, 64, 64), 1)[-1]
    ConvTranspose2d(32, 1, kernel_size=(4, 4), stride=(2, 2), padding=(1, 1))
    """

    hidden: Annotated[int, "channels of the 1 x 1 map between convolutions and codes", Range(1)] = 512

    def encoder(self, image_shape: tuple[int, int, int], heads: Mapping[str, int]) -> nn.Module:
        """Five convolutions down to a 1 x 1 map, heads."""
        channels = (image_shape[0], *fitted((32, 32, 64, 64), side(image_shape), without=1))
        falling = [Conv2d(a, b, 4, stride=2, padding=1) for a, b in pairwise(channels)]
        last = Conv2d(64, self.hidden, 4)
        return Encoder(nn.Sequential(*_normalised(*falling, last), nn.Flatten()), self.hidden, heads)

    def decoder(self, width: int, image_shape: tuple[int, int, int], outputs: int) -> nn.Module:
        """Six transposed convolutions up from a 1 x 1 map."""
        channels = (64, *fitted((64, 32, 32), side(image_shape), without=0))
        rising = [ConvTranspose2d(a, b, 4, stride=2, padding=1) for a, b in pairwise(channels)]
        first = (ConvTranspose2d(width, self.hidden, 1), ConvTranspose2d(self.hidden, 64, 4))
        logits = ConvTranspose2d(32, outputs * image_shape[0], 4, stride=2, padding=1)
        return nn.Sequential(nn.Unflatten(1, (width, 1, 1)), *_normalised(*first, *rising), logits)


def _normalised(*layers: nn.Conv2d | nn.ConvTranspose2d) -> list[nn.Module]:
    """Each layer followed by batch normalisation and ReLU."""
    return [part for layer in layers for part in (layer, nn.BatchNorm2d(layer.out_channels), nn.ReLU(inplace=True))]
