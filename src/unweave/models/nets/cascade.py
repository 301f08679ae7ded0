"""The net of CascadeVAE: JointVAE's layers, without a head for the category."""

from dataclasses import dataclass

from unweave.models.nets.jointvae import JointVAENet


@dataclass(frozen=True)
class CascadeNet(JointVAENet):
    """The layers of `Kim2018` with a dense layer of 256; the decoder receives m codes and S one-hot places.

    Categories are found by assignment, so the encoder has heads for means and log-variances alone.
    Source: Jeong & Song 2019, https://arxiv.org/abs/1905.09432.

    >>> sum(p.numel() for p in CascadeNet().decoder(6 + 3, (1, 64, 64), 1).parameters())
    381057
    """
