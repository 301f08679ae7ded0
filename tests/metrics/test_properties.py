"""What must not move a score of codes: order, sign, unit, warps, dead latents; and what must, in closed form."""

import math
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from unweave import metrics
from unweave.contracts import worlds
from unweave.metrics.intervals import wilson
from unweave.metrics.scores.dci import completeness, disentanglement
from unweave.metrics.scores.infomec import concentration

ROWS, SIZES = 240, (3, 4, 5)
FACTORS = worlds.grid(ROWS, sizes=SIZES)
# Codes of a noisy, half turned truth: no ties, so that no border of a bin decides.
CODES = FACTORS @ np.array([[1.0, 0.2, 0.1], [0.0, 0.8, 0.3], [0.3, 0.0, 0.6]]) + np.random.default_rng(0).normal(
    scale=0.4, size=(ROWS, 3)
)
QUICK = {
    "factor_vae_score": {"samples": 12, "votes": 200, "held_out": 200},
    "beta_vae_score": {"samples": 6, "train": 150, "test": 200},
    "dci": {"trees": 5, "train": 160, "test": 80},
    "dci lasso": {"backend": "lasso", "train": 160, "test": 80},
    "sap": {"train": 160, "test": 80, "standardise": True},
    "sap continuous": {"kind": "continuous", "train": 160, "test": 80},
    "explicitness": {"train": 160, "test": 80},
    "infomec": {"iterations": 30},
}
# How far a score may move: where the same rows are looked at in the same way, not at all; where a solver stops a little
# elsewhere, 1e-3 of a value and a few of 80 or 200 points; where ties are parted by other noise, a little.
MOVES = {
    "factor_vae_score": 1e-9,
    "beta_vae_score": 0.011,
    "mig": 1e-9,
    "modularity": 1e-9,
    "irs": 1e-9,
    "sap": 1e-9,
    "sap continuous": 1e-9,
    "explicitness": 1e-3,
    "infomec": 1e-6,
    "dci lasso": 2e-3,
    "dci": 0.08,  # the order in which a tree looks at equally good latents is drawn
    "gaussian_total_correlation": 1e-9,
    "wasserstein_correlation": 1e-9,
    "code_mutual_information": 1e-9,
    "hoyer": 1e-9,
}
WITHOUT_FACTORS = ("gaussian_total_correlation", "wasserstein_correlation", "code_mutual_information", "hoyer")
COMMON_UNIT = ("irs", "infomec")  # wide latents weigh more, or put out narrow ones: only a common unit is free
NOT_FREE = ("wasserstein_correlation",)  # squared units of the codes
ROW_BY_ROW = ("mig", "modularity", "irs", "hoyer", *WITHOUT_FACTORS)  # no draw, no split: rows may come in any order
BY_RANK = {  # scores that look at the order of the codes only
    "mig": {"binning": "quantile"},
    "modularity": {"binning": "quantile"},
    "code_mutual_information": {"binning": "quantile"},
}


def scored(name, codes, factors=FACTORS, **more):
    given_too = () if name in WITHOUT_FACTORS else (factors,)
    return getattr(metrics, name.split()[0])(codes, *given_too, **{**QUICK.get(name, {}), **more})


@cache
def base(name):
    return scored(name, CODES)


def numbers(score):
    """The value and the parts that are about codes; an accuracy of guesses moves with every point."""
    parts = {k: v for k, v in score.parts.items() if "informativeness" not in k and k not in ("raw", "infoe")}
    return [score.value, *parts.values()]


@pytest.mark.parametrize("name", MOVES)
@settings(max_examples=4)
@given(order=st.permutations(range(3)))
def test_order_of_latents(name, order):
    assert numbers(scored(name, CODES[:, order])) == pytest.approx(numbers(base(name)), abs=MOVES[name])


@pytest.mark.parametrize("name", MOVES)
@settings(max_examples=4)
@given(signs=st.lists(st.sampled_from([-1.0, 1.0]), min_size=3, max_size=3))
def test_signs_of_latents(name, signs):
    assert numbers(scored(name, CODES * signs)) == pytest.approx(numbers(base(name)), abs=MOVES[name])


@pytest.mark.parametrize("name", [name for name in MOVES if name not in NOT_FREE])
@settings(max_examples=4)
@given(units=st.lists(st.floats(0.2, 1e3), min_size=3, max_size=3))
def test_units_of_latents(name, units):
    units = units[0] if name in COMMON_UNIT else np.array(units)
    assert numbers(scored(name, CODES * units)) == pytest.approx(numbers(base(name)), abs=MOVES[name])


@settings(max_examples=8)
@given(unit=st.floats(1e-3, 1e3))
def test_wasserstein_correlation_goes_with_the_square_of_the_unit_and_its_share_does_not(unit):
    score, first = scored("wasserstein_correlation", CODES * unit), base("wasserstein_correlation")
    assert score.value == pytest.approx(first.value * unit**2)
    assert score.parts["normalised"] == pytest.approx(first.parts["normalised"])


@pytest.mark.parametrize("name", [name for name in MOVES if name != "hoyer"])
@settings(max_examples=3)
@given(shift=st.lists(st.floats(-50, 50), min_size=3, max_size=3))
def test_offsets_of_latents(name, shift):
    """Hoyer is left out: 0 means unused there."""
    assert numbers(scored(name, CODES + shift)) == pytest.approx(numbers(base(name)), abs=max(MOVES[name], 1e-6))


@pytest.mark.parametrize("name", ROW_BY_ROW)
@settings(max_examples=4)
@given(seed=st.integers(0, 10_000))
def test_order_of_rows(name, seed):
    rows = np.random.default_rng(seed).permutation(ROWS)
    assert numbers(scored(name, CODES[rows], FACTORS[rows])) == pytest.approx(numbers(base(name)), abs=1e-9)


@pytest.mark.parametrize("name", [name for name in MOVES if name not in WITHOUT_FACTORS])
@settings(max_examples=3)
@given(order=st.permutations(range(3)))
def test_order_of_factors(name, order):
    """Sampling metrics draw other votes, and forests are grown from other seeds."""
    slack = {"factor_vae_score": 0.2, "beta_vae_score": 0.2, "dci": 0.15}.get(name, max(MOVES[name], 1e-6))
    assert scored(name, CODES, FACTORS[:, order]).value == pytest.approx(base(name).value, abs=slack)


@pytest.mark.parametrize("name", ["factor_vae_score", "mig", "modularity", "irs", "infomec", "sap", "explicitness"])
@settings(max_examples=3)
@given(step=st.integers(1, 7), start=st.integers(-100, 100))
def test_names_of_values(name, step, start):
    assert scored(name, CODES, FACTORS * step + start).value == pytest.approx(base(name).value, abs=1e-9)


def warps(codes, kind):
    return {"exp": np.exp(codes), "cube": codes**3 + codes, "logistic": 1 / (1 + np.exp(-codes)) * 5}[kind]


@pytest.mark.parametrize("name", BY_RANK)
@pytest.mark.parametrize("kind", ["exp", "cube", "logistic"])
def test_a_monotone_warp_changes_nothing_that_goes_by_rank(name, kind):
    straight, bent = (scored(name, each, **BY_RANK[name]).value for each in (CODES, warps(CODES, kind)))
    assert bent == pytest.approx(straight, abs=1e-12)


@pytest.mark.parametrize("kind", ["exp", "cube", "logistic"])
@pytest.mark.parametrize("learner", [{}, {"backend": "gbt", "rounds": 5}], ids=["forest", "gbt"])
def test_a_monotone_warp_hardly_moves_trees(learner, kind):
    """Trees part rows by order, yet between which two neighbouring codes a held-out row falls may change."""
    options = {"trees": 5, "train": 160, "test": 80, **learner}
    straight, bent = (metrics.dci(each, FACTORS, **options) for each in (CODES, warps(CODES, kind)))
    for part in ("disentanglement", "completeness"):
        assert bent.parts[part] == pytest.approx(straight.parts[part], abs=1e-6)


@pytest.mark.parametrize("kind", ["exp", "cube"])
def test_a_monotone_warp_leaves_udr_by_spearman_alone(kind):
    other = CODES[:, ::-1] + np.random.default_rng(3).normal(scale=0.2, size=CODES.shape)
    straight, bent = (metrics.udr([each, other], method="spearman").value for each in (CODES, warps(CODES, kind)))
    assert bent == pytest.approx(straight, abs=1e-12)


@pytest.mark.parametrize("name", ["mig", "irs", "sap continuous", "wasserstein_correlation"])
def test_a_monotone_warp_moves_what_goes_by_distance(name):
    part = (lambda s: s.parts["normalised"]) if name == "wasserstein_correlation" else (lambda s: s.value)
    assert abs(part(scored(name, np.exp(2 * CODES))) - part(base(name))) > 0.01


DEAD = {  # latents that no one should count: how they are known to be dead, and their columns
    "constant": (lambda n: np.full((n, 2), 3.0), False),
    "small": (lambda n: np.random.default_rng(5).normal(scale=0.001, size=(n, 2)), False),
    "low rate": (lambda n: np.random.default_rng(6).normal(size=(n, 2)), True),
}
BY_UNIT = ("mig", "modularity", "irs", "sap", "infomec")  # min_std is 0 there unless it is raised
BY_RATE = WITHOUT_FACTORS[:3]  # whose latents are dead by their rates only


CASES = [(name, kind) for name in [*MOVES, "dci gbt"] for kind in DEAD if kind != "small" or name not in BY_RATE]


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_dead_latents_change_nothing_once_they_are_removed(name, kind):
    make, by_rate = DEAD[kind]
    more = {"backend": "gbt", "rounds": 3, "train": 160, "test": 80} if name == "dci gbt" else {}
    if kind == "small" and name.split()[0] in BY_UNIT:
        more["min_std"] = 0.05
    dead = make(ROWS)
    beside = np.column_stack([dead[:, :1], CODES, dead[:, 1:]])
    rates = np.array([1e-3, 2.0, 2.0, 2.0, 1e-3]) if by_rate else None
    score, clean = scored(name, beside, kl_per_latent=rates, **more), scored(name, CODES, **more)
    assert score.settings["active"] == [1, 2, 3]
    assert score.value == pytest.approx(clean.value, abs=1e-9)
    assert score.parts == pytest.approx(clean.parts, abs=1e-9)


def with_more(value, before, after):
    """1 - H in base `before` as it is in base `after`, where the added latents have no share."""
    return 1 - (1 - value) * math.log(before) / math.log(after)


@given(
    arrays(np.float64, (4, 3), elements=st.just(0.0) | st.floats(0.01, 10)).filter(lambda t: t.sum() > 0),
    st.integers(1, 30),
)
def test_completeness_rises_with_idle_latents_by_the_base_of_its_logarithm(table, idle):
    """C_j = 1 - H_D: with D' latents instead of D its distance from 1 shrinks to log D / log D' of what it was."""
    beside = np.concatenate([table, np.zeros((idle, 3))])
    informative = table.sum(axis=0) > 0
    before, after = completeness(table), completeness(beside)
    expected = [with_more(c, 4, 4 + idle) for c in before[1]]
    assert after[1][informative] == pytest.approx(np.array(expected)[informative], abs=1e-6)
    assert after[0] == pytest.approx(with_more(before[0], 4, 4 + idle), abs=1e-6)
    assert disentanglement(beside)[0] == pytest.approx(disentanglement(table)[0], abs=1e-6)  # its base is K


@pytest.mark.parametrize("idle", [1, 3, 20])
def test_completeness_of_codes_with_idle_latents_left_in(idle):
    """By a lasso whose penalty no chance correlation reaches, idle latents have no importance at all."""
    world = worlds.rotated(3_000, turn=1)
    noise = np.random.default_rng(9).normal(scale=0.01, size=(3_000, idle))
    how = {"backend": "lasso", "alpha": 0.15, "prune": False}
    clean = metrics.dci(world.codes, world.factors, **how).parts
    beside = metrics.dci(np.column_stack([world.codes, noise]), world.factors, **how).parts
    pruned = metrics.dci(np.column_stack([world.codes, noise]), world.factors, **{**how, "prune": True}).parts
    assert beside["completeness"] == pytest.approx(with_more(clean["completeness"], 5, 5 + idle), abs=1e-6)
    assert beside["disentanglement"] == pytest.approx(clean["disentanglement"], abs=1e-6)
    assert pruned["completeness"] == pytest.approx(clean["completeness"], abs=1e-9)


def more_latents(value, before, after):
    """InfoC's mean share of the best latent, from the scale on which 1/before is 0 to that of 1/after."""
    share = value * (1 - 1 / before) + 1 / before
    return (share - 1 / after) / (1 - 1 / after)


@given(arrays(np.float64, (3, 4), elements=st.floats(0.01, 1)), st.integers(1, 30))
def test_infoc_rises_with_idle_latents_by_its_scale(table, idle):
    """(s - 1/a) / (1 - 1/a) with the same mean share s: 1/a falls, so that InfoC rises towards s."""
    beside = np.concatenate([table, np.zeros((3, idle))], axis=1)
    expected = more_latents(concentration(table), 4, 4 + idle)
    assert concentration(beside) == pytest.approx(min(1.0, expected), abs=1e-9)
    assert concentration(beside.T) == pytest.approx(concentration(table.T), abs=1e-12)  # InfoM leaves them out


def test_infoc_of_codes_with_an_idle_latent_left_in():
    """A latent of which neighbours tell nothing at all of any factor: chance puts the estimate below 0 for each."""
    for seed in range(50):
        idle = np.random.default_rng(seed).normal(size=(ROWS, 1))
        beside = scored("infomec", np.column_stack([CODES, idle]), prune=False)
        if not np.array(beside.tables["information"])[:, 3].any():
            break
    else:
        pytest.fail("no such latent among fifty")
    clean = base("infomec")
    assert beside.parts["infoc"] == pytest.approx(more_latents(clean.parts["infoc"], 3, 4), abs=1e-6)
    assert beside.parts["infom"] == pytest.approx(clean.parts["infom"], abs=1e-6)


@given(st.floats(0.02, 0.98), st.integers(200, 5_000), st.sampled_from([2, 4, 10]))
def test_wilsons_interval_shrinks_with_the_root_of_the_votes(share, votes, times):
    few, many = (np.subtract(*wilson(share * n, n)[::-1]) for n in (votes, times * votes))
    assert many < few
    assert few / many == pytest.approx(math.sqrt(times), rel=0.08)


@pytest.mark.parametrize("times", [4, 16])
def test_more_votes_shrink_the_interval_of_the_factor_vae_score(times):
    few, many = (scored("factor_vae_score", CODES, held_out=votes).interval for votes in (250, 250 * times))
    assert 1 < (few[1] - few[0]) / (many[1] - many[0]) < 1.15 * math.sqrt(times)  # the pool stays the same


def test_more_points_shrink_the_interval_of_the_beta_vae_score():
    few, many = (scored("beta_vae_score", CODES, test=points).interval for points in (250, 4_000))
    assert 1 < (few[1] - few[0]) / (many[1] - many[0]) < 4.8  # the pool stays the same


def test_more_draws_shrink_the_interval_of_the_sampled_gap():
    scale = np.full(CODES.shape, 0.3)
    few, many = (metrics.mig_sampled(CODES, scale, FACTORS, samples=draws).interval for draws in (15, ROWS))
    assert (few[1] - few[0]) / (many[1] - many[0]) == pytest.approx(4, rel=0.4)


@pytest.mark.parametrize("name", [name for name in MOVES if name not in WITHOUT_FACTORS])
@settings(max_examples=4)
@given(seed=st.integers(0, 1_000), mix=st.floats(0, 2))
def test_any_codes_score_within_the_range(name, seed, mix):
    rng = np.random.default_rng(seed)
    codes = FACTORS @ rng.normal(size=(3, 4)) + mix * rng.standard_cauchy(size=(ROWS, 4))
    assert 0 <= scored(name, codes, FACTORS).value <= 1
