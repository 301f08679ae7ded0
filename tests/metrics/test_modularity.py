"""Modularity: the formula by hand, known answers, dead latents."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import mutual_info_score

from unweave.base.errors import InputError
from unweave.contracts import worlds
from unweave.metrics import modularity
from unweave.metrics.scores.modularity import Modularity, modular


def scored(world, **settings):
    return modularity(world.codes, world.factors, kl_per_latent=world.kl, factor_names=world.names, **settings)


def test_the_value_equals_a_slow_one_made_with_scikit_learn():
    world, each = worlds.noisy(worlds.rotated(2_000)), []
    for code in world.codes.T:
        cells = np.digitize(code, np.histogram(code, 20)[1][:-1])
        squares = np.array([mutual_info_score(cells, factor) for factor in world.factors.T]) ** 2
        each.append(1 - (squares.sum() - squares.max()) / (squares.max() * 4))
    score = scored(world)
    assert score.tables["modularity_per_latent"] == pytest.approx(each, abs=1e-9)
    assert score.value == pytest.approx(np.mean(each), abs=1e-9)


@pytest.mark.parametrize(
    ("world", "low", "high"),
    [
        (worlds.identity(), 0.999, 1.0),
        (worlds.permuted(), 0.999, 1.0),
        (worlds.missing("shape", "x"), 0.999, 1.0),  # what is left out does not matter
        (worlds.duplicated(), 0.999, 1.0),  # nor who says it twice
        (worlds.merged(), 0.999, 1.0),  # 20 bins of 1024 joint values see x and nothing of y
        (worlds.noise(), 0.4, 0.9),  # spurious information goes with the number of values: nowhere near 0
    ],
    ids=["identity", "permuted", "missing", "duplicated", "merged", "noise"],
)
def test_known_answers(world, low, high):
    assert low <= scored(world).value <= high


def test_a_latent_that_two_factors_share_alike_is_half_modular_of_two():
    grid = worlds.grid(20_000, sizes=(10, 10))
    assert modularity(grid.sum(axis=1, keepdims=True), grid).value < 0.01
    three = worlds.grid(50_000, sizes=(10, 10, 10))
    assert modularity(three[:, :2].sum(axis=1, keepdims=True), three).value == pytest.approx(0.5, abs=0.01)


@given(arrays(np.float64, (4, 3), elements=st.floats(0, 10)), st.permutations(range(3)), st.floats(1e-3, 1e3))
def test_formula_ignores_order_and_unit_and_stays_in_range(table, order, unit):
    value = modular(table)
    assert ((value >= 0) & (value <= 1)).all()
    assert modular(table[:, list(order)] * unit) == pytest.approx(value, abs=1e-9)


@given(st.permutations(range(5)), st.lists(st.sampled_from([-1.0, 1.0]), min_size=5, max_size=5))
def test_order_and_sign_of_codes_hardly_matter(order, signs):
    world = worlds.noisy(worlds.rotated(500))
    changed = worlds.World(world.codes[:, list(order)] * np.array(signs) * 7, world.factors)
    assert scored(changed).value == pytest.approx(scored(world).value, abs=0.01)  # borders belong to one side


def test_dead_latents_change_nothing():
    assert scored(worlds.with_dead(worlds.rotated(3_000))).value == pytest.approx(scored(worlds.rotated(3_000)).value)


def test_wrong_settings_are_refused():
    with pytest.raises(InputError, match="bins must be 2 or more, got 1"):
        Modularity(bins=1)
    with pytest.raises(InputError, match="factor_1 is continuous"):
        modularity(np.eye(3), np.array([[0, 0.5], [1, 0.25], [2, 1]]))
