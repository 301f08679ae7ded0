"""Mean correlation coefficient: latents and factors, matched one to one."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from unweave.base.records import Score
from unweave.metrics.arrays import standardised
from unweave.metrics.base import FactorMetric, scored, undefined
from unweave.metrics.intervals import around
from unweave.metrics.probe import Probe


@dataclass(frozen=True)
class MatchedCorrelation(FactorMetric):
    """Mean correlation coefficient: latents and factors, matched one to one.

    mean_k |r(g_k, z_m(k))|, with the matching m of factors and live latents that makes it largest; a factor without a
    latent counts 0. In [0, 1], no unit. The interval is that of sampling rows, with the matching as given.
    Source: Hyvarinen and Morioka 2016, https://arxiv.org/abs/1605.06336.
    """

    measures = "linear one-to-one match"
    known = "independent codes of n rows get about 1 / sqrt(n)"
    trap = "a rotation halves it, a monotone warp hardly moves it"
    interval = "influence of rows"
    follows = "Hyvarinen and Morioka 2016"

    def takes_continuous(self) -> bool:
        return True

    def score(self, probe: Probe) -> Score:
        chosen, live = self.chosen(probe), self.live(probe)
        facts = scored(chosen, live)
        if not chosen:
            return undefined("no factor varies", **facts)
        if not live.any():
            return undefined(self.no_life(probe), **facts)
        factors, codes = standardised(probe.known_values[:, chosen]), standardised(unit(probe.codes[:, live]))
        table = np.abs(factors.T @ codes) / (len(probe) - 1)
        of, by = linear_sum_assignment(table, maximize=True)
        each, moved = np.zeros(len(chosen)), np.zeros((len(chosen), len(probe)))
        for k, j in zip(of, by, strict=True):
            each[k] = r = min(1.0, table[k, j])
            x, y = factors[:, k], codes[:, j] * np.sign(factors[:, k] @ codes[:, j])
            moved[k] = x * y - r * (x**2 + y**2) / 2
        names = [probe.factor_names[k] for k in chosen]
        value = float(each.mean())
        per_factor = dict(zip(names, each.tolist(), strict=True))
        return Score(value, interval=around(value, moved.mean(0)), per_factor=per_factor, settings=facts)


def unit(codes: np.ndarray) -> np.ndarray:
    """Codes of which the largest in each column is 1, so that squares of tiny ones are not lost."""
    return codes / np.abs(codes).max(0)
