"""Gaussian Wasserstein correlation: how far the codes' normal is from one with independent latents."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from unweave.metrics.base import undefined
from unweave.metrics.label_free import LabelFree, correlation
from unweave.metrics.probe import Probe
from unweave.settings import build
from unweave.types import Score


@dataclass(frozen=True)
class WassersteinCorrelation(LabelFree):
    """2 tr C - 2 tr (E C E)^(1/2), E = diag(C)^(1/2), C the covariance (over n) of the live codes.

    The squared 2-Wasserstein distance of N(0, C) and N(0, diag C), in squared units of the codes, 0 or more; the part
    `normalised` is it over tr C, in [0, 2] and without unit, and what to compare models by. Finite for linearly
    dependent latents. There is no interval.
    Source: Locatello et al. 2019, https://arxiv.org/abs/1811.12359, section 5.3.
    """

    def score(self, probe: Probe) -> Score:
        """Squared distance, and over the codes' total variance."""
        draw, live, facts, few = self.drawn(probe, "wasserstein-correlation")
        if few:
            return undefined(few, **facts)
        codes = draw.codes[:, live]
        std = codes.std(axis=0)
        unit = float(std.max())
        variance = (std / unit) ** 2
        squares = np.linalg.eigvalsh(correlation(codes) * np.outer(variance, variance))  # of E C E
        share = 2.0 - 2 * float(np.sqrt(squares.clip(min=0)).sum()) / float(variance.sum())
        share = max(0.0, share)
        value = share * float(variance.sum()) * unit**2
        return Score(value, parts={"normalised": share}, unit="squared units of the codes", settings=facts)


def wasserstein_correlation(codes: Any, *, kl_per_latent: Any = None, seed: int = 0, **settings: Any) -> Score:
    """Gaussian Wasserstein correlation of codes (n, d), all rows unless `n` is given.

    `settings` are those of `WassersteinCorrelation`, by name. Fewer than two live latents give NaN with a reason;
    wrong shapes and unknown settings raise InputError.

    >>> line = np.array([[1.0, 1.0], [-1.0, -1.0]])
    >>> round(wasserstein_correlation(line).value, 6), round(4 - 2 * 2**0.5, 6)
    (1.171573, 1.171573)
    """
    probe = Probe(codes, kl_per_latent=kl_per_latent, seed=seed)
    given = {"n": len(probe), **settings}
    return build(WassersteinCorrelation, given, of="wasserstein-correlation")(probe)
