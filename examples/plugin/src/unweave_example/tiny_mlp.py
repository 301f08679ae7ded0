"""A net with one hidden layer on either side, for images of any size."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Annotated

from torch import Tensor, nn

from unweave.base import checks
from unweave.models.nets.base import Net


class Heads(nn.Module):
    """Images -> one hidden layer -> a dict of linear heads."""

    def __init__(self, inputs: int, hidden: int, heads: Mapping[str, int]) -> None:
        super().__init__()
        self.trunk = nn.Sequential(nn.Flatten(), nn.Linear(inputs, hidden), nn.ReLU())
        self.heads = nn.ModuleDict({name: nn.Linear(hidden, size) for name, size in heads.items()})

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        shared = self.trunk(x)
        return {name: head(shared) for name, head in self.heads.items()}


@dataclass(frozen=True)
class TinyMLP(Net):
    """A net with one hidden layer on either side, for images of any size.

    image - hidden ReLU - heads, and codes - hidden ReLU - image.
    """

    hidden: Annotated[int, "units of the hidden layers"] = 64

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.at_least(1, hidden=self.hidden)

    def encoder(self, image_shape: tuple[int, int, int], heads: Mapping[str, int]) -> nn.Module:
        return Heads(prod(image_shape), self.hidden, heads)

    def decoder(self, width: int, image_shape: tuple[int, int, int], outputs: int) -> nn.Module:
        channels, height, side = image_shape
        shape = (outputs * channels, height, side)
        return nn.Sequential(
            nn.Linear(width, self.hidden),
            nn.ReLU(),
            nn.Linear(self.hidden, prod(shape)),
            nn.Unflatten(1, shape),
        )
