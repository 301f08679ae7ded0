"""95 % intervals of scores."""

from __future__ import annotations

import math

import numpy as np

from unweave.metrics.arrays import Reals, Whole

Z95 = 1.959964  # standard deviations on either side of a 95 % interval
FEWEST = 3_000  # rows behind the intervals that fewer leave too narrow: of explicitness, InfoM and InfoC
REPEATS = 64  # pools that are imagined behind an interval of votes or points
ROWS = 10_000  # rows at most that tell how such pools differ


def around(value: float, influence: Reals, least: float = 0.0, most: float = 1.0) -> tuple[float, float] | None:
    """95 % interval of a value that row n moves by `influence` (n,) over the number of rows, cut to its range.

    With the derivative of a score by the weight of each row as the influence this is the infinitesimal jackknife, the
    bootstrap over rows to first order. None for a value that is none, and for a single row.

    >>> import numpy as np
    >>> around(0.5, np.array([-1.0, 1.0, -1.0, 1.0]))
    (0.0, 1.0)
    """
    if not math.isfinite(value) or len(influence) < 2:
        return None
    half = Z95 * float(influence.std(ddof=1)) / math.sqrt(len(influence))
    return max(least, value - half), min(most, value + half)


def wilson(successes: float, trials: int, z: float = Z95) -> tuple[float, float]:
    """Wilson's 95 % interval of the share `successes` / `trials` of independent trials, inside [0, 1].

    >>> [round(bound, 3) for bound in wilson(80, 100)]
    [0.711, 0.867]
    """
    share, square = successes / trials, z * z / trials
    middle = (share + square / 2) / (1 + square)
    half = z * math.sqrt(share * (1 - share) / trials + square / (4 * trials)) / (1 + square)
    return max(0.0, min(share, middle - half)), min(1.0, max(share, middle + half))


def wider(value: float, bounds: tuple[float, float], sd: float) -> tuple[float, float]:
    """Bounds inside [0, 1] of a value that also has the standard deviation `sd` of another, independent cause.

    >>> [round(bound, 3) for bound in wider(0.5, (0.44, 0.56), 0.04)]
    [0.401, 0.599]
    """
    low, high = (math.hypot(value - bound, Z95 * sd) for bound in bounds)
    return max(0.0, value - low), min(1.0, value + high)


def sums(table: Reals, labels: Whole) -> Reals:
    """Sums of the rows of (n, D) by their label 0, 1, ..., (V, D).

    >>> sums(np.array([[1.0], [2.0], [4.0]]), np.array([1, 0, 1])).T.tolist()
    [[2.0, 5.0]]
    """
    return np.stack([np.bincount(labels, column).astype(np.float64) for column in table.T], axis=1)


def other_pools(influence: Reals, labels: Whole, values: int, of: int, draws: Reals) -> Reals:
    """By how much a mean over the rows of each value moves in other pools of `of` rows, (V, D, B).

    `influence` (n, D) is what a row adds to it beyond the mean, `labels` (n,) the value of each row, below `values`;
    `draws` (n, B) are standard normal numbers, the same for all that moves together: each row is counted 1 + draw times
    (the multiplier bootstrap), and n rows stand for `of`.
    """
    order = np.argsort(labels, kind="stable")
    counts = np.bincount(labels, minlength=values)
    influence, draws = influence[order] * math.sqrt(len(labels) / of), draws[order]
    ends = np.cumsum(counts)
    return np.stack(
        [
            influence[e - c : e].T @ draws[e - c : e] / max(c, 1)
            for e, c in zip(ends.tolist(), counts.tolist(), strict=True)
        ]
    )
