"""FactorVAE score: presets, and a second implementation that votes in a loop."""

import statistics

import numpy as np
import pytest

from unweave.base.errors import InputError
from unweave.contracts import worlds
from unweave.metrics import factor_vae_score
from unweave.metrics.probe import Probe
from unweave.metrics.scores.factor_vae_score import PRESETS, FactorVAEScore


def scored(world, **settings):
    return factor_vae_score(world.codes, world.factors, kl_per_latent=world.kl, factor_names=world.names, **settings)


def test_a_rotated_code_lies_between_chance_and_perfect():
    values = [scored(worlds.rotated(20_000, turn=turn)).value for turn in range(5)]
    assert 0.4 < min(values) < statistics.median(values) < 0.99


def test_the_factor_that_no_code_knows_is_the_one_that_is_lost():
    score = scored(worlds.missing("orientation"))
    assert score.per_factor["orientation"] < 0.1
    assert min(score.per_factor[name] for name in ("shape", "scale", "x", "y")) > 0.95


def slow_matrix(codes, rows, factor, k):
    """The definition, vote by vote and latent by latent."""
    votes = [[0] * k for _ in codes.T]
    spread = [statistics.variance(column) for column in codes.T]
    for group, held in zip(rows, factor, strict=True):
        relative = [statistics.variance(codes[group, d]) / spread[d] for d in range(codes.shape[1])]
        votes[relative.index(min(relative))][held] += 1
    return votes


def test_votes_equal_those_of_a_python_loop():
    world = worlds.noisy(worlds.rotated(600))
    score = scored(world, votes=150, held_out=10, samples=12)
    probe = Probe(world.codes, world.factors)
    rng = probe.rng("factor-vae-score/in_sample")
    factor = rng.integers(5, size=150)
    rows = probe.groups.sharing(factor, 12, rng)
    assert score.tables["votes"] == slow_matrix(world.codes, rows, factor, 5)


def test_score_agrees_with_votes_drawn_in_another_way():
    world, rng = worlds.rotated(5_000, turn=2), np.random.default_rng(11)
    members = [[np.flatnonzero(column == v) for v in np.unique(column)] for column in world.factors.T]
    factor = rng.integers(5, size=1_500)
    rows = [rng.choice(members[k][rng.integers(len(members[k]))], size=64, replace=False) for k in factor]
    votes = np.array(slow_matrix(world.codes, rows, factor, 5))
    slow = votes.max(axis=1).sum() / 1_500
    assert scored(world).parts["in_sample"] == pytest.approx(slow, abs=4 * np.sqrt(0.25 / 1_500))


def test_the_interval_covers_what_many_votes_give():
    world = worlds.rotated(5_000, turn=1)
    truth = scored(world, votes=20_000, held_out=40_000).value
    covered = [
        low <= truth <= high
        for low, high in (scored(world, votes=3_000, held_out=400, seed=seed).interval for seed in range(1, 61))
    ]
    assert np.mean(covered) > 0.85


def test_dead_latents_change_nothing_and_have_empty_rows():
    alone, beside = worlds.missing("shape"), worlds.with_dead(worlds.missing("shape"), 6)
    clean, pruned = scored(alone), scored(beside)
    assert pruned.value == clean.value
    assert pruned.settings["active"] == [1, 2, 3, 4]
    assert [sum(row) > 0 for row in pruned.tables["votes"]] == [False, True, True, True, True] + [False] * 5
    assert pruned.tables["rows"][9] == "latent 9"
    assert scored(beside, prune=False).value > 0.9  # what pruning prevents: dead latents catch the lost factor


def test_without_a_kl_the_deviation_tells_dead_latents():
    world = worlds.with_dead(worlds.missing("shape"), 6)
    assert factor_vae_score(world.codes, world.factors).settings["active"] == [1, 2, 3, 4]
    assert len(factor_vae_score(world.codes, world.factors, min_std=0.001).settings["active"]) == 10


@pytest.mark.parametrize("preset", PRESETS)
def test_presets(preset):
    plan, fewer = PRESETS[preset], {"votes": 800, "held_out": 400}
    score = scored(worlds.identity(20_000), preset=preset, **fewer)
    assert score.value == 1.0
    assert score.value == score.parts[plan.headline]
    assert score.settings["K"] == (4 if preset == "workshop" else 5)
    assert score.settings["samples"] == plan.samples
    assert np.sum(score.tables["votes"]) == 800
    assert ("top_k" in score.parts) == (preset == "infogan-cr")
    assert scored(worlds.missing("x", n=20_000), preset=preset, **fewer).value < 0.9


@pytest.mark.parametrize(
    "preset, samples, votes, headline",
    [
        ("dlib", 64, 10_000, "held_out"),
        ("cascade", 100, 800, "in_sample"),
        ("mathieu", 1_000, 20_000, "in_sample"),
        ("infogan-cr", 100, 500, "in_sample"),
    ],
)
def test_presets_keep_the_published_counts(preset, samples, votes, headline):
    plan = FactorVAEScore(preset=preset).protocol
    assert (plan.samples, plan.votes, plan.headline) == (samples, votes, headline)
    assert FactorVAEScore(preset=preset, votes=7).protocol.votes == 7


def test_cascade_shares_the_votes_evenly_and_scores_no_latent_as_chance():
    score = scored(worlds.identity(20_000), preset="cascade")
    assert np.sum(score.tables["votes"], axis=0).tolist() == [160] * 5
    blind = factor_vae_score(np.ones((60, 3)), worlds.grid(60), preset="cascade")
    assert (blind.value, blind.reason) == (0.2, "every latent is constant, so no latent can vote")


def test_lecture_does_not_normalise_so_units_matter():
    world = worlds.noisy(worlds.identity(5_000), std=0.5)
    units = worlds.World(world.codes * np.array([1.0, 1.0, 1.0, 1.0, 0.01]), world.factors)
    counts = {"votes": 500, "held_out": 100, "samples": 64}
    assert scored(units, preset="lecture", **counts).value < 0.5
    assert scored(units, preset="mathieu", **counts).value > 0.95


def test_top_k_counts_only_the_best_rows():
    score = scored(worlds.noise(5_000), preset="infogan-cr", exclude_factors=("x", "y"))
    rows = sorted(max(row) for row in score.tables["votes"])
    assert score.parts["top_k"] == sum(rows[-3:]) / 500
    assert score.parts["in_sample"] == sum(rows) / 500


def test_the_majority_rule_is_learned_on_other_votes_than_it_is_judged_on():
    score = scored(worlds.noise(3_000, d=10), votes=60, held_out=3_000)
    assert score.parts["in_sample"] > 0.3  # ten latents and few votes flatter noise
    assert score.parts["held_out"] < 0.25


def test_held_out_votes_are_other_draws_than_training_votes():
    score = scored(worlds.noise(3_000, d=6), votes=300, held_out=300)
    assert score.tables["votes"] != score.tables["held_out_votes"]
    assert np.sum(score.tables["held_out_votes"]) == 300


def test_left_out_factors_are_not_voted_on():
    score = scored(worlds.missing("shape"), exclude_factors=("shape",))
    assert score.value == 1.0
    assert list(score.per_factor) == ["scale", "orientation", "x", "y"]


def test_an_unknown_setting_is_refused_with_the_nearest():
    with pytest.raises(InputError, match="'vots'; did you mean 'votes'"):
        factor_vae_score(np.eye(4), np.eye(4, dtype=int), vots=3)
