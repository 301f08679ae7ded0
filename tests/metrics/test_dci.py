"""DCI: the formula by hand, its parts on known codes, dead latents."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import entropy

from unweave.contracts import worlds
from unweave.metrics import dci
from unweave.metrics.scores.dci import completeness, disentanglement

QUICK = {"train": 3_000, "test": 1_000, "trees": 10}


def scored(world, **settings):
    options = {**QUICK, **settings}
    return dci(world.codes, world.factors, kl_per_latent=world.kl, factor_names=world.names, **options)


def test_formula_by_hand():
    table = np.array([[3.0, 1.0], [0.0, 2.0], [0.0, 0.0]])
    first = 1 + (0.75 * math.log(0.75) + 0.25 * math.log(0.25)) / math.log(2)
    d, per_latent = disentanglement(table)
    assert per_latent == pytest.approx([first, 1.0, 0.0], abs=1e-8)
    assert d == pytest.approx((4 * first + 2 * 1.0) / 6, abs=1e-8)
    second = 1 + (1 / 3 * math.log(1 / 3) + 2 / 3 * math.log(2 / 3)) / math.log(3)
    c, per_factor = completeness(table)
    assert per_factor == pytest.approx([1.0, second], abs=1e-8)
    assert c == pytest.approx((3 * 1.0 + 3 * second) / 6, abs=1e-8)


@given(arrays(np.float64, (4, 3), elements=st.floats(0.01, 10)))
def test_formula_equals_scipys_entropy(table):
    per_latent = 1 - entropy(table, axis=1, base=3)
    per_factor = 1 - entropy(table, axis=0, base=4)
    assert disentanglement(table)[0] == pytest.approx(np.average(per_latent, weights=table.sum(1)), abs=1e-6)
    assert completeness(table)[0] == pytest.approx(np.average(per_factor, weights=table.sum(0)), abs=1e-6)


@given(
    arrays(np.float64, (3, 4), elements=st.just(0.0) | st.floats(0.01, 10)),
    st.permutations(range(3)),
    st.floats(0.1, 100),
)
def test_formula_ignores_order_and_unit_and_stays_in_range(table, order, scale):
    for part in (disentanglement, completeness):
        value = part(table)[0]
        assert 0 <= value <= 1
        assert part(table[list(order)] * scale)[0] == pytest.approx(value, abs=1e-6)


def test_zero_importances_score_zero():
    assert disentanglement(np.zeros((3, 2)))[0] == pytest.approx(0.0, abs=1e-9)
    assert completeness(np.zeros((3, 2)))[0] == pytest.approx(0.0, abs=1e-9)
    assert completeness(np.zeros((1, 2)))[0] == 0.0
    assert completeness(np.ones((1, 2)))[0] == 1.0


def test_a_perfect_code_is_perfect():
    score = scored(worlds.identity(6_000))
    assert score.value > 0.999
    assert score.parts["completeness"] > 0.999
    assert score.parts["informativeness_accuracy"] > 0.995
    assert np.array(score.tables["importances"]).sum(axis=0) == pytest.approx(np.ones(5))


def test_a_rotated_code_is_informative_and_nothing_else():
    score = scored(worlds.rotated(6_000, turn=1))
    assert score.value < 0.2
    assert score.parts["completeness"] < 0.2
    assert score.parts["informativeness_accuracy"] > 0.35


def test_a_merged_code_is_complete_and_a_doubled_one_disentangled():
    merged, doubled = scored(worlds.merged(6_000)), scored(worlds.duplicated(6_000))
    assert merged.parts["completeness"] > merged.value + 0.05
    assert doubled.value > 0.999
    assert doubled.parts["completeness"] < 0.8


def test_a_missing_factor_costs_informativeness_of_that_factor_only():
    score = scored(worlds.missing("x", n=6_000))
    accuracy = dict(zip(score.tables["columns"], score.tables["accuracy_per_factor"], strict=True))
    assert accuracy["x"] < 0.1
    assert min(accuracy[name] for name in ("shape", "scale", "orientation", "y")) > 0.99
    low, high = score.settings["intervals"]["informativeness_accuracy"]
    assert low < score.parts["informativeness_accuracy"] < high
    assert high - low < 0.05


def test_dead_latents_change_nothing_and_have_no_importance():
    clean, pruned = scored(worlds.rotated(2_000)), scored(worlds.with_dead(worlds.rotated(2_000)))
    assert pruned.parts == clean.parts
    assert np.array(pruned.tables["importances"])[[0, 6, 7]].sum() == 0
    assert pruned.settings["active"] == [1, 2, 3, 4, 5]


def test_a_small_pool_is_split_in_proportion_and_a_large_one_capped():
    assert scored(worlds.identity(400), train=1_000, test=1_000).settings["test"] == 200
    large = scored(worlds.identity(400), train=100, test=50).settings
    assert (large["train"], large["test"]) == (100, 50)


def test_threads_do_not_change_the_score():
    world = worlds.rotated(800)
    assert scored(world, threads=2).parts == scored(world).parts


@pytest.mark.parametrize("backend", ["random-forest", "gbt", "lasso", "tuned-forest"])
def test_permutation_gives_nothing_to_latents_of_many_values_that_know_nothing(backend):
    rng = np.random.default_rng(0)
    factors = rng.integers(2, size=(3_000, 2))
    bits = np.where(rng.random(factors.shape) < 0.3, 1 - factors, factors)
    codes = np.column_stack([bits, rng.normal(size=(3_000, 3))])
    own, permuted = (
        dci(codes, factors, **{**QUICK, "train": 2_000}, rounds=10, backend=backend, importance=importance)
        for importance in ("impurity", "permutation")
    )
    table = np.array(permuted.tables["importances"])
    assert (table > 0).tolist() == [[True, False], [False, True], *[[False, False]] * 3]
    assert permuted.value == pytest.approx(1.0)
    assert own.value < 0.99
    informed = [name for name in own.parts if name.startswith("informativeness")]
    assert permuted.parts[informed[0]] == pytest.approx(own.parts[informed[0]])


def test_permutation_on_known_codes():
    noise, noisy = worlds.noise(900, d=4), worlds.noisy(worlds.identity(3_000), 0.3)
    assert scored(noise, importance="permutation").value == 0.0
    assert scored(noisy).value + 0.3 < scored(noisy, importance="permutation").value
    assert scored(worlds.rotated(2_000, turn=1), importance="permutation").value < 0.6
    dead = scored(worlds.with_dead(worlds.missing("x", n=2_000)), importance="permutation")
    table = np.array(dead.tables["importances"])
    assert not table[[0, 5, 6]].any()
    assert not table[:, 3].any()


def test_a_categorical_code_is_shuffled_as_one():
    world = worlds.missing("shape", "scale", n=1_500)
    score = dci(world.codes, world.factors, categories=world.factors[:, :1], importance="permutation", **QUICK)
    table = np.array(score.tables["importances"])
    assert np.flatnonzero(table[-1]).tolist() == [0]
    assert table[-1, 0] > 0.5
