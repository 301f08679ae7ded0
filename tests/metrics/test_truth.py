"""Factors as they come: missing labels, fractions, and which metric takes what."""

import math

import numpy as np
import pytest

from unweave import metrics
from unweave.base import registry
from unweave.base.errors import InputError
from unweave.contracts import worlds
from unweave.metrics import Probe

FULL = [name for name in registry.metrics.names() if set(registry.metrics.get(name).needs) == {"factors"}]
CONTINUOUS = {
    "irs": {},
    "dci-es": {},
    "held-out-combinations": {},
    "sap": {"kind": "continuous"},
    "dci": {"backend": "lasso"},
}


def pure(name):
    return getattr(metrics, name.replace("-", "_"))


def test_rows_without_a_label_are_dropped_everywhere():
    codes, factors = np.arange(12.0).reshape(6, 2), np.arange(6.0)[:, None] % 2
    factors[[1, 4]] = np.nan
    probe = Probe(codes, factors, scale=codes + 1, categories=np.arange(6), labels=np.arange(6), numbers=np.arange(6))
    kept = [0, 2, 3, 5]
    assert (len(probe), probe.dropped, probe.continuous) == (4, 2, ())
    assert np.array_equal(probe.codes, codes[kept])
    assert np.array_equal(probe.scale, codes[kept] + 1)
    assert probe.factors.tolist() == [[0], [0], [1], [1]]
    for column in (probe.categories[:, 0], probe.labels, probe.numbers):
        assert column.tolist() == kept


@pytest.mark.parametrize("name", FULL)
def test_fractions_are_scored_or_refused_with_a_sentence(name):
    factors = np.random.default_rng(0).random((300, 2))
    if name in CONTINUOUS:
        assert pure(name)(factors * 2 - 1, factors, **CONTINUOUS[name]).value > 0.85
        return
    with pytest.raises(InputError, match="needs factors that are integers"):
        pure(name)(factors, factors)


@pytest.mark.parametrize("name", FULL)
def test_a_continuous_factor_can_be_left_out(name):
    world = worlds.identity(400)
    mixed = np.column_stack([world.factors, np.random.default_rng(0).random(400)])
    score = pure(name)(world.codes, mixed, exclude_factors=("factor_5",))
    assert score.settings["K"] == 5
    assert math.isfinite(score.value)


def test_whole_numbers_may_come_as_floats_and_names_stay_with_their_columns():
    codes = np.random.default_rng(0).normal(size=(5, 2))
    factors = np.array([[0, 0.5], [1, 0.25], [2, 0.5], [0, 0.75], [1, np.nan]])
    probe = Probe(codes, factors, factor_names=("kind", "size"))
    assert probe.continuous == ("size",)
    assert probe.factors.tolist() == [[0, 1], [1, 0], [2, 1], [0, 2]]
    assert probe.known_values[:, 1].tolist() == [0.5, 0.25, 0.5, 0.75]
    assert Probe(codes, np.arange(10.0).reshape(5, 2)).factors.dtype == np.int64


@pytest.mark.parametrize("name", FULL)
def test_fewer_rows_than_values(name):
    score = pure(name)(np.random.default_rng(0).normal(size=(20, 3)), worlds.grid(20, sizes=(40, 60)))
    assert 0 <= score.value <= 1 or score.reason
