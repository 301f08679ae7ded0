"""Entropy and mutual information of whole numbers, and the cutting of codes into bins."""

from typing import Literal, TypeAlias

import numpy as np

from unweave.metrics.arrays import Reals, Whole

Binning: TypeAlias = Literal["width", "quantile"]


def quantise(codes: Reals, bins: int = 20, binning: Binning = "width") -> Whole:
    """Codes (n, d) as bin numbers 0 to bins - 1, column by column.

    "width" cuts the range from smallest to largest into equal parts, as dlib does; "quantile" puts about as
    many rows in each bin, so an outlier does not squash the others. A value on a border belongs to the upper
    bin.

    >>> quantise(np.array([[0.0], [1.0], [2.0], [100.0]]), bins=2).T.tolist()
    [[0, 0, 0, 1]]
    >>> quantise(np.array([[0.0], [1.0], [2.0], [100.0]]), bins=2, binning="quantile").T.tolist()
    [[0, 0, 1, 1]]
    """
    if binning == "width":
        borders = np.linspace(codes.min(axis=0), codes.max(axis=0), bins + 1)[1:-1]
    else:
        borders = np.quantile(codes, np.linspace(0, 1, bins + 1)[1:-1], axis=0)
    cut = [np.searchsorted(borders[:, j], column, side="right") for j, column in enumerate(codes.T)]
    return np.stack(cut, axis=1).astype(np.int64)


def cut(values: Reals, bins: int) -> Reals:
    """Factor values (n, K), NaN where unknown, each column that is no whole numbers cut into bins of equally many rows.

    >>> cut(np.array([[0.1, 7], [0.2, 8], [np.nan, 9], [5.0, 7], [9.0, 7]]), 2).T.tolist()
    [[0.0, 0.0, nan, 1.0, 1.0], [7.0, 8.0, 9.0, 7.0, 7.0]]
    """
    found = np.array(values, np.float64)
    for column in found.T:
        known = np.isfinite(column)
        if known.any() and (column[known] != np.floor(column[known])).any():
            column[known] = quantise(column[known, None], bins, "quantile")[:, 0]
    return found


def renumbered(labels: Whole) -> Whole:
    """Each column's values (n, K) renumbered 0, 1, ... in their order."""
    return np.stack([np.unique(column, return_inverse=True)[1] for column in labels.T], axis=1)


def entropy(labels: Whole) -> Reals:
    """Entropy in nats of each column of (n, K): -sum_v p(v) log p(v), from counts.

    >>> entropy(np.array([[0, 3], [1, 3]])).round(4).tolist()
    [0.6931, 0.0]
    """
    counts = [np.unique(column, return_counts=True)[1] for column in labels.T]
    return np.array([max(0.0, -float((c / c.sum() * np.log(c / c.sum())).sum())) for c in counts])


def _joint(cells: Whole, values: Whole) -> tuple[Reals, Reals, Whole]:
    """Joint shares and log ratios of a factor (n,) and each binned code (n, D), (D, V, B), and each row's cells."""
    (n, d), column = cells.shape, np.arange(cells.shape[1])
    width, height = int(cells.max(initial=0)) + 1, int(values.max()) + 1
    at = (column * height + values[:, None]) * width + cells  # (n, D), one number a cell of D tables
    joint = np.bincount(at.ravel(), minlength=d * height * width).reshape(d, height, width) / n
    apart = joint.sum(axis=2, keepdims=True) * joint.sum(axis=1, keepdims=True)
    seen = joint > 0
    ratio = np.log(joint, out=np.zeros_like(joint), where=seen) - np.log(apart, out=np.zeros_like(joint), where=seen)
    return joint, ratio, at


def mutual_information(bins: Whole, factors: Whole) -> Reals:
    """I(g_k; z_j) in nats of every factor (n, K) and every binned code (n, D), from joint counts, as (K, D).

    The plain plug-in estimate: never negative, and too high by about (V - 1)(B - 1) / 2n for V values and B
    bins.

    >>> bins = np.array([[0, 0], [1, 0], [0, 1], [1, 1]])
    >>> mutual_information(bins, bins[:, :1]).round(4).tolist()
    [[0.6931, 0.0]]
    """
    cells, labels = renumbered(bins), renumbered(factors)
    found = np.empty((labels.shape[1], cells.shape[1]))
    for k, values in enumerate(labels.T):
        joint, ratio, _ = _joint(cells, values)
        found[k] = (joint * ratio).sum(axis=(1, 2))
    return found.clip(min=0.0)


def influences(bins: Whole, factors: Whole, weights: Reals) -> Reals:
    """By how much each row moves sum_kj weights_kj I(g_k; z_j), (n,), of factors (n, K), codes (n, D), weights (K, D).

    That is the weighted sum of the row's log ratios log p(b, v) / (p(b) p(v)), whose mean is that of the informations.

    >>> influences(np.array([[0], [1]]), np.array([[5], [6]]), np.ones((1, 1))).round(4).tolist()
    [0.6931, 0.6931]
    """
    cells, labels = renumbered(bins), renumbered(factors)
    found = np.zeros(len(cells))
    for values, line in zip(labels.T, weights, strict=True):
        used = np.flatnonzero(line)
        if used.size:
            _, ratio, at = _joint(cells[:, used], values)
            found += (ratio * line[used, None, None]).ravel()[at].sum(axis=1)
    return found
