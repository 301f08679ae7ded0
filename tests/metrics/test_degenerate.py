"""Degenerate input, metric by metric: each case has a value that follows from the definition, or NaN and a reason.

The pool is 120 rows of a 3 x 4 grid, ten of each cell; the truth is its two factors with mean 0 and variance 1. A cell
of the table is the value, or the reason that stands for it, or both where a value needs a word.
"""

import json
import math
import warnings

import numpy as np
import pytest

from unweave import metrics
from unweave.base.errors import InputError

FACTORS = np.stack(np.meshgrid(range(3), range(4), range(10), indexing="ij"), axis=-1).reshape(-1, 3)[:, :2]
TRUTH = (FACTORS - FACTORS.mean(axis=0)) / FACTORS.std(axis=0)
N = len(TRUTH)
WIDTH = 0.05  # of the posteriors
QUICK = {
    "factor_vae_score": {"preset": "cascade", "votes": 200, "held_out": 200, "samples": 10},
    "beta_vae_score": {"train": 100, "test": 100, "samples": 20},
    "dci forest": {"trees": 10, "min_samples_leaf": 1},
    "dci gbt": {"backend": "gbt", "rounds": 3},
    "dci lasso": {"backend": "lasso", "alpha": 0.2},
    "sap continuous": {"kind": "continuous"},
}
SUPERVISED = (
    "factor_vae_score",
    "beta_vae_score",
    "mig",
    "mig_sampled",
    "dci forest",
    "dci gbt",
    "dci lasso",
    "sap",
    "sap continuous",
    "modularity",
    "explicitness",
    "irs",
    "infomec",
)
LABEL_FREE = ("gaussian_total_correlation", "wasserstein_correlation", "code_mutual_information", "hoyer")
ALL = (*SUPERVISED, *LABEL_FREE)
UNIT_FREE = tuple(name for name in ALL if name not in ("sap", "wasserstein_correlation"))


def scored(name, codes, factors=FACTORS, kl=None):
    """Score without a warning, in strict JSON; NaN has a reason."""
    given = () if name in LABEL_FREE else (factors,)
    if name == "mig_sampled":
        given = (np.full(np.shape(codes), WIDTH), *given)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        score = getattr(metrics, name.split()[0])(codes, *given, kl_per_latent=kl, **QUICK.get(name, {}))
    json.dumps(score.as_json(), allow_nan=False)
    assert score.reason or not math.isnan(score.value)
    return score


def beside(*columns):
    return np.column_stack([np.full(N, each) if np.isscalar(each) else each for each in columns])


NO_GAP = "a gap needs two latents, and there is one"
ALONE = "dependence needs two live latents, and there is one"
NEVER = "no factor varies"
LONELY = "two factors that vary and whose values repeat"
ONE_FACTOR = "needs two factors that vary, and there is one"
NOTHING = (0.0, "so no latent tells a factor")
FREE = {  # of the truth's two codes, which are uncorrelated; hoyer's by hand, see below
    "gaussian_total_correlation": 0.0,
    "wasserstein_correlation": 0.0,
    "code_mutual_information": 0.0,
}
DEAD = {
    "factor_vae_score": (0.5, "so no latent can vote"),  # this preset says chance
    "beta_vae_score": (0.5, "guessing is right once in 2"),
    **dict.fromkeys(("mig", "mig_sampled", "sap", "sap continuous", "modularity"), NOTHING),
    **dict.fromkeys(("dci forest", "dci gbt", "dci lasso"), NOTHING),
    "explicitness": (0.5, "guessing ranks half of the pairs right"),
    "irs": (0.0, "so no latent can be robust"),
    "infomec": "so no latent tells a factor",
    **dict.fromkeys(LABEL_FREE, "two live latents"),
}
ONE_LIVE = {
    "factor_vae_score": 0.5,  # (K - 1)/K
    "beta_vae_score": 1.0,  # it moves, or it does not
    "dci forest": 0.0,  # it has an importance of 1 for what it knows and for what it does not
    "dci gbt": 0.0,
    "dci lasso": 1.0,  # of what it does not know its coefficient is 0
    "modularity": 1.0,
    "irs": 1.0,
    "infomec": 1.0,
    **dict.fromkeys(LABEL_FREE[:3], ALONE),
    "hoyer": "sparsity needs two live latents",
}
WIDE = np.sqrt([3 / 2, 9 / 5])  # largest deviations of 3 and of 4 equally spaced numbers of variance 1
CASES = {
    "the truth": (
        (TRUTH, FACTORS, None),
        {
            **dict.fromkeys([name for name in SUPERVISED if name not in ("sap", "dci forest", "sap continuous")], 1.0),
            "dci forest": (0.98, 1.0),
            "sap continuous": (0.98, 1.0),  # 80 of the rows correlate by chance
            **FREE,
        },
    ),
    "all latents constant": ((np.ones((N, 3)), FACTORS, None), DEAD),
    "all latents dead by their rates": ((TRUTH, FACTORS, np.zeros(2)), DEAD),
    "one latent": (
        (TRUTH[:, :1], FACTORS, None),
        {**ONE_LIVE, **dict.fromkeys(("mig", "mig_sampled", "sap", "sap continuous"), NO_GAP)},
    ),
    "one latent and a constant one": (
        (beside(TRUTH[:, 0], 7.0), FACTORS, None),
        # The runner-up knows nothing, which is something to win against: (1 + 0) / 2.
        {**ONE_LIVE, "mig": 0.5, "mig_sampled": 0.5, "sap continuous": (0.49, 0.52)},
    ),
    "dead latents beside": (
        (beside(7.0, TRUTH[:, 0], 1e-3 * np.cos(np.arange(N)), TRUTH[:, 1]), FACTORS, [0.0, 2.0, 0.01, 2.0]),
        {
            **dict.fromkeys([name for name in SUPERVISED if name not in ("sap", "dci forest", "sap continuous")], 1.0),
            "dci forest": (0.98, 1.0),
            "sap continuous": (0.98, 1.0),
            **FREE,
        },
    ),
    "duplicates": (
        (beside(TRUTH, TRUTH), FACTORS, None),
        {
            **dict.fromkeys(
                ("factor_vae_score", "beta_vae_score", "modularity", "irs", "infomec", "explicitness"), 1.0
            ),
            **dict.fromkeys(("mig", "mig_sampled", "sap", "sap continuous"), 0.0),
            **dict.fromkeys(("dci gbt", "dci lasso"), 1.0),
            "gaussian_total_correlation": "a linear function of others",
            "wasserstein_correlation": 4 * (2 - math.sqrt(2)),
            "code_mutual_information": (math.log(3) + math.log(4)) / 6,  # two of six pairs are equal
        },
    ),
    "one factor": (
        (TRUTH, FACTORS[:, :1], None),
        {
            "factor_vae_score": LONELY,
            "beta_vae_score": LONELY,
            **dict.fromkeys(("mig", "mig_sampled", "explicitness"), 1.0),
            "sap continuous": (0.98, 1.0),
            **dict.fromkeys(("dci forest", "dci gbt", "dci lasso", "modularity"), ONE_FACTOR),
            "infomec": "InfoM " + ONE_FACTOR,
            "irs": WIDE[0] / WIDE.sum(),  # the other code is not held by it
            **FREE,
        },
    ),
    "a factor that never varies": (
        (TRUTH, beside(FACTORS[:, 0], 5.0, FACTORS[:, 1]), None),
        dict.fromkeys(
            ("factor_vae_score", "beta_vae_score", "mig", "modularity", "explicitness", "irs", "infomec"), 1.0
        ),
    ),
    "no factor that varies": (
        (TRUTH, FACTORS * 0, None),
        {
            **dict.fromkeys([name for name in SUPERVISED if name not in ("factor_vae_score", "beta_vae_score")], NEVER),
            "factor_vae_score": LONELY,
            "beta_vae_score": LONELY,
        },
    ),
    "one latent and one factor": (
        (TRUTH[:, :1], FACTORS[:, :1], None),
        {
            **dict.fromkeys(("mig", "mig_sampled", "sap", "sap continuous"), NO_GAP),
            **dict.fromkeys(("dci forest", "dci gbt", "dci lasso", "modularity", "infomec"), ONE_FACTOR),
            **dict.fromkeys(("irs", "explicitness"), 1.0),
        },
    ),
    "values that never repeat": (
        (TRUTH, beside(np.arange(N), np.arange(N)[::-1]), None),
        {
            "factor_vae_score": LONELY,
            "beta_vae_score": LONELY,
            # A row's own value: the bins' whole entropy, over log n, and the gap of four bins over three.
            "mig": math.log(4 / 3) / math.log(N),
            "mig_sampled": (0.05, 0.07),
            "modularity": 0.0,  # both factors are told alike
            "explicitness": "no factor has a value that is seen in training and in held-out rows",
            "irs": "has a value with two rows",
            "infomec": "no latent tells a factor",
            "sap": 0.0,
        },
    ),
    "fewer rows than values": (
        (TRUTH[::40], np.array([[0, 9], [1, 8], [2, 7]]), None),
        {
            "factor_vae_score": LONELY,
            "beta_vae_score": LONELY,
            "irs": "has a value with two rows",
            "infomec": "no latent tells a factor",
            "explicitness": "no factor has a value that is seen in training and in held-out rows",
            **dict.fromkeys(("dci forest", "sap"), 0.0),
        },
    ),
    "two rows": (
        (np.eye(2), np.eye(2, dtype=int), None),
        {
            **dict.fromkeys(("mig", "mig_sampled", "modularity", "dci forest", "dci gbt", "dci lasso", "sap"), 0.0),
            "gaussian_total_correlation": "a linear function of others",
            "wasserstein_correlation": (2 - math.sqrt(2)) / 2,  # variances of 1/4
            "code_mutual_information": math.log(2),
            "hoyer": 1.0,
        },
    ),
}
CELLS = [(case, name) for case, (_, expected) in CASES.items() for name in expected]


@pytest.mark.parametrize(("case", "name"), CELLS, ids=map("-".join, CELLS))
def test_each_case_has_its_value_or_its_reason(case, name):
    (codes, factors, kl), expected = CASES[case]
    score, wanted = scored(name, codes, factors, kl), expected[name]
    if isinstance(wanted, str):
        assert math.isnan(score.value)
        assert wanted in score.reason
    elif isinstance(wanted, tuple) and isinstance(wanted[1], str):
        assert score.value == wanted[0]
        assert wanted[1] in score.reason
    elif isinstance(wanted, tuple):
        assert wanted[0] <= score.value <= wanted[1]
        assert score.reason is None
    else:
        assert score.value == pytest.approx(wanted, abs=1e-3 if name in ("mig_sampled", "infomec") else 1e-6)
        assert score.reason is None


def test_every_metric_of_codes_is_in_most_cases():
    for name in ALL:
        assert sum(name in expected for _, expected in CASES.values()) >= 4 - 2 * (name == "hoyer")


def test_parts_that_have_no_meaning_are_none_beside_those_that_have():
    one = scored("infomec", TRUTH[:, :1])
    assert math.isnan(one.parts["infoc"])  # one latent is the best of one
    assert one.parts["infoe"] == pytest.approx(0.5, abs=0.01)  # one of two factors
    lone = scored("infomec", TRUTH, FACTORS[:, :1])
    assert math.isnan(lone.parts["infom"])
    assert lone.parts["infoc"] > 0.95
    for backend in ("dci forest", "dci gbt", "dci lasso"):
        assert scored(backend, TRUTH[:, :1]).parts["completeness"] == pytest.approx(1.0)
        assert scored(backend, TRUTH, FACTORS[:, :1]).parts["completeness"] > 0.9


def test_hoyer_of_few_latents():
    """Rows of the truth by hand: 1 where one code is 0, less where both are alike."""
    each = [(math.sqrt(2) - (abs(a) + abs(b)) / math.hypot(a, b)) / (math.sqrt(2) - 1) for a, b in TRUTH]
    assert scored("hoyer", TRUTH).value == pytest.approx(np.mean(each))


NOISY = TRUTH @ np.array([[1.0, 0.4], [0.2, 0.8]]) + np.random.default_rng(0).normal(scale=0.3, size=(N, 2))


@pytest.mark.parametrize("name", ALL)
def test_half_precision_is_scored_as_the_numbers_it_holds(name):
    half = NOISY.astype(np.float16)
    assert scored(name, half) == scored(name, half.astype(np.float64))
    assert scored(name, half.astype(np.float32)) == scored(name, half)


@pytest.mark.parametrize("name", [name for name in UNIT_FREE if name != "mig_sampled"])
@pytest.mark.parametrize("unit", [1e-90, 1e90, 9e98])
def test_huge_and_tiny_codes_are_scored_as_any_others(name, unit):
    rates = np.ones(2)  # a tiny standard deviation would be dead
    score, plain = scored(name, NOISY * unit, kl=rates), scored(name, NOISY, kl=rates)
    assert score.value == pytest.approx(plain.value, abs=2e-2 if name == "beta_vae_score" else 1e-6)


@pytest.mark.parametrize("unit", [1e20, 1e90, 1e99])
def test_huge_codes_are_told_by_lines_as_wide_ones_are(unit):
    """From about 1e3 on the penalty of the slope weighs nothing, so that no further unit matters."""
    assert scored("sap", TRUTH * unit).value == pytest.approx(scored("sap", TRUTH * 1e6).value, abs=1e-9)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("wrong", [np.nan, np.inf, 1e101], ids=str)
def test_what_is_no_number_or_too_large_is_refused(name, wrong):
    codes = NOISY.copy()
    codes[3, 1] = wrong
    with pytest.raises(InputError, match=r"codes must be finite|codes must not exceed 1e\+100"):
        scored(name, codes)


@pytest.mark.parametrize("name", SUPERVISED)
def test_unknown_factors_are_left_out_and_all_unknown_refused(name):
    holes = FACTORS.astype(float)
    holes[::7, 1] = np.nan
    known = ~np.isnan(holes[:, 1])
    score = scored(name, NOISY, holes)
    assert score.settings["rows_without_factors"] == (~known).sum()
    clean = scored(name, NOISY[known], FACTORS[known])
    assert score.value == clean.value
    assert "rows_without_factors" not in clean.settings
    with pytest.raises(InputError, match="factors"):
        scored(name, NOISY, np.full(FACTORS.shape, np.nan))


@pytest.mark.parametrize("name", ["udr", "model_centrality"])
def test_comparisons_of_degenerate_models(name):
    pure = getattr(metrics, name)
    dead = pure([np.ones((N, 2)), np.zeros((N, 3))])
    assert math.isnan(dead.value)
    assert dead.reason == "without a live latent: model 0, 1"
    twice = pure([NOISY, beside(NOISY, NOISY)])
    assert 0 <= twice.value <= 1
    rates = [[1.0, 1.0], [1.0, 1.0]]
    huge = pure([NOISY * 1e98, NOISY[:, ::-1] * 1e-80], kl_per_latent=rates)
    assert huge.value == pytest.approx(pure([NOISY, NOISY[:, ::-1]], kl_per_latent=rates).value, abs=1e-6)
    with pytest.raises(InputError, match="codes must be finite"):
        pure([NOISY, np.where(np.arange(N)[:, None] == 1, np.nan, NOISY)])
