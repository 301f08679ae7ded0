"""Modularity: does each latent hold information about one factor only?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from unweave.base.records import Score
from unweave.metrics.arrays import Reals
from unweave.metrics.base import undefined
from unweave.metrics.binned import BinnedMetric
from unweave.metrics.information import influences, mutual_information
from unweave.metrics.intervals import around
from unweave.metrics.probe import Probe


@dataclass(frozen=True)
class Modularity(BinnedMetric):
    """Mean over live latents of 1 - sum_(k not best) m_jk^2 / (max_k m_jk^2 (K - 1)), m_jk = I(g_k; z_j) in nats.

    In [0, 1], no unit; 1 if every latent tells one factor only, whatever it leaves out: a code of one factor alone is
    perfectly modular. Codes are cut into bins. The plug-in estimate of I grows with the number of values of a factor,
    so latents that know nothing score well above 0 and noise does too (compare with the floor); a latent whose whole
    row of m is 0 scores 0. Leave dead latents out (`prune`; by KL, or by `min_std` where it is raised): their tiny
    information would count as much as any other's. A categorical code is a column of its own, uncut. The interval is
    that of sampling rows (influence function, 95 %), with the bins as given; it does not mend the bias.
    Source: Ridgeway and Mozer 2018, https://arxiv.org/abs/1802.05312, section 3; bins as in Locatello et al. 2019.

    >>> from unweave.metrics import modularity
    >>> grid = np.stack(np.meshgrid(range(10), range(10)), axis=-1).reshape(-1, 2)
    >>> modularity(grid * 1.0, grid).value, round(modularity(grid.sum(1, keepdims=True), grid).value, 6)
    (1.0, 0.0)
    """

    measures = "modularity"
    known = "noise gets about 2/3"
    trap = "a code of one single factor is perfectly modular"
    interval = "influence of rows"
    follows = "Ridgeway and Mozer 2018, bins of Locatello et al. 2019"
    to_match = "`prune=false` counts dead latents, as disentanglement_lib does"
    noise_below = 0.9  # spurious information goes with a factor's number of values, so it looks modular
    version = 2

    def score(self, probe: Probe) -> Score:
        """Mean modularity, with that of each latent and the matrix of I(g_k; z_j) in nats (latents x factors)."""
        cut = self.cut(probe, "modularity")
        if len(cut.factor_names) < 2:
            few = "there is one" if cut.factor_names else "no factor varies"
            return undefined(f"modularity needs two factors that vary, and {few}", **cut.facts)
        if not cut.live.any():
            return Score(0.0, reason=f"{self.no_life(probe)}, so no latent tells a factor", settings=cut.facts)
        cells = cut.cells[:, cut.live]
        information = mutual_information(cells, cut.factors).T  # (live, K)
        each = modular(information)
        table = np.zeros((len(cut.live), len(cut.factor_names)))
        table[cut.live] = information
        shown = np.full(len(cut.live), np.nan)
        shown[cut.live] = each
        value = float(each.mean())
        return Score(
            value,
            interval=around(value, influences(cells, cut.factors, slopes(information).T / len(each))),
            tables={
                "mutual_information": table.tolist(),
                "modularity_per_latent": shown.tolist(),
                "rows": cut.column_names,
                "columns": cut.factor_names,
            },
            settings=cut.facts,
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
