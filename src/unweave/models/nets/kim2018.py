"""The convolutional nets of FactorVAE: four 4 x 4 convolutions and one dense layer."""

from dataclasses import dataclass
from typing import Annotated

from unweave.base.checks import Range
from unweave.models.nets.four_conv import FourConv


@dataclass(frozen=True)
class Kim2018(FourConv):
    """Four 4 x 4 convolutions of 32, 32, 64, 64 channels, then one dense layer; ReLU after each.

    Decoder: `hidden`, 1024, then 64, 32, 32 channels and logits by 4 x 4 transposed convolutions. Strides are
    2. For 32 x 32 images the second convolution and the first transposed one fall away.
    Source: Kim & Mnih 2018, https://arxiv.org/abs/1802.05983; dense layers as in public re-implementations.

    >>> sum(p.numel() for p in Kim2018().decoder(10, (1, 64, 64), 1).parameters())
    248833
    """

    hidden: Annotated[int, "width of the dense layer next to the convolutions", Range(1)] = 128


@dataclass(frozen=True)
class Kim2018RGB(FourConv):
    """`Kim2018` for colour images: the dense layers next to the codes are twice as wide."""
