"""Slow second implementations of the metrics whose own tests have none, from their definitions.

Deterministic scores agree to 1e-6, those that a solver decides to 1e-3, sampled ones within three standard errors of a
difference. mig, mig-sampled, sap, modularity, irs, factor-vae-score, udr, cluster-accuracy and scores of dependence
have theirs beside their other tests.
"""

import math

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import log_softmax, logsumexp
from scipy.stats import entropy, norm
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_selection import mutual_info_classif
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import mutual_info_score, roc_auc_score

from unweave import metrics
from unweave.base.seeds import derive
from unweave.contracts import worlds
from unweave.metrics import Probe
from unweave.metrics.arrays import parted

SIZES = (3, 4, 6)
FACTORS = worlds.grid(900, sizes=SIZES)
MIXING = np.array([[1.0, 0.3, 0.1, 0.0], [0.0, 0.8, 0.4, 0.2], [0.2, 0.0, 0.5, 0.1]])
CODES = FACTORS @ MIXING + np.random.default_rng(0).normal(scale=0.5, size=(900, 4))
SCALE = np.random.default_rng(1).uniform(0.2, 0.9, size=(900, 4))


def half_width(interval):
    """Standard error behind a 95 % interval."""
    return (interval[1] - interval[0]) / 2 / 1.959964


def split(name, train, test):
    return parted(len(CODES), train, test, Probe(CODES, FACTORS).rng(name))


def point(rng, members, samples):
    """One point of the beta-VAE score: a factor, and the mean absolute difference of pairs that share it."""
    k = rng.integers(len(SIZES))
    total = np.zeros(CODES.shape[1])
    for _ in range(samples):
        first = rng.integers(len(CODES))
        same = members[k][FACTORS[first, k]]
        second = first
        while second == first:
            second = rng.choice(same)
        total += np.abs(CODES[first] - CODES[second])
    return total / samples, k


def softmax_regression(x, labels):
    """Weights that minimise |W|^2 / 2 + log loss, the offsets free, by a general optimiser."""
    k, d = len(SIZES), x.shape[1]

    def loss(flat):
        weights, offsets = flat[: k * d].reshape(k, d), flat[k * d :]
        logs = log_softmax(x @ weights.T + offsets, axis=1)
        gap = np.exp(logs) - np.eye(k)[labels]
        slope = np.concatenate([(gap.T @ x + weights).ravel(), gap.sum(axis=0)])
        return (weights**2).sum() / 2 - logs[np.arange(len(x)), labels].sum(), slope

    found = minimize(loss, np.zeros(k * d + k), jac=True, method="L-BFGS-B", options={"maxiter": 2_000}).x
    return found[: k * d].reshape(k, d), found[k * d :]


def test_beta_vae_score_with_other_pairs_and_another_solver():
    rng, samples, train, test = np.random.default_rng(3), 3, 500, 500
    members = [
        [np.flatnonzero(column == v) for v in range(size)] for size, column in zip(SIZES, FACTORS.T, strict=True)
    ]
    points, labels = map(np.array, zip(*[point(rng, members, samples) for _ in range(train + test)], strict=True))
    middle, std = points[:train].mean(axis=0), points[:train].std(axis=0)
    x = (points - middle) / std
    weights, offsets = softmax_regression(x[:train], labels[:train])
    slow = ((x[train:] @ weights.T + offsets).argmax(axis=1) == labels[train:]).mean()
    score = metrics.beta_vae_score(CODES, FACTORS, samples=samples, train=4_000, test=4_000)
    assert 0.5 < score.value < 0.9
    # Both classifiers were trained on points of their own as well, which counts once more.
    error = math.sqrt(2 * slow * (1 - slow) / test + half_width(score.interval) ** 2)
    assert score.value == pytest.approx(slow, abs=3 * error)


def descended(x, y, alpha):
    """Lasso by coordinate descent: weights that minimise |y - x w|^2 / 2n + alpha |w|_1."""
    w = np.zeros(x.shape[1])
    for _ in range(500):
        for j in range(len(w)):
            left = y - x @ w + x[:, j] * w[j]
            reach = x[:, j] @ left / len(x)
            w[j] = math.copysign(max(abs(reach) - alpha, 0), reach) / (x[:, j] ** 2).mean()
    return w


def judged(importances):
    """DCI's D and C by scipy's entropies."""
    d, k = importances.shape
    rows, columns = importances.sum(axis=1), importances.sum(axis=0)
    each = [1 - entropy(row, base=k) if row.sum() > 0 else 0.0 for row in importances]
    those = [1 - entropy(column, base=d) if column.sum() > 0 else 0.0 for column in importances.T]
    return np.average(each, weights=rows), np.average(those, weights=columns)


def test_dci_by_lasso_with_coordinate_descent():
    alpha = 0.05
    train, test = split("dci", 600, 300)
    x, y = ((t - t[train].mean(axis=0)) / t[train].std(axis=0) for t in (CODES, FACTORS))
    weights = np.array([descended(x[train], target, alpha) for target in y[train].T]).T
    missed = [
        math.sqrt(((y[test, k] - x[test] @ weights[:, k]) ** 2).mean() / y[test, k].var()) for k in range(len(SIZES))
    ]
    d, c = judged(np.abs(weights))
    score = metrics.dci(CODES, FACTORS, backend="lasso", alpha=alpha, train=600, test=300)
    assert np.array(score.tables["importances"]) == pytest.approx(np.abs(weights), abs=1e-3)
    assert score.value == pytest.approx(d, abs=1e-3)
    assert score.parts["completeness"] == pytest.approx(c, abs=1e-3)
    assert score.parts["informativeness_nrmse"] == pytest.approx(np.mean(missed), abs=1e-3)


def test_dci_by_a_forest_of_scikit_learn():
    train, test = split("dci", 500, 300)
    x = (CODES - CODES.mean(axis=0)) / CODES.std(axis=0, ddof=1)
    columns, right = [], []
    for k in range(len(SIZES)):
        forest = RandomForestClassifier(
            8, max_features=None, min_samples_leaf=10, random_state=derive(0, f"dci/{k}") % 2**32
        ).fit(x[train], FACTORS[train, k])
        columns.append(forest.feature_importances_)
        right.append(forest.score(x[test], FACTORS[test, k]))
    d, c = judged(np.array(columns).T)
    score = metrics.dci(CODES, FACTORS, trees=8, train=500, test=300)
    assert score.value == pytest.approx(d, abs=1e-6)
    assert score.parts["completeness"] == pytest.approx(c, abs=1e-6)
    assert score.parts["informativeness_accuracy"] == pytest.approx(np.mean(right), abs=1e-6)


def test_dci_by_permutation_with_a_loop_over_latents():
    train, test = split("dci", 500, 300)
    x = (CODES - CODES.mean(axis=0)) / CODES.std(axis=0, ddof=1)
    rng, shuffled = Probe(CODES, FACTORS).rng("dci/permutation"), []
    for i in range(4):
        held = x[test].copy()
        held[:, i] = rng.permutation(held[:, i])
        shuffled.append(held)
    table, limit = np.zeros((4, len(SIZES))), norm.ppf(1 - 0.05 / (4 * len(SIZES)))
    for k in range(len(SIZES)):
        forest = RandomForestClassifier(
            8, max_features=None, min_samples_leaf=10, random_state=derive(0, f"dci/{k}") % 2**32
        ).fit(x[train], FACTORS[train, k])
        right = forest.predict(x[test]) == FACTORS[test, k]
        for i, held in enumerate(shuffled):
            lost = right * 1.0 - (forest.predict(held) == FACTORS[test, k])
            table[i, k] = lost.mean() if lost.mean() > limit * lost.std() / math.sqrt(300) else 0.0
    d, c = judged(table)
    score = metrics.dci(CODES, FACTORS, trees=8, train=500, test=300, importance="permutation")
    assert 0 < (table > 0).sum() < table.size
    assert np.array(score.tables["importances"]) == pytest.approx(table, abs=1e-9)
    assert (score.value, score.parts["completeness"]) == pytest.approx((d, c), abs=1e-6)
    assert "importances" in score.settings["no_interval"]


def test_infomec_of_scikit_learns_parts():
    x = (CODES - CODES.mean(axis=0)) / CODES.std(axis=0)
    shares, explained = np.empty((len(SIZES), 4)), []
    for k, size in enumerate(SIZES):
        share = np.bincount(FACTORS[:, k]) / len(FACTORS)
        found = mutual_info_classif(x, FACTORS[:, k], discrete_features=False, n_neighbors=10, random_state=0)
        shares[k] = found / entropy(share)
        model = LogisticRegression(C=np.inf, class_weight="balanced", max_iter=100).fit(x, FACTORS[:, k])
        loss = -model.predict_log_proba(x)[np.arange(len(x)), FACTORS[:, k]].mean()
        explained.append(1 - loss / math.log(size))
    infom = (np.mean([max(column) / sum(column) for column in shares.T]) - 1 / 3) / (1 - 1 / 3)
    infoc = (np.mean([max(row) / sum(row) for row in shares]) - 1 / 4) / (1 - 1 / 4)
    score = metrics.infomec(CODES, FACTORS)
    assert score.value == pytest.approx(infom, abs=1e-6)
    assert score.parts["infoc"] == pytest.approx(infoc, abs=1e-6)
    assert score.parts["infoe"] == pytest.approx(np.mean(explained), abs=1e-3)


def test_explicitness_of_all_factors_by_scikit_learn():
    train, test = split("explicitness", 600, 300)
    x = (CODES - CODES[train].mean(axis=0)) / CODES[train].std(axis=0)
    areas = []
    for k, size in enumerate(SIZES):
        model = LogisticRegression(max_iter=200).fit(x[train], FACTORS[train, k])
        guessed = model.predict_proba(x[test])
        areas.append(np.mean([roc_auc_score(FACTORS[test, k] == v, guessed[:, v]) for v in range(size)]))
    score = metrics.explicitness(CODES, FACTORS, train=600, test=300)
    assert list(score.per_factor.values()) == pytest.approx(areas, abs=1e-3)
    assert score.value == pytest.approx(np.mean(areas), abs=1e-3)


def in_quantiles(code, bins):
    """The bin of each row, a comparison at a time: how many of the borders it reaches."""
    every = sorted(code.tolist())
    borders = []
    for q in range(1, bins):
        low, share = divmod(q * (len(every) - 1) / bins, 1)
        borders.append(every[int(low)] + share * (every[min(int(low) + 1, len(every) - 1)] - every[int(low)]))
    return [sum(value >= border for border in borders) for value in code]


def test_mig_and_modularity_in_bins_of_equally_many_rows():
    cells = [in_quantiles(code, 12) for code in CODES.T]
    table = np.array([[mutual_info_score(factor, cell) for cell in cells] for factor in FACTORS.T])
    top = np.sort(table, axis=1)
    heights = [mutual_info_score(factor, factor) for factor in FACTORS.T]
    modular = [1 - (sum(m**2) - max(m) ** 2) / (max(m) ** 2 * 2) for m in table.T]
    how = {"bins": 12, "binning": "quantile"}
    assert metrics.mig(CODES, FACTORS, **how).value == pytest.approx(
        np.mean((top[:, -1] - top[:, -2]) / heights), abs=1e-9
    )
    assert metrics.modularity(CODES, FACTORS, **how).value == pytest.approx(np.mean(modular), abs=1e-9)


def test_hoyer_row_by_row():
    std, root, sparse, raw = CODES.std(axis=0), math.sqrt(4), [], []
    for row in CODES:
        for found, values in ((sparse, row / std), (raw, row)):
            found.append((root - sum(map(abs, values)) / math.sqrt(sum(v * v for v in values))) / (root - 1))
    score = metrics.hoyer(CODES)
    assert score.value == pytest.approx(np.mean(sparse), abs=1e-9)
    assert score.parts["raw"] == pytest.approx(np.mean(raw), abs=1e-9)


@pytest.fixture(scope="module")
def draws():
    """800 codes of posteriors N(CODES, SCALE^2): log q(z|x), log q(z), the log q(z_j), and the codes."""
    rng = np.random.default_rng(7)
    rows = rng.integers(len(CODES), size=800)
    z = CODES[rows] + SCALE[rows] * rng.normal(size=(800, 4))
    own = norm.logpdf(z, CODES[rows], SCALE[rows]).sum(axis=1)
    each = norm.logpdf(z[:, None], CODES, SCALE)  # (m, n, d)
    joint = logsumexp(each.sum(axis=2), axis=1) - math.log(len(CODES))
    return own, joint, logsumexp(each, axis=1) - math.log(len(CODES)), z


def agree(value, interval, slow):
    """A sampled mean and an independent one, `slow` (m,), within three standard errors of their difference."""
    error = math.hypot(half_width(interval), slow.std() / math.sqrt(len(slow)))
    assert value == pytest.approx(slow.mean(), abs=3 * error)


def test_elbo_decomposition_by_all_densities(draws):
    own, joint, each, z = draws
    prior = norm.logpdf(z)
    score = metrics.elbo_decomposition(CODES, SCALE)
    agree(score.value, score.interval, own - prior.sum(axis=1))
    parts = {
        "mutual_information": own - joint,
        "marginal_kl": joint - prior.sum(axis=1),
        "total_correlation": joint - each.sum(axis=1),
        "dimension_kl": each.sum(axis=1) - prior.sum(axis=1),
    }
    for name, slow in parts.items():
        agree(score.parts[name], score.settings["intervals"][name], slow)


def test_overlap_by_loops_and_its_information_by_all_densities(draws):
    own, joint, _, _ = draws
    each, heights = [], []
    for j in range(4):
        std = sum(SCALE[:, j]) / len(SCALE)
        spread = math.sqrt(sum((CODES[:, j] - sum(CODES[:, j]) / len(CODES)) ** 2) / len(CODES))
        each.append(std / (std + spread))
        heights.append(np.mean([norm.entropy(scale=s) for s in SCALE[::90, j]]))
    score = metrics.overlap(CODES, SCALE)
    assert score.value == pytest.approx(np.mean(each), abs=1e-9)
    assert np.array(score.tables["overlap"])[:, 2] == pytest.approx(each, abs=1e-9)
    agree(score.parts["mutual_information"], score.settings["mutual_information_interval"], own - joint)
    thinned = metrics.overlap(CODES[::90], SCALE[::90])
    assert thinned.parts["entropy"] == pytest.approx(sum(heights), abs=1e-9)


def discrepancy(x, y):
    """Unbiased squared MMD of two samples of one number, pair by pair of a table."""
    total = 0.0
    for width in (0.2, 0.4, 1.0, 2.0, 4.0, 10.0):
        same = [width / (width + (a[:, None] - a) ** 2) for a in (x, y)]
        off = ~np.eye(len(x), dtype=bool)
        total += sum(table[off].mean() for table in same) - 2 * (width / (width + (x[:, None] - y) ** 2)).mean()
    return total


def test_prior_match_by_other_draws(draws):
    _, joint, _, z = draws
    rng = np.random.default_rng(8)
    blocks = []
    for part in rng.permutation(len(CODES)).reshape(10, 90):
        codes = CODES[part] + SCALE[part] * rng.normal(size=(90, 4))
        blocks.append(sum(discrepancy(x, y) for x, y in zip(codes.T, rng.normal(size=(4, 90)), strict=True)))
    score = metrics.prior_match(CODES, SCALE)
    error = math.sqrt(2) * np.std(blocks, ddof=1) / math.sqrt(10)
    assert score.value == pytest.approx(np.mean(blocks), abs=3 * error)
    agree(score.parts["kl"], score.settings["kl_interval"], joint - norm.logpdf(z).sum(axis=1))
