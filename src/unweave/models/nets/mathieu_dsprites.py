"""The dSprites net of Mathieu et al.: a dense layer without activation before the heads."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from unweave.base.checks import Range
from unweave.models.nets.four_conv import FourConv


@dataclass(frozen=True)
class MathieuDSprites(FourConv):
    """Four 4 x 4 convolutions of 32, 32, 64, 64 channels with ReLU, then one dense layer that stays linear.

    Decoder: `hidden`, 1024, then 64, 64, 32 channels and logits by 4 x 4 transposed convolutions, ReLU
    between. Strides are 2. For 32 x 32 images the second convolution and the first transposed one fall away.
    Source: Mathieu et al. 2019, https://arxiv.org/abs/1812.02833.

    >>> sum(p.numel() for p in MathieuDSprites().decoder(10, (1, 64, 64), 1).parameters())
    298017
    """

    hidden: Annotated[int, "width of the dense layer next to the convolutions", Range(1)] = 128

    rising: ClassVar = (64, 64, 64, 32)
    linear: ClassVar = True
