"""Hoyer sparsity: how few latents each image uses."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

import numpy as np

from unweave.base.checks import Range
from unweave.base.records import Score
from unweave.metrics.arrays import Reals, live_latents
from unweave.metrics.base import Metric, undefined
from unweave.metrics.intervals import around
from unweave.metrics.probe import Probe


@dataclass(frozen=True)
class Hoyer(Metric):
    """(sqrt(D) - mean_n |y_n|_1 / |y_n|_2) / (sqrt(D) - 1), y_nj = code_nj over the deviation of latent j.

    In [0, 1], no unit: 1 if each image uses one latent alone, 0 if it uses all alike. The division keeps a latent
    that shrinks for every image from passing as sparse; `parts` has the same without it, as raw. Codes are not
    centred, since 0 means unused. Dead latents are left out, and D counts the others; rows that are 0 throughout say
    nothing and are left out first, so that the standard deviations are those of the other rows. N(0, I) in 50
    dimensions gives 0.231. The interval is that of sampling rows.
    Sources: Hurley and Rickard 2009; Mathieu et al. 2019, https://arxiv.org/abs/1812.02833, section 5.

    >>> from unweave.metrics import hoyer
    >>> hoyer(np.eye(4)).value
    1.0
    """

    prune: Annotated[bool, "leave out dead latents; otherwise only constant ones"] = True
    min_kl: Annotated[float, "a latent is dead if its mean KL is at most this, nats", Range(0)] = 0.1
    min_std: Annotated[
        float, "without a KL: a latent is dead if its codes' standard deviation is below this", Range(0)
    ] = 0.05

    measures = "sparsity of codes"
    known = "N(0, 1) codes are not at 0"
    trap = "codes are standardised first, or collapsed latents would look sparse"
    interval = "rows"
    follows = "Mathieu et al. 2019"
    to_match = "`raw` is a part"

    def score(self, probe: Probe) -> Score:
        """Sparsity of the rows' codes, normalised and raw."""
        rates, least = (probe.kl_per_latent, self.min_std) if self.prune else (None, 0.0)
        live = live_latents(probe.codes, rates, self.min_kl, least)
        facts = {"active": np.flatnonzero(live).tolist()}
        if live.sum() < 2:
            there = "there is one" if live.any() else "there are none"
            return undefined(f"sparsity needs two live latents, and {there}", **facts)
        codes = probe.codes[:, live]
        codes = codes / np.abs(codes).max(axis=0).max()  # squares of tiny codes would vanish
        codes = codes[codes.any(axis=1)]
        each = sparsity(codes / codes.std(axis=0))
        value = float(each.mean())
        return Score(
            value,
            parts={"raw": float(sparsity(codes).mean())},
            interval=around(value, each),
            settings={**facts, "used_rows": len(each)},
        )


def sparsity(codes: Reals) -> Reals:
    """Hoyer's measure of each row of (n, d), d at least 2, none of them 0 throughout; (n,).

    >>> sparsity(np.array([[0.0, 3.0, 0.0], [-2.0, 2.0, 2.0]])).round(6).tolist()
    [1.0, 0.0]
    """
    size = np.abs(codes)
    size = size / size.max(axis=1, keepdims=True)
    root = math.sqrt(codes.shape[1])
    return ((root - size.sum(axis=1) / np.sqrt((size**2).sum(axis=1))) / (root - 1)).clip(0.0, 1.0)
