"""Gradient-boosted trees for classes, with importances, grown on codes cut into bins."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse

from unweave.metrics.arrays import Reals, Whole
from unweave.metrics.information import quantise

Floats = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]
Cells = npt.NDArray[np.uint8]

RATE = 0.1
DEPTH = 3
LEAST = 1e-12  # gain over a row's share below which a split is rounding


@dataclass(frozen=True)
class Boosted:
    """What boosting learnt: importances (d,), in sum 1 or all 0, and the label of each held-out row."""

    importances: Reals
    guesses: Whole


def binned(codes: Reals, bins: int) -> Cells:
    """Codes (n, d) as numbers below `bins` (256 at most): ranks of their values where these are few, else quantiles.

    >>> binned(np.array([[0.5], [7.0], [0.5], [-3.0]]), 4).T.tolist()
    [[1, 2, 1, 0]]
    """
    found = quantise(codes, bins, "quantile")
    for j, column in enumerate(codes.T):
        values, ranks = np.unique(column, return_inverse=True)
        if len(values) <= bins:
            found[:, j] = ranks
    return found.astype(np.uint8)


def boost(cells: Cells, labels: Whole, cut: int, rounds: int = 100) -> Boosted:
    """Boost on the first `cut` rows of cells (n, d) and labels (cut,), and predict the other rows.

    Friedman's gradient boosting with multinomial deviance: `rounds` times one tree a class, of depth 3, least squares
    on the residuals y - p, one Newton step a leaf, shrunk by 0.1; every row, every code and every border between bins
    at each split. That is what scikit-learn's GradientBoostingClassifier does by default, but for borders, which it
    takes between any two values. All classes' trees grow at once: the sums of residuals by code, bin and class are
    one sparse product. A code's importance is the sum of squares that its splits took away.

    >>> cells = np.tile(np.array([[0, 3], [1, 3], [2, 3]], np.uint8), (5, 1))
    >>> found = boost(cells, cells[:12, 0].astype(int), 12, rounds=5)
    >>> found.importances.tolist(), found.guesses.tolist()
    ([1.0, 0.0], [0, 1, 2])
    """
    present, y = np.unique(labels, return_inverse=True)
    if len(present) < 2 or not cells.shape[1]:
        most = present[np.bincount(y).argmax()]
        return Boosted(np.zeros(cells.shape[1]), np.full(len(cells) - cut, most))
    grower = Grower(cells, cut)
    truth = y[:, None] == np.arange(len(present))
    raw = np.tile(np.log(truth.mean(axis=0)), (len(cells), 1)).astype(np.float32)
    importances = np.zeros(cells.shape[1])
    for _ in range(rounds):
        odds = np.exp(raw[:cut] - raw[:cut].max(axis=1, keepdims=True))
        residual: Floats = truth - odds / odds.sum(axis=1, keepdims=True)
        leaf, taken = grower.grow(residual)
        importances += taken
        raw += RATE * _steps(residual, leaf, cut)
    total = importances.sum()
    return Boosted(importances / total if total > 0 else importances, present[raw[cut:].argmax(axis=1)])


def _steps(residual: Floats, leaf: Whole, cut: int) -> Floats:
    """Newton step of each row (n, S) from the residuals of the training rows in its leaf."""
    classes = residual.shape[1]
    place = leaf + np.arange(classes) * 2**DEPTH
    size = classes * 2**DEPTH
    bend = np.abs(residual) * (1 - np.abs(residual))
    above = np.bincount(place[:cut].ravel(), residual.ravel(), size)
    below = np.bincount(place[:cut].ravel(), bend.ravel(), size)
    step = np.divide((classes - 1) / classes * above, below, out=np.zeros(size), where=below > 1e-150)
    return step.astype(np.float32)[place]


class Grower:
    """Trees of depth 3, one a class, grown together on the bins (n, d) of which the first `cut` rows are trained on."""

    def __init__(self, cells: Cells, cut: int) -> None:
        self.cells, self.cut = cells, cut
        self.d, self.bins = cells.shape[1], int(cells.max()) + 1
        columns = (np.arange(self.d) * self.bins + cells[:cut]).ravel()
        table = sparse.csr_matrix(
            (np.ones(len(columns), np.float32), columns, np.arange(cut + 1) * self.d),
            shape=(cut, self.d * self.bins),
        )
        self.table = table.T.tocsr()
        edges = [np.unique(column) for column in cells[:cut].T]
        self.borders = np.zeros((self.d, self.bins), bool)  # the last used bin of a code borders on nothing
        for j, used in enumerate(edges):
            self.borders[j, used[:-1]] = True

    def grow(self, residual: Floats) -> tuple[Whole, Reals]:
        """Leaf of every row and class, (n, S), and the sum of squares that each code's splits took away, (d,)."""
        leaf = np.zeros((len(self.cells), residual.shape[1]), np.int64)
        taken = np.zeros(self.d)
        sums, counts = [self._sums(residual)], [self._sums(np.ones_like(residual[:, :1]))]
        counts = [np.broadcast_to(counts[0], sums[0].shape)]
        inside: list[Flags] = [np.ones(leaf.shape, bool)]
        for level in range(DEPTH):
            children: list[Flags] = []
            next_sums: list[Reals] = []
            next_counts: list[Reals] = []
            for node, (s, c) in enumerate(zip(sums, counts, strict=True)):
                left, gained = self._split(s, c)
                taken += gained
                low: Flags = inside[node] & left
                children += [low, inside[node] & ~left]
                if level < DEPTH - 1:
                    mask = low[: self.cut].astype(np.float32)
                    at_left, n_left = self._sums(residual * mask), self._sums(mask)
                    next_sums += [at_left, s - at_left]
                    next_counts += [n_left, c - n_left]
            inside, sums, counts = children, next_sums, next_counts
        for node, rows in enumerate(inside):
            leaf += node * rows
        return leaf, taken

    def _sums(self, values: Floats) -> Reals:
        """Sums of `values` (cut, S) over the training rows by code and bin, (d, bins, S)."""
        return np.asarray(self.table @ values).reshape(self.d, self.bins, -1).astype(np.float64)

    def _split(self, sums: Reals, counts: Reals) -> tuple[Flags, Reals]:
        """Best split of a node in every class: which rows (n, S) would go left, and what it takes away, (d,)."""
        n, total = counts[0].sum(axis=0), sums[0].sum(axis=0)  # (S,)
        n_left, left = counts.cumsum(axis=1), sums.cumsum(axis=1)  # (d, bins, S)
        n_right = n - n_left
        fits = (n_left > 0.5) & (n_right > 0.5) & self.borders[:, :, None]
        drift = left - n_left * (total / np.maximum(n, 1))
        gain = np.where(fits, drift**2 * n / np.where(fits, n_left * n_right, 1.0), 0.0)
        flat = gain.reshape(-1, gain.shape[2])
        best = flat.argmax(axis=0)
        gained = flat[best, np.arange(len(best))]
        code, border = np.divmod(best, self.bins)
        split = gained > LEAST * np.maximum(n, 1)
        taken = np.bincount(code[split], gained[split], self.d).astype(np.float64)
        return (self.cells[:, code] <= border.astype(np.uint8)) & split, taken
