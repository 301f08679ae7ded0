"""A small multilayer perceptron for points and other short vectors, as used on the pinwheel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

from torch import nn

from unweave.base.checks import Range
from unweave.base.errors import InputError
from unweave.models.nets.base import Net
from unweave.models.nets.layers import Encoder, SoftplusStd, dense


@dataclass(frozen=True)
class PinwheelMLP(Net):
    """`layers` dense ReLU layers of width `hidden` on either side; it takes vectors, images of shape (1, 1, K).

    The posterior's standard deviation is softplus(h) + 1e-6 of its head.
    Source: Mathieu et al. 2019, https://arxiv.org/abs/1812.02833.

    >>> sum(p.numel() for p in PinwheelMLP().decoder(2, (1, 1, 2), outputs=2).parameters())
    704
    """

    hidden: Annotated[int, "width of the dense layers", Range(1)] = 100
    layers: Annotated[int, "number of dense layers before the heads, and before the decoder's last one", Range(1)] = 1

    takes: ClassVar = ((1, 1, 2), (1, 1, 7))

    def encoder(self, image_shape: tuple[int, int, int], heads: Mapping[str, int]) -> nn.Module:
        """Dense layers, heads."""
        widths = (_numbers(image_shape), *[self.hidden] * self.layers)
        return SoftplusStd(Encoder(nn.Sequential(nn.Flatten(), *dense(widths)), self.hidden, heads))

    def decoder(self, width: int, image_shape: tuple[int, int, int], outputs: int) -> nn.Module:
        """Dense layers, then one to `outputs` numbers for each of the vector's."""
        numbers = _numbers(image_shape)
        last = nn.Linear(self.hidden, outputs * numbers)
        return nn.Sequential(
            *dense((width, *[self.hidden] * self.layers)), last, nn.Unflatten(1, (outputs, 1, numbers))
        )


def _numbers(image_shape: tuple[int, int, int]) -> int:
    """How many numbers a vector has; images raise InputError."""
    channels, height, width = image_shape
    if channels != 1 or height != 1 or width < 1:
        raise InputError(f"image_shape must be (1, 1, numbers), got {tuple(image_shape)}")
    return width
