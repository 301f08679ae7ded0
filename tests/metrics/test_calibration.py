"""Floors, ceilings and verdicts: known answers, and what they are kept under."""

import json
import math
import warnings
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pytest

from unweave.base import registry
from unweave.base.cache import entries
from unweave.base.errors import InputError
from unweave.base.records import Score
from unweave.contracts import worlds
from unweave.metrics import calibration as module
from unweave.metrics.base import FactorMetric
from unweave.metrics.calibration import calibrated, calibrates, calibration, verdict
from unweave.metrics.probe import Probe
from unweave.metrics.scores.beta_vae_score import BetaVAEScore
from unweave.metrics.scores.dci import DCI
from unweave.metrics.scores.factor_vae_score import FactorVAEScore
from unweave.metrics.scores.hoyer import Hoyer
from unweave.metrics.scores.infomec import InfoMEC
from unweave.metrics.scores.mig import MIG
from unweave.metrics.scores.sap import SAP

ROWS = 3_000
CHEAP = ["factor-vae-score", "mig"]
DSPRITES = registry.datasets.get("dsprites")(hold="lazy")


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("UNWEAVE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def probe_of(world, **more):
    return Probe(world.codes, world.factors, factor_names=world.names, kl_per_latent=world.kl, **more)


def on_dsprites(world):
    return probe_of(world, data=DSPRITES, numbers=DSPRITES.index(world.factors))


@pytest.mark.parametrize("name", CHEAP)
def test_noise_scores_the_floor_within_its_spread(name):
    metric, probe = registry.metrics.get(name)(), probe_of(worlds.noise(ROWS, d=6))
    found = calibration(metric, probe)
    assert (found.draws, found.draws_of_truth) == (10, 5)
    assert metric(probe).value == pytest.approx(found.floor, abs=max(6 * found.spread, 0.01))
    assert verdict(calibrated(metric(probe), metric, probe)).endswith("no better than noise")


@pytest.mark.parametrize("name", CHEAP)
@pytest.mark.parametrize("world", [worlds.identity, pytest.param(worlds.permuted, marks=pytest.mark.slow)])
def test_the_identity_scores_the_ceiling(name, world):
    metric, probe = registry.metrics.get(name)(), probe_of(world(ROWS))
    found = calibration(metric, probe)
    assert metric(probe).value == pytest.approx(found.ceiling, abs=0.005)
    assert "what the true factors themselves get" in verdict(calibrated(metric(probe), metric, probe))


@pytest.mark.parametrize("name", ["orientation", pytest.param("y", marks=pytest.mark.slow)])
def test_a_code_without_a_factor_is_told_to_lack_it(name):
    metric, probe = FactorVAEScore(), on_dsprites(worlds.missing(name))
    score = calibrated(metric(probe), metric, probe)
    assert score.tables["as_if_missing"][name] == pytest.approx(0.8, abs=0.015)
    assert verdict(score) == f"{score.value:.2f}: what a code perfect but for {name} would get"


@pytest.mark.slow
def test_missing_shape_scores_0_80():
    metric, probe = FactorVAEScore(), on_dsprites(worlds.with_dead(worlds.missing("shape"), count=6))
    assert verdict(calibrated(metric(probe), metric, probe)) == "0.80: what a code perfect but for shape would get"


def test_declared_symmetries_lower_the_ceiling_and_only_where_declared():
    world, metric = worlds.identity(30_000), MIG(bins=40, n=30_000)
    known, bare = calibration(metric, on_dsprites(world)), calibration(metric, probe_of(world))
    assert bare.ceiling - known.ceiling > 0.001  # 39 and 0 are one image, so one value of 40 cannot be told


def test_learners_are_calibrated_on_the_counts_that_the_score_used():
    probe = probe_of(worlds.identity(ROWS))
    for metric in (DCI(trees=5, train=2_000, test=700), SAP(train=2_000, test=700), InfoMEC()):
        score = calibrated(metric(probe), metric, probe)
        facts = score.settings["calibration"]
        assert (facts["rows"], facts["draws_of_noise"], facts["draws_of_truth"]) == (ROWS, 3, 3)
        assert score.value == pytest.approx(score.ceiling, abs=max(0.001, 6 * facts["spread_of_ceiling"]))


def test_a_dear_learner_is_asked_with_fewer_trees_and_never_with_fewer_rows():
    assert DCI().thrifty(1_000) == DCI()
    assert DCI().thrifty(2_000) == DCI(trees=25)
    assert DCI().thrifty(10**6) == DCI(trees=3)
    assert DCI(trees=3).thrifty(10**6) == DCI(trees=3)
    assert DCI(preset="qedr-forest").thrifty(2_000).followed()[0].trees == 5
    assert DCI(backend="lasso").thrifty(10**6) == DCI(backend="lasso")
    assert not DCI(preset="qedr-lasso").dear()
    assert DCI().dear()


@dataclass(frozen=True)
class Counting(FactorMetric):
    """How many codes vary; it counts its calls."""

    calls: ClassVar[list[int]] = []

    def score(self, probe):
        self.calls.append(len(probe))
        return Score(float((np.ptp(probe.codes, axis=0) > 0).sum()))


def test_answers_are_kept_under_all_they_depend_on(own_cache):
    metric, probe = Counting(), probe_of(worlds.noise(500, d=3))
    Counting.calls.clear()
    first = calibration(metric, probe)
    made = len(Counting.calls)
    assert made == 10 + 5 + 5  # noise, truth, truth without each factor
    assert set(Counting.calls) == {500}
    assert (first.floor, first.ceiling, set(first.missing.values())) == (3, 5, {4})
    assert calibration(metric, probe) == first
    assert len(Counting.calls) == made
    others = [
        (Counting(min_std=0.1), probe),
        (metric, probe_of(worlds.noise(400, d=3))),
        (metric, probe_of(worlds.noise(500, d=4))),
        (metric, probe_of(worlds.noise(500, d=3, seed=1))),
        (metric, Probe(worlds.noise(500, d=3).codes, probe.factors)),
    ]
    for number, other in enumerate(others, 1):
        calibration(*other)
        assert len(Counting.calls) == made * (1 + number)
    assert len(entries()) == 1 + len(others)


def test_what_is_drawn_from_a_grid_is_shared_by_runs_with_other_rows(own_cache):
    for seed in (0, 1):
        calibration(Counting(), on_dsprites(worlds.noise(500, d=3, seed=seed)))
    assert len(entries()) == 1


@pytest.mark.parametrize("content", ["", "{", "[]", '{"key": {}}', '{"key": null, "calibration": 3}'])
def test_a_broken_file_in_the_cache_is_made_again(own_cache, content):
    metric, probe = Counting(), probe_of(worlds.noise(300, d=2))
    first = calibration(metric, probe)
    path = entries()[0].path
    path.write_text(content)
    assert calibration(metric, probe) == first
    assert json.loads(path.read_text())["calibration"]["ceiling"] == 5


def test_a_cache_that_cannot_be_written_does_no_harm(own_cache):
    own_cache.touch()  # a file where the folder should be
    assert calibration(Counting(), probe_of(worlds.noise(300, d=2))).ceiling == 5


def test_dead_latents_are_made_dead_and_excluded_factors_left_out():
    world = worlds.with_dead(worlds.identity(800), count=3)
    found = calibration(Counting(exclude_factors=("shape",)), probe_of(world))
    assert set(found.missing) == {"scale", "orientation", "x", "y"}
    bench = module.Bench.of(MIG(), probe_of(world), 0)
    noise = bench._noise(MIG(), 0)
    assert MIG().live(noise).tolist() == MIG().live(probe_of(world)).tolist()


def test_a_metric_without_true_factors_is_left_alone():
    metric, probe = Hoyer(), probe_of(worlds.noise(300, d=4))
    score = metric(probe)
    assert not calibrates(metric)
    assert calibrated(score, metric, probe) is score
    with pytest.raises(InputError, match="metric must compare"):
        calibration(metric, probe)


def test_what_a_metric_does_not_define_is_none_and_strict_json():
    probe = Probe(np.random.default_rng(0).normal(size=(100, 1)), np.arange(100)[:, None] % 3)
    score = calibrated(MIG()(probe), MIG(), probe)  # one latent and one factor: no runner-up
    assert (score.floor, score.ceiling) == (None, None)
    assert "as_if_missing" not in score.tables
    assert Score.from_json(json.loads(json.dumps(score.as_json(), allow_nan=False))).floor is None


FACTS = {
    "rules": module.RULES,
    "draws_of_noise": 10,
    "spread_of_floor": 0.005,  # noise reaches 0.017 above its mean
    "draws_of_truth": 5,
    "spread_of_ceiling": 0.003,  # and truth 0.015 to either side
}
CALIBRATED = Score(
    0.5,
    floor=0.1,
    ceiling=0.9,
    tables={"as_if_missing": {"a": 0.7, "b": 0.6}},
    settings={"calibration": FACTS},
)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"value": 0.115}, "no better than noise"),
        ({"value": 0.02}, "0.02: no better than noise"),
        ({"value": 0.12}, "0.12: 2 % of the way from noise (0.10) to the true factors (0.90)"),
        ({"value": 0.895}, "0.90: what the true factors themselves get"),
        ({"value": 0.87}, "0.87: 96 % of the way"),
        ({"value": 0.99}, "0.99: better than the true factors themselves (0.90), so not to be trusted"),
        ({"value": 0.705}, "0.70: what a code perfect but for a would get"),
        ({"value": 0.65}, "0.65: 69 % of the way from noise (0.10) to the true factors (0.90)"),
        (
            {"value": 0.5},
            "0.50: 50 % of the way from noise (0.10) to the true factors (0.90), below a code that lacks any one",
        ),
        ({"value": 0.65, "interval": (0.59, 0.71)}, "0.65: what a code perfect but for any one factor would get"),
        ({"value": 0.65, "interval": (0.59, 0.71), "per_factor": {"a": 0.1, "b": 0.9}}, "but for a would get"),
        (
            {"value": 0.11, "ceiling": 0.11},
            "0.11: cannot be told from noise (0.10), and nor could the true factors (0.11)",
        ),
        ({"value": 0.65, "settings": {"calibration": FACTS | {"smooth_ceiling": 0.66}}}, "what a smooth encoder gets"),
        ({"floor": None}, ""),
        ({"value": math.nan}, ""),
        ({"settings": {"calibration": {"rows": 2_000, "draws_of_noise": 1}}}, ""),  # on other counts, by older rules
    ],
)
def test_verdicts_in_words(changes, words):
    sentence = verdict(replace(CALIBRATED, **changes))
    assert bool(sentence) == bool(words)
    assert words in sentence


@pytest.mark.parametrize("metric", [SAP(train=300, test=150), BetaVAEScore(preset="dlib", train=300, test=200)])
def test_factors_in_units_of_their_own_are_the_truth_of_a_metric_that_knows_units(metric):
    rng = np.random.default_rng(0)
    factors = np.column_stack([rng.integers(size, size=500) for size in (3, 6, 10)])
    for unit in (1.0, [-0.1, 3.0, 0.01]):
        probe = Probe(factors * unit, factors)
        assert "the true factors themselves get" in verdict(calibrated(metric(probe), metric, probe))
    noise = Probe(5 + 20 * rng.normal(size=(500, 4)), factors)
    assert "no better than noise" in verdict(calibrated(metric(noise), metric, noise))


def test_the_parts_that_noise_does_not_reach_are_named():
    tables = {"floor_of_parts": {"m": 0.6, "e": 0.01}, "spread_of_parts": {"m": 0.3, "e": 0.01}}
    settings = {"calibration": FACTS | {"spread_of_floor": 0.3}}
    score = Score(0.9, parts={"m": 0.9, "e": 0.8}, floor=0.6, ceiling=0.99, tables=tables, settings=settings)
    assert verdict(score).endswith("the true factors (0.99); apart from noise: e 0.80 (noise 0.01)")
    assert "apart" not in verdict(replace(score, parts={"m": 0.9, "e": 0.03}))


def test_two_draws_that_happen_to_agree_do_not_make_a_sharp_floor():
    settings = {"calibration": FACTS | {"draws_of_noise": 2, "spread_of_floor": 0.005}}
    assert "cannot be told from noise" in verdict(replace(CALIBRATED, value=0.3, ceiling=0.4, settings=settings))


@pytest.mark.parametrize("draws", [3, 10])
def test_noise_and_truth_are_told_to_be_themselves_99_times_in_100(draws):
    rng, wrong, n = np.random.default_rng(0), 0, 4_000
    for drawn in rng.normal(0.5, 0.02, size=(n, draws + 1)):
        reach = module.reach_of_draws(float(drawn[1:].std(ddof=1)), draws)
        wrong += abs(drawn[0] - drawn[1:].mean()) > reach
    assert wrong / n == pytest.approx(0.01, abs=3 * math.sqrt(0.01 * 0.99 / n))


def test_a_blind_metric_says_that_a_factor_may_be_lost():
    blind = replace(CALIBRATED, value=0.9, tables={"as_if_missing": {"a": 0.9, "b": 0.6}})
    assert verdict(blind) == "0.90: what the true factors themselves get, and a code without a gets it too"


def test_what_a_missing_factor_does_not_cost_is_not_said():
    blind = replace(CALIBRATED, tables={"as_if_missing": {"a": 0.9, "b": 0.6}})
    assert verdict(blind) == "0.50: 50 % of the way from noise (0.10) to the true factors (0.90)"


def test_where_less_is_better_the_words_turn_round():
    turned = Score(0.75, floor=0.9, ceiling=0.1, higher_is_better=False, settings={"calibration": FACTS})
    assert verdict(turned) == "0.75: 19 % of the way from noise (0.90) to the true factors (0.10)"
    assert verdict(replace(turned, value=0.95)) == "0.95: no better than noise"
    assert verdict(replace(turned, value=0.05)).startswith("0.05: better than the true factors")


ALL = [name for name in registry.metrics.names() if calibrates(registry.metrics.get(name)())]
SMALL = worlds.grid(120, sizes=(3, 4))
DRAWN = np.random.default_rng(0).normal(size=(120, 3))
DEGENERATE = {
    "constant codes": (np.ones((120, 3)), SMALL),
    "one latent": (DRAWN[:, :1], SMALL),
    "one factor": (DRAWN, SMALL[:, :1]),
    "a factor that never varies": (DRAWN, SMALL * np.array([1, 0])),
    "no factor that varies": (DRAWN, SMALL * 0),
    "two rows": (np.eye(2), np.eye(2, dtype=int)),
    "unknown in some rows": (DRAWN, np.where(np.arange(240).reshape(120, 2) % 7, SMALL, np.nan)),
}


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("case", DEGENERATE)
def test_every_metric_is_calibrated_on_any_rows_without_a_warning(name, case):
    codes, factors = DEGENERATE[case]
    metric = registry.metrics.get(name)()
    probe = Probe(codes, factors, scale=np.full(codes.shape, 0.1))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        score = calibrated(metric(probe), metric, probe)
    assert all(end is None or math.isfinite(end) for end in (score.floor, score.ceiling))
    assert isinstance(verdict(score), str)
    json.dumps(score.as_json(), allow_nan=False)


def test_continuous_factors_are_calibrated_as_they_are():
    rng = np.random.default_rng(0)
    angles = rng.uniform(size=(800, 2))
    metric, probe = registry.metrics.get("irs")(), Probe(angles, angles)
    score = calibrated(metric(probe), metric, probe)
    assert score.value == pytest.approx(score.ceiling, abs=0.01)
    assert score.floor < score.ceiling - 0.2


@pytest.mark.parametrize("name", ALL)
def test_truth_beats_noise_by_every_metric(name):
    found = calibration(registry.metrics.get(name)(), probe_of(worlds.noise(500, d=5), scale=np.full((500, 5), 0.1)))
    assert found.floor < found.ceiling
    assert set(found.missing) == set(worlds.NAMES)
    assert max(found.missing.values()) <= found.ceiling + 0.05


def test_parts_and_factors_have_floors_and_ceilings_too():
    metric, probe = registry.metrics.get("infomec")(n=1_000), probe_of(worlds.noise(1_000, d=5))
    tables = calibrated(metric(probe), metric, probe).tables
    assert list(tables["floor_of_parts"]) == list(tables["ceiling_of_parts"]) == ["infom", "infoc", "infoe"]
    assert tables["floor_of_parts"]["infoe"] < 0.1 < 0.9 < tables["ceiling_of_parts"]["infoe"]
    found = calibration(MIG(), probe)
    assert set(found.inside["ceiling_of_factors"]) == set(worlds.NAMES)
    assert np.mean(list(found.inside["ceiling_of_factors"].values())) == pytest.approx(found.ceiling)
    assert np.mean(list(found.inside["floor_of_factors"].values())) == pytest.approx(found.floor)
    assert found.inside["floor_of_parts"] == {}
    assert "floor_of_parts" not in calibrated(MIG()(probe), MIG(), probe).tables


def test_the_parts_of_dci_are_held_against_noise_and_truth():
    metric, probe = DCI(trees=5), probe_of(worlds.rotated(900))
    tables = calibrated(metric(probe), metric, probe).tables
    for part in ("disentanglement", "completeness", "informativeness_accuracy"):
        assert tables["floor_of_parts"][part] < 0.3 < 0.8 < tables["ceiling_of_parts"][part]


def test_a_smooth_encoder_cannot_tell_the_turns_of_a_square():
    factors = np.array([[0, 5, 0, 9, 9], [1, 5, 0, 9, 9], [2, 5, 0, 9, 9], [2, 5, 39, 9, 9], [1, 5, 20, 9, 9]])
    seen = DSPRITES.seen(factors)
    assert seen.shape == (5, 6)
    assert seen[:4, 2:4] == pytest.approx(np.tile([1.0, 0.0], (4, 1)))  # orientation 39 is 0
    turn = 2 * math.pi * 20 / 39
    assert seen[4, 2:4] == pytest.approx([math.cos(2 * turn), math.sin(2 * turn)])
    assert (np.delete(seen, [2, 3], axis=1) == factors[:, [0, 1, 3, 4]]).all()


def test_the_smooth_ceiling_stands_beside_that_of_the_factors_where_a_data_set_declares_a_fold():
    world = worlds.identity(ROWS)
    of_grid, bare = on_dsprites(world), probe_of(world)
    score = calibrated(MIG()(of_grid), MIG(), of_grid)
    smooth = score.settings["calibration"]["smooth_ceiling"]
    assert score.floor < smooth < score.ceiling - 0.1  # two latents share the angle, and nobody tells all of it
    assert calibrated(MIG()(bare), MIG(), bare).settings["calibration"]["smooth_ceiling"] is None
    codes = DSPRITES.seen(world.factors)
    found = Probe(codes, world.factors, factor_names=world.names, data=DSPRITES)
    assert verdict(calibrated(MIG()(found), MIG(), found)).endswith(
        "a smooth encoder gets that sees all that images show"
    )


ASKED = {name: registry.metrics.get(name)() for name in ALL} | {"dci, lasso": DCI(backend="lasso")}
FROM_NOISE = ("no better than noise", "cannot be told from noise")
LIKE_NOISE = {"infomec", "dci, lasso"}  # their value, not their parts: noise may get what the truth gets
BLIND = {
    "beta-vae-score",
    "factor-vae-score",
    "explicitness",
    "dci-es",
} | LIKE_NOISE  # to mixtures, so that these may be told to be the truth


DEAR = {"mig-sampled", "dci", "beta-vae-score", "factor-vae-score", "neuron-comparison"}  # seconds even at 1,000 rows
WORDS = [
    pytest.param(name, rows, marks=[pytest.mark.slow] if rows > 1_000 or name in DEAR else [])
    for rows in (1_000, 2_000, 20_000)
    for name in ASKED
]


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    return tmp_path_factory.mktemp("kept")


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("name", "rows"), WORDS)
def test_noise_truth_and_mixtures_are_told_in_the_right_words(name, rows, kept, monkeypatch):
    monkeypatch.setenv("UNWEAVE_CACHE", str(kept))
    rng, metric = np.random.default_rng(rows), ASKED[name]
    factors = worlds.grid(rows, seed=rows)
    truth = (factors - factors.mean(axis=0)) / factors.std(axis=0)
    narrow = [np.diff(np.unique(column)).min() / 10 for column in truth.T]  # next to the steps between values
    turn = np.linalg.qr(rng.normal(size=(5, 5)))[0]

    def told(codes):
        probe = Probe(codes, factors, factor_names=worlds.NAMES, scale=np.broadcast_to(narrow, codes.shape))
        return verdict(calibrated(metric(probe), metric, probe))

    noise = [told(rng.normal(size=truth.shape)) for _ in range(4)]
    assert sum(any(words in each for words in FROM_NOISE) for each in noise) >= 3, noise  # 99 of 100 are
    assert not any("true factors themselves get" in each for each in noise)
    perfect, mixed = told(truth), told(truth + truth @ turn / 2 + 0.1 * rng.normal(size=truth.shape))
    assert "what the true factors themselves get" in perfect or (name in LIKE_NOISE and FROM_NOISE[1] in perfect)
    assert "better than the true" not in mixed
    assert " of the way from noise" in mixed or "but for" in mixed or name in BLIND, mixed
