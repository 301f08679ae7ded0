"""The pinwheel: sizes, the arms by their formula, repeatable draws."""

import math

import numpy as np
import pytest

from unweave.data.published.pinwheel import Pinwheel


def test_a_draw_has_four_times_a_hundred_points_around_radius_one():
    data = Pinwheel()
    assert data.points.shape == (400, 2)
    assert np.bincount(data.labels).tolist() == [100] * 4
    radii = [np.linalg.norm(Pinwheel(seed=seed).points, axis=1).mean() for seed in range(20)]
    assert np.abs(np.array(radii) - 1.006).max() < 0.05
    assert np.mean(radii) == pytest.approx(1.006, abs=0.012)
    assert data.points.std(0) == pytest.approx([0.73, 0.73], abs=0.04)


def test_without_noise_each_arm_is_one_point_turned_clockwise():
    data = Pinwheel(tangential_std=0, radial_std=0, per_class=1)
    turn = math.pi / 2 * np.arange(1, 5) + 0.25 * math.e
    expected = np.stack([np.cos(turn), -np.sin(turn)], axis=1)
    np.testing.assert_allclose(data.points, expected, atol=1e-6)


def test_the_noise_called_tangential_runs_along_the_radius_and_bends_the_arm():
    along = Pinwheel(tangential_std=0.2, radial_std=0, arms=1, per_class=500).points
    radius = np.linalg.norm(along, axis=1)
    assert radius.std() == pytest.approx(0.2, abs=0.02)
    turn = -np.arctan2(along[:, 1], along[:, 0])  # clockwise
    np.testing.assert_allclose(turn, 0.25 * np.exp(radius), atol=1e-4)
    across = Pinwheel(tangential_std=0, radial_std=0.1, arms=1, per_class=500).points
    assert np.linalg.norm(across - across.mean(0), axis=1).std() > 0.03
    assert np.linalg.norm(across, axis=1).std() < 0.02


def test_parts_and_seeds_are_other_draws_and_each_repeats():
    one = Pinwheel().points
    np.testing.assert_array_equal(one, Pinwheel().points)
    for other in (Pinwheel(part="test"), Pinwheel(seed=1)):
        assert not np.isin(other.points, one).any()
