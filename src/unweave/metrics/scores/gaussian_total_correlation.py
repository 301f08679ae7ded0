"""Gaussian total correlation: how many nats the latents tell about each other, if they were jointly normal."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from unweave.base.records import Score
from unweave.base.settings import build
from unweave.metrics.base import around, standardised, undefined
from unweave.metrics.label_free import LabelFree, correlation
from unweave.metrics.probe import Probe


@dataclass(frozen=True)
class GaussianTotalCorrelation(LabelFree):
    """(sum_j log C_jj - log det C) / 2 with the covariance C of the live codes: KL(N(0, C) || prod_j N(0, C_jj)).

    0 or more, in nats; 0 if no two latents correlate, infinite (NaN, with the reason) if one is a linear function of
    others. Units of the codes do not matter. It sees linear dependence only. The interval is that of sampling rows
    (influence function, 95 %).
    Source: Locatello et al. 2019, https://arxiv.org/abs/1811.12359, section 5.3.
    """

    version: ClassVar[int] = 2

    def score(self, probe: Probe) -> Score:
        """Total correlation in nats, with the correlation matrix."""
        draw, live, facts, few = self.drawn(probe, "gaussian-total-correlation")
        if few:
            return undefined(few, **facts)
        table = correlation(draw.codes[:, live])
        names = [f"latent {j}" for j in np.flatnonzero(live)]
        tables = {"correlation": table.tolist(), "rows": names, "columns": names}
        if np.linalg.matrix_rank(table, hermitian=True) < len(table):
            reason = "a latent is a linear function of others, so the total correlation is infinite"
            return Score(float("nan"), tables=tables, reason=reason, unit="nats", settings=facts)
        value = max(0.0, -float(np.linalg.slogdet(table)[1]) / 2)
        unit = standardised(draw.codes[:, live])
        influence = ((unit**2).sum(axis=1) - (unit @ np.linalg.inv(table) * unit).sum(axis=1)) / 2
        bounds = around(value, influence, most=math.inf)
        return Score(value, tables=tables, interval=bounds, unit="nats", settings=facts)


def gaussian_total_correlation(codes: Any, *, kl_per_latent: Any = None, seed: int = 0, **settings: Any) -> Score:
    """Gaussian total correlation in nats of codes (n, d), all rows unless `n` is given.

    `settings` are those of `GaussianTotalCorrelation`, by name. Fewer than two live latents, or linearly dependent
    ones, give NaN with a reason; wrong shapes and unknown settings raise InputError.

    >>> codes = np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
    >>> gaussian_total_correlation(codes).value
    0.0
    """
    probe = Probe(codes, kl_per_latent=kl_per_latent, seed=seed)
    given = {"n": len(probe), **settings}
    return build(GaussianTotalCorrelation, given, of="gaussian-total-correlation")(probe)
