"""Protocols by name: each preset is the settings that its text states, and a setting that is given wins."""

import numpy as np
import pytest

from unweave.contracts import worlds
from unweave.metrics import beta_vae_score, dci, factor_vae_score, irs, mig_sampled

WORLD = worlds.noisy(worlds.rotated(700), 0.2)


@pytest.mark.parametrize(
    ("score", "preset", "same"),
    [
        (beta_vae_score, "dlib", {"standardise": False}),
        (
            beta_vae_score,
            "infogan-cr",
            {
                "standardise": False,
                "samples": 50,
                "train": 500,
                "test": 500,
                "one_value": True,
                "headline": "in_sample",
            },
        ),
        (dci, "qedr-lasso", {"backend": "lasso", "weights": "equal"}),
        (dci, "qedr-forest", {"backend": "tuned-forest", "weights": "equal", "trees": 10}),
        (irs, "dlib", {"rebin": True}),
        (irs, "suter", {"quantile": 1.0}),
    ],
)
def test_a_preset_is_its_settings(score, preset, same):
    codes = 0.1 * WORLD.codes  # so small that scaling counts
    factors = WORLD.factors if score is beta_vae_score else WORLD.factors[:, [0, 2]]
    named, spelt = score(codes, factors, preset=preset), score(codes, factors, **same)
    assert (named.value, named.parts) == (spelt.value, spelt.parts)
    assert named.value != score(codes, factors).value
    assert {name: named.settings[name] for name in same} == same


def test_what_is_given_wins_over_the_preset():
    score = beta_vae_score(WORLD.codes, WORLD.factors, preset="infogan-cr", train=200)
    assert (score.settings["train"], score.settings["test"], score.settings["samples"]) == (200, 500, 50)


def test_boosting_is_the_preset_of_dlib():
    score = dci(WORLD.codes, WORLD.factors[:, :2], preset="dlib", rounds=2)
    assert (score.settings["backend"], score.settings["rounds"]) == ("gbt", 2)


def test_the_sampled_gap_of_its_paper_leaves_shape_out():
    scale = np.full(WORLD.codes.shape, 0.2)
    named = mig_sampled(WORLD.codes, scale, WORLD.factors, factor_names=WORLD.names, preset="chen")
    assert list(named.per_factor) == ["scale", "orientation", "x", "y"]
    assert named.settings["components"] == named.settings["drawn"] == 700
    assert named.settings["exclude_factors"] == ["shape"]
    elsewhere = mig_sampled(WORLD.codes, scale, WORLD.factors, preset="chen")  # no factor is called shape
    assert len(elsewhere.per_factor) == 5


def test_a_rebinned_factor_has_20_groups():
    plain, cut = (irs(WORLD.codes, WORLD.factors, preset=preset) for preset in ("default", "dlib"))
    assert [plain.settings["groups"][f"factor_{k}"] for k in range(3)] == [3, 6, 40]
    assert [cut.settings["groups"][f"factor_{k}"] for k in range(3)] == [3, 6, 20]


@pytest.mark.parametrize("score", [beta_vae_score, factor_vae_score, irs])
def test_given_rows_say_how_many_groups_there_are(score):
    factors = np.array([[0, 0], [0, 1], [0, 2], [1, 0], [1, 1], [2, 3]])
    found = score(np.random.default_rng(0).normal(size=(6, 2)), factors, factor_names=["shape", "x"]).settings
    assert found["groups"] == {"shape": 2, "x": 2}
    assert found["rows_per_group"] == {"shape": [2, 3], "x": [2, 2]}


def test_a_forest_that_regresses_takes_continuous_factors_and_finds_its_depth():
    rng = np.random.default_rng(0)
    angle = rng.uniform(size=(600, 2))
    score = dci(angle, angle, preset="qedr-forest")
    assert score.value > 0.95
    assert score.parts["informativeness_nrmse"] < 0.15
    assert dci(rng.normal(size=(600, 2)), angle, preset="qedr-forest").parts["informativeness_nrmse"] > 0.9
