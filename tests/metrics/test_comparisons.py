"""UDR and model centrality: slow second implementations, known answers, what is refused."""

import itertools
import json
import math

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.linear_model import Lasso

from unweave import metrics
from unweave.base import registry
from unweave.base.errors import InputError
from unweave.base.records import Score
from unweave.base.settings import settings_of
from unweave.contracts import worlds
from unweave.metrics import Probe, factor_vae_score, model_centrality, udr
from unweave.metrics.information import quantise

NAMES = registry.comparisons.names()


def random(n=400, d=3, seed=0):
    return np.random.default_rng(seed).normal(size=(n, d))


def turned(codes, seed):
    return codes @ np.linalg.qr(np.random.default_rng(seed).normal(size=(codes.shape[1],) * 2))[0]


def strength(table):
    halves = []
    for lines in (table, table.T):
        each = [max(line) ** 2 / sum(line) if sum(line) > 0 else 0.0 for line in lines.tolist()]
        halves.append(np.mean(each))
    return np.mean(halves)


@pytest.mark.parametrize("method", ["lasso", "spearman"])
def test_udr_equals_a_slow_one(method):
    codes = [random(), turned(random(), 1), np.column_stack([random()[:, 1] ** 3, random(seed=5)])]
    scaled = [(c - c.mean(0)) / c.std(0) for c in codes]
    pairs = np.full((3, 3), np.nan)
    for j, i in itertools.permutations(range(3), 2):
        a, b = scaled[j], scaled[i]
        if method == "lasso":
            table = np.abs(Lasso(alpha=0.1).fit(a, b).coef_.T)
        else:
            table = np.abs([[spearmanr(x, y).statistic for y in b.T] for x in a.T])
        pairs[j, i] = strength(table)
    score = udr(codes, method=method)
    assert np.array(score.tables["pairs"]) == pytest.approx(pairs, abs=1e-6, nan_ok=True)
    each = [np.median(np.delete(pairs[:, i], i)) for i in range(3)]
    assert score.tables["per_model"] == pytest.approx(each, abs=1e-6)
    assert score.value == pytest.approx(np.mean(each), abs=1e-6)
    assert score.settings["best"] == int(np.argmax(each))


@pytest.mark.parametrize("method", ["lasso", "spearman"])
def test_a_signed_permutation_agrees_more_than_an_independent_code(method):
    codes = random()
    twin, stranger = codes[:, [2, 0, 1]] * [-1, 3, 1], random(seed=9)
    alike, apart = udr([codes, twin], method=method), udr([codes, stranger], method=method)
    assert alike.value > 0.8
    assert apart.value < 0.2


def test_lasso_shrinks_a_perfect_twin_by_its_penalty():
    codes = random(1_000)
    codes = np.linalg.qr(codes - codes.mean(axis=0))[0]  # uncorrelated: coefficients are 1 - alpha, and 0
    assert udr([codes, codes], alpha=0.1).value == pytest.approx(0.9, abs=1e-6)


def test_dead_latents_are_left_out_and_a_dead_model_passed_over():
    codes = [random(), turned(random(), 1), random(seed=3)]
    base = udr(codes)
    more = [np.column_stack([c, random(d=1, seed=20 + i)]) for i, c in enumerate(codes)]
    assert udr(more, kl_per_latent=[[1, 1, 1, 0.001]] * 3).value == pytest.approx(base.value)
    dead = udr([*codes, np.ones((400, 2))])
    assert dead.tables["per_model"][:3] == pytest.approx(base.tables["per_model"])
    assert math.isnan(dead.tables["per_model"][3])
    assert dead.reason == "without a live latent: model 3"


def test_centrality_is_the_factor_vae_score_with_the_others_as_truth():
    codes = [random(800), turned(random(800), 1)]
    score = model_centrality(codes, votes=200)
    found = [
        factor_vae_score(a, quantise(b, 10, "quantile"), samples=64, votes=200, held_out=200, prune=False).value
        for a, b in (codes, codes[::-1])
    ]
    assert score.value == pytest.approx(np.mean(found), abs=1e-12)
    assert score.tables["per_model"] == pytest.approx([np.mean(found)] * 2)


def test_the_odd_one_out_is_least_central():
    codes = random(1_500, d=4)
    score = model_centrality([codes, codes[:, ::-1] * -2, random(1_500, d=4, seed=3)], votes=200)
    assert int(np.argmin(score.tables["per_model"])) == 2
    assert score.settings["best"] in (0, 1)


@pytest.mark.parametrize("name", NAMES)
def test_contract(name):
    cls, pure = registry.comparisons.get(name), getattr(metrics, name.replace("-", "_"))
    assert all(each.help for each in settings_of(cls))
    assert registry.comparisons.name_of(type(cls())) == name
    codes = [random(), turned(random(), 1), worlds.noise(400, d=2).codes]
    score = pure(codes, seed=4)
    assert score.as_json() == cls()([Probe(each, seed=4) for each in codes]).as_json()
    assert 0 <= score.value <= 1
    assert {each.name for each in settings_of(cls)} <= score.settings.keys()
    assert {"models", "rows", "seed", "best"} <= score.settings.keys()
    text = json.dumps(score.as_json(), allow_nan=False)
    assert Score.from_json(json.loads(text)).as_json() == score.as_json()


@pytest.mark.parametrize("name", NAMES)
def test_order_and_sign_of_latents_do_not_matter(name):
    pure = getattr(metrics, name.replace("-", "_"))
    codes = [random(600), turned(random(600), 1), turned(random(600), 2)]
    changed = [codes[0][:, [1, 2, 0]] * [1, -1, -1], *codes[1:]]
    assert pure(changed).value == pytest.approx(pure(codes).value, abs=0.03)  # votes are drawn anew


@pytest.mark.parametrize("name", NAMES)
def test_degenerate_models_have_a_value_or_a_reason(name):
    pure = getattr(metrics, name.replace("-", "_"))
    for pair in (
        [np.ones((9, 2))] * 2,
        [np.eye(2)] * 2,
        [random(50, 1), random(50, 1) * 1e95],
        [random(50) * 1e-80, random(50).astype(np.float16)],
    ):
        score = pure(pair)
        assert 0 <= score.value <= 1 or score.reason


@pytest.mark.parametrize("name", NAMES)
def test_what_cannot_be_compared_is_refused(name):
    cls, pure = registry.comparisons.get(name), getattr(metrics, name.replace("-", "_"))
    with pytest.raises(InputError, match="needs two models or more"):
        pure([random()])
    with pytest.raises(InputError, match="the same rows from all models"):
        pure([random(), random(300)])
    with pytest.raises(InputError, match="kl_per_latent must be one row a model"):
        pure([random(), random()], kl_per_latent=[[1, 1, 1]])
    with pytest.raises(InputError, match="n must be 2 or more"):
        pure([random(), random()], n=1)
    probes = [Probe(random(5), numbers=np.arange(5) + shift) for shift in (0, 1)]
    with pytest.raises(InputError, match="the same images from all models"):
        cls()(probes)
