"""What every registered metric must keep, found by walking the registry."""

import json
import math
import warnings

import numpy as np
import pytest
from tests import worlds

from unweave import metrics, registry
from unweave.errors import InputError
from unweave.metrics.probe import Probe
from unweave.settings import settings_of
from unweave.types import Score

NAMES = registry.metrics.names()
FULL = [name for name in NAMES if "factors" in registry.metrics.get(name).needs]


def made(name, world, **more):
    probe = Probe(world.codes, world.factors, factor_names=world.names, kl_per_latent=world.kl, **more)
    return registry.metrics.get(name)()(probe)


@pytest.fixture(scope="module", params=FULL)
def identity_score(request):
    return request.param, made(request.param, worlds.identity(4_000))


def test_identity_scores_high_and_noise_low(identity_score):
    name, score = identity_score
    assert score.value > 0.85
    assert made(name, worlds.noise(1_500, d=4)).value < 0.35


def test_score_says_how_it_was_made_and_is_strict_json(identity_score):
    name, score = identity_score
    cls = registry.metrics.get(name)
    assert {each.name for each in settings_of(cls)} <= score.settings.keys()
    assert {"K", "D", "active", "rows", "seed"} <= score.settings.keys()
    assert score.version == cls.version
    if score.interval is not None:
        assert score.interval[0] <= score.value <= score.interval[1]
    text = json.dumps(score.as_json(), allow_nan=False)
    assert Score.from_json(json.loads(text)).as_json() == score.as_json()


@pytest.mark.parametrize("name", NAMES)
def test_every_setting_has_a_sentence_of_help_and_a_valid_default(name):
    cls = registry.metrics.get(name)
    assert all(each.help for each in settings_of(cls))
    assert registry.metrics.name_of(type(cls())) == name
    assert registry.metrics.summary(name).endswith((".", "?"))


@pytest.mark.parametrize("name", NAMES)
def test_the_pure_function_gives_what_the_class_gives(name):
    world = worlds.noisy(worlds.identity(900))
    pure = getattr(metrics, name.replace("-", "_"))
    score, by_class = (
        pure(world.codes, world.factors, seed=3),
        registry.metrics.get(name)()(Probe(world.codes, world.factors, seed=3)),
    )
    assert (score.value, score.parts, score.tables) == (by_class.value, by_class.parts, by_class.tables)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "codes, factors",
    [
        (np.ones(5), np.ones((5, 2), int)),
        (np.ones((5, 2)), np.ones(5, int)),
        (np.ones((5, 2)), np.ones((4, 2), int)),
        (np.ones((5, 2)), np.ones((5, 2)) / 2),
        (np.full((5, 2), np.inf), np.ones((5, 2), int)),
        (np.ones((5, 0)), np.ones((5, 2), int)),
        (np.ones((5, 2)), np.ones((5, 0), int)),
        (np.ones((0, 2)), np.ones((0, 2), int)),
    ],
)
def test_wrong_shapes_are_refused(name, codes, factors):
    with pytest.raises(InputError, match=r"codes|factors"):
        getattr(metrics, name.replace("-", "_"))(codes, factors)


@pytest.mark.parametrize("name", FULL)
def test_a_probe_without_factors_is_refused_with_a_sentence(name):
    with pytest.raises(InputError, match="needs the true factors of every row"):
        registry.metrics.get(name)()(Probe(np.eye(3)))


FACTORS = worlds.grid(120, sizes=(3, 4))
RANDOM = np.random.default_rng(0).normal(size=(120, 3))
DEGENERATE = {
    "constant codes": (np.ones((120, 3)), FACTORS, None),
    "one constant code": (np.column_stack([FACTORS, np.zeros(120)]) * 1.0, FACTORS, None),
    "one latent": (RANDOM[:, :1], FACTORS, None),
    "one factor": (RANDOM, FACTORS[:, :1], None),
    "a factor that never varies": (RANDOM, FACTORS * np.array([1, 0]), None),
    "no factor that varies": (RANDOM, FACTORS * 0, None),
    "no live latent": (RANDOM, FACTORS, np.zeros(3)),
    "tiny codes": (RANDOM * 1e-80, FACTORS, np.ones(3)),
    "huge codes": (RANDOM * 1e98, FACTORS, None),
    "values that never repeat": (RANDOM, np.stack([np.arange(120)] * 2, axis=1), None),
    "two rows": (np.eye(2), np.eye(2, dtype=int), None),
}


@pytest.mark.parametrize("name", FULL)
@pytest.mark.parametrize("case", DEGENERATE)
def test_degenerate_input_gives_a_value_or_a_reason_and_no_warning(name, case):
    codes, factors, kl = DEGENERATE[case]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        score = getattr(metrics, name.replace("-", "_"))(codes, factors, kl_per_latent=kl)
    if math.isnan(score.value):
        assert score.reason
    else:
        assert 0 <= score.value <= 1
    if case in ("constant codes", "no live latent", "no factor that varies"):
        assert score.reason
    json.dumps(score.as_json(), allow_nan=False)


@pytest.mark.parametrize("name", FULL)
def test_a_factor_that_never_varies_costs_nothing(name):
    world = worlds.identity(1_500)
    coloured = np.column_stack([np.full(1_500, 4), world.factors])
    pure = getattr(metrics, name.replace("-", "_"))
    with_colour, without = pure(world.codes, coloured), pure(world.codes, world.factors)
    assert with_colour.settings["K"] == without.settings["K"] == 5
    assert with_colour.value == pytest.approx(without.value, abs=0.02)


@pytest.mark.parametrize("name", FULL)
def test_same_seed_same_score_and_another_seed_another_draw(name):
    world = worlds.noisy(worlds.rotated(700))
    first, again, other = (made(name, world, seed=seed) for seed in (0, 0, 1))
    assert first == again
    assert first.settings["seed"] != other.settings["seed"]
