"""The decoder that sees coordinates."""

import pytest
import torch
from torch import nn

from unweave.models.nets.base import build
from unweave.models.nets.broadcast import Broadcast, OnGrid

HEADS = {"mean": 10, "log_variance": 10}


def test_a_grid_is_one_perceptron_at_every_place():
    grid = OnGrid(3, 4, (2, 5))
    z = torch.randn(6, 3)
    seen = torch.zeros(6, 4, 2, 5)
    for row in range(2):
        for column in range(5):
            place = torch.tensor([-1 + column / 2, -1.0 + 2 * row])
            whole = torch.cat([grid.codes.weight, grid.coordinates.weight], 1)
            seen[:, :, row, column] = torch.cat([z, place.expand(6, 2)], 1) @ whole.T + grid.codes.bias
    assert torch.allclose(grid(z), seen, atol=1e-5)


@pytest.mark.parametrize("doublings", [0, 1, 2])
@pytest.mark.parametrize("shape", [(1, 32, 32), (3, 64, 64), (2, 17, 33)])
def test_any_number_of_doublings_ends_in_the_image(doublings, shape):
    net = Broadcast(channels=(4, 8), hidden=8, width=8, layers=1, doublings=doublings)
    encoder, decoder = build(net, shape, HEADS, 10, 2, torch.Generator().manual_seed(0))
    assert encoder(torch.zeros(3, *shape))["mean"].shape == (3, 10)
    assert decoder(torch.zeros(3, 10)).shape == (3, 2 * shape[0], *shape[1:])


def test_what_is_drawn_moves_with_a_code():
    """A code whose part in the grid's map is that of a coordinate, turned round, moves the image by whole places."""
    decoder = Broadcast(width=8, layers=2, doublings=0).decoder(1, (1, 16, 16), 1)
    grid = decoder[0]
    assert isinstance(grid, OnGrid)
    nn.init.zeros_(grid.codes.weight)
    grid.codes.weight.data[:, 0] = -grid.coordinates.weight.data[:, 0]
    here, moved = decoder(torch.tensor([[0.0], [4 / 15]])).detach()  # columns lie 2 / 15 apart
    assert torch.allclose(moved[..., 2:], here[..., :-2], atol=1e-5)
    assert here.std() > 0
