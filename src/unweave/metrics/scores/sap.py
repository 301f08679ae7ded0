"""SAP: how much better the best latent predicts each factor than the second best, each alone."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt

from unweave.base.checks import Range
from unweave.base.records import Score
from unweave.metrics.arrays import Reals, Whole, latent_names
from unweave.metrics.base import FactorMetric, scored, undefined
from unweave.metrics.information import renumbered
from unweave.metrics.intervals import around
from unweave.metrics.probe import Probe
from unweave.metrics.svm import LineMachine


@dataclass(frozen=True)
class SAP(FactorMetric):
    """mean_k (S_k1 - S_k2), the two largest of S_kj over the latents j.

    kind "svm": S_kj is the held-out accuracy of one-against-rest linear classifiers of factor k on latent j alone
    (squared hinge, C = 0.01, the bias penalised, balanced classes: what scikit-learn's LinearSVC minimises, here solved
    exactly). kind "continuous": the squared correlation of latent and factor on the training rows; it takes continuous
    factors too. In [0, 1], no unit. A line cannot tell forty values apart by forty half-lines, so the svm form stays
    low even for perfect codes, and C makes it depend on the codes' unit unless `standardise` is set: compare with the
    ceiling. Dead latents are not counted; beside a single
    live one the runner-up knows nothing (S = 0 for "continuous", constant guessing for "svm"). The interval is that of
    sampling the held-out rows ("continuous": the training rows), 95 %, with the classifiers and the two latents of each
    factor as given: nothing is fitted again, so it says nothing of how the learner would move.
    Source: Kumar et al. 2018, https://openreview.net/forum?id=H1kG7GZAW; settings as in Locatello et al. 2019.

    >>> from unweave.metrics import sap
    >>> grid = np.stack(np.meshgrid(range(10), range(10)), axis=-1).reshape(-1, 2)
    >>> round(sap(grid * 2.0 + 1, grid, kind="continuous").value, 3)
    0.998
    """

    kind: Annotated[
        Literal["svm", "continuous"],
        "score of a latent: held-out accuracy of a linear classifier, or squared correlation",
    ] = "svm"
    train: Annotated[int, "rows that the classifiers or correlations are computed on", Range(1)] = 10_000
    test: Annotated[int, "held-out rows (svm)", Range(1)] = 5_000
    standardise: Annotated[bool, "scale codes to mean 0 and standard deviation 1 first"] = False
    min_std: Annotated[
        float, "without a KL: a latent is dead if its codes' standard deviation is below this", Range(0)
    ] = 0.0

    measures = "compactness"
    known = "truth gets 0.25 on dSprites, 0.18 on 2,000 rows"
    trap = "depends on the codes' unit; 1-D lines cannot tell 40 values"
    interval = "held-out rows"
    follows = "Kumar et al. 2018, counts of Locatello et al. 2019: 10,000 + 5,000 rows, C = 0.01"
    to_match = "`kind=continuous`"
    identity_above = 0.1  # half-lines cannot tell forty values apart
    noise_below = 0.05
    learns = True
    version = 2

    def takes_continuous(self) -> bool:
        return self.kind == "continuous"

    def in_units(self) -> bool:
        return self.kind == "svm" and not self.standardise

    def score(self, probe: Probe) -> Score:
        """Gap of each factor, with the matrix S (factors x latents)."""
        chosen, live = self.chosen(probe), self.live(probe)
        train, test = probe.parted(self.train, self.test, "sap")
        facts = {**scored(chosen, live), "train": len(train), "test": len(test) if self.kind == "svm" else 0}
        if not chosen:
            return undefined("no factor varies", **facts)
        if len(live) < 2:
            return undefined("a gap needs two latents, and there is one", **facts)
        codes = np.where(live, probe.codes, 0.0)
        if self.standardise:
            std = codes[train].std(axis=0)
            codes = (codes - codes[train].mean(axis=0)) / np.where(std > 0, std, 1.0)
        if self.kind == "svm":
            right = correct_rows(codes, renumbered(probe.known_factors[:, chosen]), train, test)
            table = right.mean(axis=2)
            first, second = _top_two(np.where(live, table, -1.0) if live.sum() > 1 else table)
            each = [
                right[k, i].astype(np.float64) - right[k, j] for k, (i, j) in enumerate(zip(first, second, strict=True))
            ]
        else:
            values = probe.known_values[train][:, chosen]
            table = squared_correlations(codes[train], values)
            first, second = _top_two(table)
            each = [
                moved(values[:, k], codes[train][:, i]) - moved(values[:, k], codes[train][:, j])
                for k, (i, j) in enumerate(zip(first, second, strict=True))
            ]
        at = np.arange(len(chosen))
        gaps = table[at, first] - table[at, second]
        value = float(gaps.mean())
        names = [probe.factor_names[k] for k in chosen]
        return Score(
            value,
            interval=around(value, np.mean(each, axis=0)),
            per_factor=dict(zip(names, gaps.tolist(), strict=True)),
            tables={"scores": table.tolist(), "rows": names, "columns": latent_names(len(live))},
            settings=facts,
            reason=None if live.any() else f"{self.no_life(probe)}, so no latent tells a factor",
        )


def _top_two(table: Reals) -> tuple[Whole, Whole]:
    """Columns of the largest and the next largest entry of each row of (K, D)."""
    order = np.argsort(-table, axis=1, kind="stable")
    return order[:, 0], order[:, 1]


def correct_rows(codes: Reals, labels: Whole, train: Whole, test: Whole) -> npt.NDArray[np.bool_]:
    """Which held-out values of factors (n, K), 0, 1, ..., a line on each code (n, D) gets right, (K, D, rows)."""
    found = np.zeros((labels.shape[1], codes.shape[1], len(test)), bool)
    for j, column in enumerate(codes.T):
        machine = LineMachine(column[train])
        for k, factor in enumerate(labels.T):
            found[k, j] = machine.guess(factor[train], column[test]) == factor[test]
    return found


def squared_correlations(codes: Reals, factors: Reals) -> Reals:
    """Squared correlation of every factor (n, K) with every code (n, D), (K, D); 0 for constants.

    >>> squared_correlations(np.array([[1.0, 5.0], [2.0, 5.0]]), np.array([[3.0], [1.0]])).round(9).tolist()
    [[1.0, 0.0]]
    """
    unit: list[Reals] = []
    for table in (factors, codes):
        centred = table - table.mean(axis=0)
        largest = np.abs(centred).max(axis=0)
        centred = centred / np.where(largest > 0, largest, 1.0)  # so that squares of tiny codes are not lost
        norm = np.sqrt((centred**2).sum(axis=0))
        unit.append(centred / np.where(norm > 0, norm, math.inf))
    return ((unit[0].T @ unit[1]) ** 2).clip(0, 1)


def moved(x: Reals, y: Reals) -> Reals:
    """By how much each row moves the squared correlation of x and y (n,), (n,); 0 for constants."""
    unit: list[Reals] = []
    for column in (x, y):
        centred = column - column.mean()
        largest = np.abs(centred).max()
        centred = centred / (largest if largest > 0 else 1.0)
        std = centred.std()
        unit.append(centred / (std if std > 0 else math.inf))
    r = float((unit[0] * unit[1]).mean())
    return 2 * r * (unit[0] * unit[1] - r * (unit[0] ** 2 + unit[1] ** 2) / 2)
