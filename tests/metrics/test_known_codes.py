"""Codes whose scores are known, over the factor grids of dSprites and of Shapes3D, for every metric of codes."""

import numpy as np
import pytest

from unweave import metrics
from unweave.contracts import worlds

GRIDS = {"dsprites": worlds.SIZES, "shapes3d": (10, 10, 10, 8, 4, 15)}
QUICK = {
    "dci": {"trees": 10, "train": 2_000, "test": 500},
    "explicitness": {"train": 2_000, "test": 500},
    "beta-vae-score": {"train": 500, "test": 500},
    "factor-vae-score": {"votes": 500, "held_out": 500},
}
# Of a code that is the truth, and of the same code bent by a steep monotone curve: least values on both grids.
PERFECT = {
    "beta-vae-score": 0.99,  # the shared factor's code is the one that does not move
    "factor-vae-score": 0.99,
    "dci": 0.98,  # a tree needs one code a factor
    "modularity": 0.99,
    "irs": 0.999,  # no code moves while its factor is held
    "infomec": 0.97,  # what the noise that parts ties leaves
}
MIG = {"dsprites": 0.897, "shapes3d": 0.99}  # 20 bins merge 40 and 32 values, and part 15


def scored(name, codes, factors, **settings):
    return getattr(metrics, name.replace("-", "_"))(codes, factors, **QUICK.get(name, {}), **settings)


@pytest.fixture(scope="module", params=GRIDS)
def truth(request):
    factors = worlds.grid(3_000, sizes=GRIDS[request.param])
    return request.param, (factors - factors.mean(axis=0)) / factors.std(axis=0), factors


def warped(codes):
    return np.sinh(2 * codes)


@pytest.mark.parametrize("name", PERFECT)
def test_a_perfect_code_and_a_warped_one(name, truth):
    _, codes, factors = truth
    assert scored(name, codes, factors).value > PERFECT[name]
    assert scored(name, warped(codes), factors).value > PERFECT[name]


def test_histogram_gaps_are_those_of_the_bins_and_quantiles_undo_a_warp(truth):
    grid, codes, factors = truth
    assert scored("mig", codes, factors).value == pytest.approx(MIG[grid], abs=0.02)
    assert scored("mig", warped(codes), factors).value < MIG[grid] - 0.02  # equal widths crowd the middle
    straight, bent = (scored("mig", each, factors, binning="quantile").value for each in (codes, warped(codes)))
    assert bent == pytest.approx(straight, abs=1e-9)


def test_squared_correlation_of_the_truth_is_one(truth):
    _, codes, factors = truth
    assert scored("sap", codes, factors, kind="continuous").value > 0.97  # the runner-up's is chance
    assert scored("sap", warped(codes), factors, kind="continuous").value < 0.95


@pytest.mark.parametrize("name", ["mig", "modularity", "irs", "infomec", "sap"])
def test_permuted_and_scaled_codes_score_alike(name, truth):
    _, codes, factors = truth
    changed = -3.0 * codes[:, ::-1]
    settings = {"sap": {"standardise": True}, "infomec": {"iterations": 1}}.get(name, {})
    first, second = (scored(name, each, factors, **settings).value for each in (codes, changed))
    assert second == pytest.approx(first, abs=0.01)  # a value on a border changes its bin with the sign


def test_one_heavy_tail_spoils_equal_widths_and_not_ranks(truth):
    _, codes, factors = truth
    heavy = codes.copy()
    heavy[0] = 1e3
    assert scored("mig", heavy, factors).value < 0.1
    assert scored("mig", heavy, factors, binning="quantile").value > 0.8
    assert scored("dci", heavy, factors).value > 0.95
    assert scored("irs", heavy, factors).value > 0.99  # its deviations are measured by the outlier


def test_a_factor_that_nobody_carries_costs_what_it_should(truth):
    _, codes, factors = truth
    without, count = codes[:, 1:], factors.shape[1]
    score = scored("sap", without, factors, kind="continuous")
    assert score.per_factor["factor_0"] < 0.01
    assert score.value == pytest.approx((count - 1) / count, abs=0.02)
    assert scored("modularity", without, factors).value > 0.99  # it is not asked what is missing
    assert scored("irs", without, factors).value > 0.999
    assert scored("beta-vae-score", without, factors).value > 0.95  # recognised by all others moving


def test_shared_and_duplicated_codes(truth):
    _, codes, factors = truth
    twice = np.column_stack([codes, codes])
    assert scored("mig", twice, factors).value == pytest.approx(0.0, abs=1e-9)
    assert scored("sap", twice, factors, kind="continuous").value == pytest.approx(0.0, abs=1e-9)
    assert scored("irs", twice, factors).value > 0.999
    shared = np.column_stack([codes[:, 0] + codes[:, 1], codes[:, 2:]])
    assert scored("irs", shared, factors).value < 0.99
    assert scored("modularity", shared, factors).value < scored("modularity", codes, factors).value - 0.01
