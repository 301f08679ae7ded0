"""A multilayer perceptron for vectors of any length and for small images, flattened."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from torch import nn

from unweave.base import checks
from unweave.base.checks import Range
from unweave.base.errors import InputError
from unweave.models.nets.base import Net
from unweave.models.nets.layers import Encoder, dense

Activation = Literal["relu", "tanh", "elu", "gelu", "silu"]
ACTIVATIONS: Mapping[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "tanh": nn.Tanh,
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
}
NARROWEST, WIDEST = 128, 512


@dataclass(frozen=True)
class MLP(Net):
    """A dense layer for each number in `hidden`, each followed by the activation; the decoder runs them backwards.

    It takes vectors (1, 1, K) and images, whose pixels it sees without their places. If not given, `hidden` is two
    layers as wide as the power of two at or above the count of numbers, but at least 128 and at most 512.

    >>> sum(p.numel() for p in MLP(hidden=(100,)).decoder(2, (1, 1, 2), outputs=2).parameters())
    704
    >>> MLP().widths_for(12), MLP().widths_for(200), MLP().widths_for(5000)
    ((128, 128), (256, 256), (512, 512))
    """

    hidden: Annotated[
        tuple[int, ...] | None,
        "widths of the dense layers from data to codes [by the length of the data]",
        Range(1),
    ] = None
    activation: Annotated[Activation, "activation function: relu, tanh, elu, gelu or silu"] = "relu"

    takes: ClassVar = ((1, 1, 12), (1, 1, 2), (1, 1, 3000), (1, 8, 8), (3, 16, 17), (1, 28, 28))

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.hidden is not None:
            checks.at_least(1, **{"number of hidden layers": len(self.hidden)})

    def widths_for(self, numbers: int) -> tuple[int, ...]:
        """Widths of the dense layers for vectors of this length, from data to codes."""
        if self.hidden is not None:
            return self.hidden
        return (min(WIDEST, max(NARROWEST, 1 << (numbers - 1).bit_length())),) * 2

    def encoder(self, image_shape: tuple[int, int, int], heads: Mapping[str, int]) -> nn.Module:
        """Dense layers, heads."""
        numbers = _numbers(image_shape)
        widths = self.widths_for(numbers)
        layers = dense((numbers, *widths), ACTIVATIONS[self.activation])
        return Encoder(nn.Sequential(nn.Flatten(), *layers), widths[-1], heads)

    def decoder(self, width: int, image_shape: tuple[int, int, int], outputs: int) -> nn.Module:
        """Dense layers, then one to `outputs` numbers for each of the data's."""
        numbers = _numbers(image_shape)
        widths = self.widths_for(numbers)[::-1]
        last = nn.Linear(widths[-1], outputs * numbers)
        shape = (outputs * image_shape[0], *image_shape[1:])
        return nn.Sequential(*dense((width, *widths), ACTIVATIONS[self.activation]), last, nn.Unflatten(1, shape))


def _numbers(image_shape: tuple[int, int, int]) -> int:
    """How many numbers there are, or InputError where a side is empty."""
    if min(image_shape) < 1:
        raise InputError(f"image_shape must be three numbers of 1 or more, got {tuple(image_shape)}")
    return math.prod(image_shape)
