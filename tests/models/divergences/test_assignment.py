"""The balanced assignment is exact: brute force, two solvers, and what is known of its limits."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from unweave.base.errors import InputError
from unweave.models.divergences.assignment import assign, by_flow, by_matching

BALANCES = (0.0, 0.001, 0.3, 1.0, 7.0, 100.0)


def total_cost(costs: np.ndarray, labels: np.ndarray, balance: float) -> float:
    """What labels cost, with pairs of images counted one by one."""
    pairs = np.triu(labels[:, None] == labels, 1).sum()
    return costs[np.arange(len(costs)), labels].sum() + balance * pairs


def brute_force(costs: np.ndarray, balance: float) -> float:
    """Least cost over all S^n labels."""
    n, size = costs.shape
    return min(total_cost(costs, np.array(labels), balance) for labels in product(range(size), repeat=n))


@pytest.mark.parametrize("solve", [by_flow, by_matching, assign])
@pytest.mark.parametrize("n", [1, 2, 5, 8])
def test_both_solvers_find_what_brute_force_finds(solve, n):
    rng = np.random.default_rng(n)
    for balance in BALANCES[:: 2 if n == 8 else 1]:
        costs = rng.normal(size=(n, 3)) * 5
        found = total_cost(costs, solve(costs, balance), balance)
        assert found == pytest.approx(brute_force(costs, balance), abs=1e-9)


@given(
    st.tuples(st.integers(1, 40), st.integers(1, 6)).flatmap(
        lambda shape: arrays(np.float64, shape, elements=st.floats(-1e3, 1e3, width=32))
    ),
    st.sampled_from(BALANCES),
)
def test_flow_and_matching_agree(costs, balance):
    """Also with ties, equal rows and equal columns, which hypothesis likes to draw."""
    flow, matching = (total_cost(costs, solve(costs, balance), balance) for solve in (by_flow, by_matching))
    assert flow == pytest.approx(matching, rel=1e-11, abs=1e-8)


@pytest.mark.parametrize("kind", ["noise", "skewed", "one takes all", "correlated", "low rank", "ties"])
def test_large_batches_whose_prices_come_from_coarser_ones(kind):
    rng = np.random.default_rng(3)
    n, size = 150, 7
    costs = {
        "noise": rng.normal(size=(n, size)) * 10 + 300,
        "skewed": rng.normal(size=(n, size)) * 2 + 20 * np.arange(size),
        "one takes all": rng.normal(size=(n, size)) + 100 * (np.arange(size) > 0),
        "correlated": rng.normal(size=(n, 1)) * 30 + rng.normal(size=(n, size)) * 0.5,
        "low rank": rng.normal(size=(n, 2)) @ rng.normal(size=(2, size)) * 5,
        "ties": rng.integers(0, 3, size=(n, size)).astype(float),
    }[kind]
    for balance in BALANCES:
        flow, matching = (total_cost(costs, solve(costs, balance), balance) for solve in (by_flow, by_matching))
        assert flow == pytest.approx(matching, rel=1e-12)


def test_without_balance_every_image_takes_its_best():
    costs = np.random.default_rng(0).normal(size=(200, 5))
    assert (assign(costs, 0.0) == costs.argmin(1)).all()


@pytest.mark.parametrize(("n", "size"), [(12, 3), (64, 3), (256, 10)])
def test_a_large_balance_makes_counts_equal_up_to_one(n, size):
    costs = np.random.default_rng(1).normal(size=(n, size)) + 5 * np.arange(size)
    counts = np.bincount(assign(costs, 1e4), minlength=size)
    assert counts.max() - counts.min() <= 1


def test_an_offset_of_an_image_changes_nothing():
    rng = np.random.default_rng(2)
    costs = rng.normal(size=(100, 4))
    shifted = costs + 1e3 * rng.normal(size=(100, 1))
    assert (assign(costs, 0.1) == assign(shifted, 0.1)).all()


def test_the_tie_breaker_of_the_published_balance_is_small():
    """0.001 for a pair is at most 0.063 nats for one image of 64: clear preferences stay."""
    rng = np.random.default_rng(5)
    wanted = np.zeros(64, int)
    costs = rng.uniform(1, 5, size=(64, 3))
    costs[np.arange(64), wanted] = 0
    assert (assign(costs, 0.001) == wanted).all()


@pytest.mark.parametrize(
    ("costs", "balance", "rule"),
    [
        (np.zeros(3), 1.0, "costs must have shape"),
        (np.zeros((0, 3)), 1.0, "costs must have shape"),
        (np.array([[0.0, np.nan]]), 1.0, "costs must be finite"),
        (np.zeros((2, 2)), -1.0, "balance must be 0 or more"),
    ],
)
def test_what_cannot_be_assigned_is_refused(costs, balance, rule):
    with pytest.raises(InputError, match=rule):
        assign(costs, balance)
