"""Cluster accuracy: the best map by brute force, unequal counts, where the truth and the categories come from."""

from itertools import permutations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from unweave.base.errors import InputError
from unweave.contracts import worlds
from unweave.metrics import cluster_accuracy
from unweave.metrics.aggregate import PriorOnly
from unweave.metrics.intervals import wilson
from unweave.metrics.probe import Probe
from unweave.metrics.scores.cluster_accuracy import ClusterAccuracy
from unweave.models.distributions.isotropic import Isotropic
from unweave.models.distributions.mixture import Mixture


@given(seed=st.integers(0, 10_000), categories=st.integers(1, 4), values=st.integers(1, 4))
def test_the_map_is_the_best_of_all(seed, categories, values):
    rng = np.random.default_rng(seed)
    predicted, truth = rng.integers(categories, size=30), rng.integers(values, size=30)
    wide = max(categories, values)
    best = max(np.mean(np.array(order)[predicted] == truth) for order in permutations(range(wide)))
    score = cluster_accuracy(predicted, truth)
    assert score.value == pytest.approx(best)
    assert score.value <= score.parts["purity"] <= 1
    assert score.parts["majority"] <= score.parts["purity"]
    assert np.sum(score.tables["contingency"]) == 30


def test_names_of_categories_do_not_matter():
    truth = np.random.default_rng(0).integers(3, size=500)
    score = cluster_accuracy(np.array([7, 2, 9])[truth], truth)
    assert (score.value, score.parts["purity"]) == (1.0, 1.0)
    assert score.settings["map"] == {"category 7": "0", "category 2": "1", "category 9": "2"}
    assert score.interval == wilson(500, 500)


def test_more_categories_than_values_are_pure_but_not_accurate():
    truth = np.repeat([0, 1], 50)
    score = cluster_accuracy(np.arange(100) // 25, truth)
    assert (score.value, score.parts["purity"]) == (0.5, 1.0)
    assert score.settings["unmatched"] == {"categories": 2, "values": 0}


def test_fewer_categories_than_values_leave_values_without_one():
    truth = np.repeat([0, 1, 2, 3], 25)
    score = cluster_accuracy(truth // 2, truth)
    assert (score.value, score.parts["purity"]) == (0.5, 0.5)
    assert score.settings["unmatched"] == {"categories": 0, "values": 2}
    assert sorted(score.settings["found_per_value"].values()) == [0.0, 0.0, 1.0, 1.0]


def test_a_single_category_reaches_the_majority():
    score = cluster_accuracy(np.zeros(100, int), np.repeat([0, 1], [70, 30]))
    assert score.value == score.parts["majority"] == 0.7


def shapes(n=3_000, **more):
    world = worlds.identity(n)
    predicted = (world.factors[:, 0] + 1) % 3
    names = more.pop("names", worlds.NAMES)
    return Probe(world.codes, world.factors, factor_names=names, categories=predicted, **more)


def test_the_truth_is_shape_unless_another_is_named():
    score = ClusterAccuracy()(shapes())
    assert (score.value, score.settings["truth"], score.settings["told_by"]) == (1.0, "shape", "categories")
    other = ClusterAccuracy(factor="scale")(shapes())
    assert other.value < 0.25
    assert other.settings["unmatched"]["values"] == 3


def test_the_truth_is_the_labels_where_there_is_no_shape():
    probe = shapes(names=("form", "b", "c", "d", "e"), labels=worlds.identity(3_000).factors[:, 0])
    assert ClusterAccuracy()(probe).settings["truth"] == "labels"
    assert ClusterAccuracy(factor="form")(probe).settings["truth"] == "form"


def test_one_of_several_categoricals_is_scored():
    world = worlds.identity(1_000)
    both = np.column_stack([np.zeros(1_000, int), world.factors[:, 0]])
    probe = Probe(world.codes, world.factors, factor_names=worlds.NAMES, categories=both)
    assert ClusterAccuracy(categorical=1)(probe).value == 1.0
    assert ClusterAccuracy()(probe).value < 0.5
    with pytest.raises(InputError, match="categorical must be below 2"):
        ClusterAccuracy(categorical=2)(probe)


def test_without_categories_the_nearest_mode_of_a_mixture_tells_them():
    prior = Mixture().build(2)
    truth = np.random.default_rng(1).integers(4, size=400)
    noise = np.random.default_rng(2).normal(scale=0.1, size=(400, 2))
    codes = prior.means.numpy()[(truth + 1) % 4] + noise
    score = ClusterAccuracy()(Probe(codes, labels=truth, model=PriorOnly(prior)))
    assert score.value == 1.0
    assert score.settings["told_by"] == "the prior's nearest mode"


def test_what_cannot_be_scored_is_refused_with_a_sentence():
    codes, truth = np.eye(4), np.arange(4)
    lacks = "needs categorical codes or a prior with modes"
    assert lacks in ClusterAccuracy().refuses(Probe(codes, labels=truth))
    assert lacks in ClusterAccuracy().refuses(Probe(codes, labels=truth, model=PriorOnly(Isotropic().build(4))))
    assert "needs a factor named shape, labels, or" in ClusterAccuracy().refuses(Probe(codes, categories=truth))
    with pytest.raises(InputError, match="did you mean 'shape'"):
        ClusterAccuracy(factor="shap")(shapes(100))
    with pytest.raises(InputError, match="labels must have as many rows as codes"):
        cluster_accuracy(torch.arange(5), [0, 1])


def test_floor_is_what_shuffled_categories_get_and_ceiling_what_the_truth_gets():
    truth = np.repeat([0, 1, 2], [500, 300, 200])
    predicted = np.random.default_rng(0).integers(2, size=1_000)
    score = cluster_accuracy(predicted, truth)
    assert score.ceiling == 0.8  # two categories cannot name three values
    assert score.floor == pytest.approx(0.4, abs=0.06)  # half of each of two values, the two largest
    assert cluster_accuracy(truth, truth).ceiling == 1.0


def test_a_continuous_truth_is_refused():
    rng = np.random.default_rng(0)
    probe = Probe(
        rng.normal(size=(50, 2)), rng.normal(size=(50, 1)), factor_names=["shape"], categories=np.arange(50) % 3
    )
    assert "shape is continuous" in ClusterAccuracy().refuses(probe)
