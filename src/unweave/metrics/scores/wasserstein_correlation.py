"""Gaussian Wasserstein correlation: the distance of the codes' normal fit from one with independent latents."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from unweave.base.records import Score
from unweave.metrics.arrays import Reals
from unweave.metrics.intervals import around
from unweave.metrics.label_free import LabelFree, correlation
from unweave.metrics.probe import Probe


@dataclass(frozen=True)
class WassersteinCorrelation(LabelFree):
    """2 tr C - 2 tr (E C E)^(1/2), E = diag(C)^(1/2), C the covariance (over n) of the live codes.

    The squared 2-Wasserstein distance of N(0, C) and N(0, diag C), in squared units of the codes, 0 or more; the part
    `normalised` is it over tr C, in [0, 2] and without unit, and what to compare models by. Finite for linearly
    dependent latents. The interval is that of sampling rows (influence function, 95 %), for both.
    Source: Locatello et al. 2019, https://arxiv.org/abs/1811.12359, section 5.3.

    >>> from unweave.metrics import wasserstein_correlation
    >>> line = np.array([[1.0, 1.0], [-1.0, -1.0]])
    >>> round(wasserstein_correlation(line).value, 6), round(4 - 2 * 2**0.5, 6)
    (1.171573, 1.171573)
    """

    measures = "linear dependence of latents, squared units of the codes"
    trap = "compare `normalised`"
    draws = "wasserstein-correlation"

    def dependence(self, rows: Probe, live: npt.NDArray[np.bool_]) -> Score:
        """Squared distance, and over the codes' total variance."""
        codes = rows.codes[:, live]
        std = codes.std(axis=0)
        unit = float(std.max())
        variance = (std / unit) ** 2
        total, table = (
            float(variance.sum()),
            correlation(codes) * np.outer(std, std) / unit**2,
        )  # C, in units of its own
        squares, turn = np.linalg.eigh(table * np.sqrt(np.outer(variance, variance)))  # of E C E
        roots = np.sqrt(squares.clip(min=0))
        share = max(0.0, 2.0 - 2 * float(roots.sum()) / total)
        moved, wider = _influence((codes - codes.mean(axis=0)) / unit, table, roots, turn)
        value, relative = share * total, (moved - share * wider) / total
        bounds = around(value, moved, most=math.inf)
        of_share = around(share, relative, most=2.0)
        return Score(
            value * unit**2,
            parts={"normalised": share},
            interval=None if bounds is None else (bounds[0] * unit**2, bounds[1] * unit**2),
            unit="squared units of the codes",
            settings={"intervals": {"normalised": None if of_share is None else list(of_share)}},
        )


def _influence(centred: Reals, table: Reals, roots: Reals, turn: Reals) -> tuple[Reals, Reals]:
    """By how much each row moves the squared distance and the total variance, both (n,).

    d tr M^(1/2) = tr(M^(-1/2) dM) / 2 with M = E C E = turn diag(roots^2) turn', E = diag(C)^(1/2); directions in which
    M is 0 are left out.
    """
    least = 1e-9 * float(roots.max())
    inverse = (turn * np.divide(1.0, roots, out=np.zeros_like(roots), where=roots > least)) @ turn.T
    e = np.sqrt(table.diagonal())
    scaled, wider = centred * e, (centred**2).sum(axis=1) - float(table.trace())
    inner = (scaled @ inverse * scaled).sum(axis=1) - float(roots.sum())
    units = (centred**2 - table.diagonal()) / (2 * e)  # of E itself
    outer = units @ ((inverse * e) @ table).diagonal()
    return 2 * wider - inner - 2 * outer, wider
