"""Feature agreement: do models from other seeds find the same features, or the same subspace? Needs no factors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from unweave.base.checks import Range
from unweave.base.records import Score
from unweave.base.seeds import numpy_generator
from unweave.metrics.arrays import Reals, Whole
from unweave.metrics.comparison import Comparison, living, of_models
from unweave.metrics.features import Matrix, dense, density, rows_of, spread, varies
from unweave.metrics.probe import Probe

LEAST = 5  # rows of each half in which a feature must be on


@dataclass(frozen=True)
class FeatureAgreement(Comparison):
    """A_ij = sum over matched pairs of s r(a, b) / D_i: features of i and j paired one to one by |r|, Hungarian method.

    Pairs, and the sign s of their correlation, are found on one half of the rows and r is measured on the other, so
    that the best of thousands by chance counts 0. In [0, 1], no unit: 1 if every feature has its twin, whatever its
    sign, place and scale. Parts: `same` is the share of features whose twin has s r of `same` or more. `subspace`
    asks whether the span is shared where single features are not: of the `k` best matched pairs, the share of the
    variance of one side's features, each standardised, that the other side's explain together (least squares on one
    half, measured on the other, mean of both directions), and `alone` what each one's twin explains, r^2. A plane that
    one model has turned has `subspace` 1 and `alone` less. Features that are on in fewer than five rows of a half are
    left out. There is no interval.
    Source: Paulo and Belrose 2025, https://arxiv.org/abs/2501.16615 (pairs); Bricken et al. 2023, Towards
    monosemanticity (features by correlation of their activations).

    >>> from unweave.metrics import feature_agreement
    >>> codes = np.random.default_rng(0).normal(size=(2000, 2))
    >>> turned = codes @ np.array([[0.6, 0.8], [-0.8, 0.6]])
    >>> {name: round(part, 1) for name, part in feature_agreement([codes, turned]).parts.items()}
    {'same': 1.0, 'alone': 0.6, 'subspace': 1.0}
    """

    n: Annotated[int, "rows that the models are compared on, half for matching and half for measuring", Range(2)] = (
        20_000
    )
    k: Annotated[int, "number of best matched pairs whose spans are compared", Range(1)] = 64
    same: Annotated[float, "minimum correlation of two features that count as the same", Range(0, 1)] = 0.7
    min_kl: Annotated[
        float, "leave out latents whose mean KL is at most this, nats; constant ones are always left out", Range(0)
    ] = 0.01

    measures = "agreement of several runs"
    trap = "runs that agree on one mistake agree; the inputs' own correlations are shared by all"
    follows = "Paulo and Belrose 2025 (one-to-one pairs), measured on rows that did not choose"

    def score(self, probes: Sequence[Probe]) -> Score:
        """Agreement of each model with the others and their mean, with that of every pair (of, with)."""
        rows = probes[0].rows_at_most(self.n, "feature-agreement")
        return self.of_tables([probe.codes[rows][:, living(probe, self.min_kl)] for probe in probes], probes[0].seed)

    def of_tables(self, tables: Sequence[Matrix], seed: int = 0) -> Score:
        """The same of codes (n, D), arrays or csc_arrays, of the same rows; memory is D_i x D_j and two halves."""
        n = tables[0].shape[0]
        order = numpy_generator(seed, "feature-agreement/halves").permutation(n)[: self.n]
        first, second = np.sort(order[::2]), np.sort(order[1::2])
        halves = [(rows_of(table, first), rows_of(table, second)) for table in tables]
        halves = [(a[:, keep], b[:, keep]) for a, b in halves for keep in [_on_in_both(a, b)]]
        count = len(tables)
        pairs, parts = np.full((count, count), np.nan), dict[str, list[float]](same=[], alone=[], subspace=[])
        for i in range(count):
            for j in range(i):
                widths = [halves[at][0].shape[1] for at in (i, j)]
                if min(widths):
                    found = self._pair(halves[i], halves[j])
                    pairs[i, j], pairs[j, i] = (max(0.0, float(found.r.sum()) / width) for width in widths)
                    parts["same"].append(float(np.mean([(found.r >= self.same).sum() / width for width in widths])))
                    parts["alone"].append(found.alone)
                    parts["subspace"].append(found.subspace)
        known = ~np.isnan(pairs)
        each = np.array([line[seen].mean() if seen.any() else np.nan for line, seen in zip(pairs, known, strict=True)])
        dead = [str(i) for i, (a, _) in enumerate(halves) if not a.shape[1]]
        reason = f"without a live latent: model {', '.join(dead)}" if dead else None
        active = [a.shape[1] for a, _ in halves]
        score = of_models(pairs, each.clip(max=1.0), reason, n=len(order), active_per_model=active)
        facts = {"models": count, "rows": n, "seed": seed}
        return self._made_by(
            replace(score, parts={name: float(np.mean(values)) for name, values in parts.items() if values}), **facts
        )

    def _pair(self, a: tuple[Matrix, Matrix], b: tuple[Matrix, Matrix]) -> Pair:
        from scipy.optimize import linear_sum_assignment  # late: takes a moment

        table = correlations(a[0], b[0])
        i, j = linear_sum_assignment(np.abs(table), maximize=True)
        sign = np.sign(table[i, j]).astype(np.float64)
        r = sign * _paired(a[1], b[1], i, j)
        k = min(self.k, len(i), max(1, a[0].shape[0] // 4))
        top = np.argsort(-np.abs(table[i, j]), kind="stable")[:k]
        del table
        x, y = ([dense(half[:, of[top]]) for half in side] for side, of in ((a, i), (b, j)))
        both = [explained(*x, *y), explained(*y, *x)]
        return Pair(r, float(np.mean(np.square(r[top]))), float(np.mean(both)))


@dataclass(frozen=True)
class Pair:
    """Correlation of each matched pair on other rows, and of the best ones what twins and what spans explain."""

    r: Reals
    alone: float
    subspace: float


def _on_in_both(a: Matrix, b: Matrix) -> Whole:
    """Numbers of the columns that vary and are on in some rows of both halves."""
    keep = np.ones(a.shape[1], bool)
    for half in (a, b):
        keep &= (density(half) * half.shape[0] >= min(LEAST, half.shape[0] / 2)) & varies(half)
    return np.flatnonzero(keep)


def correlations(a: Matrix, b: Matrix) -> npt.NDArray[np.float32]:
    """Correlation of every column of (n, D) with every column of (n, D'), (D, D') as float32; none may be constant.

    Two sparse matrices are multiplied as they are; else one is dense in blocks.

    >>> codes = np.array([[1.0], [2.0], [4.0]])
    >>> correlations(codes, np.hstack([2 * codes, -codes])).round(5).tolist()
    [[1.0, -1.0]]
    """
    n = a.shape[0]
    if sparse.issparse(a) and sparse.issparse(b):
        scaled = [each @ sparse.diags_array(1 / spread(each)) for each in (a, b)]
        means = [np.asarray(each.mean(axis=0)).ravel() for each in scaled]
        table = (scaled[0].T @ scaled[1]).toarray() / n - means[0][:, None] * means[1]
        return np.clip(table, -1, 1).astype(np.float32)
    left, found = _unit(a), np.empty((a.shape[1], b.shape[1]), np.float32)
    for at in range(0, b.shape[1], 256):
        found[:, at : at + 256] = left.T @ _unit(b[:, at : at + 256])
    return np.clip(found, -1, 1)


def _unit(codes: Matrix) -> npt.NDArray[np.float32]:
    """Columns with mean 0 and length 1."""
    found = np.empty(codes.shape, np.float32)
    for at in range(0, codes.shape[1], 256):
        found[:, at : at + 256] = _scaled(dense(codes[:, at : at + 256])) / np.sqrt(codes.shape[0])
    return found


def _scaled(codes: Reals) -> Reals:
    """Columns with mean 0 and standard deviation 1; constants give 0."""
    centred = codes - codes.mean(axis=0)
    largest = np.abs(centred).max(axis=0)
    centred = centred / np.where(largest > 0, largest, 1.0)  # so that squares of tiny or huge codes are not lost
    std = centred.std(axis=0)
    return centred / np.where(std > 0, std, 1.0)


def _paired(a: Matrix, b: Matrix, i: Whole, j: Whole) -> Reals:
    """Correlation of column i[m] of `a` with column j[m] of `b`, (m,)."""
    steps = range(0, len(i), 256)
    each = [
        (_scaled(dense(a[:, i[at : at + 256]])) * _scaled(dense(b[:, j[at : at + 256]]))).mean(axis=0) for at in steps
    ]
    return np.concatenate(each)


def explained(x: Reals, x_new: Reals, y: Reals, y_new: Reals) -> float:
    """Share of the variance of y_new (m, k), by column, that least squares from x to y (n, k) explain; 0 or more."""
    middle, unit = x.mean(axis=0), x.std(axis=0)
    target, size = y.mean(axis=0), y.std(axis=0)
    weights: Any = np.linalg.lstsq((x - middle) / unit, (y - target) / size, rcond=1e-6)[0]
    wanted = (y_new - target) / size
    left = np.square(wanted - (x_new - middle) / unit @ weights).sum(axis=0)
    whole = np.square(wanted - wanted.mean(axis=0)).sum(axis=0)
    return float(np.clip(1 - left / whole, 0, 1).mean())
