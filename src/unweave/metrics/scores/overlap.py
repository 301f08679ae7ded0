"""Overlap: how much the posteriors of different images overlap, which beta controls."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from unweave.base.records import Score
from unweave.metrics.aggregate import AggregateMetric, mean_of, sampled
from unweave.metrics.arrays import Reals, latent_names
from unweave.metrics.intervals import Z95
from unweave.metrics.probe import Probe
from unweave.models.distributions.normal import LOG_2PI


def _posteriors(codes: Any, scale: Any, *, seed: int = 0) -> Probe:
    """Of posteriors N(codes, scale^2), both (n, d); a scale that is not positive raises InputError."""
    return Probe(codes, scale=scale, seed=seed)


@dataclass(frozen=True)
class Overlap(AggregateMetric):
    """mean_j s_j / (s_j + m_j), s_j the mean posterior standard deviation of latent j, m_j the spread of its means.

    In [0, 1], no unit: 0 if every image has a point of its own (a look-up table), 1 if all share one cloud; a latent
    that tells nothing counts as 1. Neither end is good. `parts`: mean_std and mean_spread (means over latents of s_j
    and m_j), mutual_information I(x;z) and entropy = E H(q(z|x)), in nats. With prior N(0, I) the beta-VAE is a VAE
    with prior N(0, I / beta) that is paid (beta - 1) x entropy; this is how beta makes codes overlap. I(x;z) takes
    q(z) over `max_points` images at most and so cannot exceed log(points), the most_information among the settings.
    The interval is that of sampling rows.
    Source: Mathieu et al. 2019, https://arxiv.org/abs/1812.02833, section 3.

    >>> from unweave.metrics import overlap
    >>> overlap([[-1.0], [1.0]], [[1.0], [1.0]]).value
    0.5
    """

    measures = "how far the posteriors of different images blur into each other"
    known = "needs standard deviations of codes"
    trap = "neither end is good; I(x;z) cannot exceed the log of the number of images"
    interval = "rows"
    inputs = staticmethod(_posteriors)
    needs = ("scale",)
    reads = "sampled"

    def score(self, probe: Probe) -> Score:
        """Overlap of each latent and their mean, with what it does to information and entropy."""
        drawn = sampled(probe, self.max_points, self.samples)
        assert probe.scale is not None
        std, spread = probe.scale.mean(axis=0), probe.codes.std(axis=0)
        each = std / (std + spread)
        half = Z95 * float(_influence(probe.codes, probe.scale).std()) / math.sqrt(len(probe))
        information, bounds = mean_of(drawn.information)
        value = float(each.mean())
        return Score(
            value,
            parts={
                "mean_std": float(std.mean()),
                "mean_spread": float(spread.mean()),
                "mutual_information": information,
                "entropy": float((0.5 * (1 + LOG_2PI) + np.log(probe.scale)).sum(axis=1).mean()),
            },
            interval=(max(0.0, value - half), min(1.0, value + half)),
            tables={
                "overlap": np.stack([std, spread, each], axis=1).tolist(),
                "rows": latent_names(len(std)),
                "columns": ["std", "spread", "overlap"],
            },
            settings={**drawn.facts, "mutual_information_interval": list(bounds)},
        )


def _influence(codes: Reals, scale: Reals) -> Reals:
    """By how much each row moves the value, (n,): the derivatives of s and m put together."""
    std, spread = scale.mean(axis=0), codes.std(axis=0)
    moved = (codes - codes.mean(axis=0)) ** 2 - spread**2
    wider = np.divide(moved, 2 * spread, out=np.zeros_like(moved), where=spread > 0)
    return ((spread * (scale - std) - std * wider) / (std + spread) ** 2).mean(axis=1)
