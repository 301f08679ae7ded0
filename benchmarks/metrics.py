"""How long each metric takes beside a straightforward version of the same definition, and whether they agree.

    python benchmarks/metrics.py [--rows 10000] [--only mig,sap] [--boost-rows 1500]
    python benchmarks/metrics.py --only wide [--wide 100000,4096]

Codes are ten wide over dSprites' factor grid: the five factors turned a little and noised, and five latents of noise.
Times are processor seconds of one call each, in the same run. The straightforward versions are loops of numpy and
scikit-learn; boosted trees are compared on `--boost-rows` rows and the first two factors, since scikit-learn's take
minutes on all of them, and timed on all rows besides. `wide` scores a sparse matrix (1 % density) as `unweave score`
does, against 20 binary concepts with 1 % positives, and compares it with another seed: minutes and peak memory.
"""

import argparse
import io
import math
import resource
import tempfile
import time
import warnings
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse
from scipy.linalg import sqrtm
from scipy.special import logsumexp
from scipy.stats import entropy, norm, spearmanr
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.feature_selection import mutual_info_classif
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import mutual_info_score, roc_auc_score
from sklearn.svm import LinearSVC

from unweave import metrics
from unweave.base.seeds import derive
from unweave.face.cli.app import main as unweave
from unweave.metrics import Probe
from unweave.metrics.boosting import binned, boost
from unweave.metrics.scores.infomec import neighbour_terms

SIZES = (3, 6, 40, 32, 32)


def world(rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Codes (rows, 10) and factors (rows, 5)."""
    rng = np.random.default_rng(0)
    factors = np.stack([rng.integers(size, size=rows) for size in SIZES], axis=1)
    codes = (factors - factors.mean(axis=0)) / factors.std(axis=0)
    turned = codes @ (np.eye(5) + 0.6 * rng.normal(size=(5, 5)))
    return np.column_stack([turned + 0.1 * rng.normal(size=codes.shape), rng.normal(size=codes.shape)]), factors


def timed(call: Callable[[], Any]) -> tuple[float, Any]:
    start = time.process_time()
    found = call()
    return time.process_time() - start, found


def split(codes: np.ndarray, factors: np.ndarray, name: str, train: int, test: int) -> tuple[np.ndarray, np.ndarray]:
    """The rows that the metric trains on and holds out."""
    order = Probe(codes, factors).rng(name).permutation(len(codes))
    cut = len(codes) * train // (train + test)
    return order[:cut], order[cut:]


def cut_in_bins(codes: np.ndarray) -> list[np.ndarray]:
    return [np.digitize(c, np.histogram(c, 20)[1][:-1]) for c in codes.T]


def information(codes: np.ndarray, factors: np.ndarray) -> np.ndarray:
    return np.array([[mutual_info_score(c, f) for c in cut_in_bins(codes)] for f in factors.T])


def mig(codes: np.ndarray, factors: np.ndarray) -> float:
    top = np.sort(information(codes, factors), axis=1)[:, ::-1]
    return float(np.mean((top[:, 0] - top[:, 1]) / [mutual_info_score(f, f) for f in factors.T]))


def modularity(codes: np.ndarray, factors: np.ndarray) -> float:
    squares = information(codes, factors).T ** 2
    best = squares.max(axis=1)
    return float(np.mean(1 - (squares.sum(axis=1) - best) / (best * (factors.shape[1] - 1))))


def sap(codes: np.ndarray, factors: np.ndarray) -> float:
    train, test = split(codes, factors, "sap", 10_000, 5_000)
    table = np.zeros((factors.shape[1], codes.shape[1]))
    for k, factor in enumerate(factors.T):
        for j, code in enumerate(codes.T):
            model = LinearSVC(C=0.01, class_weight="balanced", dual=False, tol=1e-8)
            table[k, j] = model.fit(code[train, None], factor[train]).score(code[test, None], factor[test])
    top = np.sort(table, axis=1)[:, ::-1]
    return float((top[:, 0] - top[:, 1]).mean())


def explicitness(codes: np.ndarray, factors: np.ndarray) -> float:
    train, test = split(codes, factors, "explicitness", 10_000, 5_000)
    scaled, found = (codes - codes[train].mean(axis=0)) / codes[train].std(axis=0), []
    for factor in factors.T:
        guessed = LogisticRegression(max_iter=200).fit(scaled[train], factor[train]).predict_proba(scaled[test])
        found.append(np.mean([roc_auc_score(factor[test] == v, guessed[:, v]) for v in np.unique(factor)]))
    return float(np.mean(found))


def irs(codes: np.ndarray, factors: np.ndarray) -> float:
    widest = np.abs(codes - codes.mean(axis=0)).max(axis=0)
    table = np.zeros((codes.shape[1], factors.shape[1]))
    for k, factor in enumerate(factors.T):
        groups = [codes[factor == v] for v in np.unique(factor)]
        table[:, k] = np.mean([np.percentile(np.abs(g - g.mean(axis=0)), 99, axis=0) for g in groups], axis=0)
    return float(np.average((1 - table / widest[:, None]).max(axis=1), weights=widest))


def gaussian_total_correlation(codes: np.ndarray, factors: np.ndarray) -> float:
    cov = np.cov(codes.T)
    return float(np.log(np.diag(cov)).sum() - np.linalg.slogdet(cov)[1]) / 2


def wasserstein_correlation(codes: np.ndarray, factors: np.ndarray) -> float:
    cov = np.cov(codes.T, bias=True)
    return float(2 * np.trace(cov) - 2 * np.trace(sqrtm(cov * np.diag(cov))).real)


def code_mutual_information(codes: np.ndarray, factors: np.ndarray) -> float:
    cells = cut_in_bins(codes)
    return float(np.mean([mutual_info_score(a, b) for i, a in enumerate(cells) for b in cells[:i]]))


def forest(codes: np.ndarray, factors: np.ndarray) -> float:
    train, test = split(codes, factors, "dci", 10_000, 5_000)
    scaled, table = (codes - codes.mean(axis=0)) / codes.std(axis=0, ddof=1), []
    for k, factor in enumerate(factors.T):
        seed = derive(0, f"dci/{k}") % 2**32
        grown = RandomForestClassifier(50, max_features=None, min_samples_leaf=10, random_state=seed)
        table.append(grown.fit(scaled[train], factor[train]).feature_importances_)
        grown.score(scaled[test], factor[test])
    shares = np.array(table).T  # (latents, factors), each column in sum 1
    each = [1 - entropy(row, base=len(row)) for row in shares]
    return float(np.average(each, weights=shares.sum(axis=1)))


PLAIN = {
    "mig": (mig, 1e-9),
    "modularity": (modularity, 1e-9),
    "sap": (sap, 1e-3),
    "explicitness": (explicitness, 1e-3),
    "irs": (irs, 1e-9),
    "dci": (forest, 1e-6),
    "gaussian-total-correlation": (gaussian_total_correlation, 1e-9),
    "wasserstein-correlation": (wasserstein_correlation, 1e-6),
    "code-mutual-information": (code_mutual_information, 1e-9),
}
LABEL_FREE = ("gaussian-total-correlation", "wasserstein-correlation", "code-mutual-information")


def shown(name: str, ours: float, plain: float, difference: float, allowed: float) -> None:
    print(
        f"{name:28} {ours:8.2f} s  plain {plain:8.2f} s  differ by {difference:.1e} (allowed {allowed:.0e})", flush=True
    )
    if not difference <= allowed:
        raise SystemExit(f"{name} disagrees with its plain version")


def neighbours(codes: np.ndarray, factors: np.ndarray) -> None:
    scaled = codes / codes.std(axis=0)
    ours, mine = timed(lambda: neighbour_terms(scaled, factors, 10, np.random.default_rng(0)).mean(axis=2).clip(0))
    plain, peer = timed(lambda: [mutual_info_classif(scaled, f, n_neighbors=10, random_state=0) for f in factors.T])
    shown("infomec (neighbours)", ours, plain, float(np.abs(mine - np.array(peer)).max()), 1e-6)
    print(f"{'infomec (whole)':28} {timed(lambda: metrics.infomec(codes, factors))[0]:8.2f} s")


def agreement(codes: np.ndarray, factors: np.ndarray) -> None:
    models = [codes, codes[:, ::-1], codes @ np.linalg.qr(np.random.default_rng(0).normal(size=(10, 10)))[0]]
    models += [models[2] ** 3, codes + np.random.default_rng(1).normal(size=codes.shape)]
    ours, score = timed(lambda: metrics.udr(models, method="spearman", n=len(codes)))

    def slow() -> float:
        pairs = np.full((5, 5), np.nan)
        for j, a in enumerate(models):
            for i, b in enumerate(models):
                table = np.abs([[spearmanr(x, y).statistic for y in b.T] for x in a.T])
                halves = [(t.max(axis=1) ** 2 / t.sum(axis=1)).mean() for t in (table, table.T)]
                pairs[j, i] = np.mean(halves) if i != j else math.nan
        return float(np.nanmedian(pairs, axis=0).mean())

    plain, value = timed(slow)
    shown("udr (spearman, 5 models)", ours, plain, abs(score.value - value), 1e-9)


def one_boosted(codes: np.ndarray, factor: np.ndarray, cut: int) -> tuple[float, float, float, float, float]:
    """Seconds of ours and of scikit-learn's, largest difference of importances, held-out accuracies of both."""
    cells, forest = binned(codes, 64), GradientBoostingClassifier(random_state=0)
    ours, mine = timed(lambda: boost(cells, factor[:cut], cut))
    plain, peer = timed(lambda: forest.fit(codes[:cut], factor[:cut]))
    differ = float(np.abs(mine.importances - peer.feature_importances_).max())
    return ours, plain, differ, (mine.guesses == factor[cut:]).mean(), peer.score(codes[cut:], factor[cut:])


def boosted(codes: np.ndarray, factors: np.ndarray, rows: int) -> None:
    for label, part in (("given codes", codes[:rows]), ("known truth", factors[:rows] / np.array(SIZES))):
        found = [one_boosted(part, factor, rows * 2 // 3) for factor in factors[:rows, :2].T]
        ours, plain, differ = (float(np.sum(each)) for each in np.array([f[:3] for f in found]).T)
        shown(f"dci-gbt, {label}, 2 factors", ours, plain, differ, 0.1)
        print("   held-out accuracy, ours and scikit-learn's:", ", ".join(f"{f[3]:.3f} {f[4]:.3f}" for f in found))
    spent, score = timed(lambda: metrics.dci(codes, factors, backend="gbt", train=len(codes) - 10, test=10))
    print(f"{'dci-gbt, all factors':28} {spent:8.2f} s  on {score.settings['train']} rows")


def by_votes(codes: np.ndarray, factors: np.ndarray) -> None:
    """The FactorVAE score, 10,000 + 5,000 votes of 64 rows, beside a loop that draws its own."""

    def slow() -> float:
        rng, scaled = np.random.default_rng(1), codes / codes.std(axis=0, ddof=1)
        rows = [[np.flatnonzero(column == v) for v in np.unique(column)] for column in factors.T]
        votes = np.zeros((2, codes.shape[1], factors.shape[1]), int)
        for part, count in enumerate((10_000, 5_000)):
            for _ in range(count):
                k = rng.integers(factors.shape[1])
                these = rng.choice(rows[k][rng.integers(len(rows[k]))], size=64)
                votes[part, scaled[these].var(axis=0, ddof=1).argmin(), k] += 1
        rule = votes[0].argmax(axis=1)
        return votes[1, np.arange(len(rule)), rule].sum() / 5_000

    against_own_draws("factor-vae-score", metrics.factor_vae_score, slow, codes, factors)


def by_pairs(codes: np.ndarray, factors: np.ndarray) -> None:
    """The beta-VAE score, 10,000 + 5,000 points of 64 pairs, beside a loop that draws its own."""

    def slow() -> float:
        rng, parts = np.random.default_rng(1), []
        rows = [{v: np.flatnonzero(column == v) for v in np.unique(column)} for column in factors.T]
        for count in (10_000, 5_000):
            labels = rng.integers(factors.shape[1], size=count)
            points = np.empty((count, codes.shape[1]))
            for i, k in enumerate(labels):
                first = rng.integers(len(codes), size=64)
                second = [rng.choice(rows[k][v]) for v in factors[first, k]]
                points[i] = np.abs(codes[first] - codes[second]).mean(axis=0)
            parts.append((points, labels))
        (x, y), (x_test, y_test) = parts
        middle, unit = x.mean(axis=0), x.std(axis=0)
        model = LogisticRegression(max_iter=1_000).fit((x - middle) / unit, y)
        return float(model.score((x_test - middle) / unit, y_test))

    against_own_draws("beta-vae-score", metrics.beta_vae_score, slow, codes, factors)


def against_own_draws(
    name: str, pure: Callable[..., Any], slow: Callable[[], float], codes: np.ndarray, factors: np.ndarray
) -> None:
    """Both draw for themselves, so that they may differ by three standard errors of their difference."""
    ours, score = timed(lambda: pure(codes, factors))
    plain, value = timed(slow)
    error = (score.interval[1] - score.interval[0]) / 2 / 1.96
    shown(name, ours, plain, abs(score.value - value), 3 * math.sqrt(2) * error)


def sampled(codes: np.ndarray, factors: np.ndarray) -> None:
    codes, factors = codes[:2_000], factors[:2_000, :2]
    ours, score = timed(lambda: metrics.mig_sampled(codes, np.full(codes.shape, 0.3), factors, samples=1_000))

    def slow() -> float:
        rng, gaps = np.random.default_rng(3), []
        rows = rng.integers(len(codes), size=1_000)
        z = codes[rows] + 0.3 * rng.normal(size=(1_000, codes.shape[1]))
        each = norm.logpdf(z[:, None], codes, 0.3)
        every = logsumexp(each, axis=1) - math.log(len(codes))
        for factor in factors.T:
            same = factor[rows, None] == factor
            told = logsumexp(each, axis=1, b=same[..., None]) - np.log(same.sum(axis=1))[:, None] - every
            top = np.sort(told.mean(axis=0))[::-1]
            gaps.append((top[0] - top[1]) / mutual_info_score(factor, factor))
        return float(np.mean(gaps))

    plain, value = timed(slow)
    error = (score.interval[1] - score.interval[0]) / 2 / 1.96  # of each of the two
    shown("mig-sampled, 2,000 rows", ours, plain, abs(score.value - value), 3 * math.sqrt(2) * error)


def wide(rows: int, columns: int) -> None:
    """`unweave score` of sparse files: features of which the first 40 each hold a part of one of 20 rare concepts."""
    rng = np.random.default_rng(0)
    concepts = rng.random((rows, 20)) < 0.01
    with tempfile.TemporaryDirectory() as folder:
        files = [str(Path(folder) / name) for name in ("codes.npz", "other.npz", "concepts.npy")]
        for file in files[:2]:
            noise = sparse.random_array((rows, columns - 40), density=0.01, rng=rng, format="csc", dtype=np.float32)
            parts = [concepts & (rng.random(concepts.shape) < share) for share in (0.8, 0.4)]
            held = [sparse.csc_array(part.astype(np.float32)) for part in parts]
            sparse.save_npz(file, sparse.hstack([*held, noise], format="csr"))
        np.save(files[2], concepts.astype(np.int8))
        for label, words in (("scores", [files[0], files[2]]), ("agreement", [files[0], "--others", files[1]])):
            more = ["--metrics", "hoyer"] if label == "agreement" else []
            with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
                spent, status = timed(lambda w=(*words, *more): unweave(["score", *w]))
            if status:
                raise SystemExit(f"wide {label} ended with status {status}")
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
            print(f"wide {rows} x {columns}, {label:10} {spent / 60:8.2f} min  peak {peak:.2f} GiB", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--boost-rows", type=int, default=1_500)
    parser.add_argument("--only", default="", help="names with commas between; all if empty")
    parser.add_argument("--wide", default="100000,4096", help="rows and columns of the sparse matrix")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    codes, factors = world(given.rows)
    wanted = [name for name in given.only.split(",") if name]
    metrics.infomec(codes[:50], factors[:50])  # so that no import is timed
    for name, (plain, allowed) in PLAIN.items():
        if not wanted or name in wanted:
            pure = getattr(metrics, name.replace("-", "_"))
            arguments = (codes,) if name in LABEL_FREE else (codes, factors)
            ours, score = timed(lambda f=pure, a=arguments: f(*a))
            spent, value = timed(lambda f=plain: f(codes, factors))
            shown(name, ours, spent, abs(score.value - value), allowed)
    drawn = (("factor-vae-score", by_votes), ("beta-vae-score", by_pairs), ("mig-sampled", sampled))
    for name, run in (*drawn, ("infomec", neighbours), ("udr", agreement)):
        if not wanted or name in wanted:
            run(codes, factors)
    if not wanted or "wide" in wanted:
        wide(*map(int, given.wide.split(",")))
    if not wanted or "dci-gbt" in wanted:
        boosted(codes, factors, given.boost_rows)


if __name__ == "__main__":
    main()
