"""The net of CascadeVAE: JointVAE's layers, while the category has no head of its own."""

from dataclasses import dataclass
from typing import Annotated

from unweave.models.nets.kim2018 import Kim2018


@dataclass(frozen=True)
class CascadeNet(Kim2018):
    """The layers of `Kim2018` with a dense layer of 256; the decoder receives m codes and S one-hot places.

    Categories are found by assignment, so the encoder has heads for means and log-variances alone.
    Source: Jeong & Song 2019, https://arxiv.org/abs/1905.09432.

    >>> sum(p.numel() for p in CascadeNet().decoder(6 + 3, (1, 64, 64), 1).parameters())
    381057
    """

    hidden: Annotated[int, "width of the dense layer next to the convolutions"] = 256
