"""What the decoder says of two latents: does the image change along radius and angle, or along fixed axes?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from scipy import stats

from unweave.metrics.arrays import Reals, as_array

Decode: TypeAlias = Callable[[Reals], Any]  # codes (n, d) -> n images of any shape

CONTEXTS = 64  # rows of the codes whose other latents the pair is looked at with
FIRST_LOOK = 8  # and as many before them, to see whether the rest is worth the time
WORTH_A_LOOK = 0.35
ANGLES = 8
QUANTILES = (0.5, 0.75, 0.9)  # of the radius of the codes: the circles walked
STEP = 0.15  # for differences, in standard deviations


@dataclass(frozen=True)
class Turning:
    """The decoder's evidence on one pair, over `contexts` values of the other latents.

    `share` is how much of the anisotropy of the image's change turns with the angle, 0 to 1 (see `turning`); `p_value`
    is of a half or less. `steps` is the standard deviation of the image's change per step of angle over its mean, 0
    where equal steps of angle change the image equally. `apart` is the least distance of two images half a turn apart
    over the largest such distance, 0 where two of them are alike.
    """

    share: float
    p_value: float
    steps: float
    apart: float
    contexts: int


def turning(
    decode: Decode, codes: Reals, pair: tuple[int, int], centre: Reals, matrix: Reals, rng: np.random.Generator
) -> Turning:
    """Whether radius and angle of a pair of latents change the image each in its own way, in every context.

    With u = (codes - centre) @ matrix, G = (dx/du)' (dx/du) (2, 2) is the metric of the images x, and
    delta = ((G_11 - G_22) / 2 + i G_12) / mean (G_11 + G_22) / 2 its anisotropy. Round a circle delta is a sum of
    c_k exp(i k phi). Wherever two latents change the image along two axes, at whatever angle and each as fast as it
    likes along its own, delta = (a(u_1) - b(u_2)) exp(2 i psi), so that |c_2| = |c_-2|; where the metric is the same
    all over, only c_0 is left. Where radius and angle change the image each in its own way, delta = c_2 exp(2 i phi).
    `share` is |Re c_2|^2 / (|Re c_2|^2 + |c_-2|^2 + |c_0|^2) of three circles: at most a half for any two axes, 1 for a
    plane. The p-value is Student's, over contexts.
    """
    radii = np.quantile(np.linalg.norm((codes[:, list(pair)] - centre) @ matrix, axis=1), QUANTILES)
    angles = 2 * np.pi * np.arange(ANGLES) / ANGLES
    circles = radii[:, None, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)  # (R, A, 2)
    moves = STEP * np.array([[1, 0], [-1, 0], [0, 1], [0, -1]])
    points = (circles[:, :, None] + moves).reshape(-1, 2) @ np.linalg.inv(matrix) + centre
    rows = rng.permutation(len(codes))[: FIRST_LOOK + CONTEXTS]
    looks = [_look(decode, np.array(codes[row]), pair, points) for row in rows[:FIRST_LOOK]]
    if np.mean([look[0] for look in looks]) > WORTH_A_LOOK:
        looks = [_look(decode, np.array(codes[row]), pair, points) for row in rows[FIRST_LOOK:]]
    share, steps, apart = np.array(looks).T
    spread = max(float(share.std(ddof=1)), 1e-6) / np.sqrt(len(share))
    p = float(stats.t.sf((share.mean() - 0.5) / spread, len(share) - 1)) if len(share) > FIRST_LOOK else 1.0
    return Turning(float(share.mean()), p, float(steps.mean()), float(apart.mean()), len(share))


def _look(decode: Decode, row: Reals, pair: tuple[int, int], points: Reals) -> tuple[float, float, float]:
    """Share, unevenness of steps, and nearness of opposite images in the context of one row of codes."""
    there = np.tile(row, (len(points), 1))
    there[:, list(pair)] = points
    images = as_array(decode(there), "decoded images").reshape(len(points), -1).astype(np.float64)
    images = images.reshape(len(QUANTILES), ANGLES, 4, -1)
    first, second = (images[:, :, 0] - images[:, :, 1]) / (2 * STEP), (images[:, :, 2] - images[:, :, 3]) / (2 * STEP)
    g11, g22, g12 = (first**2).sum(-1), (second**2).sum(-1), (first * second).sum(-1)
    size = ((g11 + g22) / 2).mean(axis=1, keepdims=True)
    if not (size > 0).all():
        return 0.0, 1.0, 0.0
    delta = ((g11 - g22) / 2 + 1j * g12) / size
    turns = np.exp(-2j * np.pi * 2 * np.arange(ANGLES) / ANGLES)
    turned, mirrored, fixed = (delta * turns).mean(axis=1).real, (delta * turns.conj()).mean(axis=1), delta.mean(axis=1)
    polar, other = (turned**2).sum(), (np.abs(mirrored) ** 2 + np.abs(fixed) ** 2).sum()
    share = float(polar / max(polar + other, 1e-12))
    along = np.sqrt(np.maximum(1 - (delta * turns).real, 0))  # change per step of angle: along the tangent
    middle = images.mean(axis=2)
    opposite = np.linalg.norm(middle[:, : ANGLES // 2] - middle[:, ANGLES // 2 :], axis=-1)
    apart = opposite.min(axis=1) / np.maximum(opposite.max(axis=1), 1e-12)
    return share, float((along.std(axis=1) / np.maximum(along.mean(axis=1), 1e-12)).mean()), float(apart.mean())
