"""Shapes3D's factors (10 x 10 x 10 x 8 x 4 x 15): codes whose scores are known, against all metrics of codes.

Each line of the table is a code, each column a metric; known_codes.py says what they are and holds the equation and the
reason of each cell. 20 bins part all values of this grid, so a perfect code's mig is 1 but for what chance tells the
runner-up (0.997). With six factors instead of five a missing one costs a sixth, and noise gets 1/6. "one missing" is
without shape, "two missing" without scale too; floor and wall hue are merged, nested, turned or leaky; scale is shared.
"""

import math

import numpy as np
import pytest
from tests.metrics.known_codes import BINS, COLUMNS, SHAPES3D, answers, cut, kept, levels, measured, shown, told

from unweave.metrics import mig

ANSWERS = answers(SHAPES3D)
CELLS = [(code, column) for code, row in ANSWERS.items() for column in COLUMNS if column in row]
CODES, FACTORS = SHAPES3D.codes, SHAPES3D.factors

TABLE = """
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
"""


def test_the_table_is_what_the_equations_give():
    assert shown(SHAPES3D) == TABLE.strip("\n")


@pytest.mark.parametrize(("code", "column"), CELLS, ids=map("-".join, CELLS))
def test_a_score_is_what_the_table_says(code, column):
    answer, value = ANSWERS[code][column], measured(SHAPES3D, code, column)
    assert answer.holds(value), f"{value} for {answer.low} to {answer.high}: {answer.why}"


@pytest.mark.parametrize("size", SHAPES3D.sizes)
def test_twenty_bins_keep_up_to_fifteen_values_apart(size):
    assert kept(levels(size)) == pytest.approx(math.log(size))


@pytest.mark.parametrize(("bins", "values"), [(14, 14), (15, 15), (10, 10), (5, 5)])
def test_fewer_bins_than_values_keep_the_log_of_the_bins_where_they_divide_them(bins, values):
    """Orientation has 15 values: 5 bins take three each."""
    score = mig(CODES["identity"], FACTORS, bins=bins)
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
    assert told(both, 0) == pytest.approx(math.log(10), abs=0.001)
    assert told(both, 1) == pytest.approx(math.log(2), abs=0.005)
    score = mig(CODES["nested"], FACTORS)
    assert score.per_factor["factor_1"] == pytest.approx(math.log(2) / math.log(10), abs=0.01)


def test_a_factor_in_two_digits_has_a_gap_of_their_log_ratio():
    score = mig(CODES["shared"], FACTORS)  # scale, 8 = 4 x 2
    assert score.per_factor["factor_3"] == pytest.approx(math.log(4 / 2) / math.log(8), abs=0.003)
