"""The net of JointVAE: four convolutions, a dense layer, and one head for each kind of code."""

from dataclasses import dataclass

from unweave.models.nets.four_conv import FourConv


@dataclass(frozen=True)
class JointVAENet(FourConv):
    """The layers of `Kim2018` with a dense layer of 256; heads for means, log-variances and each categorical.

    The decoder gives logits; apply a sigmoid for display.
    Source: Dupont 2018, https://arxiv.org/abs/1804.00104.

    >>> heads = {"mean": 6, "log_variance": 6, "categories": 3}
    >>> sum(p.numel() for p in JointVAENet().encoder((1, 64, 64), heads).parameters())
    381647
    """
