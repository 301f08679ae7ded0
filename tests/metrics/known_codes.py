"""Codes whose scores can be worked out by hand, over any factor grid, and those scores with the reason for each.

`answers(grid)` is the table: a row a code, a column a metric. Most cells are equations in the number of factors K,
their numbers of values V, the number of rows n and the penalty of the lasso; some are ranges. The rows of a grid hold
each value equally often and are otherwise at random, so that H(g_k) = log V_k exactly.

Rows. identity: each factor in a code of its own, mean 0 and variance 1; permuted: in another order, with other signs,
units and offsets; dead beside: with three latents of a little noise, whose rates say so; warped: sinh 2z of every code;
wild row: one row is 1,000 in all latents; one missing, two missing: without the codes of one or two factors; merged:
two factors added in one latent; nested: one as the fine digits of the other; turned 45: those two turned by 45 degrees;
rotated: all turned; leaky: one code correlates by 0.6 with another factor; shared: a factor in two latents, as coarse
and fine digit; duplicated: the identity twice; noise: ten latents N(0, 1).

Columns. fvae, bvae: FactorVAE and beta-VAE score; mig, migs: the gap by bins and by posteriors; sap: by squared
correlation; mod: modularity; D, C, err: DCI by a lasso with penalty 0.15; DF: D by a forest; IM, IC, IE: InfoMEC; expl:
explicitness; gtc, wass, cmi: Gaussian total correlation, Wasserstein correlation and code mutual information.
"""

import math
from dataclasses import dataclass
from functools import cache, cached_property
from types import SimpleNamespace

import numpy as np

from unweave import metrics

N, BINS, ALPHA, OUTLIER, LEAK = 9_600, 20, 0.15, 1e3, 0.6
L, VOTES, POINTS = 128, 1_500, 1_000  # rows a vote, votes, and points of the beta-VAE score
COMPONENTS, SHARP = 2_400, 1e-3  # rows and posterior width of the sampled MIG
FLOOR = 10  # latents of pure noise


@dataclass(frozen=True)
class Grid:
    """A factor grid and which of its factors are treated how; `turn` seeds the rotation."""

    names: tuple[str, ...]
    sizes: tuple[int, ...]
    twins: tuple[int, int]  # two factors with equally many values
    split: tuple[int, int, int]  # a factor and two whole numbers whose product is its number of values
    lost: tuple[int, int]
    turn: int

    @property
    def k(self) -> int:
        return len(self.sizes)

    @cached_property
    def factors(self) -> np.ndarray:
        """Whole numbers (n, K), each value as often as any other."""
        rng = np.random.default_rng(0)
        return np.stack([rng.permutation(np.tile(np.arange(v), N // v)) for v in self.sizes], axis=1)

    @cached_property
    def truth(self) -> np.ndarray:
        """The factors with mean 0 and variance 1, (n, K)."""
        return np.column_stack([levels(v)[column] for v, column in zip(self.sizes, self.factors.T, strict=True)])

    @cached_property
    def rotation(self) -> np.ndarray:
        """Orthogonal (K, K): row k says how factor k spreads over the codes."""
        return np.linalg.qr(np.random.default_rng(self.turn).normal(size=(self.k, self.k)))[0]

    @cached_property
    def codes(self) -> dict[str, np.ndarray]:
        z, rng = self.truth, np.random.default_rng(1)
        a, b = self.twins
        others = np.delete(z, self.twins, axis=1)
        split, coarse, fine = self.split
        digits = np.divmod(self.factors[:, split], fine)
        wild = z.copy()
        wild[0] = OUTLIER
        leaky = z.copy()
        leaky[:, b] = LEAK * z[:, a] + math.sqrt(1 - LEAK**2) * z[:, b]
        return {
            "identity": z,
            "permuted": z[:, ::-1] * np.resize([2.0, -0.5, 7.0, -1.0], self.k) + 3,
            "dead beside": np.column_stack([z, 0.01 * rng.normal(size=(N, 3))]),
            "warped": np.sinh(2 * z),
            "wild row": wild,
            "one missing": np.delete(z, self.lost[0], axis=1),
            "two missing": np.delete(z, self.lost, axis=1),
            "merged": np.column_stack([others, (z[:, a] + z[:, b]) / math.sqrt(2)]),
            "nested": np.column_stack([others, z[:, a] + z[:, b] / self.sizes[b]]),
            "turned 45": np.column_stack(
                [others, (z[:, a] + z[:, b]) / math.sqrt(2), (z[:, a] - z[:, b]) / math.sqrt(2)]
            ),
            "rotated": z @ self.rotation,
            "leaky": leaky,
            "shared": np.column_stack(
                [np.delete(z, split, axis=1), levels(coarse)[digits[0]], levels(fine)[digits[1]]]
            ),
            "duplicated": np.column_stack([z, z]),
            "noise": rng.normal(size=(N, FLOOR)),
        }


def levels(v: int) -> np.ndarray:
    """`v` equally spaced numbers with mean 0 and variance 1."""
    return (np.arange(v) - (v - 1) / 2) / math.sqrt((v * v - 1) / 12)


DSPRITES = Grid(("shape", "scale", "orientation", "x", "y"), (3, 6, 40, 32, 32), (3, 4), (3, 8, 4), (0, 2), turn=6678)
SHAPES3D = Grid(
    ("floor_hue", "wall_hue", "object_hue", "scale", "shape", "orientation"),
    (10, 10, 10, 8, 4, 15),
    (0, 1),
    (3, 4, 2),
    (4, 3),
    turn=9707,
)


@dataclass(frozen=True)
class Column:
    """A metric with its settings, which part of the score is shown (None: the value), and the heading."""

    head: str
    name: str
    settings: tuple[tuple[str, object], ...] = ()
    part: str | None = None


LASSO = (("backend", "lasso"), ("alpha", ALPHA))
FEW = (("n", 1_500),)
# Sampling metrics and learners are cut short. sap looks at all rows but one, so that no split decides what it says of
# the wild one.
COLUMNS = {
    "factor-vae-score": Column("fvae", "factor_vae_score", (("samples", L), ("votes", VOTES), ("held_out", VOTES))),
    "beta-vae-score": Column("bvae", "beta_vae_score", (("train", POINTS), ("test", POINTS))),
    "mig": Column("mig", "mig"),
    "mig-sampled": Column("migs", "mig_sampled", (("max_components", COMPONENTS), ("samples", 150))),
    "sap": Column("sap", "sap", (("kind", "continuous"), ("train", N), ("test", 1))),
    "modularity": Column("mod", "modularity"),
    "irs": Column("irs", "irs"),
    "dci lasso D": Column("D", "dci", LASSO, "disentanglement"),
    "dci lasso C": Column("C", "dci", LASSO, "completeness"),
    "dci lasso error": Column("err", "dci", LASSO, "informativeness_nrmse"),
    "dci forest D": Column("DF", "dci", (("trees", 5), ("train", 1_500), ("test", 500)), "disentanglement"),
    "infom": Column("IM", "infomec", FEW, "infom"),
    "infoc": Column("IC", "infomec", FEW, "infoc"),
    "infoe": Column("IE", "infomec", FEW, "infoe"),
    "explicitness": Column("expl", "explicitness", (("train", 1_000), ("test", 1_000))),
    "gaussian-total-correlation": Column("gtc", "gaussian_total_correlation"),
    "wasserstein-correlation": Column("wass", "wasserstein_correlation", (), "normalised"),
    "code-mutual-information": Column("cmi", "code_mutual_information"),
}
LABEL_FREE = {"gaussian_total_correlation", "wasserstein_correlation", "code_mutual_information"}


@cache
def _score(grid: Grid, code: str, name: str, settings: tuple[tuple[str, object], ...]):
    codes, metric = grid.codes[code], getattr(metrics, name)
    rates = np.where(codes.std(axis=0) < 0.05, 1e-3, 2.0)
    given = () if name in LABEL_FREE else (grid.factors,)
    if name == "mig_sampled":
        given = (np.full(codes.shape, SHARP), *given)
    return metric(codes, *given, kl_per_latent=rates, **dict(settings))


def measured(grid: Grid, code: str, column: str) -> float:
    """What unweave makes of a cell."""
    of = COLUMNS[column]
    score = _score(grid, code, of.name, of.settings)
    return score.value if of.part is None else score.parts[of.part]


@dataclass(frozen=True)
class Answer:
    """From where to where a score may lie, and why; `about` is its value, NaN for one that cannot be had."""

    about: float | None
    low: float
    high: float
    why: str

    def __str__(self) -> str:
        if self.about is None:
            return f"{self.low:g}-{self.high:g}".replace("0.", ".")
        return "none" if math.isnan(self.about) else f"{self.about:.3f}"[:5]

    def holds(self, value: float) -> bool:
        if self.about is not None and math.isnan(self.about):
            return math.isnan(value)
        return self.low <= value <= self.high


def near(value: float, within: float, why: str) -> Answer:
    return Answer(value, value - within, value + within, why)


def almost_one(short: float, why: str) -> Answer:
    return Answer(1.0, 1 - short, 1 + 1e-9, why)


def between(low: float, high: float, why: str) -> Answer:
    return Answer(None, low, high, why)


def voted(share: float, draws: int, why: str) -> Answer:
    """A share of independent draws, within three standard errors; 0 and 1 leave no room."""
    return near(share, 3 * math.sqrt(share * (1 - share) / draws) + 1e-12, why)


# Closed forms.


def cut(values: np.ndarray) -> np.ndarray:
    """Numbers of the equal-width bins that values fall in."""
    low, high = values.min(), values.max()
    return np.minimum(np.floor((values - low) / (high - low) * BINS + 1e-9), BINS - 1).astype(int)


def nats(counts: np.ndarray) -> float:
    share = counts[counts > 0] / counts.sum()
    return -float((share * np.log(share)).sum())


def kept(values: np.ndarray) -> float:
    """I in nats of a factor and the bins of its own code: the entropy of the bins."""
    return nats(np.bincount(cut(values)))


def mutual(code: np.ndarray, axis: int) -> float:
    """I in nats of one of two factors and the bins of a code of both, (V_a, V_b), with its excess at n rows."""
    cells = cut(code) if axis == 0 else cut(code).T
    joint = np.stack([np.bincount(row, minlength=BINS) for row in cells])
    exact = nats(joint.sum(axis=0)) + nats(joint.sum(axis=1)) - nats(joint)
    excess = (joint > 0).sum() - len(joint) - (joint.sum(axis=0) > 0).sum() + 1
    return exact + max(0, excess) / (2 * N)


def chance(v: int, b: int, n: int = N) -> float:
    """I in nats that counts pretend between a factor of `v` values and an independent code with `b` filled bins."""
    return (v - 1) * (b - 1) / (2 * n)


def concentration(table: np.ndarray, base: int) -> float:
    """1 - entropy in base `base` of each row's shares, in the mean weighted by the rows' sums."""
    each = [1 - nats(row) / math.log(base) if row.sum() > 0 else 0.0 for row in table]
    return float(np.average(each, weights=table.sum(axis=1))) if table.sum() > 0 else 0.0


def soft(table: np.ndarray) -> np.ndarray:
    """Coefficients of a lasso on uncorrelated codes, from the correlations."""
    return np.maximum(np.abs(table) - ALPHA, 0)


def error_of(table: np.ndarray) -> float:
    """Mean over factors (rows) of the lasso's error, from correlations (K, d) with uncorrelated codes."""
    b = soft(table)
    return float(np.mean(np.sqrt(1 - 2 * (b * np.abs(table)).sum(axis=1) + (b**2).sum(axis=1))))


def rescaled(share: float, width: int) -> float:
    """InfoMEC's scale, on which 1/width is 0."""
    return (share - 1 / width) / (1 - 1 / width)


def reach(v: int) -> float:
    """Largest deviation of `v` equally spaced numbers of variance 1."""
    return float(levels(v)[-1])


def correlated(covariance: np.ndarray) -> tuple[float, float]:
    """Gaussian total correlation in nats, and Wasserstein correlation over the total variance, of a covariance."""
    variance = np.diag(covariance)
    root = np.sqrt(variance)[:, None] * covariance * np.sqrt(variance)
    tc = (np.log(variance).sum() - np.linalg.slogdet(covariance)[1]) / 2
    return float(tc), float(2 - 2 * np.sqrt(np.linalg.eigvalsh(root).clip(0)).sum() / variance.sum())


Terms = SimpleNamespace


def terms(grid: Grid) -> Terms:
    """What the equations of several rows share."""
    k, sizes, logs = grid.k, grid.sizes, np.log(grid.sizes)
    (a, b), (split, coarse, fine), lost = grid.twins, grid.split, list(grid.lost)
    v, rest = sizes[a], [j for j in range(grid.k) if j not in grid.twins]
    others = np.delete(np.arange(k), split)
    own = np.array([kept(levels(size)) for size in sizes])
    filled = [len(np.unique(cut(levels(size)))) for size in sizes]
    runner = np.array([chance(size, max(np.delete(filled, j))) for j, size in enumerate(sizes)])
    gaps = (own - runner) / logs
    sharp = 1 - np.array([chance(size, max(np.delete(sizes, j)), COMPONENTS) for j, size in enumerate(sizes)]) / logs
    wide = np.array([reach(size) for size in sizes])
    one, none = np.eye(k), near(0, 0.004, "uncorrelated codes")
    pair = math.sqrt(0.5)
    nil = "no two codes correlate: 0, but for d (d - 1) / 4n nats that chance adds"
    alike = "the two held factors look the same: one of them is always guessed wrong"
    blind = "not asked what is missing: each latent there tells one factor"
    merged = (levels(v)[:, None] + levels(v)) * pair
    nested = levels(v)[:, None] + levels(v) / v
    leaked = LEAK * levels(v)[:, None] + math.sqrt(1 - LEAK**2) * levels(v)
    joint = v / math.sqrt(v * v + 1)
    bent = [np.sinh(2 * levels(size)) for size in sizes]
    bow = np.array([np.corrcoef(levels(size), each)[0, 1] for size, each in zip(sizes, bent, strict=True)])
    shared = SimpleNamespace(**{name: value for name, value in locals().items() if name != "shared"})
    shared.perfect = _perfect(shared)
    shared.linear = {
        name: shared.perfect[name] for name in ("factor-vae-score", "beta-vae-score", "irs", "infom", "infoc")
    }
    also = {name: shared.perfect[name] for name in ("modularity", "dci lasso D", "dci lasso C")}
    shared.whole = {**shared.linear, **also}
    return shared


def _perfect(t: Terms) -> dict[str, Answer]:
    return {
        "factor-vae-score": voted(1, VOTES, "the held factor's code does not vary at all"),
        "beta-vae-score": voted(1, POINTS, "the code of the shared factor is the one that does not move"),
        "mig": near(
            float(t.gaps.mean()),
            0.004,
            "entropy of a factor's 20 bins, less what chance tells the runner-up, over log V",
        ),
        "mig-sampled": near(float(t.sharp.mean()), 0.02, "no bins: all of log V, less what chance tells the runner-up"),
        "sap": near(1, 0.002, "correlation 1 with its own code and 0 with all others"),
        "modularity": near(1, 0.002, "what chance adds to m enters squared"),
        "irs": near(1, 1e-9, "with its factor held, no code moves"),
        "dci lasso D": near(1, 1e-6, "what the own code leaves is collinear with it, so no other code is used"),
        "dci lasso C": near(1, 1e-6, "one code a factor"),
        "dci lasso error": near(ALPHA, 0.002, "the penalty shrinks the coefficient from 1 to 1 - alpha"),
        "dci forest D": almost_one(0.01, "one code parts all values"),
        "infom": almost_one(0.03, "1, less the little that neighbours see by chance"),
        "infoc": almost_one(0.03, "1, less the little that neighbours see by chance"),
        "infoe": almost_one(0.03, "steep logits part neighbouring values on a line"),
        "explicitness": between(0.8, 1, "a penalised line ranks the ends of a factor better than its middle"),
        "gaussian-total-correlation": near(t.k * (t.k - 1) / (4 * N), 0.0015, t.nil),
        "wasserstein-correlation": near(0, 0.002, t.nil),
        "code-mutual-information": near(
            float(np.mean([chance(x, y) for i, x in enumerate(t.filled) for y in t.filled[:i]])), 0.002, "chance alone"
        ),
    }


def _warped(t: Terms) -> dict[str, Answer]:
    return {
        **t.whole,
        "mig": near(
            float(
                np.mean(
                    [
                        (kept(each) - chance(size, max(len(np.unique(cut(x))) for x in t.bent[:j] + t.bent[j + 1 :])))
                        / math.log(size)
                        for j, (size, each) in enumerate(zip(t.sizes, t.bent, strict=True))
                    ]
                )
            ),
            0.006,
            "bins of equal width crowd the middle of a steep curve",
        ),
        "sap": near(float((t.bow**2).mean()), 0.004, "squared correlation of a factor with its bent self"),
        "dci lasso error": near(
            error_of(np.diag(t.bow)), 0.01, "a line explains the squared correlation of factor and bent factor"
        ),
        "dci forest D": t.perfect["dci forest D"],
        "gaussian-total-correlation": t.perfect["gaussian-total-correlation"],
    }


def _one_missing(t: Terms) -> dict[str, Answer]:
    return {
        "factor-vae-score": voted((t.k - 1) / t.k, VOTES, "(K - 1)/K: votes that hold the missing factor are lost"),
        "beta-vae-score": voted(1, POINTS, "blind: the missing factor is the one for which all codes move"),
        "mig": near(float(np.delete(t.gaps, t.lost[0]).sum() / t.k), 0.005, "its gap is 0, those of the others stay"),
        "mig-sampled": near(
            float(np.delete(t.sharp, t.lost[0]).sum() / t.k), 0.02, "its gap is 0, those of the others stay"
        ),
        "sap": near((t.k - 1) / t.k, 0.003, "its gap is 0, those of the others stay 1"),
        "modularity": near(1, 0.002, t.blind),
        "irs": near(1, 1e-9, t.blind),
        "dci lasso D": near(1, 1e-6, t.blind),
        "dci lasso C": near(1, 1e-6, "factors are weighted by their importances, and the missing one has none"),
        "dci lasso error": near(((t.k - 1) * ALPHA + 1) / t.k, 0.006, "the missing factor's error is its deviation"),
        "dci forest D": near(
            concentration(np.array([[t.k - 1, 1.0]]), t.k),
            0.04,
            "a forest shares an importance of 1 among codes that know nothing: 1/(K - 1) each",
        ),
        "infom": almost_one(0.04, t.blind),
        "infoe": near((t.k - 1) / t.k, 0.04, "nothing is explained of the missing factor"),
        "gaussian-total-correlation": t.none,
        "wasserstein-correlation": t.none,
    }


def _two_missing(t: Terms) -> dict[str, Answer]:
    return {
        "factor-vae-score": voted((t.k - 2) / t.k, VOTES, "(K - 2)/K"),
        "beta-vae-score": voted((t.k - 1) / t.k, POINTS, "all codes move for either: one of the two is always wrong"),
        "mig": near(float(np.delete(t.gaps, t.lost).sum() / t.k), 0.006, "two gaps are 0"),
        "sap": near((t.k - 2) / t.k, 0.004, "two gaps are 0"),
        "modularity": near(1, 0.002, t.blind),
        "irs": near(1, 1e-9, t.blind),
        "dci lasso error": near(((t.k - 2) * ALPHA + 2) / t.k, 0.009, "two errors are 1"),
        "dci forest D": near(
            concentration(np.array([[t.k - 2, 1.0, 1.0]]), t.k), 0.06, "an importance of 1 shared by K - 2 codes, twice"
        ),
        "infoe": near((t.k - 2) / t.k, 0.05, "nothing is explained of two factors"),
    }


def _merged(t: Terms) -> dict[str, Answer]:
    return {
        "factor-vae-score": voted((t.k - 1) / t.k, VOTES, "one latent gets the votes of two factors, one is counted"),
        "beta-vae-score": voted((t.k - 1) / t.k, POINTS, t.alike),
        "mig": near(
            float((t.gaps[t.rest].sum() + 2 * (mutual(t.merged, 0) - t.runner[t.a]) / t.logs[t.a]) / t.k),
            0.005,
            "the sum's bins tell a part of each",
        ),
        "sap": near((t.k - 1) / t.k, 0.008, "two squared correlations of 1/2"),
        "modularity": near(1 - 1 / (t.k - 1) ** 2, 0.004, "1 - 1/(K - 1) for one of K - 1 latents, 1 for the others"),
        "irs": near(
            float(
                (t.wide[t.rest].sum() + math.sqrt(2) * t.wide[t.a] / 2)
                / (t.wide[t.rest].sum() + math.sqrt(2) * t.wide[t.a])
            ),
            0.01,
            "half of the sum's width remains when one is held; it is sqrt 2 times as wide",
        ),
        "dci lasso D": near(
            concentration(soft(np.vstack([t.one[t.rest], t.pair * (t.one[t.a] + t.one[t.b])])), t.k),
            0.01,
            "the merged code's two importances are alike: 1 - log_K 2",
        ),
        "dci lasso C": near(1, 1e-6, "each factor is told by one code"),
        "dci lasso error": near(
            ((t.k - 2) * ALPHA + 2 * math.sqrt(0.5 + ALPHA**2)) / t.k, 0.006, "half of the variance is the other's"
        ),
        "infom": near(rescaled((t.k - 2 + 0.5) / (t.k - 1), t.k), 0.03, "one of K - 1 latents tells two alike"),
        "infoc": almost_one(0.04, "each factor is told by one latent"),
        "gaussian-total-correlation": t.none,
    }


def _nested(t: Terms) -> dict[str, Answer]:
    return {
        "factor-vae-score": voted((t.k - 1) / t.k, VOTES, "holding the fine factor stills nothing"),
        "beta-vae-score": almost_one(0.01, "blind: the fine factor is the one for which all codes move"),
        "mig": near(
            float(
                (
                    t.gaps[t.rest].sum()
                    + (mutual(t.nested, 0) - t.runner[t.a] + max(0.0, mutual(t.nested, 1) - t.runner[t.b]))
                    / t.logs[t.a]
                )
                / t.k
            ),
            0.006,
            "20 bins see the coarse factor, and of the fine one which half it is in if V is small",
        ),
        "sap": near((t.k - 1) / t.k, 0.004, "correlation V / sqrt(V^2 + 1) with the coarse one, 1 with its own code"),
        "modularity": near(
            float(1 - (mutual(t.nested, 1) / mutual(t.nested, 0)) ** 2 / (t.k - 1) ** 2),
            0.004,
            "the bins hide the fine one",
        ),
        "irs": near(
            float(
                (t.wide[t.rest].sum() + reach(t.v * t.v) * (1 - 1 / (t.v + 1)))
                / (t.wide[t.rest].sum() + reach(t.v * t.v))
            ),
            0.004,
            "1/(V + 1) of the width remains when the coarse one is held",
        ),
        "dci lasso D": near(1, 1e-6, "the fine factor's correlation is below the penalty"),
        "dci lasso error": near(
            ((t.k - 2) * ALPHA + math.sqrt(1 - t.joint**2 + ALPHA**2) + 1) / t.k, 0.006, "and so its error is 1"
        ),
    }


def _turned_45(t: Terms) -> dict[str, Answer]:
    return {
        "factor-vae-score": voted((t.k - 1) / t.k, VOTES, "two latents share the votes of two factors: half are wrong"),
        "beta-vae-score": voted((t.k - 1) / t.k, POINTS, t.alike),
        "mig": near(float(t.gaps[t.rest].sum() / t.k), 0.006, "best and runner-up tell the same"),
        "sap": near((t.k - 2) / t.k, 0.01, "best and runner-up both have 1/2"),
        "modularity": near(1 - 2 / (t.k * (t.k - 1)), 0.006, "1 - 1/(K - 1) for two of K latents"),
        "irs": near(
            float(
                (t.wide[t.rest].sum() + math.sqrt(2) * t.wide[t.a])
                / (t.wide[t.rest].sum() + 2 * math.sqrt(2) * t.wide[t.a])
            ),
            0.015,
            "half of the width remains of two codes, sqrt 2 times as wide as the others",
        ),
        "dci lasso D": near(
            concentration(
                soft(
                    np.vstack([t.one[t.rest], t.pair * (t.one[t.a] + t.one[t.b]), t.pair * (t.one[t.a] + t.one[t.b])])
                ),
                t.k,
            ),
            0.01,
            "1 - log_K 2 for two latents",
        ),
        "dci lasso C": near(
            concentration(
                soft(
                    np.vstack([t.one[t.rest], t.pair * (t.one[t.a] + t.one[t.b]), t.pair * (t.one[t.a] + t.one[t.b])]).T
                ),
                t.k,
            ),
            0.01,
            "1 - log_K 2 for two factors",
        ),
        "dci lasso error": near(
            ((t.k - 2) + 2 * math.sqrt(2)) * ALPHA / t.k, 0.004, "two coefficients of 1/sqrt 2 are shrunk by alpha"
        ),
        "infom": near((t.k - 2) / (t.k - 1), 0.03, "two of K latents tell two factors alike"),
        "infoc": near((t.k - 2) / (t.k - 1), 0.03, "two of K factors are told by two latents alike"),
        "infoe": t.perfect["infoe"],
        "explicitness": t.perfect["explicitness"],
        "gaussian-total-correlation": t.perfect["gaussian-total-correlation"],
        "wasserstein-correlation": t.perfect["wasserstein-correlation"],
    }


def _rotated(t: Terms) -> dict[str, Answer]:
    return {
        "factor-vae-score": near(
            len(np.unique((t.grid.rotation**2).argmax(axis=1))) / t.k,
            0.05,
            "with many rows the largest A_kj^2 of factor k gets its votes: latents that are the largest of one",
        ),
        "beta-vae-score": between(0.7, 1, "any rotation moves some code a little less"),
        "mig": between(0, 0.3, "each code tells a little of all"),
        "sap": near(
            float(np.mean([np.subtract(*np.sort(row)[:-3:-1]) for row in t.grid.rotation**2])),
            0.02,
            "the two largest A_kj^2",
        ),
        "modularity": between(0.5, 1, "spread over all factors"),
        "irs": between(0.1, 0.7, "no one factor holds a code still"),
        "dci lasso D": near(concentration(soft(t.grid.rotation).T, t.k), 0.02, "importances |A_kj| - alpha"),
        "dci lasso C": near(concentration(soft(t.grid.rotation), t.k), 0.02, "importances |A_kj| - alpha"),
        "dci lasso error": near(error_of(t.grid.rotation), 0.006, "min(|A_kj|, alpha) is lost of each coefficient"),
        "dci forest D": between(0, 0.4, "all codes are needed"),
        "infom": between(0, 0.7, "each code tells a little of all"),
        "infoe": almost_one(0.1, "a linear classifier turns the codes back; it may stop before the end"),
        "explicitness": t.perfect["explicitness"],
        "gaussian-total-correlation": t.perfect["gaussian-total-correlation"],
        "wasserstein-correlation": t.perfect["wasserstein-correlation"],
    }


def _leaky(t: Terms) -> dict[str, Answer]:
    return {
        "factor-vae-score": voted(1, VOTES, "blind: the leak of 0.36 in variance is still the least"),
        "mig": near(
            float(
                (
                    t.gaps[t.rest].sum()
                    + (t.own[t.a] - mutual(t.leaked, 0)) / t.logs[t.a]
                    + (mutual(t.leaked, 1) - t.runner[t.b]) / t.logs[t.b]
                )
                / t.k
            ),
            0.006,
            "the runner-up for one, and the bins of the other",
        ),
        "sap": near((t.k - 2 * LEAK**2) / t.k, 0.01, "1 - r^2 twice"),
        "modularity": near(
            float(1 - (mutual(t.leaked, 0) / mutual(t.leaked, 1)) ** 2 / (t.k * (t.k - 1))),
            0.004,
            "one latent tells two",
        ),
        **_leaky_lasso(t.grid),
        "gaussian-total-correlation": near(-0.5 * math.log(1 - LEAK**2), 0.01, "-log(1 - r^2) / 2 nats"),
        "wasserstein-correlation": near(
            correlated(np.eye(t.k) + LEAK * (np.outer(t.one[t.a], t.one[t.b]) + np.outer(t.one[t.b], t.one[t.a])))[1],
            0.005,
            "matrix roots of the covariance",
        ),
    }


def _shared(t: Terms) -> dict[str, Answer]:
    return {
        **t.linear,
        "mig": near(
            float((t.gaps[t.others].sum() + (math.log(t.coarse) - math.log(t.fine)) / t.logs[t.split]) / t.k),
            0.004,
            "log ratio of the two digits: (log p - log s) / log ps for this factor",
        ),
        "mig-sampled": near(
            float((t.sharp[t.others].sum() + (math.log(t.coarse) - math.log(t.fine)) / t.logs[t.split]) / t.k),
            0.02,
            "the same log ratio",
        ),
        "sap": near(
            (t.k - 1 + (t.fine**2 * (t.coarse**2 - 1) - (t.fine**2 - 1)) / ((t.coarse * t.fine) ** 2 - 1)) / t.k,
            0.004,
            "shares of the two digits in the factor's variance",
        ),
        "modularity": near(1, 0.002, "each latent tells one factor"),
        "dci lasso D": near(1, 1e-6, "each latent tells one factor"),
        "dci lasso C": near(
            concentration(soft(_digits(t.grid)), t.k + 1), 0.01, "1 - H in base K + 1 of the digits' coefficients"
        ),
        "dci lasso error": near(error_of(_digits(t.grid)), 0.004, "what the penalty takes of each digit"),
        "infoc": near(
            float(rescaled((t.k - 1 + math.log(t.coarse) / t.logs[t.split]) / t.k, t.k + 1)),
            0.025,
            "log ratio: the coarse digit's share log p / log ps of one factor's information",
        ),
        "gaussian-total-correlation": t.none,
    }


def _duplicated(t: Terms) -> dict[str, Answer]:
    return {
        **t.linear,
        "mig": near(0, 1e-9, "best and runner-up are the same"),
        "mig-sampled": near(0, 1e-3, "best and runner-up are the same"),
        "sap": near(0, 1e-9, "best and runner-up are the same"),
        "modularity": near(1, 0.002, "each latent tells one factor"),
        "dci lasso D": near(1, 1e-6, "each latent tells one factor; C depends on how the solver shares"),
        "dci lasso error": t.perfect["dci lasso error"],
        "infoc": near(rescaled(0.5, 2 * t.k), 0.02, "1/2 of 2K latents: (K - 1)/(2K - 1)"),
        "infoe": t.perfect["infoe"],
        "gaussian-total-correlation": Answer(math.nan, math.nan, math.nan, "infinite for equal codes"),
        "wasserstein-correlation": near(2 - math.sqrt(2), 0.004, "roots of the eigenvalues 2 and 0: 2 - sqrt 2"),
        "code-mutual-information": near(
            float(
                (t.own.sum() + 4 * sum(chance(x, y) for i, x in enumerate(t.filled) for y in t.filled[:i]))
                / (t.k * (2 * t.k - 1))
            ),
            0.003,
            "K of K (2K - 1) pairs share a code's whole entropy",
        ),
    }


def _noise(t: Terms) -> dict[str, Answer]:
    return {
        "factor-vae-score": near(1 / t.k, 0.07, "chance, 1/K, and some: votes on few rows of a value find them again"),
        "beta-vae-score": voted(1 / t.k, POINTS, "chance, 1/K"),
        "mig": near(0, 0.01, "two of ten equal chances"),
        "sap": near(0, 0.002, "two of ten equal chances"),
        "modularity": near(
            float(
                1
                - np.sum(np.delete(np.array(t.sizes) - 1, np.argmax(t.sizes)) ** 2)
                / (max(t.sizes) - 1) ** 2
                / (t.k - 1)
            ),
            0.07,
            "chance alone, m_k going with V_k - 1 (about: a bin of the tails holds a row or two)",
        ),
        "irs": between(0.1, 0.5, "the 0.99 quantile of a normal, about 2.6, over its largest of n, about 4"),
        "dci lasso D": near(0, 1e-6, "no correlation reaches the penalty"),
        "dci lasso C": near(0, 1e-6, "no correlation reaches the penalty"),
        "dci lasso error": near(1, 0.01, "the factors' own deviation"),
        "dci forest D": near(0, 0.05, "all codes fit noise alike"),
        "infoe": near(0, 0.1, "as many weights as explain a little of the rows they were fitted to"),
        "explicitness": near(0.5, 0.02, "chance, 1/2"),
        "gaussian-total-correlation": near(FLOOR * (FLOOR - 1) / (4 * N), 0.0015, t.nil),
        "wasserstein-correlation": near(0, 0.002, t.nil),
    }


def _digits(grid: Grid) -> np.ndarray:
    """Correlations of the factors with the codes of a factor shared by two latents, (K, K + 1)."""
    split, coarse, fine = grid.split
    table = np.zeros((grid.k, grid.k + 1))
    table[np.delete(np.arange(grid.k), split), np.arange(grid.k - 1)] = 1
    whole = (coarse * fine) ** 2 - 1
    table[split, -2:] = math.sqrt(fine**2 * (coarse**2 - 1) / whole), math.sqrt((fine**2 - 1) / whole)
    return table


def _leaky_lasso(grid: Grid) -> dict[str, Answer]:
    """Two correlated codes: the factor that leaks needs its own code only, the other one takes the leak off again."""
    s = math.sqrt(1 - LEAK**2)
    covariance, with_b = np.array([[1, LEAK], [LEAK, 1]]), np.array([0, s])
    weights = np.linalg.solve(covariance, with_b + ALPHA * np.array([1, -1]))  # of signs - and +
    table = np.eye(grid.k) * (1 - ALPHA)
    a, b = grid.twins
    table[[a, b], b] = np.abs(weights)
    lost = math.sqrt(1 - 2 * weights @ with_b + weights @ covariance @ weights)
    why = "of two correlated codes the clean factor needs one; the other factor needs both, to take the leak off"
    return {
        "dci lasso D": near(concentration(table, grid.k), 0.02, why),
        "dci lasso C": near(concentration(table.T, grid.k), 0.02, why),
        "dci lasso error": near(((grid.k - 1) * ALPHA + lost) / grid.k, 0.005, why),
    }


def _wild(t: Terms) -> dict[str, Answer]:
    """One row far out in every latent: variance w = outlier^2 / n beside the 1 of all others."""
    k, grid, perfect, logs = t.k, t.grid, t.perfect, t.logs
    sizes, w = np.array(grid.sizes), OUTLIER**2 / N
    tc, wasserstein = correlated(np.eye(k) + w)
    return {
        "factor-vae-score": voted(
            float(1 - L / N * (grid.truth[0] < 0).mean()),
            VOTES,
            "L/n of the votes hold the row; there the latent nearest to it wins, a held one if its value is positive",
        ),
        "mig": near(0, 1e-9, "all other rows share one bin, and all latents say the same"),
        "sap": near(
            float(np.mean(1 + 2 * OUTLIER * grid.truth[0] / N) / (1 + w)), 0.002, "1/(1 + w): the row is the variance"
        ),
        "modularity": near(
            float(1 - np.sum(np.delete(logs / logs.max(), sizes.argmax()) ** 2) / (k - 1)),
            0.005,
            "one row tells log V / n of each factor: log ratios",
        ),
        "irs": near(1 - 1 / N, 1e-4, "held against the row's deviation nothing moves, whatever the codes"),
        "dci forest D": almost_one(0.02, "trees look at the order alone"),
        "infom": perfect["infom"],
        "infoc": perfect["infoc"],
        "gaussian-total-correlation": near(tc, 0.03, "latents that are far out together correlate by w/(1 + w)"),
        "wasserstein-correlation": near(wasserstein, 0.01, "the same by matrix roots"),
    }


ROWS = {
    "identity": _perfect,
    "permuted": _perfect,
    "dead beside": _perfect,
    "warped": _warped,
    "wild row": _wild,
    "one missing": _one_missing,
    "two missing": _two_missing,
    "merged": _merged,
    "nested": _nested,
    "turned 45": _turned_45,
    "rotated": _rotated,
    "leaky": _leaky,
    "shared": _shared,
    "duplicated": _duplicated,
    "noise": _noise,
}


def answers(grid: Grid) -> dict[str, dict[str, Answer]]:
    """The table: of each code, the score that each metric must give and why."""
    shared = terms(grid)
    return {code: row(shared) for code, row in ROWS.items()}


def shown(grid: Grid) -> str:
    """The table as text: the middle of each cell or its range, - where nothing is claimed."""
    lines = ["".join([" " * 11, *(f"{of.head:>6}" for of in COLUMNS.values())])]
    for code, row in answers(grid).items():
        lines.append("".join([f"{code:<11}", *(f"{row.get(name, '-')!s:>6}" for name in COLUMNS)]))
    return "\n".join(lines)
