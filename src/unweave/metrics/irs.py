"""IRS: does a latent stay put when only the factors that it is not about change?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np

from unweave import checks
from unweave.metrics.base import FactorMetric, Reals, Whole, latent_names, undefined
from unweave.metrics.information import quantise, renumbered
from unweave.metrics.probe import Probe
from unweave.settings import build
from unweave.types import Score


@dataclass(frozen=True)
class IRS(FactorMetric):
    """sum_j w_j max_k (1 - m_jk / M_j) / sum_j w_j, with w_j = M_j = max_n |z_nj - mean_j|.

    m_jk is the mean over the values v of factor k of the `quantile` of |z_nj - mean(z_j | v)| over the rows with
    that value: how far latent j still moves when k is held. In [0, 1], no unit; 1 if fixing one factor fixes the
    latent. `quantile` 1 is the paper's maximum, 0.99 the customary one. It needs factors that vary independently,
    says nothing of completeness, gives weight to wide latents and, through M_j, to their outliers. A value with one
    row cannot move, so values with fewer than two rows are left out, and `groups` says how many values of each
    factor were used; few rows a value make it too large (compare with the floor). Continuous factors are cut into
    `bins` of equal width; whole-numbered ones are used as they are, also those with more than 20 values. Only live
    latents count. There is no interval.
    Source: Suter et al. 2019, https://arxiv.org/abs/1811.00007, section 4; quantile as in Locatello et al. 2019.
    """

    n: Annotated[int, "rows the score is computed on"] = 10_000
    quantile: Annotated[float, "quantile of the deviations; 1 is their maximum"] = 0.99
    bins: Annotated[int, "bins that a continuous factor is cut into"] = 20
    min_std: Annotated[float, "without a KL: a latent is dead if its codes' standard deviation is below this"] = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.at_least(2, n=self.n, bins=self.bins)
        checks.fraction(quantile=self.quantile)

    def takes_continuous(self) -> bool:
        return True

    def score(self, probe: Probe) -> Score:
        """Weighted mean of the latents' best robustness, with the matrix of all (latents x factors)."""
        rows = probe.rows_at_most(self.n, "irs")
        live, chosen = self.live(probe), self.chosen(probe)
        codes = probe.codes[rows][:, live]
        labels = renumbered(self._labels(probe)[rows])
        repeated = {k: int((np.bincount(labels[:, k]) > 1).sum()) for k in chosen}
        chosen = [k for k in chosen if repeated[k] > 0]
        names = [probe.factor_names[k] for k in chosen]
        facts = {
            "n": len(rows),
            "K": len(chosen),
            "active": np.flatnonzero(live).tolist(),
            "groups": {probe.factor_names[k]: count for k, count in repeated.items()},
        }
        if not chosen:
            return undefined("no factor varies and has a value with two rows", **facts)
        widest = np.abs(codes - codes.mean(axis=0)).max(axis=0)
        if not live.any() or not widest.any():
            return Score(0.0, reason=f"{self.no_life(probe)}, so no latent can be robust", settings=facts)
        moved = np.stack([deviations(codes, labels[:, k], self.quantile) for k in chosen], axis=1)
        robust = (1 - moved / np.where(widest > 0, widest, 1.0)[:, None]).clip(0, 1)
        table = np.full((len(live), len(chosen)), np.nan)
        table[live] = robust
        return Score(
            float(np.average(robust.max(axis=1), weights=widest / widest.max())),
            tables={"robustness": table.tolist(), "rows": latent_names(len(live)), "columns": names},
            settings=facts,
        )

    def _labels(self, probe: Probe) -> Whole:
        """Values of all factors, (n, K), continuous ones as numbers of their bins."""
        labels = probe.known_factors.copy()
        for k, name in enumerate(probe.factor_names):
            if name in probe.continuous:
                labels[:, k] = quantise(probe.known_values[:, [k]], self.bins)[:, 0]
        return labels


def deviations(codes: Reals, labels: Whole, quantile: float) -> Reals:
    """Mean over the values with two rows or more of the quantile of |z - mean given the value|, (d,).

    >>> deviations(np.array([[0.0], [2.0], [5.0], [5.0], [9.0]]), np.array([0, 0, 1, 1, 2]), 1.0).tolist()
    [0.5]
    """
    order = np.argsort(labels, kind="stable")
    ends = np.cumsum(np.bincount(labels))
    groups = [codes[rows] for rows in np.split(order, ends[:-1]) if len(rows) > 1]
    return np.mean([np.quantile(np.abs(g - g.mean(axis=0)), quantile, axis=0) for g in groups], axis=0)


def irs(
    codes: Any,
    factors: Any,
    *,
    kl_per_latent: Any = None,
    factor_names: Iterable[str] | None = None,
    seed: int = 0,
    **settings: Any,
) -> Score:
    """IRS of codes (n, d) and factors (n, K), whole numbers or continuous; all rows unless `n` is given.

    `settings` are those of `IRS`, by name; `kl_per_latent` (d,) in nats says which latents are dead. No factor with a
    value that repeats gives NaN with a reason; wrong shapes and unknown settings raise InputError.

    >>> grid = np.stack(np.meshgrid(range(10), range(10)), axis=-1).reshape(-1, 2)
    >>> irs(grid * 1.0, grid).value
    1.0
    """
    probe = Probe(codes, factors, factor_names=factor_names, kl_per_latent=kl_per_latent, seed=seed)
    return build(IRS, {"n": len(probe), **settings}, of="irs")(probe)
