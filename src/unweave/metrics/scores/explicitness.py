"""Explicitness: can a linear classifier rank every value of a factor above the rest?"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Annotated

import numpy as np

from unweave.base.checks import Range
from unweave.base.records import Score
from unweave.metrics.arrays import Reals, Whole, one_hot_columns
from unweave.metrics.base import FactorMetric, scored, undefined
from unweave.metrics.information import renumbered
from unweave.metrics.intervals import FEWEST, around
from unweave.metrics.probe import Probe

NO_INTERVAL = (
    f"fewer than {FEWEST:,} rows: other training rows would move the classifiers as much as the interval is wide"
)


@dataclass(frozen=True)
class Explicitness(FactorMetric):
    """Mean over factors and their values of the held-out area under the ROC curve of value against rest.

    The classifier is a multinomial logistic regression on all live latents, standardised (scikit-learn's default
    penalty). In [0, 1], no unit, 1/2 is chance; it is not rescaled. `in_sample` is the same on the training rows. A
    rotated code is as explicit as an axis-aligned one: this says what is there, not where. A line of codes ranks the
    ends of an ordered factor well and its middle poorly, so a perfect code need not reach 1: compare with the ceiling.
    Categorical codes are fed as columns of 0 and 1. A value that the training or the held-out rows lack is left out.
    The interval is that of sampling the held-out rows (DeLong et al. 1988, 95 %), with the classifiers as given. Other
    training rows would move these too; at 1,000 rows that made the interval a fifth to a third too narrow by
    simulation, so that fewer than 3,000 rows have none.
    Source: Ridgeway and Mozer 2018, https://arxiv.org/abs/1802.05312, section 3.

    >>> from unweave.metrics import explicitness
    >>> grid = np.stack(np.meshgrid(range(2), range(100)), axis=-1).reshape(-1, 2) % 2
    >>> explicitness(grid * 1.0, grid).value
    1.0
    """

    train: Annotated[int, "rows that the classifiers are trained on", Range(1)] = 10_000
    test: Annotated[int, "held-out rows", Range(1)] = 5_000
    categorical: Annotated[bool, "use categorical codes too, if there are any"] = True

    measures = "explicitness"
    lies_in = "1/2 to 1"
    known = "chance is 1/2"
    trap = "blind to rotation; linear"
    interval = "held-out rows (DeLong), from 3,000 rows"
    categories_count = "columns of 0 and 1"
    follows = "Ridgeway and Mozer 2018"
    to_match = "`in_sample` is a part"
    noise_below = 0.55  # chance is a half
    learns = True
    takes_categories = True
    version = 3

    def score(self, probe: Probe) -> Score:
        """Mean area under the curve, held-out, and of each factor."""
        categories = self.categories_of(probe)
        chosen, live = self.chosen(probe), self.live_with(probe, categories)
        train, test = probe.parted(self.train, self.test, "explicitness")
        facts = {**scored(chosen, live), "train": len(train), "test": len(test)}
        if not chosen:
            return undefined("no factor varies", **facts)
        if not live.any():
            reason = f"{self.no_life(probe)}, and guessing ranks half of the pairs right"
            return Score(0.5, reason=reason, settings=facts)
        codes = np.concatenate([probe.codes[:, self.live(probe)], one_hot_columns(categories)[0]], axis=1)
        codes = codes - codes[train].mean(axis=0)
        std = codes[train].std(axis=0)
        codes = codes / np.where(std > 0, std, 1.0)
        labels = renumbered(probe.known_factors[:, chosen])
        areas = [_areas(codes, column, train, test) for column in labels.T]
        both = np.array([[a.value, b.value] for a, b in areas])  # (K, 2)
        names = [probe.factor_names[k] for k in chosen]
        if np.isnan(both[:, 1]).all():
            return undefined("no factor has a value that is seen in training and in held-out rows", **facts)
        in_sample, held_out = np.nanmean(both, axis=0).tolist()
        influence = np.mean([b.influence for _, b in areas if not np.isnan(b.value)], axis=0)
        return Score(
            held_out,
            parts={"held_out": held_out, "in_sample": in_sample},
            interval=around(held_out, influence) if len(train) + len(test) >= FEWEST else None,
            per_factor=dict(zip(names, both[:, 1].tolist(), strict=True)),
            settings=facts if len(train) + len(test) >= FEWEST else {**facts, "no_interval": NO_INTERVAL},
        )


@dataclass(frozen=True)
class Area:
    """Mean area under several ROC curves, and by how much each row moves it, (n,)."""

    value: float
    influence: Reals


def _areas(codes: Reals, labels: Whole, train: Whole, test: Whole) -> tuple[Area, Area]:
    """Mean area under the curve of the values, on the training and on the held-out rows."""
    from sklearn.exceptions import ConvergenceWarning  # late: takes a second
    from sklearn.linear_model import LogisticRegression

    present = np.unique(labels[train])
    if len(present) < 2:
        return Area(float("nan"), np.zeros(len(train))), Area(float("nan"), np.zeros(len(test)))
    model = LogisticRegression(max_iter=200)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # ranks settle long before the last digit
        warnings.filterwarnings("ignore", "The number of unique classes", UserWarning)  # still a factor
        model.fit(codes[train], labels[train])
    found: list[Area] = []
    for rows in (train, test):
        logits = model.decision_function(codes[rows])
        logits = np.stack([-logits, logits], axis=1) if logits.ndim == 1 else logits
        high = logits.max(axis=1, keepdims=True)
        ratios = np.exp(logits - high)
        found.append(mean_area(ratios / ratios.sum(axis=1, keepdims=True), labels[rows], present))
    return found[0], found[1]


def mean_area(scores: Reals, labels: Whole, values: Whole) -> Area:
    """Mean over `values` (S,) of the area under the ROC curve of value against rest, scores (n, S); NaN if none.

    The area is the share of pairs, one row of the value and one of the rest, that are ranked right, ties half. A row of
    the value moves it by the share of the rest below it, less the area, over the share of such rows; one of the rest
    likewise.

    >>> mean_area(np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]]), np.array([0, 1, 1]), np.array([0, 1])).value
    1.0
    """
    n, found = len(labels), list[float]()
    influence = np.zeros(n)
    for column, value in zip(scores.T, values, strict=True):
        own = labels == value
        count = int(own.sum())
        if not 0 < count < n:
            continue
        placed = np.empty(n)
        placed[own] = _below(column[~own], column[own])
        placed[~own] = 1 - _below(column[own], column[~own])
        area = float(placed[own].mean())
        found.append(area)
        influence += (placed - area) * n / np.where(own, count, n - count)
    if not found:
        return Area(float("nan"), influence)
    return Area(float(np.mean(found)), influence / len(found))


def _below(others: Reals, scores: Reals) -> Reals:
    """Share of `others` that lie below each score, ties half."""
    ranked = np.sort(others)
    low, high = np.searchsorted(ranked, scores, side="left"), np.searchsorted(ranked, scores, side="right")
    return (low + high) / (2 * len(others))
