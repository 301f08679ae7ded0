"""The doctor on codes whose illness is known."""

import json

import numpy as np
import pytest

from unweave.contracts import worlds
from unweave.metrics.aggregate import PriorOnly
from unweave.metrics.doctor import doctor, independent
from unweave.metrics.probe import Probe
from unweave.models.distributions.isotropic import IsotropicPrior

ROWS = 8_000


def findings(world, **more):
    probe = Probe(world.codes, world.factors, factor_names=world.names, kl_per_latent=world.kl, **more)
    return {finding.topic: finding for finding in doctor(probe)}


def test_a_perfect_code_has_nothing_wrong():
    found = findings(worlds.permuted(ROWS))
    assert all(finding.good for finding in found.values())
    assert {"shared factor", "mixed latent"}.isdisjoint(found)
    order = np.random.default_rng(1).permutation(5)  # how `permuted` lays the factors out
    for latent, k in enumerate(order):
        assert f"latent {latent} carries {worlds.NAMES[k]} (" in found["what each latent carries"].sentence


def test_dead_latents_are_named_with_their_rates():
    found = findings(worlds.with_dead(worlds.identity(ROWS), count=3))["live latents"]
    assert found.sentence == (
        "5 of 8 latents are live: 1, 2, 3, 4 and 5. Dead, with a mean KL below 0.1 nats: 0, 6 and 7."
    )
    assert found.numbers["dead"] == [0, 6, 7]
    assert found.numbers["mean_KL"] == [0.001, 2.0, 2.0, 2.0, 2.0, 2.0, 0.001, 0.001]


@pytest.mark.parametrize("name", ["shape", "x"])
def test_a_factor_that_nobody_carries_is_named(name):
    found = findings(worlds.missing(name, n=ROWS))["missing factors"]
    assert not found.good
    assert found.sentence.startswith(f"No latent carries {name} (")
    assert found.numbers["missing"] == [name]
    assert found.numbers["together"][name] < 0.05 < 0.9 < found.numbers["together"]["scale"]


@pytest.mark.parametrize("turn", range(4))
def test_turned_codes_look_rotated_and_nothing_is_missing(turn):
    found = findings(worlds.rotated(ROWS, turn=turn))
    assert not found["rotation"].good
    assert found["rotation"].sentence.startswith("Codes look rotated: no latent alone explains ")
    assert found["missing factors"].good


def test_noise_carries_nothing_and_cannot_look_rotated():
    found = findings(worlds.noise(ROWS, d=3))
    assert found["missing factors"].numbers["missing"] == list(worlds.NAMES)
    assert found["rotation"].good is None
    assert "latents 0, 1 and 2 carry no factor alone (at most 1 %)" in found["what each latent carries"].sentence


def test_duplicates_share_their_factor_and_are_tied():
    world = worlds.identity(ROWS)
    twice = worlds.World(np.column_stack([world.codes, -world.codes[:, 3]]), world.factors)
    found = findings(twice)
    assert found["shared factor"].numbers["factor"] == "x"
    assert found["shared factor"].numbers["latents"] == [3, 5]
    assert found["ties between latents"].numbers["tied"] == [[3, 5, 1.0]]
    assert "one follows from the others" in found["ties between latents"].sentence


def test_a_latent_that_mixes_two_factors_is_named():
    world = worlds.identity(ROWS)
    both = world.factors[:, 0] * 6 + world.factors[:, 1]  # shape and scale in 18 steps
    found = findings(worlds.World(np.column_stack([both, world.codes[:, 2:]]), world.factors))
    assert set(found["mixed latent"].numbers["factors"]) == {"shape", "scale"}
    assert found["mixed latent"].numbers["latent"] == 0


def test_without_labels_it_tells_life_ties_and_total_correlation():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 40_000))
    r = 0.8
    found = {f.topic: f for f in doctor(Probe(np.stack([a, r * a + np.sqrt(1 - r * r) * b], axis=1)))}
    assert set(found) == {"live latents", "ties between latents", "rotation"}
    assert found["rotation"].good is None  # normal codes look normal in any rotation
    numbers = found["ties between latents"].numbers
    assert numbers["largest_correlation"] == pytest.approx(r, abs=0.01)
    assert numbers["gaussian_total_correlation"] == pytest.approx(-0.5 * np.log(1 - r * r), abs=0.02)


@pytest.mark.parametrize(("spread", "good"), [(0.8, True), (1.4, False)])
def test_codes_are_held_against_the_prior(spread, good):
    codes = np.random.default_rng(0).normal(size=(20_000, 2)) * np.array([0.8, spread])
    probe = Probe(codes, scale=np.full(codes.shape, 0.6), model=PriorOnly(IsotropicPrior(2)))
    found = {f.topic: f for f in doctor(probe)}["match with the prior"]
    assert found.good is good  # 0.8^2 + 0.6^2 = 1, as the prior has it
    assert found.numbers["std"][1] == pytest.approx(np.hypot(spread, 0.6), abs=0.02)
    assert "wasted_nats" not in found.numbers  # nobody said what the codes cost


def test_it_says_what_codes_off_the_prior_cost():
    codes = np.random.default_rng(0).normal(size=(20_000, 2)) * 0.8 + np.array([0.0, 2.0])
    rates = 0.5 * ((codes**2).mean(0) + 0.36 - 1 - 2 * np.log(0.6))
    probe = Probe(codes, scale=np.full(codes.shape, 0.6), kl_per_latent=rates, model=PriorOnly(IsotropicPrior(2)))
    found = {f.topic: f for f in doctor(probe)}["match with the prior"]
    assert found.numbers["wasted_nats"] == pytest.approx(2.0, abs=0.05)  # m^2 / 2 of the second
    assert found.numbers["rate"] == pytest.approx(rates.sum(), abs=0.01)
    assert "costs 2.0 of their 3." in found.sentence
    assert "--standardise-every" in found.sentence


@pytest.mark.parametrize(
    ("codes", "factors"),
    [
        (np.ones((50, 3)), np.arange(100).reshape(50, 2) % 5),
        (np.arange(50.0)[:, None], np.arange(50)[:, None] % 3),
        (np.random.default_rng(0).normal(size=(50, 3)), np.ones((50, 2), int)),
        (np.eye(2), np.eye(2, dtype=int)),
        (np.random.default_rng(0).normal(size=(300, 3)), np.random.default_rng(1).normal(size=(300, 2))),
    ],
)
def test_degenerate_codes_get_sentences_and_strict_json(codes, factors):
    found = doctor(Probe(codes, factors))
    assert all(finding.sentence.endswith(".") for finding in found)
    json.dumps([finding.as_json() for finding in found], allow_nan=False)


def test_continuous_noise_is_not_carried():
    rng = np.random.default_rng(0)
    probe = Probe(rng.normal(size=(ROWS, 2)), rng.normal(size=(ROWS, 1)), factor_names=["angle"])
    assert {f.topic: f for f in doctor(probe)}["missing factors"].numbers["missing"] == ["angle"]


def without_factors(codes):
    return {finding.topic: finding for finding in doctor(Probe(codes))}


@pytest.mark.parametrize("warp", [lambda z: -z, lambda z: z**3, np.exp])
def test_a_latent_written_twice_is_found_through_any_warp(warp):
    codes = np.random.default_rng(0).normal(size=(3_000, 3))
    found = without_factors(np.column_stack([codes, warp(codes[:, 1])]))["duplicates"]
    assert found.numbers["same"] == [[1, 3, 1.0]]
    assert "1 and 3 (1.00)" in found.sentence


def test_sine_and_cosine_of_one_angle_are_bound_without_a_correlation():
    angle = np.random.default_rng(0).uniform(0, 2 * np.pi, 4_000)
    codes = np.column_stack([np.cos(angle), np.sin(angle), np.random.default_rng(1).normal(size=4_000)])
    found = without_factors(codes)
    assert found["ties between latents"].good
    assert [pair[:2] for pair in found["hidden ties"].numbers["bound"]] == [[0, 1]]


def test_independent_latents_are_neither_the_same_nor_bound():
    assert {"duplicates", "hidden ties"}.isdisjoint(without_factors(worlds.noise(3_000).codes))


@pytest.mark.parametrize("turn", range(4))
def test_turned_codes_are_hinted_at_without_factors_and_straight_ones_are_not(turn):
    assert without_factors(worlds.rotated(ROWS, turn=turn).codes)["rotation"].good is False
    assert without_factors(worlds.noisy(worlds.permuted(ROWS, seed=turn), 0.2).codes)["rotation"].good is True


def test_the_hint_finds_the_causes_that_were_mixed():
    causes = np.random.default_rng(0).uniform(-1, 1, size=(20_000, 3))
    axes = np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))[0]
    white = causes @ axes / causes.std(axis=0).mean()
    found = independent(white, np.random.default_rng(2))
    correlations = np.abs(np.corrcoef(found.T, causes.T)[:3, 3:])
    assert correlations.max(axis=0) == pytest.approx(np.ones(3), abs=0.01)
