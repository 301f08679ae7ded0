"""The net `posed`: its decoder moves one canonical image, its encoder turns and shifts with what it sees."""

import math

import pytest
import torch

from unweave.base.errors import InputError
from unweave.models.nets.base import build
from unweave.models.nets.posed import Posed, centre, placed

SIZES = {"mean": 8, "log_variance": 8}


@pytest.fixture(scope="module")
def halves():
    rng = torch.Generator().manual_seed(0)
    return build(Posed(turns=4, channels=(8, 16), hidden=32, width=16), (1, 32, 32), SIZES, 8, 1, rng)


def codes(*pose, n=1):
    rest = torch.randn(n, 3, generator=torch.Generator().manual_seed(1)) * 3
    return torch.cat([torch.tensor([pose]).expand(n, 5), rest], dim=1)


@torch.no_grad()
def test_the_angle_turns_the_image_about_its_middle(halves):
    _, decoder = halves
    still = decoder(codes(1.0, 0.0, 0.0, 0.0, 0.0))
    with decoder.still():
        assert torch.allclose(still, decoder(codes(0.3, 0.5, 1.0, -2.0, 1.0)), atol=1e-4)
    once = decoder(codes(0.0, 2.0, 0.0, 0.0, 0.0))  # a quarter turn from columns to rows; its length has no meaning
    assert torch.allclose(once, still.rot90(-1, (2, 3)), atol=1e-4)


@torch.no_grad()
def test_shift_and_size_move_it_by_what_they_say(halves):
    _, decoder = halves
    still, right = decoder(codes(1.0, 0.0, 0.0, 0.0, 0.0)), decoder(codes(1.0, 0.0, 0.25, 0.0, 0.0))
    assert torch.allclose(right[..., 2:], still[..., :-2], atol=1e-4)  # an eighth of 16 pixels, half a width
    down = decoder(codes(1.0, 0.0, 0.0, 0.25, 0.0))
    assert torch.allclose(down[:, :, 2:], still[:, :, :-2], atol=1e-4)
    small = placed(codes(1.0, 0.0, 0.0, 0.0, -4 * math.log(2)), Posed(), 32, 32)
    assert torch.allclose(small[0], torch.tensor([[2.0, 0, 0], [0, 2.0, 0]]))  # half the size: twice as far out


@torch.no_grad()
def test_a_quarter_turn_of_the_image_turns_the_angle_and_nothing_else():
    rng = torch.Generator().manual_seed(0)
    encoder, _ = build(Posed(turns=4, shift=False, channels=(8, 16), hidden=32), (1, 32, 32), SIZES, 8, 1, rng)
    x = torch.rand(5, 1, 32, 32, generator=rng)
    before, after = encoder(x)["mean"], encoder(x.rot90(-1, (2, 3)))["mean"]
    assert torch.allclose(after[:, 0], -before[:, 1], atol=1e-4)
    assert torch.allclose(after[:, 1], before[:, 0], atol=1e-4)
    assert torch.allclose(after[:, 2:], before[:, 2:], atol=1e-4)


@torch.no_grad()
def test_a_shifted_object_is_found_and_looks_the_same(halves):
    encoder, _ = halves
    weights = torch.full((1, 1, 16, 16), -20.0)
    weights[0, 0, 4:7, 5:9] = 0.0
    moved = weights.roll((3, 4), (2, 3))
    assert torch.allclose(centre(moved) - centre(weights), torch.tensor([[4 / 8, 3 / 8]]), atol=1e-4)
    x = torch.zeros(1, 1, 32, 32)
    x[0, 0, 10:16, 8:12] = 1.0
    one, two = encoder(x)["mean"], encoder(x.roll((4, 6), (2, 3)))["mean"]
    share = (two - one)[0, 2:4] / (torch.tensor([6.0, 4.0]) / 16 / 0.5)  # of the whole way, before it has learned
    assert ((share > 0.5) & (share < 1.05)).all()


@pytest.mark.parametrize(
    ("settings", "pose"),
    [({}, 5), ({"turns": 1}, 3), ({"shift": False}, 3), ({"scale": False}, 4), ({"turns": 1, "shift": False}, 1)],
)
def test_parts_of_the_pose_may_be_left_out(settings, pose):
    net = Posed(channels=(8, 16), hidden=16, width=8, **settings)
    assert net.pose == pose
    rng = torch.Generator().manual_seed(0)
    encoder, decoder = build(net, (2, 28, 36), SIZES, 8, 1, rng)
    found = encoder(torch.rand(3, 2, 28, 36, generator=rng))
    assert decoder(found["mean"]).shape == (3, 2, 28, 36)
    assert all(p.numel() for p in encoder.parameters())


def test_too_few_latents_are_refused():
    with pytest.raises(InputError, match="latents must be 5 or more"):
        Posed().encoder((1, 32, 32), {"mean": 4, "log_variance": 4})
    with pytest.raises(InputError, match="must be 6 or more"):
        Posed().decoder(5, (1, 32, 32), 1)


@torch.no_grad()
def test_the_pose_says_nothing_of_what_is_shown(halves):
    _, decoder = halves
    decoder.read.weight.add_(0.3)  # whatever training does to it
    with decoder.still():
        first = decoder(codes(0.3, 0.5, 1.0, -2.0, 1.0))
        assert torch.equal(first, decoder(codes(3.0, -5.0, -1.0, 0.0, -1.0)))
    decoder.read.weight.sub_(0.3)
