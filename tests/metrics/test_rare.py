"""Rare binary concepts: every split keeps its share of their positives, and those with too few are not scored."""

import numpy as np
import pytest

from unweave import metrics
from unweave.base.errors import InputError
from unweave.metrics import Probe
from unweave.metrics.arrays import spread_evenly

RNG = np.random.default_rng(0)
N = 4_000
CONCEPTS = (RNG.random((N, 3)) < 0.01).astype(int)
CODES = CONCEPTS + 0.1 * RNG.normal(size=(N, 3))


def pool(factors, codes=CODES, **more):
    return Probe(codes, factors, factor_names=[f"c{k}" for k in range(factors.shape[1])], **more)


@pytest.mark.parametrize("seed", range(5))
def test_every_part_has_its_share_of_each_concept(seed):
    probe = pool(CONCEPTS, seed=seed)
    for rows, share in zip(probe.parted(2_000, 1_000, "any"), (0.5, 0.25), strict=True):
        assert len(rows) == N * share
        held = CONCEPTS[rows].sum(axis=0)
        assert np.abs(held - share * CONCEPTS.sum(axis=0)).max() <= 2
    assert not set(probe.parted(2_000, 1_000, "any")[0]) & set(probe.parted(2_000, 1_000, "any")[1])
    drawn = probe.at_most(1_000, "any").known_factors.sum(axis=0)
    assert np.abs(drawn - CONCEPTS.sum(axis=0) / 4).max() <= 2


def test_what_is_not_rare_is_drawn_as_ever():
    factors = np.stack([np.arange(N) % 2, np.arange(N) % 7], axis=1)
    probe = pool(factors)
    assert probe.positives == {}
    assert probe.rows_at_most(100, "x").tolist() == probe.rng("x").choice(N, size=100, replace=False).tolist()
    rows = probe.rng("x").permutation(N)
    assert np.concatenate(probe.parted(100, 50, "x")).tolist() == rows[:150].tolist()


def test_the_rarer_value_counts_whichever_it_is():
    factors = np.stack([CONCEPTS[:, 0], 1 - CONCEPTS[:, 1], np.arange(N) % 3], axis=1)
    sums = CONCEPTS.sum(axis=0).tolist()
    assert pool(factors).positives == {"c0": sums[0], "c1": sums[1]}
    assert np.abs((1 - factors[pool(factors).parted(2_000, 2_000, "x")[1], 1]).sum() - sums[1] / 2) <= 2


def test_scores_say_how_many_positives_and_leave_out_concepts_with_too_few():
    factors = CONCEPTS.copy()
    factors[np.flatnonzero(factors[:, 2])[19:], 2] = 0
    score = metrics.mig(CODES, factors, factor_names=["a", "b", "c"])
    assert list(score.per_factor) == ["a", "b"]
    assert score.settings["positives"] == {"a": CONCEPTS[:, 0].sum(), "b": CONCEPTS[:, 1].sum()}
    assert score.settings["too_few_positives"] == {"c": 19}
    with pytest.raises(InputError, match=r"20 positives or more in 10,000 rows, got c 19"):
        metrics.mig(CODES, factors[:, 2:], factor_names=["c"])


def test_few_among_many_rows_are_too_few():
    column = np.zeros((40_000, 1), int)
    column[:79] = 1  # 19.75 in 10,000
    assert pool(column, np.zeros((40_000, 1))).too_few == {"c0": 79}
    column[79] = 1
    assert pool(column, np.zeros((40_000, 1))).too_few == {}


@pytest.mark.parametrize("name", ["mig", "sap", "explicitness", "modularity"])
def test_a_code_of_the_concepts_is_told_from_noise(name):
    score, noise = (getattr(metrics, name)(codes, CONCEPTS) for codes in (CODES, RNG.normal(size=CODES.shape)))
    assert score.value > noise.value + 0.1


def test_parts_are_disjoint_and_whole():
    parts = spread_evenly(RNG.integers(3, size=101), [40, 61], np.random.default_rng(1))
    assert sorted(np.concatenate(parts).tolist()) == list(range(101))
