"""Modularity: does each latent tell one factor only?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np

from unweave.base import checks
from unweave.base.records import Score
from unweave.base.settings import build
from unweave.metrics.base import FactorMetric, Reals, around, latent_names, undefined
from unweave.metrics.information import Binning, influences, mutual_information, quantise
from unweave.metrics.probe import Probe


@dataclass(frozen=True)
class Modularity(FactorMetric):
    """Mean over live latents of 1 - sum_(k not best) m_jk^2 / (max_k m_jk^2 (K - 1)), m_jk = I(g_k; z_j) in nats.

    In [0, 1], no unit; 1 if every latent tells one factor only, whatever it leaves out: a code of one factor alone is
    perfectly modular. Codes are cut into bins. The plug-in estimate of I grows with the number of values of a factor,
    so latents that know nothing score well above 0 and noise does too (compare with the floor); a latent whose whole
    row of m is 0 scores 0. Leave dead latents out (`prune`; by KL, or by `min_std` where it is raised): their tiny
    information would count as much as any other's. A categorical code is a column of its own, uncut. The interval is
    that of sampling rows (influence function, 95 %), with the bins as given; it does not mend the bias.
    Source: Ridgeway and Mozer 2018, https://arxiv.org/abs/1802.05312, section 3; bins as in Locatello et al. 2019.
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
        """Mean modularity, with that of each latent and the matrix of I(g_k; z_j) in nats (latents x factors)."""
        draw = probe.at_most(self.n, "modularity")
        assert draw.factors is not None
        chosen = [k for k in self.chosen(probe) if np.ptp(draw.factors[:, k]) > 0]
        told = self.categories_of(draw)
        live = np.concatenate([self.live(probe), np.ptp(told, axis=0) > 0])
        facts = {"n": len(draw.codes), "K": len(chosen), "active": np.flatnonzero(live).tolist()}
        if len(chosen) < 2:
            few = "there is one" if chosen else "no factor varies"
            return undefined(f"modularity needs two factors that vary, and {few}", **facts)
        if not live.any():
            return Score(0.0, reason=f"{self.no_life(probe)}, so no latent tells a factor", settings=facts)
        cells = np.concatenate([quantise(draw.codes, self.bins, self.binning), told], axis=1)[:, live]
        factors = draw.factors[:, chosen]
        information = mutual_information(cells, factors).T  # (live, K)
        each = modular(information)
        table = np.zeros((len(live), len(chosen)))
        table[live] = information
        shown = np.full(len(live), np.nan)
        shown[live] = each
        value = float(each.mean())
        return Score(
            value,
            interval=around(value, influences(cells, factors, slopes(information).T / len(each))),
            tables={
                "mutual_information": table.tolist(),
                "modularity_per_latent": shown.tolist(),
                "rows": latent_names(draw.codes.shape[1], told.shape[1]),
                "columns": [probe.factor_names[k] for k in chosen],
            },
            settings=facts,
        )


def modular(information: Reals) -> Reals:
    """Modularity (d,) of each row of informations (d, K) with K at least 2.

    >>> modular(np.array([[2.0, 0.0, 0.0], [1.0, 1.0, 1.0], [0.0, 0.0, 0.0]])).tolist()
    [1.0, 0.0, 0.0]
    """
    largest = information.max(axis=1)
    share = information / np.where(largest > 0, largest, 1.0)[:, None]
    return np.where(largest > 0, 1 - ((share**2).sum(axis=1) - 1) / (information.shape[1] - 1), 0.0)


def slopes(information: Reals) -> Reals:
    """Derivative of `modular` of each row by each of its informations, (d, K); 0 for a row of zeros."""
    rows, best = np.arange(len(information)), information.argmax(axis=1)
    largest = np.where(information[rows, best] > 0, information[rows, best], 1.0)
    share = information / largest[:, None]
    share[rows, best] = 0.0
    found = -2 * share / (largest[:, None] * (information.shape[1] - 1))
    found[rows, best] = 2 * (share**2).sum(axis=1) / (largest * (information.shape[1] - 1))
    return found


def modularity(
    codes: Any,
    factors: Any,
    *,
    kl_per_latent: Any = None,
    categories: Any = None,
    factor_names: Iterable[str] | None = None,
    seed: int = 0,
    **settings: Any,
) -> Score:
    """Modularity of codes (n, d) and whole-numbered factors (n, K), all rows unless `n` is given.

    `settings` are those of `Modularity`, by name; `kl_per_latent` (d,) in nats says which latents are dead;
    `categories` (n, L) are categorical codes, numbers. Fewer than two factors that vary give NaN with a reason; wrong
    shapes and unknown settings raise InputError.

    >>> grid = np.stack(np.meshgrid(range(10), range(10)), axis=-1).reshape(-1, 2)
    >>> modularity(grid * 1.0, grid).value, round(modularity(grid.sum(1, keepdims=True), grid).value, 6)
    (1.0, 0.0)
    """
    probe = Probe(
        codes, factors, factor_names=factor_names, kl_per_latent=kl_per_latent, categories=categories, seed=seed
    )
    return build(Modularity, {"n": len(probe), **settings}, of="modularity")(probe)
