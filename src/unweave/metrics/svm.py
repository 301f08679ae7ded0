"""Linear support vector classifiers of one number, one class against the rest, solved exactly."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from unweave.metrics.arrays import Reals, Whole

STEPS = 100  # Newton steps at most; a handful is usual
HALVINGS = 40
SLOPE = 1e-4  # share of the promised decrease that a step must keep


class LineMachine:
    """Classifiers sign(w x + b) that minimise (w^2 + b^2) / 2 + sum_i C_i max(0, 1 - y_i (w x_i + b))^2.

    The rows that a half-line of x leaves unsatisfied are a stretch of the sorted rows, so that with running sums of
    1, x and x^2 one Newton step costs the same for any number of rows. Inside, x is measured by its largest magnitude,
    so that no square overflows. C_i is `c` for the rest and `c` n / (S n_s) for class s, as in liblinear with balanced
    classes; with two classes both are weighted.

    >>> machine = LineMachine(np.array([-2.0, -1.0, 1.0, 2.0]))
    >>> machine.guess(np.array([0, 0, 1, 1]), np.array([-3.0, 3.0])).tolist()
    [0, 1]
    """

    def __init__(self, x: Reals, c: float = 0.01) -> None:
        self.c = c
        self.order = np.argsort(x, kind="stable")
        self.unit = float(np.abs(x).max()) or 1.0
        self.x = x[self.order] / self.unit
        self.powers = np.stack([np.ones_like(self.x), self.x, self.x**2], axis=1)

    def guess(self, labels: Whole, x: Reals) -> Whole:
        """Train on the labels of the rows given at first, and give the most likely label of each of `x` (m,)."""
        present = np.unique(labels)
        if len(present) < 2:
            return np.full(len(x), present[0])
        w, b = self._solve(labels)
        margins = np.outer(x / self.unit, w) + b
        return present[(margins[:, 1] > 0).astype(np.int64) if len(present) == 2 else margins.argmax(axis=1)]

    def fit(self, labels: Whole) -> tuple[Reals, Reals]:
        """Slope and offset of each class against the rest, in the order of the labels, twice (S,)."""
        w, b = self._solve(labels)
        return w / self.unit, b

    def _solve(self, labels: Whole) -> tuple[Reals, Reals]:
        """As `fit`, the slope being that along x / unit."""
        present, at = np.unique(labels[self.order], return_inverse=True)
        own = (at[:, None] == np.arange(len(present)))[:, :, None] * self.powers[:, None, :]
        own = np.concatenate([np.zeros((1, len(present), 3)), own.cumsum(axis=0)])  # (n + 1, S, 3)
        every = np.concatenate([np.zeros((1, 3)), self.powers.cumsum(axis=0)])[:, None, :]
        balanced = self.c * len(labels) / (len(present) * own[-1, :, 0])
        rest = balanced[::-1] if len(present) == 2 else np.full(len(present), self.c)
        return _newton(self.x, own, every - own, balanced, rest, self.unit**-2)


def _newton(x: Reals, own: Reals, rest: Reals, inside: Reals, outside: Reals, penalty: float) -> tuple[Reals, Reals]:
    """Minimise all classes' objectives at once, by Newton steps that are halved until they descend enough."""
    solution = np.zeros((own.shape[1], 2))
    value, slope, bend = _objective(x, own, rest, inside, outside, penalty, solution)
    for _ in range(STEPS):
        det = bend[:, 0] * bend[:, 2] - bend[:, 1] ** 2
        step = (
            np.stack(
                [
                    bend[:, 1] * slope[:, 1] - bend[:, 2] * slope[:, 0],
                    bend[:, 1] * slope[:, 0] - bend[:, 0] * slope[:, 1],
                ],
                axis=1,
            )
            / np.where(det > 0, det, 1.0)[:, None]
        )
        promised = (step * slope).sum(axis=1)
        moving = -promised > 1e-14 * (1e-30 + value)
        if not moving.any():
            break
        share = np.where(moving, 1.0, 0.0)
        trial = _objective(x, own, rest, inside, outside, penalty, solution + share[:, None] * step)
        for _ in range(HALVINGS):
            poor = moving & (trial[0] > value + SLOPE * share * promised)
            if not poor.any():
                break
            share = np.where(poor, share / 2, share)
            trial = _objective(x, own, rest, inside, outside, penalty, solution + share[:, None] * step)
        solution = solution + share[:, None] * step
        value, slope, bend = trial
    return solution[:, 0], solution[:, 1]


def _objective(
    x: Reals, own: Reals, rest: Reals, inside: Reals, outside: Reals, penalty: float, solution: Reals
) -> tuple[Reals, Reals, Reals]:
    """Value (S,), gradient (S, 2) and second derivatives ww, wb, bb (S, 3) of the classes at (w, b).

    The part that keeps solutions small is (penalty w^2 + b^2) / 2.
    """
    w, b = solution.T
    below = _unsatisfied(x, own, w, b, 1.0)  # own rows with w x + b < 1
    above = _unsatisfied(x, rest, -w, -b, 1.0)  # rows of the rest with -(w x + b) < 1
    value = (penalty * w**2 + b**2) / 2
    slope = solution * [penalty, 1.0]
    bend = np.stack([np.full_like(w, penalty), np.zeros_like(w), np.ones_like(w)], axis=1)
    for sums, cost, sign in ((below, inside, 1.0), (above, outside, -1.0)):
        n, s, q = sums.T
        value = value + cost * (n - 2 * sign * (w * s + b * n) + w * w * q + 2 * w * b * s + b * b * n)
        slope = slope + 2 * cost[:, None] * np.stack([w * q + b * s - sign * s, w * s + b * n - sign * n], axis=1)
        bend = bend + 2 * cost[:, None] * np.stack([q, s, n], axis=1)
    return value, slope, bend


def _unsatisfied(x: Reals, sums: Reals, w: Reals, b: Reals, margin: float) -> Reals:
    """Sums of 1, x and x^2, (S, 3), over the rows of each class with w x + b < margin."""
    edge = np.divide(margin - b, w, out=np.zeros_like(w), where=w != 0)
    classes = np.arange(sums.shape[1])
    upto = sums[np.searchsorted(x, edge, side="left"), classes]
    beyond = sums[-1] - sums[np.searchsorted(x, edge, side="right"), classes]
    flat: npt.NDArray[np.float64] = np.where((b < margin)[:, None], sums[-1], 0.0)
    return np.where((w > 0)[:, None], upto, np.where((w < 0)[:, None], beyond, flat))
