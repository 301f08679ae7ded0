"""The net of Burgess et al.: 32 channels throughout and two dense layers on each side."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from unweave.base.checks import Range
from unweave.models.nets.four_conv import FourConv


@dataclass(frozen=True)
class Burgess(FourConv):
    """Four 4 x 4 convolutions of 32 channels, then two dense layers of `hidden`; ReLU after each.

    Decoder: `hidden` twice, 512, then 32, 32, 32 channels and logits by 4 x 4 transposed convolutions.
    Strides are 2. For 32 x 32 images one convolution and one transposed convolution fall away.
    Source: Burgess et al. 2018, https://arxiv.org/abs/1804.03599.

    >>> sum(p.numel() for p in Burgess().decoder(10, (1, 64, 64), 1).parameters())
    249953
    """

    hidden: Annotated[int, "width of both dense layers next to the codes", Range(1)] = 256

    falling: ClassVar = (32, 32, 32, 32)
    rising: ClassVar = (32, 32, 32, 32)
    layers: ClassVar = 2
