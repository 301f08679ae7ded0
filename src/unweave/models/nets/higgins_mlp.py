"""The multilayer perceptron of the first beta-VAE on dSprites."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from torch import nn

from unweave.base.checks import Range
from unweave.models.nets.base import Net
from unweave.models.nets.layers import Encoder, dense, side


@dataclass(frozen=True)
class HigginsMLP(Net):
    """Two dense ReLU layers in the encoder, three tanh layers in the decoder, all of width `hidden`.

    Source: Higgins et al. 2017, https://openreview.net/forum?id=Sy2fzU9gl.

    >>> sum(p.numel() for p in HigginsMLP().decoder(10, (1, 64, 64), 1).parameters())
    7814896
    """

    hidden: Annotated[int, "width of every dense layer", Range(1)] = 1200

    def encoder(self, image_shape: tuple[int, int, int], heads: Mapping[str, int]) -> nn.Module:
        """Two dense layers with ReLU, heads."""
        pixels = image_shape[0] * side(image_shape) ** 2
        layers = dense((pixels, self.hidden, self.hidden))
        return Encoder(nn.Sequential(nn.Flatten(), *layers), self.hidden, heads)

    def decoder(self, width: int, image_shape: tuple[int, int, int], outputs: int) -> nn.Module:
        """Three dense layers with tanh, then one to the logits."""
        size = side(image_shape)
        shape = (outputs * image_shape[0], size, size)
        layers = dense((width, self.hidden, self.hidden, self.hidden), nn.Tanh)
        return nn.Sequential(*layers, nn.Linear(self.hidden, math.prod(shape)), nn.Unflatten(1, shape))
