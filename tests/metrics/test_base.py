"""Shared rules: live latents, intervals of shares, what a metric writes into its score, what its settings may be."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

from unweave.base import registry
from unweave.base.errors import InputError
from unweave.base.records import Score
from unweave.base.settings import build
from unweave.contracts import worlds
from unweave.metrics.arrays import live_latents, standardised
from unweave.metrics.base import Metric
from unweave.metrics.intervals import wilson
from unweave.metrics.probe import Probe
from unweave.metrics.scores.factor_vae_score import FactorVAEScore

LABEL_FREE = ("gaussian-total-correlation", "wasserstein-correlation", "code-mutual-information")


@pytest.mark.parametrize("p, n", [(0.5, 40), (0.95, 200), (0.02, 400)])
def test_wilson_covers_the_true_share_95_times_in_100(p, n):
    drawn = np.random.default_rng(0).binomial(n, p, size=4_000)
    bounds = np.array([wilson(int(k), n) for k in drawn])
    assert 0.93 < ((bounds[:, 0] <= p) & (p <= bounds[:, 1])).mean() < 0.98
    assert bounds.min() >= 0
    assert bounds.max() <= 1


def test_wilson_of_all_and_of_none_does_not_claim_certainty():
    assert wilson(100, 100)[0] == pytest.approx(0.963, abs=1e-3)
    assert wilson(0, 100)[1] == pytest.approx(0.037, abs=1e-3)


def test_a_known_kl_decides_and_constants_are_dead_whatever_it_says():
    codes = np.array([[0.0, 0.001, 1.0], [1.0, 0.002, 1.0]])
    assert live_latents(codes, np.array([0.1, 0.2, 9.0])).tolist() == [False, True, False]
    assert live_latents(codes, np.array([0.1, 0.2, 9.0]), min_kl=0.05).tolist() == [True, True, False]
    assert live_latents(codes, None).tolist() == [True, False, False]
    assert live_latents(codes, None, min_std=0.0).tolist() == [True, True, False]


def test_standardised_codes_have_unit_deviation_and_constants_stay_finite():
    codes = standardised(np.column_stack([np.arange(5.0) * 1e-9, np.full(5, 0.1)]))
    assert codes[:, 0].std(ddof=1) == pytest.approx(1.0)
    assert codes[:, 1].tolist() == [0.0] * 5


@dataclass(frozen=True)
class NeedsRates(Metric):
    needs: ClassVar = ("kl_per_latent",)
    version: ClassVar = 3
    higher_is_better: ClassVar = False
    power: int = 2

    def score(self, probe):
        return Score(float((probe.kl_per_latent**self.power).sum()))


def test_a_metric_writes_settings_version_and_direction_into_its_score():
    score = NeedsRates(power=3)(Probe(np.eye(4)[:, :2], kl_per_latent=[1.0, 2.0], seed=5))
    assert (score.value, score.version, score.higher_is_better) == (9.0, 3, False)
    assert score.settings == {"power": 3, "D": 2, "rows": 4, "seed": 5, "codes": "means"}


def test_a_metric_refuses_a_probe_that_lacks_what_it_needs():
    probe = Probe(np.eye(4)[:, :2])
    sentence = "NeedsRates needs the mean KL of every latent, which this probe does not have"
    assert NeedsRates().refuses(probe) == sentence
    with pytest.raises(InputError, match=sentence):
        NeedsRates()(probe)


def test_settings_come_from_text_and_unknown_factors_are_refused():
    metric = build(FactorVAEScore, {"exclude-factors": "shape,x", "samples": "8"}, of="factor-vae-score")
    assert metric.exclude_factors == ("shape", "x")
    assert metric.samples == 8
    world = worlds.identity(500)
    with pytest.raises(InputError, match="exclude_factors 'shap'; did you mean 'shape'"):
        FactorVAEScore(exclude_factors=("shap",))(Probe(world.codes, world.factors, factor_names=worlds.NAMES))


@pytest.mark.parametrize(
    ("name", "settings", "rule"),
    [
        *((name, {"n": 1}, "n must be 2 or more") for name in LABEL_FREE),
        *((name, {"preset": "other"}, "preset must be one of default") for name in ("beta-vae-score", "dci", "irs")),
        ("beta-vae-score", {"train": 1}, "train must be 2 or more"),
        ("dci", {"trees": 0}, "trees must be 1 or more"),
        ("dci", {"backend": "forest"}, "backend must be one of"),
        ("explicitness", {"test": 0}, "test must be 1 or more"),
        ("factor-vae-score", {"samples": 1}, "samples must be 2 or more"),
        ("factor-vae-score", {"preset": "dlip"}, "preset must be one of dlib, cascade"),
        ("infomec", {"neighbours": 0}, "neighbours must be 1 or more"),
        ("irs", {"quantile": 99}, "quantile must lie between 0 and 1"),
        ("mig", {"bins": 1}, "bins must be 2 or more"),
        ("mig", {"binning": "depth"}, "binning must be one of"),
        ("mig-sampled", {"samples": 1}, "samples must be 2 or more"),
        ("modularity", {"bins": 1}, "bins must be 2 or more"),
        ("prior-match", {"n": 19}, "n must be 20 or more"),
        ("sap", {"train": 0}, "train must be 1 or more"),
        ("sap", {"kind": "tree"}, "kind must be one of"),
    ],
)
def test_settings_out_of_range_are_refused(name, settings, rule):
    with pytest.raises(InputError, match=rule):
        registry.metrics.get(name)(**settings)
