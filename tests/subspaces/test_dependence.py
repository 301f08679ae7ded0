"""What codes alone say of two latents, on worlds whose answer is known."""

import numpy as np
import pytest
from tests.subspaces.planes import WITH, WITHOUT, circle, turned

from unweave.subspaces.dependence import best_axes, bins_for, dependence, information, ring_p_value, scatter


def told(world, n, seed=100):
    rng = np.random.default_rng(seed)
    return dependence(world(n, rng), rng)


@pytest.mark.parametrize("name", ["turned uniforms", "turned Laplaces", "turned exponentials", "turned Cauchys"])
def test_axes_that_make_a_pair_independent_are_found_at_any_rotation(name):
    """The p-value stays that of a true hypothesis: not one in twenty below a twentieth, with a margin for chance."""
    p = [told(WITHOUT[name], 2000, seed).dependent for seed in range(100, 120)]
    assert np.mean(np.array(p) < 0.05) <= 0.15


def test_dependence_that_a_shear_removes_is_none():
    rng = np.random.default_rng(100)
    sheared = rng.exponential(size=(4000, 2)) @ np.array([[1, 0.7], [0.2, 1]])
    assert dependence(sheared, rng).dependent > 0.001
    plain = information(*sheared.T, bins_for(4000))
    assert plain > 0.2


@pytest.mark.parametrize("world", WITH.values(), ids=WITH)
def test_radius_and_angle_of_a_plane_share_less_than_any_axes(world):
    found = told(world, 4000)
    assert max(found.dependent, found.polar_better, found.ring) < 0.001
    assert found.axes_better > 0.5
    assert found.share > 0.5
    assert found.around > 1 / 3


def test_uniform_axes_speak_against_radius_and_angle():
    found = told(WITHOUT["turned uniforms"], 4000)
    assert found.axes_better < 0.001
    assert found.share <= 0


def test_what_is_round_without_a_circle_is_no_ring():
    """A joint Student-t is round and no axes make it independent, but normals of varying size are just that."""
    found = told(WITHOUT["joint Student-t 3"], 10_000)
    assert max(found.dependent, found.polar_better) < 0.001
    assert found.ring > 0.05


def test_clusters_on_a_circle_do_not_go_round():
    assert told(WITHOUT["five clusters"], 4000).around < 1 / 3


@pytest.mark.parametrize(
    "squares",
    [
        lambda n, rng: rng.exponential(size=n),
        lambda n, rng: rng.exponential(size=n) * rng.choice([0.1, 1, 9], n),
        lambda n, rng: rng.exponential(size=n) / rng.chisquare(2, n),
    ],
    ids=["one size", "three sizes", "heavy tail"],
)
def test_radii_of_mixed_normals_are_no_ring(squares):
    p = [ring_p_value(np.sqrt(squares(2000, np.random.default_rng(seed)))) for seed in range(100, 130)]
    assert np.mean(np.array(p) < 0.05) <= 0.15


def test_the_centre_of_a_ring_is_found_where_the_angles_are_uneven():
    """Most points lie on the right, so that neither mean nor median is the centre."""
    rng = np.random.default_rng(100)
    turn = rng.vonmises(0, 0.8, 6000)
    ring = np.stack([5 + np.cos(turn), -2 + np.sin(turn)], axis=1) + 0.1 * rng.normal(size=(6000, 2))
    found = dependence(ring, rng)
    assert np.linalg.norm(np.array(found.centre) - [5, -2]) < 0.2
    assert np.linalg.norm(ring.mean(axis=0) - [5, -2]) > 0.3


def test_the_matrix_makes_a_slanted_ring_round():
    rng = np.random.default_rng(100)
    ring = circle(6000, rng) @ np.array([[3, 1.5], [0, 0.5]]) + [7, 7]
    found = dependence(ring, rng)
    radius = np.linalg.norm((ring - found.centre) @ np.array(found.matrix), axis=1)
    assert radius.std() / radius.mean() < 0.2


def test_scatter_is_not_moved_by_tails():
    rng = np.random.default_rng(100)
    tails = rng.normal(size=(4000, 2)) @ np.array([[2, 1], [0, 1]]) / rng.uniform(size=(4000, 1)) ** 3
    centre, matrix = scatter(tails)
    shape = np.linalg.inv(matrix @ matrix.T)
    expected = np.array([[2, 1], [0, 1]]).T @ np.array([[2, 1], [0, 1]])
    assert np.allclose(shape / np.trace(shape), expected / np.trace(expected), atol=0.03)
    assert np.abs(centre).max() < 0.5


def test_best_axes_are_those_of_a_turned_square():
    rng = np.random.default_rng(100)
    square = rng.uniform(-1, 1, (4000, 2))
    angle = 0.6
    spun = square @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    assert np.allclose(best_axes(spun, spun[:1000]), angle, atol=0.03)
    assert turned(square, rng).shape == (4000, 2)
