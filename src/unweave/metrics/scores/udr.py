"""UDR: do models trained with other seeds find the same latents? Needs no factors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np

from unweave.base.checks import POSITIVE, Range
from unweave.base.records import Score
from unweave.metrics.arrays import Reals
from unweave.metrics.comparison import Comparison, living, of_models
from unweave.metrics.label_free import correlation
from unweave.metrics.probe import Probe


@dataclass(frozen=True)
class UDR(Comparison):
    """UDR_i = median over j != i of u(R_ji); u(R) = (mean_b max_a R_ab^2 / sum_a R_ab + mean_a ... over b) / 2.

    R_ji (live latents of j x those of i) holds how latent a of model j tells latent b of model i: |coefficient| of a
    lasso from the standardised codes of j to those of i, or |Spearman's correlation|. About in [0, 1], no unit: 1 if
    each latent has one twin. A row or column that is 0 throughout counts as 0. Models with no live latent get NaN and
    are passed over by the others. One lucky pair does not make a model good: five seeds or more are advised, and two
    runs that agree on the same mistake agree all the same.
    Source: Duan et al. 2020, https://arxiv.org/abs/1905.12614; settings as in its authors' code in
    disentanglement_lib.

    >>> from unweave.metrics import udr
    >>> codes = np.random.default_rng(0).normal(size=(200, 3))
    >>> round(udr([codes, -codes[:, ::-1]], method="spearman").value, 1)
    0.9
    """

    method: Annotated[Literal["lasso", "spearman"], "how similarity between latents of two models is measured"] = (
        "lasso"
    )
    n: Annotated[int, "rows that the models are compared on", Range(2)] = 1_000
    alpha: Annotated[float, "weight of the lasso's penalty", POSITIVE] = 0.1
    min_kl: Annotated[
        float, "leave out latents whose mean KL is at most this, nats; constant ones are always left out", Range(0)
    ] = 0.01

    measures = "agreement of several runs"
    trap = "runs that agree on one mistake agree"
    follows = "Duan et al. 2020, settings of their code in disentanglement_lib: lasso, alpha 0.1, KL above 0.01"
    to_match = "`method=spearman`"

    def score(self, probes: Sequence[Probe]) -> Score:
        """UDR of each model and their mean, with u of every pair (from, to)."""
        rows = probes[0].rows_at_most(self.n, "udr")
        codes = [probe.codes[rows][:, living(probe, self.min_kl)] for probe in probes]
        codes = [table[:, np.ptp(table, axis=0) > 0] for table in codes]
        pairs = np.full((len(probes), len(probes)), np.nan)
        for j, a in enumerate(codes):
            for i, b in enumerate(codes):
                if i != j and a.shape[1] and b.shape[1]:
                    pairs[j, i] = relative_strength(self._strength(a, b))
        known = ~np.isnan(pairs)
        each = np.array([np.median(pairs[known[:, i], i]) if known[:, i].any() else np.nan for i in range(len(codes))])
        dead = [i for i, table in enumerate(codes) if not table.shape[1]]
        reason = f"without a live latent: model {', '.join(map(str, dead))}" if dead else None
        active = [table.shape[1] for table in codes]
        return of_models(pairs, each, reason, n=len(rows), active_per_model=active)

    def _strength(self, a: Reals, b: Reals) -> Reals:
        """R (latents of a, latents of b)."""
        if self.method == "spearman":
            from scipy.stats import rankdata  # late: takes half a second

            both = correlation(rankdata(np.concatenate([a, b], axis=1), axis=0))
            return np.abs(both[: a.shape[1], a.shape[1] :])
        from sklearn.linear_model import Lasso  # late: takes a second

        x, y = _scaled(a), _scaled(b)
        return np.abs(
            np.stack([Lasso(alpha=self.alpha, max_iter=10_000).fit(x, target).coef_ for target in y.T], axis=1)
        )


def _scaled(codes: Reals) -> Reals:
    centred = codes - codes.mean(axis=0)
    centred = centred / np.abs(centred).max(axis=0)  # so that squares of tiny or huge codes are not lost
    return centred / centred.std(axis=0)


def relative_strength(table: Reals) -> float:
    """Mean of max^2 / sum over columns and over rows of a table of strengths, 0 for those that are all 0.

    >>> relative_strength(np.eye(3)), relative_strength(np.ones((2, 2)))
    (1.0, 0.5)
    """
    halves: list[float] = []
    for lines in (table, table.T):
        total = lines.sum(axis=1)
        each = np.divide(lines.max(axis=1) ** 2, total, out=np.zeros_like(total), where=total > 0)
        halves.append(float(each.mean()))
    return sum(halves) / 2
