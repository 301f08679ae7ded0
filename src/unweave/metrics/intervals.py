"""95 % intervals of scores."""

from __future__ import annotations

import math

from unweave.metrics.arrays import Reals

Z95 = 1.959964  # standard deviations on either side of a 95 % interval


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
