"""What two latents share: the dependence that no axes remove, and that which radius and angle leave."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats
from scipy.optimize import nnls

from unweave.metrics.arrays import Reals, Whole

SEARCHED = 4_000  # rows on which rotations and centres are first looked for
TURNS = 12  # rotations tried before the refinement
SECTORS = 24
LEFT = 4 / 5  # of the dependence along the best axes: radius and angle of a plane share less
TINY = 1e-12


def bins_for(n: int) -> int:
    """Bins a coordinate of n rows: about 10 rows a cell where that can be had, 4 to 12 bins."""
    return int(np.clip(np.sqrt(n / 10), 4, 12))


def binned(values: Reals, bins: int) -> Whole:
    """The number of the bin, 0 to bins - 1, of each value (n,); bins of equal counts, but for ties."""
    at = (np.arange(1, bins) * len(values)) // bins
    return np.searchsorted(np.partition(values, at)[at], values, side="right")


def log_ratios(a: Reals, b: Reals, bins: int) -> Reals:
    """Each row's log p(a, b) / p(a) p(b), (n,), by bins of ranks; the mean is the plug-in mutual information, nats."""
    cell = binned(a, bins) * bins + binned(b, bins)
    joint = np.bincount(cell, minlength=bins * bins).reshape(bins, bins) / len(a)
    apart = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0, keepdims=True)
    ratio = np.log(np.where(joint > 0, joint, 1) / np.where(apart > 0, apart, 1))
    return ratio.ravel()[cell]


def information(a: Reals, b: Reals, bins: int) -> float:
    """Mutual information in nats by bins of ranks, less the bias (bins - 1)^2 / 2n that independent values have."""
    return float(log_ratios(a, b, bins).mean()) - (bins - 1) ** 2 / (2 * len(a))


def scatter(codes: Reals) -> tuple[Reals, Reals]:
    """Centre (d,) and matrix (d, d) such that `(codes - centre) @ matrix` is round about 0.

    The centre is the median, the shape is Tyler's (1987), which no tail however heavy moves: S in proportion to
    sum_i x_i x_i' / x_i' S^-1 x_i. The size makes the median radius that of round normal codes of standard deviation 1.
    """
    d = codes.shape[1]
    centre = np.median(codes, axis=0)
    spread = np.median(np.abs(codes - centre), axis=0)
    spread = np.where(spread > 0, spread, codes.std(axis=0))
    x = (codes - centre) / spread
    shape = np.eye(d)
    for _ in range(100):
        distance = np.maximum(np.einsum("ni,ij,nj->n", x, np.linalg.inv(shape), x), TINY)
        before, shape = shape, (x / distance[:, None]).T @ x
        shape *= d / np.trace(shape)
        shape += 1e-9 * np.eye(d)  # latents that are copies of each other
        if np.abs(shape - before).max() < 1e-6:
            break
    root = np.linalg.inv(np.linalg.cholesky(shape)).T / spread[:, None]
    size = np.median(np.linalg.norm((codes - centre) @ root, axis=1)) / np.sqrt(stats.chi2.ppf(0.5, d))
    return centre, root / max(float(size), TINY)


def descend(loss: Callable[[Reals], float], start: Reals, steps: Sequence[float], ways: Reals, least: float) -> Reals:
    """Where `loss` is lowest, gone to along `ways` (k, m) in steps that shrink and gain more than `least`."""
    at, low = start, loss(start)
    for step in steps:
        moved = True
        while moved:
            moved = False
            for way in step * np.concatenate([ways, -ways]):
                if (found := loss(at + way)) < low - least:
                    at, low, moved = at + way, found, True
    return at


def along(round_pair: Reals, angles: Reals) -> tuple[Reals, Reals]:
    """The pair along two directions, told by their angles from the first axis and from the second one."""
    x, y = round_pair.T
    return (
        x * np.cos(angles[0]) + y * np.sin(angles[0]),
        y * np.cos(angles[1]) - x * np.sin(angles[1]),
    )


def best_axes(round_pair: Reals, some: Reals) -> Reals:
    """The two directions (2,), as `along` takes them, that share the least: of all rotations, then each by itself.

    Rotations are tried on the rows `some`, directions on all rows: those found on few would share more of the others.
    """

    def shared(angles: Reals, points: Reals = round_pair) -> float:
        return information(*along(points, angles), bins_for(len(points)))

    def turned(turns: Reals) -> float:
        return float(min(turns, key=lambda turn: shared(np.full(2, turn), some)))

    first = turned(np.linspace(0, np.pi / 2, TURNS, endpoint=False))
    start = np.full(2, turned(first + np.linspace(-0.13, 0.13, 9)))
    ways = np.array([[1, 0], [0, 1], [1, -1], [1, 1]])
    return descend(shared, start, (0.03, 0.01), ways, 1 / len(round_pair))


def stretch(a: float, b: float) -> Reals:
    """The matrix exp [[a, b], [b, -a]]: longer one way, shorter the other, of determinant 1.

    >>> stretch(0.0, 0.0).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    size = np.hypot(a, b)
    return np.cosh(size) * np.eye(2) + (np.sinh(size) / size if size else 1.0) * np.array([[a, b], [b, -a]])


def polar(points: Reals) -> tuple[Reals, Reals]:
    """Radius and angle of points (n, 2) about 0."""
    return np.hypot(points[:, 0], points[:, 1]), np.arctan2(points[:, 1], points[:, 0])


def best_centre(round_pair: Reals, some: Reals, rng: np.random.Generator) -> tuple[Reals, Reals]:
    """Centre (2,) and stretch (2, 2) about which radius and angle share the least: on the rows `some`, then on all."""
    blur = {len(points): blurring(len(points), rng) for points in (some, round_pair)}

    def shared(at: Reals, points: Reals = round_pair) -> float:
        radius, angle = polar((points - at[:2]) @ stretch(at[2], at[3]))
        return information(radius * blur[len(points)], angle, bins_for(len(points)))

    at = descend(lambda at: shared(at, some), np.zeros(4), (0.4, 0.2, 0.1, 0.05), np.eye(4), 1e-5)
    at = descend(shared, at, (0.02,), np.eye(4), 1 / len(round_pair))
    return at[:2], stretch(at[2], at[3])


def blurring(n: int, rng: np.random.Generator) -> Reals:
    """Factors (n,) about 1 that blur radii by a twentieth.

    On a thin ring ranks would show the least fault of centre and stretch as a dependence of the radius on the angle.
    """
    return np.exp(0.05 * rng.normal(size=n))


@dataclass(frozen=True)
class Dependence:
    """What codes alone say of two latents. All informations are in nats, all p-values one-sided.

    `axes` is the mutual information of the two directions that share the least: what no axes remove. `polar` is that of
    radius and angle about the best `centre`, in the coordinates `(codes - centre) @ matrix`. `dependent` is the p-value
    of no dependence along the best axes, `polar_better` that of radius and angle removing a fifth of it or less,
    `axes_better` that of their sharing less than the best axes, and `ring` that of a radius which a mixture of round
    normals could have. `around` says how empty the emptiest of 24 equal sectors is: its rows over a 24th of all.
    """

    axes: float
    polar: float
    dependent: float
    polar_better: float
    axes_better: float
    ring: float
    around: float
    centre: tuple[float, ...]
    matrix: tuple[tuple[float, ...], ...]

    @property
    def share(self) -> float:
        """Which part of the dependence that no axes remove radius and angle do remove: at most 1."""
        return 1 - max(self.polar, 0.0) / self.axes if self.axes > 0 else 0.0


def ring_p_value(radius: Reals, bins: int = 12) -> float:
    """The p-value of: these radii (n,) are of round normals of any mixture of sizes.

    Of such a mixture r^2 is a mixture of exponentials: its density only falls, and ever more slowly. The nearest one is
    fitted to `bins` bins of equal counts; n sum (seen - fitted)^2 / seen has bins - 1 degrees of freedom or fewer.
    """
    squares, n = np.sort(radius**2), len(radius)
    at = (np.arange(1, bins) * n) // bins
    seen = np.diff(np.concatenate([[0], at, [n]])) / n
    rates = np.geomspace(0.02, 200, 300) / max(float(np.median(squares)), TINY)
    below = np.vstack([np.zeros(len(rates)), 1 - np.exp(-np.outer(squares[at], rates)), np.ones(len(rates))])
    mass = np.diff(below, axis=0)
    scaled, whole = mass / np.sqrt(seen)[:, None], 1e3 * np.ones((1, len(rates)))  # weights that sum to 1
    _, left = nnls(np.vstack([scaled, whole]), np.concatenate([np.sqrt(seen), [1e3]]))
    return float(stats.chi2.sf(n * left**2, bins - 1))


def dependence(pair: Reals, rng: np.random.Generator) -> Dependence:
    """What two latents (n, 2) share along the best axes and about the best centre; `rng` draws the rows searched on.

    Values that are independent along any two directions give `dependent` below alpha in a share alpha of all data or
    less: 2 n I of b x b bins of ranks is chi-squared of (b - 1)^2 degrees of freedom at the true directions, and the
    least over directions is at most that.

    >>> turn = np.random.default_rng(0).uniform(0, 2 * np.pi, 2000)
    >>> found = dependence(np.stack([np.cos(turn), np.sin(turn)], axis=1), np.random.default_rng(0))
    >>> found.dependent < 0.001, found.polar_better < 0.001, found.ring < 0.001
    (True, True, True)
    """
    n = len(pair)
    origin, root = scatter(pair)
    points = (pair - origin) @ root
    some = points if n <= SEARCHED else points[rng.choice(n, SEARCHED, replace=False)]
    axes, (centre, matrix) = best_axes(points, some), best_centre(points, some, rng)
    bins = bins_for(n)
    freedom = (bins - 1) ** 2
    radius, angle = polar((points - centre) @ matrix)
    straight, round_ = log_ratios(*along(points, axes), bins), log_ratios(radius * blurring(n, rng), angle, bins)
    bias = freedom / (2 * n)

    def normal(gain: Reals, corrected: float) -> float:
        return float(stats.norm.sf(corrected / max(gain.std() / np.sqrt(n), TINY)))

    removed, less = LEFT * straight - round_, round_ - straight
    sector = np.floor((angle / (2 * np.pi) + 0.5) * SECTORS).astype(np.int64).clip(0, SECTORS - 1)
    whole = root @ matrix
    return Dependence(
        axes=float(straight.mean() - bias),
        polar=float(round_.mean() - bias),
        dependent=float(stats.chi2.sf(2 * n * straight.mean(), freedom)),
        polar_better=normal(removed, removed.mean() + (1 - LEFT) * bias),
        axes_better=normal(less, less.mean()),
        ring=ring_p_value(radius),
        around=float(np.bincount(sector, minlength=SECTORS).min() * SECTORS / n),
        centre=tuple((origin + centre @ np.linalg.inv(root)).tolist()),
        matrix=tuple(map(tuple, whole.tolist())),
    )
