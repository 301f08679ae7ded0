"""Modularity: a second implementation, and the formula."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import mutual_info_score

from unweave.contracts import worlds
from unweave.metrics import modularity
from unweave.metrics.scores.modularity import modular


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
