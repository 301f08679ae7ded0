"""Gaussian total correlation: the dependence of the latents in nats, as if they were jointly normal."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from unweave.base.records import Score
from unweave.metrics.arrays import standardised
from unweave.metrics.intervals import around
from unweave.metrics.label_free import LabelFree, correlation
from unweave.metrics.probe import Probe


@dataclass(frozen=True)
class GaussianTotalCorrelation(LabelFree):
    """(sum_j log C_jj - log det C) / 2 with the covariance C of the live codes: KL(N(0, C) || prod_j N(0, C_jj)).

    0 or more, in nats; 0 if no two latents correlate, infinite (NaN, with the reason) if one is a linear function of
    others. Units of the codes do not matter. It sees linear dependence only. The interval is that of sampling rows
    (influence function, 95 %).
    Source: Locatello et al. 2019, https://arxiv.org/abs/1811.12359, section 5.3.

    >>> from unweave.metrics import gaussian_total_correlation
    >>> codes = np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
    >>> gaussian_total_correlation(codes).value
    0.0
    """

    measures = "linear dependence of latents, nats"
    trap = "of means, not samples; those can disagree"
    draws = "gaussian-total-correlation"

    def dependence(self, rows: Probe, live: npt.NDArray[np.bool_]) -> Score:
        """Total correlation in nats, with the correlation matrix."""
        table = correlation(rows.codes[:, live])
        names = [f"latent {j}" for j in np.flatnonzero(live)]
        tables = {"correlation": table.tolist(), "rows": names, "columns": names}
        if np.linalg.matrix_rank(table, hermitian=True) < len(table):
            reason = "a latent is a linear function of others, so the total correlation is infinite"
            return Score(float("nan"), tables=tables, reason=reason, unit="nats")
        value = max(0.0, -float(np.linalg.slogdet(table)[1]) / 2)
        unit = standardised(rows.codes[:, live])
        influence = ((unit**2).sum(axis=1) - (unit @ np.linalg.inv(table) * unit).sum(axis=1)) / 2
        bounds = around(value, influence, most=math.inf)
        return Score(value, tables=tables, interval=bounds, unit="nats")
