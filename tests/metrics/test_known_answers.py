"""Codes whose scores are known on two grids of factors, against all metrics of codes.

Each line of a table is a code, each column a metric; known_codes.py says what they are and holds the equation and the
reason of each cell. A dash claims nothing; "none" is a score that cannot be had.

dSprites' factors are 3 x 6 x 40 x 32 x 32. A perfect code gets 0.896 from mig, as 20 bins cannot tell 40 or 32 values
apart. Without shape ("one missing") the FactorVAE score is 0.8, that is (K - 1)/K, and the beta-VAE score still 1; "two
missing" lacks orientation too. The two factors that are merged, nested, turned or leaky are x and y; x is shared.

Shapes3D's are 10 x 10 x 10 x 8 x 4 x 15. 20 bins part all values, so a perfect code's mig is 1 but for what chance
tells the runner-up (0.997). With six factors instead of five a missing one costs a sixth, and noise gets 1/6. "one
missing" is without shape, "two missing" without scale too; floor and wall hue are merged, nested, turned or leaky;
scale is shared.
"""

import math

import numpy as np
import pytest
from tests.metrics.known_codes import (
    BINS,
    COLUMNS,
    DSPRITES,
    SHAPES3D,
    answers,
    cut,
    kept,
    levels,
    measured,
    mutual,
    shown,
)

from unweave.metrics import dci, explicitness, factor_vae_score, infomec, irs, mig

GRIDS = {"dsprites": DSPRITES, "shapes3d": SHAPES3D}
ANSWERS = {name: answers(grid) for name, grid in GRIDS.items()}
CELLS = [
    (grid, code, column) for grid in GRIDS for code, row in ANSWERS[grid].items() for column in COLUMNS if column in row
]
CODES, FACTORS = DSPRITES.codes, DSPRITES.factors

TABLES = {
    "dsprites": """
             fvae  bvae   mig  migs   sap   mod   irs     D     C   err    DF    IM    IC    IE  expl   gtc  wass   cmi
identity    1.000 1.000 0.896 0.950 1.000 1.000 1.000 1.000 1.000 0.150 1.000 1.000 1.000 1.000  .8-1 0.001 0.000 0.008
permuted    1.000 1.000 0.896 0.950 1.000 1.000 1.000 1.000 1.000 0.150 1.000 1.000 1.000 1.000  .8-1 0.001 0.000 0.008
dead beside 1.000 1.000 0.896 0.950 1.000 1.000 1.000 1.000 1.000 0.150 1.000 1.000 1.000 1.000  .8-1 0.001 0.000 0.008
warped      1.000 1.000 0.844     - 0.922 1.000 1.000 1.000 1.000 0.307 1.000 1.000 1.000     -     - 0.001     -     -
wild row    0.995     - 0.000     - 0.010 0.478 1.000     -     -     - 1.000 1.000 1.000     -     - 8.510 0.953     -
one missing 0.800 1.000 0.696 0.753 0.800 1.000 1.000 1.000 1.000 0.320 0.689 1.000     - 0.800     - 0.000 0.000     -
two missing 0.600 0.800 0.536     - 0.600 1.000 1.000     -     - 0.490 0.410     -     - 0.600     -     -     -     -
merged      0.800 0.800 0.611     - 0.800 0.938 0.824 0.869 1.000 0.379     - 0.844 1.000     -     - 0.000     -     -
nested      0.800 1.000 0.716     - 0.800 1.000 0.991 1.000     - 0.321     -     -     -     -     -     -     -     -
turned 45   0.800 0.800 0.559     - 0.600 0.900 0.740 0.799 0.799 0.175     - 0.750 0.750 1.000  .8-1 0.001 0.000     -
rotated     0.800  .7-1  0-.3     - 0.380  .5-1 .1-.7 0.289 0.290 0.301  0-.4  0-.7     - 1.000  .8-1 0.001 0.000     -
leaky       1.000     - 0.743     - 0.856 0.983     - 0.899 0.898 0.187     -     -     -     -     - 0.223 0.041     -
shared      1.000 1.000 0.768 0.804 0.994 1.000 1.000 1.000 1.000 0.159     - 1.000 0.904     -     - 0.000     -     -
duplicated  1.000 1.000 0.000 0.000 0.000 1.000 1.000 1.000     - 0.150     - 1.000 0.444 1.000     -  none 0.586 0.269
noise       0.200 0.200 0.000     - 0.000 0.679 .1-.5 0.000 0.000 1.000 0.000     -     - 0.000 0.500 0.002 0.000     -
""",
    "shapes3d": """
             fvae  bvae   mig  migs   sap   mod   irs     D     C   err    DF    IM    IC    IE  expl   gtc  wass   cmi
identity    1.000 1.000 0.997 0.990 1.000 1.000 1.000 1.000 1.000 0.150 1.000 1.000 1.000 1.000  .8-1 0.001 0.000 0.004
permuted    1.000 1.000 0.997 0.990 1.000 1.000 1.000 1.000 1.000 0.150 1.000 1.000 1.000 1.000  .8-1 0.001 0.000 0.004
dead beside 1.000 1.000 0.997 0.990 1.000 1.000 1.000 1.000 1.000 0.150 1.000 1.000 1.000 1.000  .8-1 0.001 0.000 0.004
warped      1.000 1.000 0.979     - 0.916 1.000 1.000 1.000 1.000 0.323 1.000 1.000 1.000     -     - 0.001     -     -
wild row    0.991     - 0.000     - 0.009 0.396 1.000     -     -     - 1.000 1.000 1.000     -     - 10.74 1.024     -
one missing 0.833 1.000 0.831 0.824 0.833 1.000 1.000 1.000 1.000 0.292 0.749 1.000     - 0.833     - 0.000 0.000     -
two missing 0.667 0.833 0.665     - 0.667 1.000 1.000     -     - 0.433 0.516     -     - 0.667     -     -     -     -
merged      0.833 0.833 0.736     - 0.833 0.960 0.866 0.905 1.000 0.341     - 0.880 1.000     -     - 0.000     -     -
nested      0.833 1.000 0.881     - 0.833 0.996 0.980 1.000     - 0.297     -     -     -     -     -     -     -     -
turned 45   0.833 0.833 0.665     - 0.667 0.933 0.789 0.847 0.847 0.171     - 0.800 0.800 1.000  .8-1 0.001 0.000     -
rotated     0.833  .7-1  0-.3     - 0.380  .5-1 .1-.7 0.443 0.444 0.298  0-.4  0-.7     - 1.000  .8-1 0.001 0.000     -
leaky       1.000     - 0.837     - 0.880 0.974     - 0.923 0.923 0.181     -     -     -     -     - 0.223 0.034     -
shared      1.000 1.000 0.887 0.881 0.984 1.000 1.000 1.000 0.976 0.160     - 1.000 0.935     -     - 0.000     -     -
duplicated  1.000 1.000 0.000 0.000 0.000 1.000 1.000 1.000     - 0.150     - 1.000 0.455 1.000     -  none 0.586 0.202
noise       0.167 0.167 0.000     - 0.000 0.693 .1-.5 0.000 0.000 1.000 0.000     -     - 0.000 0.500 0.002 0.000     -
""",
}


@pytest.mark.parametrize("grid", GRIDS)
def test_the_table_is_what_the_equations_give(grid):
    assert shown(GRIDS[grid]) == TABLES[grid].strip("\n")


@pytest.mark.parametrize(("grid", "code", "column"), CELLS, ids=map("-".join, CELLS))
def test_a_score_is_what_the_table_says(grid, code, column):
    answer, value = ANSWERS[grid][code][column], measured(GRIDS[grid], code, column)
    assert answer.holds(value), f"{value} for {answer.low} to {answer.high}: {answer.why}"


def test_what_twenty_bins_keep():
    assert kept(levels(40)) == pytest.approx(math.log(20))  # two values a bin
    assert kept(levels(32)) == pytest.approx(3 / 4 * math.log(16) + 1 / 4 * math.log(32))  # 12 bins of two, 8 of one
    ceilings = [1, 1, math.log(20) / math.log(40), *[kept(levels(32)) / math.log(32)] * 2]
    score = mig(CODES["identity"], FACTORS)
    assert list(score.per_factor.values()) == pytest.approx(ceilings, abs=0.015)  # less what chance tells


def test_quantile_bins_undo_a_warp_and_bear_a_wild_row():
    straight, bent, wild = (
        mig(CODES[name], FACTORS, binning="quantile").value for name in ("identity", "warped", "wild row")
    )
    assert bent == pytest.approx(straight, abs=1e-12)
    assert wild == pytest.approx(straight, abs=0.01)


@pytest.mark.parametrize("grid", GRIDS.values(), ids=GRIDS)
def test_votes_in_turn_lose_exactly_those_of_the_missing_factors(grid):
    """Factors in turn and counted in-sample: the share has no error of sampling."""
    for code, share in (("one missing", (grid.k - 1) / grid.k), ("two missing", (grid.k - 2) / grid.k)):
        score = factor_vae_score(grid.codes[code], grid.factors, preset="cascade", votes=40 * grid.k)
        assert score.value == pytest.approx(share, abs=1e-12)


@pytest.mark.parametrize("grid", GRIDS.values(), ids=GRIDS)
def test_a_missing_factor_costs_explicitness_what_is_above_chance(grid):
    whole, part = (
        explicitness(grid.codes[code], grid.factors, train=1_000, test=1_000) for code in ("identity", "one missing")
    )
    own = list(whole.per_factor.values())[grid.lost[0]]
    assert part.value == pytest.approx(whole.value - (own - 0.5) / grid.k, abs=0.01)


def test_a_rotation_costs_explicitness_nothing():
    """A penalty on the sum of squares, and codes of variance 1, know no axes."""
    straight, turned = (
        explicitness(CODES[code], FACTORS, train=1_000, test=1_000).value for code in ("identity", "rotated")
    )
    assert turned == pytest.approx(straight, abs=0.003)


def test_infomec_drops_what_is_twenty_times_narrower_than_the_widest():
    codes = CODES["identity"] * np.array([1.0, 1.0, 1.0, 25.0, 25.0])
    score = infomec(codes, FACTORS, n=1_000, iterations=20)
    assert score.settings["active"] == [3, 4]
    assert score.parts["infoe"] == pytest.approx(2 / 5, abs=0.05)  # so the unit of a code can cost three factors


def test_one_wild_row_makes_noise_look_robust():
    noise = CODES["noise"].copy()
    assert irs(noise, FACTORS).value < 0.5
    noise[0] = 1e4
    assert irs(noise, FACTORS).value > 0.999
    assert irs(noise[1:], FACTORS[1:]).value < 0.5


def test_a_forest_gives_what_nobody_knows_to_all_alike():
    """So an unknown factor costs D what it adds to the rows of the others: about 1/4 beside 1 for each of four."""
    score = dci(CODES["one missing"], FACTORS, trees=20, train=1_500, test=500)
    table = np.array(score.tables["importances"])
    assert table[:, 0] == pytest.approx(np.full(4, 1 / 4), abs=0.15)  # of shape; a code of few values has fewer splits
    assert table[:, 1:] == pytest.approx(np.eye(4), abs=0.02)
    entropy = -(0.8 * math.log(0.8) + 0.2 * math.log(0.2)) / math.log(5)
    assert score.value == pytest.approx(1 - entropy, abs=0.02)


@pytest.mark.parametrize("size", SHAPES3D.sizes)
def test_twenty_bins_keep_up_to_fifteen_values_apart(size):
    assert kept(levels(size)) == pytest.approx(math.log(size))


@pytest.mark.parametrize(("bins", "values"), [(14, 14), (15, 15), (10, 10), (5, 5)])
def test_fewer_bins_than_values_keep_the_log_of_the_bins_where_they_divide_them(bins, values):
    """Orientation has 15 values: 5 bins take three each."""
    score = mig(SHAPES3D.codes["identity"], SHAPES3D.factors, bins=bins)
    counts = np.bincount(np.minimum(np.arange(15) * bins // 14, bins - 1))
    exact = -np.sum(counts / 15 * np.log(counts / 15)) / math.log(15)
    assert len(counts) == values
    assert score.per_factor["factor_5"] == pytest.approx(exact, abs=0.01)
    if bins == 5:
        assert exact == pytest.approx(math.log(5) / math.log(15))


def test_a_digit_nested_in_ten_values_shows_its_upper_half_in_twenty_bins():
    """100 joint values in 20 bins of five: which half the fine digit is in is log 2 of its log 10 nats."""
    both = levels(10)[:, None] + levels(10) / 10
    assert np.bincount(cut(both).ravel()).tolist() == [5] * BINS
    assert mutual(both, 0) == pytest.approx(math.log(10), abs=0.001)
    assert mutual(both, 1) == pytest.approx(math.log(2), abs=0.005)
    score = mig(SHAPES3D.codes["nested"], SHAPES3D.factors)
    assert score.per_factor["factor_1"] == pytest.approx(math.log(2) / math.log(10), abs=0.01)


def test_a_factor_in_two_digits_has_a_gap_of_their_log_ratio():
    score = mig(SHAPES3D.codes["shared"], SHAPES3D.factors)  # scale, 8 = 4 x 2
    assert score.per_factor["factor_3"] == pytest.approx(math.log(4 / 2) / math.log(8), abs=0.003)
