"""Mutual information gap: how far the best latent beats the runner-up at telling each factor."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar

import numpy as np
import numpy.typing as npt

from unweave.base import checks
from unweave.base.records import Score
from unweave.base.settings import build
from unweave.metrics.base import FactorMetric, Reals, Whole, around, latent_names, undefined
from unweave.metrics.information import Binning, entropy, influences, mutual_information, quantise
from unweave.metrics.probe import Probe


@dataclass(frozen=True)
class MIG(FactorMetric):
    """mean_k (I(g_k; z_1) - I(g_k; z_2)) / H(g_k), z_1 and z_2 the two latents that know most of g_k.

    In [0, 1], no unit. Codes are posterior means cut into bins (the histogram form; the sampled form has another name),
    so 20 bins keep a perfect code of a 40-valued factor near 0.81: compare with the ceiling. A dead latent counts as I
    = 0, because cutting its tiny range into 20 bins would make it speak; since bins know no units, deadness goes by the
    KL alone unless `min_std` is raised. A categorical code is a column of its own, uncut. The interval is that of
    sampling rows (influence function, 95 %): it takes the two latents and the bins as given, and does not mend the
    small upward bias of the counts.
    Source: Chen et al. 2018, https://arxiv.org/abs/1802.04942, section 4.1; bins as in Locatello et al. 2019.
    """

    n: Annotated[int, "rows the score is computed on"] = 10_000
    bins: Annotated[int, "bins a code is cut into"] = 20
    binning: Annotated[Binning, "bins of equal width, or with equally many rows (quantile)"] = "width"
    min_std: Annotated[float, "without a KL: a latent is dead if its codes' standard deviation is below this"] = 0.0
    categorical: Annotated[bool, "count categorical codes as columns too, where there are any"] = True

    takes_categories: ClassVar[bool] = True
    version: ClassVar[int] = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.at_least(2, n=self.n, bins=self.bins)
        checks.one_of(("width", "quantile"), binning=self.binning)

    def score(self, probe: Probe) -> Score:
        """Gap of each factor and their mean, with the matrix of I(g_k; z_j) in nats."""
        draw = probe.rows(np.arange(len(probe))) if self.n >= len(probe) else probe.sample(self.n, probe.rng("mig"))
        assert draw.factors is not None
        chosen = [k for k in self.chosen(probe) if np.ptp(draw.factors[:, k]) > 0]
        told = self.categories_of(draw)
        live = np.concatenate([self.live(probe), np.ptp(told, axis=0) > 0])
        facts = {"n": len(draw.codes), "K": len(chosen), "active": np.flatnonzero(live).tolist()}
        if not chosen:
            return undefined("no factor varies", **facts)
        if len(live) < 2:
            return undefined("a gap needs two latents, and there is one", **facts)
        names = [probe.factor_names[k] for k in chosen]
        cells = np.concatenate([quantise(draw.codes, self.bins, self.binning), told], axis=1)
        score = _gaps(cells, draw.factors[:, chosen], live, names)
        columns = latent_names(draw.codes.shape[1], told.shape[1])
        dead = None if live.any() else f"{self.no_life(probe)}, so no latent tells a factor"
        return replace(score, tables={**score.tables, "columns": columns}, settings=facts, reason=dead)


def _gaps(bins: Whole, factors: Whole, live: npt.NDArray[np.bool_], names: list[str]) -> Score:
    """Value, interval, gaps per factor and the matrices, from binned codes."""
    information = np.where(live, mutual_information(bins, factors), 0.0)  # (K, D) nats
    heights = entropy(factors)
    best, second = np.argsort(-information, axis=1, kind="stable")[:, :2].T
    at = np.arange(len(names))
    gaps = (information[at, best] - information[at, second]) / heights
    weights = np.zeros_like(information)
    weights[at, best], weights[at, second] = 1 / heights, -1 / heights
    influence = influences(bins, factors, np.where(live, weights, 0.0))
    influence -= sum(-_log_share(column) * gap / h for column, gap, h in zip(factors.T, gaps, heights, strict=True))
    value = float(gaps.mean())
    return Score(
        value,
        interval=around(value, influence / len(names)),
        per_factor=dict(zip(names, gaps.tolist(), strict=True)),
        tables={
            "mutual_information": information.tolist(),
            "normalised": (information / heights[:, None]).tolist(),
            "rows": names,
        },
    )


def _log_share(labels: Whole) -> Reals:
    """Logarithm of the share of each row's value v."""
    _, where, counts = np.unique(labels, return_inverse=True, return_counts=True)
    return np.log(counts[where] / len(labels))


def mig(
    codes: Any,
    factors: Any,
    *,
    kl_per_latent: Any = None,
    categories: Any = None,
    factor_names: Iterable[str] | None = None,
    seed: int = 0,
    **settings: Any,
) -> Score:
    """Mutual information gap of codes (n, d) and whole-numbered factors (n, K), all rows unless `n` is given.

    `settings` are those of `MIG`, by name; `kl_per_latent` (d,) in nats says which latents are dead; `categories` (n,
    L) are categorical codes, numbers. One latent, or no factor that varies, gives NaN with a reason; wrong shapes and
    unknown settings raise InputError.

    >>> grid = np.stack(np.meshgrid(range(10), range(10)), axis=-1).reshape(-1, 2)
    >>> round(mig(grid * 1.0, grid).value, 6), mig(grid.sum(1, keepdims=True) * np.ones(2), grid).value
    (1.0, 0.0)
    """
    probe = Probe(
        codes, factors, factor_names=factor_names, kl_per_latent=kl_per_latent, categories=categories, seed=seed
    )
    return build(MIG, {"n": len(probe), **settings}, of="mig")(probe)
