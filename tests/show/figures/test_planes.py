"""Planes: which is drawn, where images are decoded, and what is refused."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from unweave.base.errors import InputError
from unweave.show.figures.planes import Planes, most_ordinary
from unweave.subspaces import Block

PLANE = Block((3, 1), (0.5, 0.0), ((2.0, 0.0), (0.0, 1.0)))


@pytest.fixture
def turning(fake):
    """Latents 3 and 1 of the fake are a plane; what it is asked to decode is kept in `asked`."""
    made = replace(fake, subspaces=SimpleNamespace(blocks=(replace(PLANE, latents=(0, 1, 2)), PLANE)))
    made.asked = []
    decode = made.decode
    made.decode = lambda codes, categories=None: made.asked.append(codes) or decode(codes)
    return made


def test_images_stand_at_their_angles_and_the_middle_in_the_corner(turning):
    codes = turning.encode(turning.reference_images(50)).double().numpy()
    turning.asked.clear()
    picture = Planes(images=6)(turning)
    columns = PLANE.polar(turning.asked[-1].double().numpy())
    np.testing.assert_allclose(columns[:-1, 0], np.percentile(PLANE.polar(codes)[:, 0], 90), rtol=1e-5)
    assert columns[-1, 0] == pytest.approx(0, abs=1e-6)
    angles = np.arctan2(columns[:-1, 2], columns[:-1, 1])
    np.testing.assert_allclose(np.exp(1j * angles), np.exp(1j * np.arange(6) * np.pi / 3), atol=1e-5)
    others = np.delete(turning.asked[-1].double().numpy(), [1, 3], axis=1)
    np.testing.assert_allclose(others, np.delete(codes[[most_ordinary(codes, PLANE)] * 7], [1, 3], axis=1), atol=1e-6)
    disc, *tiles = picture.figure.axes
    middle = np.array([0.5 * (disc.get_position().x0 + disc.get_position().x1), disc.get_position().y0])
    assert len(tiles) == 7
    right, *_, left, _, _, corner = [tile.get_position() for tile in tiles]
    assert right.x0 > middle[0] > left.x1
    assert corner.x0 < left.x0
    assert "in the plane of z3 and z1" in picture.alt


def test_the_density_lies_where_the_codes_are(turning):
    """All codes at an angle of 90 degrees: colour above the middle, and none below but in the ring."""
    codes = torch.zeros(400, 10)
    codes[:, 3], codes[:, 1] = 0.5, torch.linspace(0.1, 2, 400)
    turning.encode = lambda images: codes[: len(images)]
    turning.reference_images = lambda n: torch.zeros(400, 1, 16, 16)
    shown = Planes()(turning).figure.axes[0].images[0].get_array()
    half = len(shown) // 2
    inside = np.hypot(*(np.indices(shown.shape[:2]) - half + 0.5)) < 0.85 * half
    seen = (shown[..., 3] > 0) & inside
    assert seen[half + 20 :].any()
    assert not seen[: half - 20].any()
    assert not seen[:, : half - 20].any()


def test_another_image_may_be_named(turning):
    codes = turning.encode(turning.reference_images(50))
    Planes(image=7)(turning)
    np.testing.assert_allclose(turning.asked[-1][0, [0, 2, 4]], codes[7, [0, 2, 4]], atol=1e-6)
    with pytest.raises(InputError, match="image must be less than the 50 reference images, got 50"):
        Planes(image=50)(turning)


def test_rows_of_a_table_have_the_disc_alone(turning):
    turning.decode = lambda codes, categories=None: torch.zeros(len(codes), 1, 1, 9)
    picture = Planes()(turning)
    assert len(picture.figure.axes) == 1
    assert "Round it" not in picture.alt


def test_a_run_without_such_a_plane_is_refused(turning, fake):
    with pytest.raises(InputError, match="planes needs a run with more than 1 planes, disc-0 has 1"):
        Planes(plane=1)(turning)
    with pytest.raises(InputError, match="plane, disc-0 has none"):
        Planes()(fake)
