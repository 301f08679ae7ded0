"""Mutual information gap: how much more the best latent holds about each factor than the second best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from unweave.base.records import Score
from unweave.metrics.arrays import Reals, Whole
from unweave.metrics.base import undefined
from unweave.metrics.binned import BinnedMetric
from unweave.metrics.information import entropy, influences, mutual_information
from unweave.metrics.intervals import around
from unweave.metrics.probe import Probe

TOLD = 0.05  # share of a factor's entropy that a latent must tell to stand for it


@dataclass(frozen=True)
class MIG(BinnedMetric):
    """mean_k (I(g_k; z_1) - I(g_k; z_2)) / H(g_k), z_1 and z_2 the two latents that know most of g_k.

    In [0, 1], no unit. Codes are posterior means cut into bins (the histogram form; the sampled form has another name),
    so 20 bins keep a perfect code of a 40-valued factor near 0.81: compare with the ceiling. A dead latent counts as I
    = 0, because cutting its tiny range into 20 bins would make it speak; since bins know no units, deadness goes by the
    KL alone unless `min_std` is raised. A categorical code is a column of its own, uncut. The interval is that of
    sampling rows (influence function, 95 %): it takes the two latents and the bins as given, and does not mend the
    small downward bias of few rows: counts overstate every I, those of the runner-up by more (0.61, 0.62, 0.63 and 0.63
    at 1,000, 2,000, 5,000 and 10,000 rows of codes that would get 0.634 of all rows).
    Source: Chen et al. 2018, https://arxiv.org/abs/1802.04942, section 4.1; bins as in Locatello et al. 2019.

    >>> from unweave.metrics import mig
    >>> grid = np.stack(np.meshgrid(range(10), range(10)), axis=-1).reshape(-1, 2)
    >>> round(mig(grid * 1.0, grid).value, 6), mig(grid.sum(1, keepdims=True) * np.ones(2), grid).value
    (1.0, 0.0)
    """

    measures = "compactness"
    known = "20 bins: truth gets 0.90 on dSprites, not 1"
    trap = "outliers squash equal bins; one factor copied to two latents gets 0"
    interval = "influence of rows"
    follows = "Locatello et al. 2019: 10,000 rows, 20 bins of equal width"
    to_match = "`bins`, `binning=quantile`"
    version = 2

    def score(self, probe: Probe) -> Score:
        """Gap of each factor and their mean, with the matrix of I(g_k; z_j) in nats."""
        cut = self.cut(probe, "mig")
        if not cut.factor_names:
            return undefined("no factor varies", **cut.facts)
        if len(cut.live) < 2:
            return undefined("a gap needs two latents, and there is one", **cut.facts)
        information = np.where(cut.live, mutual_information(cut.cells, cut.factors), 0.0)  # (K, D) nats
        heights = entropy(cut.factors)
        best, second = np.argsort(-information, axis=1, kind="stable")[:, :2].T
        at = np.arange(len(heights))
        gaps = (information[at, best] - information[at, second]) / heights
        weights = np.zeros_like(information)
        weights[at, best], weights[at, second] = 1 / heights, -1 / heights
        influence = influences(cut.cells, cut.factors, np.where(cut.live, weights, 0.0))
        influence -= sum(
            -_log_share(column) * gap / h for column, gap, h in zip(cut.factors.T, gaps, heights, strict=True)
        )
        value = float(gaps.mean())
        return Score(
            value,
            interval=around(value, influence / len(heights)),
            per_factor=dict(zip(cut.factor_names, gaps.tolist(), strict=True)),
            tables={
                "mutual_information": information.tolist(),
                "normalised": (information / heights[:, None]).tolist(),
                "rows": cut.factor_names,
                "columns": cut.column_names,
            },
            settings=cut.facts,
            reason=None if cut.live.any() else f"{self.no_life(probe)}, so no latent tells a factor",
        )


def holders(probe: Probe) -> dict[str, list[int]]:
    """Which latents are set for each factor: those that tell more of it than of another, and 5 % of it or more.

    Shares are I(g_k; z_j) / H(g_k), as in the metric mig. A latent belongs to one factor at most.
    """
    score = MIG()(probe)
    shares = np.asarray(score.tables.get("normalised", np.zeros((0, probe.codes.shape[1]))))
    names: Sequence[str] = list(score.per_factor)
    found: dict[str, list[int]] = {name: [] for name in names}
    for j, column in enumerate(shares.T):
        if len(column) and column.max() >= TOLD:
            found[names[int(column.argmax())]].append(j)
    return found


def _log_share(labels: Whole) -> Reals:
    """Logarithm of the share of each row's value v."""
    _, where, counts = np.unique(labels, return_inverse=True, return_counts=True)
    return np.log(counts[where] / len(labels))
