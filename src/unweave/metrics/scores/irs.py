"""IRS: does a latent stay constant when only other factors change?"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Literal, TypeAlias

import numpy as np

from unweave.base.checks import FRACTION, Range
from unweave.base.records import Score
from unweave.metrics.arrays import Reals, Whole, latent_names
from unweave.metrics.base import FactorMetric, Preset, scored, undefined
from unweave.metrics.information import quantise, renumbered
from unweave.metrics.intervals import Z95
from unweave.metrics.probe import Probe

REPEATS = 200  # resampled tables behind an interval
TAIL = 20  # rows at most that tell how far a maximum could have reached

PresetName: TypeAlias = Literal["default", "dlib", "suter"]
PRESETS = {
    "default": Preset(
        "Suter et al. 2019, quantile of Locatello et al. 2019", "0.99 quantile, whole-numbered factors as they are"
    ),
    "dlib": Preset("disentanglement_lib", "the same, factors of more than 20 values cut into 20 bins", {"rebin": True}),
    "suter": Preset("Suter et al. 2019", "the maximum", {"quantile": 1.0}),
}


@dataclass(frozen=True)
class IRS(FactorMetric):
    """sum_j w_j max_k (1 - m_jk / M_j) / sum_j w_j, with w_j = M_j = max_n |z_nj - mean_j|.

    m_jk is the mean over the values v of factor k of the `quantile` of |z_nj - mean(z_j | v)| over the rows with
    that value: how far latent j still moves when k is held. In [0, 1], no unit; 1 if fixing one factor fixes the
    latent. `quantile` 1 is the paper's maximum, 0.99 the customary one. It needs factors that vary independently,
    says nothing of completeness, gives weight to wide latents and, through M_j, to their outliers. A value with one
    row cannot move, so values with fewer than two rows are left out: `groups` says how many values of each factor were
    used, `rows_per_group` how many rows the smallest and the largest of them have; few rows a value make it too large
    (compare with the floor). Continuous factors are cut into `bins` of equal width; whole-numbered ones are used as
    they are, unless `rebin` is set. Only live latents count.

    `PRESETS` says whose protocol each preset is; a setting that differs from its default wins over the preset.

    The interval (95 %) is that of sampling rows: 200 times the quantiles of new rows of each value, and M_j as the
    maximum of as many new rows, each drawn by its rank; means are as given. How far a maximum could reach is told by
    the mean excess and the bend of the upper 20 rows, a fifth at most.
    One outlying row in all latents makes any code, noise too, score near 1.
    Source: Suter et al. 2019, https://arxiv.org/abs/1811.00007, section 4; quantile as in Locatello et al. 2019.

    >>> from unweave.metrics import irs
    >>> grid = np.stack(np.meshgrid(range(10), range(10)), axis=-1).reshape(-1, 2)
    >>> irs(grid * 1.0, grid).value
    1.0
    """

    n: Annotated[int, "number of rows that the score is computed on", Range(2)] = 10_000
    quantile: Annotated[float, "quantile of the deviations; 1 is their maximum", FRACTION] = 0.99
    bins: Annotated[int, "number of bins for a continuous factor", Range(2)] = 20
    preset: Annotated[PresetName, "protocol to follow"] = "default"
    rebin: Annotated[bool, "bin whole-numbered factors too, if they take more values"] = False
    min_std: Annotated[
        float, "without a KL: a latent is dead if its codes' standard deviation is below this", Range(0)
    ] = 0.0

    measures = "modularity"
    known = "noise gets well above 0"
    trap = "needs independent factors; blind to missing ones; wide latents weigh more"
    interval = "quantiles and maxima of new rows, by their ranks"
    noise_below = 0.5  # the few rows of each value deviate less than the widest of all
    presets = PRESETS
    version = 3

    def takes_continuous(self) -> bool:
        return True

    def score(self, probe: Probe) -> Score:
        """Weighted mean of the latents' best robustness, with the matrix of all (latents x factors)."""
        rows = probe.rows_at_most(self.n, "irs")
        live, chosen = self.live(probe), self.chosen(probe)
        codes = probe.codes[rows][:, live]
        how, named = self.followed()
        labels = renumbered(how._labels(probe)[rows])
        sizes = {probe.factor_names[k]: np.bincount(labels[:, k]) for k in chosen}
        sizes = {name: count[count > 1] for name, count in sizes.items()}
        chosen = [k for k in chosen if len(sizes[probe.factor_names[k]])]
        names = [probe.factor_names[k] for k in chosen]
        facts = {
            **named,
            "n": len(rows),
            **scored(chosen, live),
            "groups": {name: len(count) for name, count in sizes.items()},
            "rows_per_group": {
                name: [int(count.min()), int(count.max())] if len(count) else [0, 0] for name, count in sizes.items()
            },
        }
        if not chosen:
            return undefined("no factor varies and has a value with two rows", **facts)
        widest = np.abs(codes - codes.mean(axis=0)).max(axis=0)
        if not live.any() or not widest.any():
            return Score(0.0, reason=f"{self.no_life(probe)}, so no latent can be robust", settings=facts)
        spread = [Spread.of(codes, labels[:, k]) for k in chosen]
        weights, unit = widest / widest.max(), np.where(widest > 0, widest, 1.0)
        robust = (1 - np.stack([each.moved(how.quantile) for each in spread], axis=1) / unit[:, None]).clip(0, 1)
        rng = probe.rng("irs/interval")
        again = np.stack([each.resampled(how.quantile, REPEATS, rng) for each in spread], axis=2)  # (B, d, K)
        ends = resampled(np.sort(np.abs(codes - codes.mean(axis=0)), axis=0), 1.0, REPEATS, rng)  # M again, (B, d)
        moves = (1 - again / np.where(ends > 0, ends, 1.0)[:, :, None]).clip(0, 1).max(axis=2)
        repeats = (moves * ends).sum(axis=1) / np.maximum(ends.sum(axis=1), np.finfo(np.float64).tiny)
        value, half = float(np.average(robust.max(axis=1), weights=weights)), Z95 * float(repeats.std(ddof=1))
        table = np.full((len(live), len(chosen)), np.nan)
        table[live] = robust
        return Score(
            value,
            interval=(max(0.0, value - half), min(1.0, value + half)),
            tables={"robustness": table.tolist(), "rows": latent_names(len(live)), "columns": names},
            settings=facts,
        )

    def _labels(self, probe: Probe) -> Whole:
        """Values of all factors, (n, K), those that are cut as numbers of their bins."""
        labels = probe.known_factors.copy()
        for k, name in enumerate(probe.factor_names):
            if name in probe.continuous or (self.rebin and len(np.unique(labels[:, k])) > self.bins):
                labels[:, k] = quantise(probe.known_values[:, [k]], self.bins)[:, 0]
        return labels


@dataclass(frozen=True)
class Spread:
    """Distances |z - mean given the value|, sorted within each value that two rows or more have: (n_v, d) each."""

    groups: list[Reals]

    @classmethod
    def of(cls, codes: Reals, labels: Whole) -> Spread:
        """Distances of codes (n, d) by the values 0, 1, ... of a factor (n,)."""
        order = np.argsort(labels, kind="stable")
        ends = np.cumsum(np.bincount(labels))
        groups = [codes[rows] for rows in np.split(order, ends[:-1]) if len(rows) > 1]
        return cls([np.sort(np.abs(g - g.mean(axis=0)), axis=0) for g in groups])

    def moved(self, quantile: float) -> Reals:
        """Mean over the values of the quantile of the distances, (d,).

        >>> Spread.of(np.array([[0.0], [2.0], [5.0], [5.0], [9.0]]), np.array([0, 0, 1, 1, 2])).moved(1.0).tolist()
        [0.5]
        """
        return np.mean([_between(g, np.array([quantile * (len(g) - 1)]))[0] for g in self.groups], axis=0)

    def resampled(self, quantile: float, repeats: int, rng: np.random.Generator) -> Reals:
        """The same of rows drawn again within each value, (repeats, d)."""
        return np.mean([resampled(g, quantile, repeats, rng) for g in self.groups], axis=0)


def resampled(ordered: Reals, quantile: float, repeats: int, rng: np.random.Generator) -> Reals:
    """The quantile of as many new rows as (n, d) has, which are sorted column by column, (repeats, d).

    The r-th of n rows lies where the r-th of n uniform numbers does in the distribution they come from, and that number
    has the law Beta(r, n - r + 1): no row need be drawn. The distribution is a straight line between rows; the upper
    TAIL rows, a fifth at most, stand for a generalised Pareto tail (Pickands 1975), since no maximum could otherwise be
    exceeded. It has their mean excess and a shape halfway between an exponential and the one of their moments, which
    by itself would be too short with so few rows.
    """
    n, d = ordered.shape
    rank = quantile * (n - 1) + 1
    share = rng.beta(rank, n - rank + 1, size=(repeats, d))
    top = max(1, min(TAIL, n // 5))
    start = ordered[n - top - 1]
    excess = ordered[n - top :] - start
    mean, var = excess.mean(axis=0), excess.var(axis=0)
    bend = ((mean**2 / np.where(var > 0, var, math.inf) - 1) / 4).clip(1e-3, 1.0)  # 0: exponential, 1: uniform
    beyond = start + mean * (1 + bend) / bend * (1 - np.minimum(1.0, n * (1 - share) / top) ** bend)
    place = (share * n - 0.5).clip(0, n - 1)
    low = place.astype(np.int64)
    below, above = (np.take_along_axis(ordered, at, axis=0) for at in (low, np.minimum(low + 1, n - 1)))
    return np.where(share * n > n - top, beyond, below + (place - low) * (above - below))


def _between(ordered: Reals, place: Reals) -> Reals:
    """Rows of (n, d) at fractional places, by straight lines between neighbours."""
    low = np.floor(place).astype(np.int64)
    high = np.minimum(low + 1, len(ordered) - 1)
    return ordered[low] + (place - low)[:, None] * (ordered[high] - ordered[low])
