"""What a decoder says of two latents, on drawn blobs whose truth is known."""

import numpy as np
import pytest

from unweave.subspaces.turning import CONTEXTS, turning

GRID = np.stack(np.meshgrid(np.linspace(-3, 3, 16), np.linspace(-3, 3, 16)), axis=-1).reshape(-1, 2)


def blobs(x, y, size, stretch, angle):
    """Images (n, 256) of bright blobs: where, how wide, how long along twice `angle`."""
    place = GRID - np.stack([x, y], axis=1)[:, None]
    turn = np.stack([np.cos(angle), np.sin(angle)], axis=1)[:, None]
    along, across = (place * turn).sum(-1), place[..., 1] * turn[..., 0] - place[..., 0] * turn[..., 1]
    width, length = size[:, None], np.exp(stretch)[:, None]
    return np.exp(-((along / (width * length)) ** 2 + (across * length / width) ** 2))


def plane(codes):
    """Latents 0 and 1 hold length and twice the angle; 2 and 3 the place, 4 the width."""
    stretch, twice = np.hypot(codes[:, 0], codes[:, 1]) / 3, np.arctan2(codes[:, 1], codes[:, 0])
    return blobs(codes[:, 2] / 2, codes[:, 3] / 2, 1 + codes[:, 4] / 5, stretch, twice / 2)


def looked(decode, pair, seed=100):
    rng = np.random.default_rng(seed)
    return turning(decode, rng.normal(size=(1000, 5)).clip(-3, 3), pair, np.zeros(2), np.eye(2), rng)


def test_length_and_angle_turn():
    found = looked(plane, (0, 1))
    assert found.share > 0.7
    assert found.p_value < 1e-6
    assert found.steps < 0.1
    assert found.apart > 0.8
    assert found.contexts == CONTEXTS


@pytest.mark.parametrize("pair", [(2, 3), (0, 4), (2, 4), (1, 2)])
def test_other_pairs_of_the_same_decoder_do_not(pair):
    assert looked(plane, pair).p_value > 0.05


def test_two_axes_each_with_its_own_speed_do_not():
    """Additive, saturating and equally fast: the metric varies, but never turns."""
    directions = np.random.default_rng(0).normal(size=(2, 50))

    def decode(codes):
        return np.tanh(0.7 * codes[:, :1]) * directions[0] + np.tanh(0.7 * codes[:, 1:2]) * directions[1]

    found = looked(decode, (0, 1))
    assert found.share <= 0.5
    assert found.p_value > 0.05


def test_latents_that_change_nothing_do_not_turn():
    found = looked(lambda codes: np.ones((len(codes), 1, 4, 4)), (0, 1))
    assert (found.share, found.p_value) == (0.0, 1.0)
