"""What the scores that need no factors share: which latents count, and their covariance."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
import numpy.typing as npt

from unweave.base.checks import Range
from unweave.base.records import Score
from unweave.metrics.arrays import Reals, live_latents
from unweave.metrics.base import Metric, undefined
from unweave.metrics.probe import Probe


@dataclass(frozen=True)
class LabelFree(Metric):
    """A score of how far latents depend on each other; it says nothing of true factors.

    Low dependence of codes drawn from the posteriors does not make their means independent: these scores look at
    whatever codes the probe holds, usually the means.
    """

    n: Annotated[int, "number of rows that the score is computed on", Range(2)] = 10_000
    min_kl: Annotated[
        float, "leave out latents whose mean KL is at most this, nats; constant ones are always left out", Range(0)
    ] = 0.1

    higher_is_better: ClassVar[bool] = False
    lies_in: ClassVar[str] = "0 up"
    known: ClassVar[str] = "needs no labels"
    interval: ClassVar[str] = "influence of rows"
    version: ClassVar[int] = 2
    draws: ClassVar[str]  # what the draw of the rows is called

    def score(self, probe: Probe) -> Score:
        """The dependence of the latents that live, where there are two; `unit` is that of the subclass."""
        draw = probe.at_most(self.n, self.draws)
        live = live_latents(draw.codes, probe.kl_per_latent, self.min_kl, 0.0)
        live = np.concatenate([live, np.ptp(self.categories_of(draw), axis=0) > 0])
        facts: dict[str, object] = {"n": len(draw.codes), "active": np.flatnonzero(live).tolist()}
        if live.sum() < 2:
            few = "is one" if live.sum() == 1 else "is none"
            return undefined(f"dependence needs two live latents, and there {few}", **facts)
        return self.dependence(draw, live).with_settings(**facts)

    @abstractmethod
    def dependence(self, rows: Probe, live: npt.NDArray[np.bool_]) -> Score:
        """The score of these rows; `live` are the latents, then the categorical codes that count, (d + L,)."""


def correlation(codes: Reals) -> Reals:
    """Correlation matrix (d, d) of codes (n, d) none of which is constant."""
    centred = codes - codes.mean(axis=0)
    centred = centred / np.abs(centred).max(axis=0)  # so that squares of tiny or huge codes are not lost
    centred = centred / np.sqrt((centred**2).sum(axis=0))
    return centred.T @ centred
