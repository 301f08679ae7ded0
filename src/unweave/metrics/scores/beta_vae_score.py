"""beta-VAE score: can a linear classifier predict which factor the images of a pair share?"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Literal, TypeAlias

import numpy as np

from unweave.base.checks import Range
from unweave.base.records import Score
from unweave.metrics.arrays import Reals, Whole, one_hot_columns
from unweave.metrics.base import FactorMetric, Preset, scored, shares_of, undefined
from unweave.metrics.information import renumbered
from unweave.metrics.intervals import REPEATS, ROWS, other_pools, sums, wider, wilson
from unweave.metrics.probe import Groups, Probe

PresetName: TypeAlias = Literal["default", "dlib", "infogan-cr"]
PRESETS = {
    "default": Preset(
        "Higgins et al. 2017, counts of Locatello et al. 2019",
        "64 pairs, 10,000 + 5,000 points, differences standardised, held out",
    ),
    "dlib": Preset("disentanglement_lib", "the same, not standardised", {"standardise": False}),
    "infogan-cr": Preset(
        "Lin et al. 2020, released code",
        "50 pairs in one value, 500 points, factors in turn, in-sample",
        {
            "samples": 50,
            "train": 500,
            "test": 500,
            "standardise": False,
            "one_value": True,
            "headline": "in_sample",
        },
    ),
}
CHUNK = 1 << 18  # pairs of codes held at a time


@dataclass(frozen=True)
class BetaVAEScore(FactorMetric):
    """Accuracy on fresh points of a linear classifier of k from the mean over pairs of |z_1 - z_2|.

    One point: choose a factor k, take `samples` pairs of rows that agree in k (each pair in a value of its own), and
    average the absolute differences of the live codes, (d,). In [0, 1], no unit: 1/K is chance. The classifier is
    scikit-learn's logistic regression with its default penalty; `standardise` scales the averaged differences first,
    without which small codes underfit (False is dlib's way). It hardly sees a rotation, and forgives one missing
    factor, which is recognised by all others moving. `in_sample` is the accuracy on the training points. A categorical
    code counts as 1 where the two rows differ in it. Values with one row make no pairs: `groups` says how many values
    of each factor do, `rows_per_group` how many rows the smallest and the largest of them have. The interval
    (95 %) is of the mean over other pools of as many rows of the same model: Wilson's for the points of the headline,
    widened by how these points would move in 64 other pools (rows counted 1 + a normal number of times).

    `PRESETS` says whose protocol each preset is; a setting that differs from its default wins over the preset.
    Source: Higgins et al. 2017, https://openreview.net/forum?id=Sy2fzU9gl; counts: Locatello et al. 2019.

    >>> from unweave.metrics import beta_vae_score
    >>> grid = np.stack(np.meshgrid(range(10), range(10)), axis=-1).reshape(-1, 2)
    >>> beta_vae_score(grid * 1.0, grid, train=200, test=100).value
    1.0
    """

    samples: Annotated[int, "pairs averaged per point", Range(1)] = 64
    train: Annotated[int, "training points", Range(2)] = 10_000
    test: Annotated[int, "held-out points", Range(1)] = 5_000
    standardise: Annotated[bool, "scale the averaged differences to mean 0 and standard deviation 1"] = True
    preset: Annotated[PresetName, "protocol to follow"] = "default"
    one_value: Annotated[bool, "all pairs of a point share one value, and factors take turns"] = False
    headline: Annotated[Literal["held_out", "in_sample"], "which points the accuracy is of"] = "held_out"
    categorical: Annotated[bool, "use categorical codes too, if there are any"] = True

    measures = "modularity, loosely"
    lies_in = "1/K to 1"
    known = "chance is 1/K"
    trap = "a perfect code that lacks one factor gets 1.00; rotated codes reach 0.8 to 1.0"
    interval = "Wilson, points, widened by other pools"
    categories_count = "1 where the rows of a pair differ"
    takes_categories = True
    presets = PRESETS
    version = 3

    def in_units(self) -> bool:
        return not self.followed()[0].standardise

    def score(self, probe: Probe) -> Score:
        """Held-out accuracy, with the confusion matrix of true (rows) and guessed factors."""
        (how, named), categories = self.followed(), self.categories_of(probe)
        chosen = self.shared(probe)
        numbers, varies = self.live(probe), np.ptp(categories, axis=0) > 0
        live = np.concatenate([numbers, varies])
        facts = {**named, **scored(chosen, live), **probe.group_facts(chosen.tolist())}
        if len(chosen) < 2:
            return undefined("pairs need two factors that vary and whose values repeat", **facts)
        if not live.any():
            reason = f"{self.no_life(probe)}, and guessing is right once in {len(chosen)}"
            return Score(1 / len(chosen), reason=reason, settings=facts)
        names = [probe.factor_names[k] for k in chosen]
        codes = probe.codes[:, numbers] - probe.codes[:, numbers].mean(axis=0)
        hot, of = one_hot_columns(categories[:, varies])
        points = {
            part: how._points(
                codes, categories[:, varies], probe.groups, chosen, count, probe.rng(f"beta-vae-score/{name}")
            )
            for part, name, count in (("in_sample", "train", how.train), ("held_out", "test", how.test))
        }
        logits = _classifier(points["in_sample"], len(chosen), how.standardise)
        found = {part: _confusion(logits(each.apart), each.factor, len(chosen)) for part, each in points.items()}
        right, seen = found[how.headline].diagonal(), found[how.headline].sum(axis=1)
        parts = {name: float(table.trace() / table.sum()) for name, table in found.items()}
        labels = renumbered(probe.known_factors[:, chosen])
        rng = probe.rng("beta-vae-score/interval")
        sd = how._over_pools(codes, hot, of, labels, points[how.headline], logits, rng)
        return Score(
            parts[how.headline],
            parts=parts,
            per_factor=shares_of(names, right, seen),
            interval=wider(parts[how.headline], wilson(float(right.sum()), int(seen.sum())), sd),
            tables={"confusion": found[how.headline].tolist(), "rows": names, "columns": names},
            settings=facts,
        )

    def _points(
        self, codes: Reals, categories: Whole, groups: Groups, chosen: Whole, count: int, rng: np.random.Generator
    ) -> Points:
        """As many points as `count`."""
        factor = np.arange(count) % len(chosen) if self.one_value else rng.integers(len(chosen), size=count)
        step = max(1, CHUNK // self.samples)
        found, row = list[Reals](), list[Whole]()
        for at in range(0, count, step):
            these = chosen[factor[at : at + step]]
            if self.one_value:
                rows = groups.sharing(these, 2 * self.samples, rng)
                first, second = rng.permuted(rows, axis=1).reshape(len(rows), 2, self.samples).swapaxes(0, 1)
            else:
                first, second = groups.pairs(these, self.samples, rng)
            apart = np.abs(codes[first] - codes[second]).mean(axis=1)
            differ = (categories[first] != categories[second]).mean(axis=1)
            found.append(np.concatenate([apart, differ], axis=1))
            row.append(first[:, 0])
        return Points(np.concatenate(found), factor, np.concatenate(row))

    def _over_pools(
        self,
        codes: Reals,
        hot: Reals,
        of: Whole,
        labels: Whole,
        points: Points,
        logits: Callable[[Reals], Reals],
        rng: np.random.Generator,
    ) -> float:
        """Standard deviation over other pools of the share of points that are told right.

        In another pool the mean difference of the pairs that agree in a factor is another, and points of this factor
        move with it: `labels` (N, K) are the values of the chosen factors, `hot` (N, P) the columns of the categorical
        codes `of`. Points move there and back, since a classifier fitted to the other pool would follow them: that
        leaves the slope, which does not depend on the fit.
        """
        rows = rng.permutation(len(codes))[:ROWS]
        draws = rng.standard_normal((len(rows), REPEATS))
        shifts, group, first = list[Reals](), np.empty_like(points.factor), 0
        for k, column in enumerate(labels.T):
            value, at = column[rows], points.factor == k
            each = distances(codes[rows], value)
            if of.size:
                each = np.concatenate([each, sums(distances(hot[rows], value).T, of).T / 2], axis=1)
            middle = (sums(each, value) / np.maximum(np.bincount(value), 1)[:, None])[value]
            if self.one_value:
                influence = 2 * (each - middle)
            else:
                influence, value = 2 * each - middle - each.mean(axis=0), np.zeros_like(value)
            values = int(column.max()) + 1 if self.one_value else 1
            shifts.append(other_pools(influence, value, values, len(codes), draws))
            group[at] = first + (column[points.row[at]] if self.one_value else 0)
            first += len(shifts[-1])
        table = np.concatenate(shifts)
        swing = [
            [
                (logits(points.apart + way * table[group, :, b]).argmax(axis=1) == points.factor).mean()
                for way in (1, -1)
            ]
            for b in range(REPEATS)
        ]
        return float(np.std(np.diff(swing) / 2))


@dataclass(frozen=True)
class Points:
    """Averaged absolute differences (m, d + L), which chosen factor the pairs of each shared, and a row of each."""

    apart: Reals
    factor: Whole
    row: Whole


def distances(codes: Reals, labels: Whole) -> Reals:
    """Mean |difference| of each row of (n, D) from the rows with its label, (n, D).

    >>> distances(np.array([[0.0], [1.0], [5.0], [7.0]]), np.array([0, 0, 1, 1])).T.tolist()
    [[0.5, 0.5, 1.0, 1.0]]
    """
    counts = np.bincount(labels)
    start, found = np.cumsum(counts) - counts, np.empty_like(codes)
    for j, column in enumerate(codes.T):
        order = np.lexsort((column, labels))
        value, z = labels[order], column[order]
        before = np.concatenate([[0.0], np.cumsum(z)])
        below, size = np.arange(len(z)) - start[value], counts[value]
        under = before[:-1] - before[start[value]]
        over = before[start[value] + size] - before[1:]
        found[order, j] = (z * below - under + over - z * (size - 1 - below)) / size
    return found


def _classifier(train: Points, k: int, standardise: bool) -> Callable[[Reals], Reals]:
    """What gives the logits (m, K) of points (m, D), fitted to the training points."""
    points, present = train.apart, np.unique(train.factor)
    if len(present) < 2:  # a handful of points that all fell on one factor: always guess that one
        return lambda apart: np.tile(np.arange(k) == present[0], (len(apart), 1)).astype(np.float64)
    from sklearn.linear_model import LogisticRegression  # late: takes a second

    std = points.std(axis=0)
    scale = np.where(std > 0, std, 1.0) if standardise else np.ones_like(std)
    middle = points.mean(axis=0) if standardise else np.zeros_like(std)
    model = LogisticRegression(max_iter=1_000).fit((points - middle) / scale, train.factor)

    def logits(apart: Reals) -> Reals:
        told = model.decision_function((apart - middle) / scale)
        all_ = np.full((len(apart), k), -math.inf)
        all_[:, present] = np.stack([np.zeros_like(told), told], axis=1) if told.ndim == 1 else told
        return all_

    return logits


def _confusion(logits: Reals, factor: Whole, k: int) -> Whole:
    """Table of (true, guessed) factor, (K, K)."""
    return np.bincount(factor * k + logits.argmax(axis=1), minlength=k * k).reshape(k, k)
