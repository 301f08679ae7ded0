"""A spatial broadcast decoder: codes are broadcast over a grid of coordinates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
from torch import Tensor, nn

from unweave.base.checks import Range
from unweave.base.errors import InputError
from unweave.base.records import Codes, Images
from unweave.models.nets.conv import Conv
from unweave.models.nets.convolution import Conv2d
from unweave.models.nets.layers import doubling, halved


class OnGrid(nn.Module):
    """A linear map of codes and coordinates at every place of a grid: (n, d) -> (n, channels, height, width).

    Columns and rows run from -1 to 1. The codes' part is computed once and the coordinates' part once, then added.

    >>> OnGrid(10, 8, (3, 5))(torch.zeros(2, 10)).shape
    torch.Size([2, 8, 3, 5])
    """

    places: Tensor

    def __init__(self, width: int, channels: int, size: tuple[int, int]) -> None:
        super().__init__()
        self.codes, self.coordinates = nn.Linear(width, channels), nn.Linear(2, channels, bias=False)
        rows, columns = (torch.linspace(-1, 1, side) for side in size)
        places = torch.stack(torch.meshgrid(columns, rows, indexing="xy"), dim=-1)
        self.register_buffer("places", places, persistent=False)

    def forward(self, z: Codes) -> Images:
        """Codes to maps, laid out with channels last."""
        # A sum of permuted parts, not a permuted sum: a ReLU in place on a view gets its gradient in the other layout,
        # which makes its backward pass thirty times as long.
        return self.codes(z)[:, :, None, None] + self.coordinates(self.places).permute(2, 0, 1)


@dataclass(frozen=True)
class Broadcast(Conv):
    """The encoder of `conv` with a decoder that lays the codes over a grid of coordinates, so that it can move things.

    At every place of the grid the same perceptron of 1 + `layers` layers of `width` units sees all codes and the
    place's coordinates; `doublings` transposed 4 x 4 convolutions with stride 2 bring the grid to the image's size.
    A dense decoder learns every position of an object on its own, this one once. Source: Watters et al.
    2019, https://arxiv.org/abs/1901.07017, who broadcast over the whole image and convolve 3 x 3.

    >>> Broadcast(width=32, layers=1).decoder(10, (1, 32, 32), 1)(torch.zeros(5, 10)).shape
    torch.Size([5, 1, 32, 32])
    """

    width: Annotated[int, "channels of the decoder's maps", Range(1)] = 64
    layers: Annotated[int, "number of 1 x 1 convolutions on the grid", Range(1)] = 3
    doublings: Annotated[int, "number of transposed convolutions that then double height and width", Range(0)] = 1

    takes: ClassVar = (*Conv.takes[:2], (1, 28, 28), (2, 17, 33))

    def decoder(self, width: int, image_shape: tuple[int, int, int], outputs: int) -> nn.Module:
        """The perceptron on the grid, then the doublings; without any, a last 1 x 1 convolution."""
        size, _ = self._fitted(image_shape)
        grid, out = halved(size, self.doublings)[-1], outputs * image_shape[0]
        if min(grid) < 2:
            most = min(size).bit_length() - 2
            raise InputError(f"doublings must be at most {most} for images of side {min(size)}, got {self.doublings}")
        layers: list[nn.Module] = [OnGrid(width, self.width, grid), nn.ReLU(inplace=True)]
        for _ in range(self.layers):
            layers += [Conv2d(self.width, self.width, 1), nn.ReLU(inplace=True)]
        if self.doublings == 0:
            return nn.Sequential(*layers, Conv2d(self.width, out, 1))
        return nn.Sequential(*layers, *doubling((*[self.width] * self.doublings, out), size))
