"""InfoMEC: modularity, compactness and explicitness from nearest-neighbour information and linear prediction."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt

from unweave.base.checks import FRACTION, Range
from unweave.base.records import Score
from unweave.metrics.arrays import Reals, Whole, latent_names, one_hot_columns
from unweave.metrics.base import FactorMetric, scored, undefined
from unweave.metrics.information import entropy, influences, mutual_information, renumbered
from unweave.metrics.intervals import FEWEST, around
from unweave.metrics.probe import Probe

NO_INTERVAL = (
    f"InfoM and InfoC: with fewer than {FEWEST:,} rows the rows' terms hang together more than an interval knows"
)


@dataclass(frozen=True)
class InfoMEC(FactorMetric):
    """InfoM, with InfoC and InfoE beside it, from N_ij = I(s_i; z_j) / H(s_i) of factors s and active latents z.

    InfoM = (mean_j max_i N_ij / sum_i N_ij - 1/K) / (1 - 1/K): does each latent tell one factor? InfoC = (mean_i max_j
    N_ij / sum_j N_ij - 1/a) / (1 - 1/a), a the number of active latents: is each factor told by one latent? InfoE =
    mean_i (1 - H_i / H_i0): which share of a linear classifier's log loss on constants, H_i0, do the codes take away?
    All are 1 at best and 0 if nothing is there (InfoE can fall below 0); the value is InfoM, all three are parts. I is
    the nearest-neighbour estimate (Ross 2014), which needs no bins. It is clipped at 0, so a latent that tells nothing
    often keeps a single spurious entry of N and looks modular: noise gets InfoM and InfoC far above 0, even near 1, and
    only its InfoE is near 0 (read them together, and with the floor). A row or column that is 0 throughout stays out of
    its mean. InfoE's classifier is an unpenalised multinomial logistic regression with balanced classes, judged on the
    rows it was trained on. A latent is active if it is live and its range exceeds 1/20 of the widest; with one active
    latent InfoC is NaN. A categorical code is active if it varies; its I comes from counts, and the classifier gets it
    as columns of 0 and 1. The interval is that of sampling rows (influence function, 95 %), with active latents, the
    largest entries and the classifier as given: nothing is fitted again. `intervals` has those of all three parts;
    InfoM and InfoC have none of fewer than 3,000 rows: at 1,000 it was a third too narrow by simulation.
    With m latents that tell nothing left in, InfoC becomes (s - 1/(a + m)) / (1 - 1/(a + m)), s = InfoC (1 - 1/a) + 1/a
    for a active ones; InfoM leaves them out. A code 20 times narrower than the widest is inactive, whatever it tells,
    so that a change of unit can cost InfoE a factor.
    Source: Hsu et al. 2023, https://arxiv.org/abs/2305.18378, section 4.

    >>> from unweave.metrics import infomec
    >>> grid = np.stack(np.meshgrid(range(5), range(100)), axis=-1).reshape(-1, 2) % 5
    >>> infomec(grid * 1.0, grid).value > 0.99
    True
    """

    n: Annotated[int, "number of rows that the score is computed on", Range(2)] = 10_000
    neighbours: Annotated[int, "nearest neighbours of the same value in the estimate of I", Range(1)] = 10
    min_range: Annotated[float, "a latent is inactive if its range is at most this share of the widest", FRACTION] = (
        0.05
    )
    iterations: Annotated[int, "maximum steps of the classifier for InfoE", Range(1)] = 100
    min_std: Annotated[
        float, "without a KL: a latent is dead if its codes' standard deviation is below this", Range(0)
    ] = 0.0
    categorical: Annotated[bool, "use categorical codes too, if there are any"] = True

    measures = "modularity (value: InfoM), InfoC and InfoE as parts"
    known = "noise may get InfoM near 1"
    trap = "read the three together"
    interval = "influence of rows, from 3,000 rows"
    categories_count = "counts instead of neighbours"
    follows = "Hsu et al. 2023: 10,000 rows, 10 neighbours"
    noise_below = None  # noise keeps single spurious entries: see its own tests
    learns = True
    takes_categories = True
    version = 3

    def score(self, probe: Probe) -> Score:
        """The three parts, with the matrix N (factors x latents) and InfoE of each factor."""
        draw = probe.at_most(self.n, "infomec")
        chosen = [k for k in self.chosen(probe) if np.ptp(draw.known_factors[:, k]) > 0]
        width, categories = np.ptp(draw.codes, axis=0), self.categories_of(draw)
        numbers = self.live(probe) & (width > self.min_range * width.max())
        active = np.concatenate([numbers, np.ptp(categories, axis=0) > 0])
        categories = categories[:, active[len(numbers) :]]
        facts: dict[str, Any] = {"n": len(draw.codes), **scored(chosen, active)}
        if not chosen:
            return undefined("no factor varies", **facts)
        if not active.any():
            return undefined(f"{self.no_life(probe)}, so no latent tells a factor", **facts)
        codes, labels = draw.codes[:, numbers], renumbered(draw.known_factors[:, chosen])
        codes = codes - codes.mean(axis=0)
        codes = codes / np.abs(codes).max(axis=0)
        codes = codes / codes.std(axis=0)
        local = neighbour_terms(codes, labels, self.neighbours, probe.rng("infomec/ties"))  # (K, d, n)
        information = np.maximum(0.0, local.mean(axis=2))
        if categories.shape[1]:
            information = np.concatenate([information, mutual_information(categories, labels)], axis=1)
        heights = entropy(labels)
        shares = information / heights[:, None]
        fed = np.concatenate([codes, one_hot_columns(categories)[0]], axis=1)
        losses = np.array([lost(fed, column, self.iterations) for column in labels.T])  # (K, n)
        names = [probe.factor_names[k] for k in chosen]
        explained = 1 - losses.mean(axis=1)
        parts = {"infom": concentration(shares.T), "infoc": concentration(shares), "infoe": float(explained.mean())}
        swings = {
            "infom": _swing(shares.T, heights, local, categories, labels, of_factors=False),
            "infoc": _swing(shares, heights, local, categories, labels, of_factors=True),
            "infoe": -losses.mean(axis=0),
        }
        if len(draw.codes) < FEWEST:
            swings = {"infoe": swings["infoe"]}
            facts["no_interval"] = NO_INTERVAL
        bounds = {n: around(parts[n], swing, -math.inf if n == "infoe" else 0.0) for n, swing in swings.items()}
        table = np.zeros((len(names), len(active)))
        table[:, active] = shares
        few = "InfoM needs two factors that vary, and there is one" if len(chosen) < 2 else "no latent tells a factor"
        return Score(
            parts["infom"],
            parts=parts,
            interval=bounds.get("infom"),
            tables={
                "information": table.tolist(),
                "rows": names,
                "columns": latent_names(len(numbers), len(active) - len(numbers)),
                "infoe_per_factor": explained.tolist(),
            },
            settings={**facts, "intervals": {name: list(each) for name, each in bounds.items() if each is not None}},
            reason=few if math.isnan(parts["infom"]) else None,
        )


def concentration(table: Reals) -> float:
    """Mean over the rows that are not 0 of max / sum, rescaled so that 1/width becomes 0; NaN if it has no meaning.

    >>> concentration(np.array([[2.0, 0.0], [1.0, 1.0]])), concentration(np.ones((3, 1)))
    (0.5, nan)
    """
    rows, width = table[table.sum(axis=1) > 0], table.shape[1]
    if width < 2 or not len(rows):
        return math.nan
    share = float((rows.max(axis=1) / rows.sum(axis=1)).mean())
    return min(1.0, max(0.0, (share - 1 / width) / (1 - 1 / width)))


def _swing(table: Reals, heights: Reals, local: Reals, categories: Whole, labels: Whole, *, of_factors: bool) -> Reals:
    """By how much each row moves `concentration` of the table of shares (K, D), or (D, K) if not `of_factors`, (n,)."""
    slope = slopes(table) if of_factors else slopes(table).T  # (K, D)
    slope = slope / heights[:, None]
    d = local.shape[1]
    moved = np.einsum("kj,kjn->n", slope[:, :d] * (local.mean(axis=2) > 0), local)
    shares = table if of_factors else table.T
    for column, weight in zip(labels.T, (slope * shares).sum(axis=1), strict=True):  # H comes from the same rows
        moved = moved + weight * np.log(np.bincount(column) / len(column))[column]
    if categories.shape[1]:
        moved = moved + influences(categories, labels, slope[:, d:])
    return moved


def slopes(table: Reals) -> Reals:
    """Derivative of `concentration` by each entry of the table, 0 where it has no meaning."""
    total, width = table.sum(axis=1, keepdims=True), table.shape[1]
    used = total[:, 0] > 0
    if width < 2 or not used.any():
        return np.zeros_like(table)
    safe = np.where(total > 0, total, 1.0)
    best = table.argmax(axis=1)
    found = -table.max(axis=1, keepdims=True) / safe**2 * np.ones(width)
    found[np.arange(len(table)), best] += 1 / safe[:, 0]
    return found * used[:, None] / (used.sum() * (1 - 1 / width))


def neighbour_terms(codes: Reals, labels: Whole, neighbours: int, rng: np.random.Generator) -> Reals:
    """What each row adds to I(g_k; z_j) in nats of factors (n, K) and codes (n, d) of deviation 1, (K, d, n).

    psi(n) + psi(k_i) - psi(n_v) - psi(m_i): k_i is the smaller of `neighbours` and n_v - 1, n_v the rows with the same
    value v, and m_i the rows nearer to row i than its k_i-th nearest of that value, itself included. Rows whose value
    is theirs alone are left out, and stand with the mean of the others. Noise of 1e-10 parts ties, without which the
    estimate has no meaning for codes on a grid.
    Source: Ross 2014, https://doi.org/10.1371/journal.pone.0087357.
    """
    mixed = codes + 1e-10 * np.maximum(1.0, np.abs(codes).mean(axis=0)) * rng.standard_normal(codes.shape)
    found = np.zeros((labels.shape[1], codes.shape[1], len(codes)))
    for k, factor in enumerate(labels.T):
        for j, code in enumerate(mixed.T):
            found[k, j] = _by_neighbours(code, factor, neighbours)
    return found


def _by_neighbours(code: Reals, labels: Whole, neighbours: int) -> Reals:
    """What each row adds to I of a factor and a code, both (n,)."""
    from scipy.special import digamma  # late: takes half a second

    counts = np.bincount(labels)
    shared = np.flatnonzero(counts[labels] > 1)
    found = np.zeros(len(code))
    if not shared.size:
        return found
    code, labels = code[shared], labels[shared]
    order = np.lexsort((code, labels))
    code, labels = code[order], labels[order]
    size = counts[labels]
    k = np.minimum(neighbours, size - 1)
    place = np.arange(len(code)) - (np.cumsum(np.bincount(labels)) - counts[: labels[-1] + 1])[labels]
    radius = np.nextafter(_kth_distance(code, place, size, k), 0)
    every = np.sort(code)
    near = _within(every, code, radius) - len(code) + _within(-every[::-1], -code, radius)
    each = digamma(len(code)) + digamma(k) - digamma(size) - digamma(np.maximum(near, 1))
    found += each.mean()
    found[shared[order]] = each
    return found


def _within(every: Reals, code: Reals, radius: Reals) -> Whole:
    """How many of `every` (n,), sorted, exceed each code (m,) by at most its radius; sums round, differences decide."""
    count = np.searchsorted(every, code + radius, side="right")
    while (over := (count > 0) & (every[count - 1] - code > radius)).any():
        count = count - over
    while (under := (count < len(every)) & (every[np.minimum(count, len(every) - 1)] - code <= radius)).any():
        count = count + under
    return count


def _kth_distance(code: Reals, place: Whole, size: Whole, k: Whole) -> Reals:
    """Distance of each row to its k-th nearest among those with its value, which lie side by side and sorted."""
    best, at = np.full(len(code), np.inf), np.arange(len(code))
    for below in range(int(k.max()) + 1):  # of the k nearest, so many lie below
        fits = (below <= k) & (below <= place) & (k - below <= size - 1 - place)
        i = at[fits]
        reach = np.maximum(code[i] - code[i - below], code[i + k[fits] - below] - code[i])
        best[fits] = np.minimum(best[fits], reach)
    return best


def lost(codes: Reals, labels: Whole, iterations: int) -> Reals:
    """Log loss of each row by a linear classifier of the labels (n,), over that of one without codes, (n,)."""
    from sklearn.exceptions import ConvergenceWarning  # late: takes a second
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=np.inf, class_weight="balanced", max_iter=iterations)
    present = np.unique(labels, return_inverse=True)[1]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the definition stops after so many steps
        warnings.simplefilter("ignore", RuntimeWarning)  # separable classes drive the weights up
        warnings.filterwarnings("ignore", "The number of unique classes", UserWarning)  # still a factor
        model.fit(codes, present)
    guessed: npt.NDArray[np.float64] = model.predict_proba(codes)[np.arange(len(codes)), present]
    tiny = np.finfo(np.float64).eps
    return -np.log(guessed.clip(tiny, 1)) / math.log(int(present.max()) + 1)
