"""What every registered metric must keep, found by walking the registry."""

import inspect
import json
import math
import warnings

import numpy as np
import pytest
import torch

from unweave import metrics
from unweave.base import registry
from unweave.base.errors import InputError
from unweave.base.records import Latents, Score
from unweave.base.settings import settings_of
from unweave.contracts import worlds
from unweave.metrics.base import LEFT_OUT
from unweave.metrics.functions import function_of, python_name
from unweave.metrics.probe import Encoded, Probe
from unweave.models.distributions.isotropic import IsotropicPrior
from unweave.models.distributions.likelihoods import Bernoulli
from unweave.models.nets.base import build as build_net
from unweave.models.nets.conv import Conv
from unweave.models.objectives.discrete import Assigned
from unweave.models.vae import VAE, heads

NAMES = registry.metrics.names()
FULL = [name for name in NAMES if set(registry.metrics.get(name).needs) == {"factors"}]  # nothing but codes and factors


def made(name, world, **more):
    probe = Probe(world.codes, world.factors, factor_names=world.names, kl_per_latent=world.kl, **more)
    return registry.metrics.get(name)()(probe)


@pytest.fixture(scope="module", params=FULL)
def identity_score(request):
    return request.param, made(request.param, worlds.identity(4_000))


def test_identity_scores_high_and_noise_low(identity_score):
    name, score = identity_score
    cls = registry.metrics.get(name)
    assert score.value > cls.identity_above
    assert cls.noise_below is None or made(name, worlds.noise(1_500, d=4)).value < cls.noise_below


def test_score_says_how_it_was_made_and_is_strict_json(identity_score):
    name, score = identity_score
    cls = registry.metrics.get(name)
    assert {each.name for each in settings_of(cls)} <= score.settings.keys()
    assert {"K", "D", "active", "rows", "seed"} <= score.settings.keys()
    assert score.version == cls.version
    assert cls.measures
    assert (score.interval is None) == cls.interval.startswith("none")
    assert score.interval is None or score.interval[0] <= score.value <= score.interval[1]
    text = json.dumps(score.as_json(), allow_nan=False)
    assert Score.from_json(json.loads(text)).as_json() == score.as_json()


@pytest.mark.parametrize("name", NAMES)
def test_every_setting_has_a_sentence_of_help_and_a_valid_default(name):
    cls = registry.metrics.get(name)
    assert all(each.help for each in settings_of(cls))
    assert registry.metrics.name_of(type(cls())) == name
    assert registry.metrics.summary(name).endswith((".", "?"))


@pytest.mark.parametrize("name", FULL)
def test_the_function_gives_what_the_class_gives_beyond_the_rows_that_it_takes_too(name):
    cls = registry.metrics.get(name)
    world = worlds.noisy(worlds.identity(900 if cls.learns else getattr(cls(), "n", 10_000) + 500))
    by_class = cls()(Probe(world.codes, world.factors, seed=3))
    assert function_of(name)(world.codes, world.factors, seed=3) == by_class


@pytest.mark.parametrize("name", FULL)
@pytest.mark.parametrize(
    "codes, factors",
    [
        (np.ones(5), np.ones((5, 2), int)),
        (np.ones((5, 2)), np.ones(4, int)),
        (np.ones((5, 2)), np.ones((4, 2), int)),
        (np.ones((5, 2)), np.full((5, 2), np.nan)),
        (np.ones((5, 2)), np.full((5, 2), np.inf)),
        (np.full((5, 2), np.nan), np.ones((5, 2), int)),
        (np.full((5, 2), np.inf), np.ones((5, 2), int)),
        (np.ones((5, 0)), np.ones((5, 2), int)),
        (np.ones((5, 2)), np.ones((5, 0), int)),
        (np.ones((0, 2)), np.ones((0, 2), int)),
    ],
)
def test_wrong_shapes_are_refused(name, codes, factors):
    with pytest.raises(InputError, match=r"codes|factors"):
        function_of(name)(codes, factors)


@pytest.mark.parametrize("name", FULL)
def test_a_probe_without_factors_is_refused_with_a_sentence(name):
    with pytest.raises(InputError, match="needs the true factors of every row"):
        registry.metrics.get(name)()(Probe(np.eye(3)))


@pytest.mark.parametrize("name", [*NAMES, *registry.comparisons.names()])
def test_every_metric_is_a_function_in_the_face_with_its_settings_by_name(name):
    table = registry.metrics if name in NAMES else registry.comparisons
    function = getattr(metrics, python_name(name))
    assert function is function_of(name) is function_of(table.get(name))
    assert function.__name__ in dir(metrics)
    given = inspect.signature(function).parameters
    assert {each.name: each.default for each in settings_of(table.get(name))}.items() <= {
        each.name: each.default for each in given.values()
    }.items()
    with pytest.raises(InputError, match=f"unknown setting of {name} 'nothing'"):
        function(nothing=1)


@pytest.fixture(scope="module")
def complete():
    """A probe that has all there is to have: made by a small untrained model that tells categories too."""
    data = registry.datasets.get("dsprites")(hold="lazy", size=32)
    rng = torch.Generator().manual_seed(0)
    latents, net = Latents(4, (3,), head=False), Conv(channels=(4, 4), hidden=8)
    encoder, decoder = build_net(net, data.image_shape, heads(latents), latents.width, 1, rng)
    vae = VAE(encoder, decoder, IsotropicPrior(4), Bernoulli(), latents, Assigned(3, 1.0)).eval()

    def encode(x):
        encoding = vae.encode(x)
        q = encoding.posterior
        return Encoded(q.mean, q.std, vae.prior.kl_each(q), vae.categories(x, encoding))

    return Probe.of_encoder(encode, data, n=300, model=vae)


@pytest.mark.parametrize("name", NAMES)
def test_every_metric_scores_a_complete_probe_twice_alike(name, complete):
    quick = {each: 20 for each in ("n", "k") if name == "iwae"}
    metric = registry.metrics.get(name)(**registry.metrics.get(name).probing, **quick)
    assert metric.refuses(complete) is None
    score = metric(complete)
    assert metric(complete) == score
    used = "used" if metric.takes_categories else LEFT_OUT
    assert score.settings["categorical_codes"] == used
    assert {each.name for each in settings_of(type(metric))} <= score.settings.keys()
    assert math.isfinite(score.value) or score.reason
    if score.interval is not None:
        assert score.interval[0] <= score.value <= score.interval[1]
    text = json.dumps(score.as_json(), allow_nan=False)
    assert Score.from_json(json.loads(text)).as_json() == score.as_json()


@pytest.mark.parametrize("name", NAMES)
def test_a_bare_probe_gets_a_score_or_a_sentence(name):
    metric, probe = registry.metrics.get(name)(), Probe(np.random.default_rng(0).normal(size=(30, 3)))
    if (reason := metric.refuses(probe)) is None:
        assert math.isfinite(metric(probe).value)
        return
    assert " needs " in reason
    with pytest.raises(InputError, match=reason):
        metric(probe)


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
        score = function_of(name)(codes, factors, kl_per_latent=kl)
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
    pure = function_of(name)
    with_colour, without = pure(world.codes, coloured), pure(world.codes, world.factors)
    assert with_colour.settings["K"] == without.settings["K"] == 5
    assert with_colour.value == pytest.approx(without.value, abs=0.02)


@pytest.mark.parametrize("name", FULL)
def test_same_seed_same_score_and_another_seed_another_draw(name):
    world = worlds.noisy(worlds.rotated(700))
    first, again, other = (made(name, world, seed=seed) for seed in (0, 0, 1))
    assert first == again
    assert first.settings["seed"] != other.settings["seed"]
