"""Cluster accuracy: how well unsupervised categories match the true ones under the best one-to-one assignment."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Any

import numpy as np
from scipy.optimize import linear_sum_assignment

from unweave.base import checks
from unweave.base.checks import Range
from unweave.base.errors import InputError
from unweave.base.records import Calibrated, Score
from unweave.metrics.arrays import Whole
from unweave.metrics.base import Metric
from unweave.metrics.calibration import RULES
from unweave.metrics.intervals import wilson
from unweave.metrics.probe import Probe

SHUFFLES = 10
LABELS = "labels"  # what `factor` is called where the truth is the data set's classes


def _categories(categories: Any, labels: Any, *, seed: int = 0) -> Probe:
    """Of categories and true labels, both whole numbers (n,)."""
    predicted = np.asarray(categories)
    return Probe(np.zeros((len(predicted), 1)), categories=predicted, labels=labels, seed=seed)


@dataclass(frozen=True)
class ClusterAccuracy(Metric):
    """Share of images whose category is the one that the best one-to-one map gives to their true value.

    The map (Hungarian method on the contingency table) maximises the share over the very images that are counted. In
    [0, 1], no unit. `parts`: purity, where every category may take the value it holds most, so that several can share
    one; and majority, the share of the most frequent value, which a single category would reach. With more categories
    than values some stay without a value, and with fewer some values without a category; either way their images
    count as wrong, and unmatched in the settings says how many of each. The truth is `factor`; if not given, the
    factor called shape, else the data set's labels. A model that tells no categories but has a mixture as its prior
    is scored by the mode nearest to each code. The interval is Wilson's 95 %. The floor is what the same categories get
    once they are shuffled (mean of 10), the ceiling what the truth itself gets, told by as many categories.
    Source: Jeong and Song 2019, https://arxiv.org/abs/1905.09432; it states no map, the one-to-one map is our reading.

    >>> from unweave.metrics import cluster_accuracy
    >>> score = cluster_accuracy([2, 2, 0, 0, 1], [0, 0, 1, 1, 1])
    >>> score.value, score.parts["purity"], score.settings["unmatched"]
    (0.8, 1.0, {'categories': 1, 'values': 0})
    """

    factor: Annotated[str | None, "true classes: name of a factor, or labels [shape, else labels]"] = None
    categorical: Annotated[int, "index of the categorical latent that is scored, from 0", Range(0)] = 0

    measures = "categories against labels"
    known = "`majority` is what one category gets"
    trap = "the one-to-one map is chosen on the images that are counted"
    interval = "Wilson, images"
    categories_count = "needs them, or a prior with modes"
    follows = "Jeong and Song 2019; they state no map"
    to_match = "`purity` (many to one) is a part"
    uses_factors = True
    reads = "index"
    takes_categories = True
    version = 3
    inputs = staticmethod(_categories)

    def refuses(self, probe: Probe) -> str | None:
        """Without categories, or a truth to compare them with, there is nothing to score."""
        if probe.categories is None and _modes(probe) is None:
            return (
                f"{type(self).__name__} needs categorical codes or a prior with modes, which this probe does not have"
            )
        name = self._truth_name(probe)
        if name is None:
            return f"{type(self).__name__} needs a factor named shape, labels, or the name of another factor"
        if name in probe.continuous:
            return (
                f"{type(self).__name__} needs a factor that is an integer, and {name} is continuous: cut it into bins "
                "(factor_bins=10)"
            )
        return None

    def score(self, probe: Probe) -> Score:
        """Accuracy and purity with the contingency table."""
        predicted, kind = self._predicted(probe)
        name = self._truth_name(probe)
        assert name is not None
        truth, names = self._truth(probe, name)
        score, rng = _score(predicted, truth, names), probe.rng("cluster-accuracy")
        floors = [_score(rng.permutation(predicted), truth).value for _ in range(SHUFFLES)]
        counts = np.sort(np.unique(truth, return_counts=True)[1])[::-1]
        ceiling = float(counts[: len(np.unique(predicted))].sum() / len(truth))
        facts = Calibrated(
            rules=RULES, rows=len(truth), draws_of_noise=SHUFFLES, spread_of_floor=float(np.std(floors, ddof=1))
        )
        return replace(score, floor=float(np.mean(floors)), ceiling=ceiling).with_settings(
            truth=name, told_by=kind, calibration=facts
        )

    def _truth_name(self, probe: Probe) -> str | None:
        """What the truth is called, or None where there is none by default."""
        known = [*probe.factor_names, *([] if probe.labels is None else [LABELS])]
        if self.factor is not None:
            checks.known("factor", self.factor, known)
            return self.factor
        return next((name for name in ("shape", LABELS) if name in known), None)

    def _truth(self, probe: Probe, name: str) -> tuple[Whole, tuple[str, ...]]:
        """True values (n,) and, where they have any, the names of 0, 1 and so on."""
        if name in probe.factor_names:
            return probe.known_factors[:, probe.factor_names.index(name)], ()
        assert probe.labels is not None
        return probe.labels, () if probe.data is None else probe.data.classes

    def _predicted(self, probe: Probe) -> tuple[Whole, str]:
        """The category of every row, (n,), and where it comes from."""
        if probe.categories is None:
            modes = _modes(probe)
            assert modes is not None
            apart = ((probe.codes[:, None] - modes) ** 2).sum(axis=2)
            return apart.argmin(axis=1), "the prior's nearest mode"
        if self.categorical >= probe.categories.shape[1]:
            raise InputError(f"categorical must be below {probe.categories.shape[1]}, got {self.categorical}")
        return probe.categories[:, self.categorical], "categories"


def _modes(probe: Probe) -> Any:
    """Centres (K, d) of the prior of the probe's model, or None where it has none."""
    means = getattr(getattr(probe.model, "prior", None), "means", None)
    return None if means is None else means.detach().cpu().double().numpy()


def _score(predicted: Whole, truth: Whole, names: tuple[str, ...] = ()) -> Score:
    """Accuracy of categories (n,) against true values (n,)."""
    categories, row = np.unique(predicted, return_inverse=True)
    values, column = np.unique(truth, return_inverse=True)
    table = np.zeros((len(categories), len(values)), np.int64)
    np.add.at(table, (row, column), 1)
    rows, columns = linear_sum_assignment(table, maximize=True)
    shown = [names[v] if v < len(names) else str(v) for v in values.tolist()]
    right, n = int(table[rows, columns].sum()), len(predicted)
    matched = dict.fromkeys(shown, 0.0)
    for i, j in zip(rows, columns, strict=True):
        matched[shown[j]] = float(table[i, j] / table[:, j].sum())
    return Score(
        right / n,
        parts={"purity": float(table.max(axis=1).sum() / n), "majority": float(table.sum(axis=0).max() / n)},
        interval=wilson(right, n),
        tables={
            "contingency": table.tolist(),
            "rows": [f"category {k}" for k in categories.tolist()],
            "columns": shown,
        },
        settings={
            "map": {f"category {categories[i]}": shown[j] for i, j in zip(rows, columns, strict=True)},
            "found_per_value": matched,
            "unmatched": {"categories": len(categories) - len(rows), "values": len(values) - len(rows)},
        },
    )
