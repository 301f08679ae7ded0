"""The convolutional net of the large study of Locatello et al.: two 4 x 4 and two 2 x 2 convolutions."""

from dataclasses import dataclass
from typing import ClassVar

from unweave.models.nets.four_conv import FourConv


@dataclass(frozen=True)
class DlibConv(FourConv):
    """Convolutions of 32, 32, 64, 64 channels with kernels 4, 4, 2, 2, then one dense layer; ReLU after each.

    Decoder: `hidden`, 1024, then 64, 32, 32 channels and logits by 4 x 4 transposed convolutions. Strides are
    2. For 32 x 32 images the second convolution and the first transposed one fall away.
    Source: Locatello et al. 2019, https://arxiv.org/abs/1811.12359.

    >>> sum(p.numel() for p in DlibConv().decoder(10, (1, 64, 64), 1).parameters())
    381313
    """

    kernels: ClassVar = (4, 4, 2, 2)
