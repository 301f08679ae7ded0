"""What the metrics share that read I(factor; latent) off a histogram: bins, and the cells that rows fall in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt

from unweave.base import checks
from unweave.base.checks import Range
from unweave.metrics.arrays import Whole, latent_names
from unweave.metrics.base import FactorMetric, scored
from unweave.metrics.information import Binning, quantise
from unweave.metrics.probe import Probe


@dataclass(frozen=True)
class Cells:
    """Binned codes and, uncut, categorical codes (n, D), which of them live (D,), and the factors that vary (n, K)."""

    cells: Whole
    live: npt.NDArray[np.bool_]
    factors: Whole
    factor_names: list[str]
    column_names: list[str]

    @property
    def facts(self) -> dict[str, Any]:
        """What a score records of them."""
        return {"n": len(self.cells), **scored(self.factor_names, self.live)}


@dataclass(frozen=True)
class BinnedMetric(FactorMetric):
    """A metric of codes cut into bins; categorical codes are columns of their own, uncut."""

    n: Annotated[int, "number of rows that the score is computed on", Range(2)] = 10_000
    bins: Annotated[int, "number of bins per code", Range(2)] = 20
    binning: Annotated[Binning, "bins of equal width, or with equal numbers of rows (quantile)"] = "width"
    min_std: Annotated[float, "without a KL: a latent is dead if its codes' standard deviation is below this"] = 0.0
    categorical: Annotated[bool, "use categorical codes as columns too, if there are any"] = True

    takes_categories = True
    categories_count = "as they are, uncut"

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.one_of(("width", "quantile"), binning=self.binning)

    def cut(self, probe: Probe, name: str) -> Cells:
        """At most `n` rows, drawn by `name`, as cells."""
        draw = probe.at_most(self.n, name)
        categories = self.categories_of(draw)
        chosen = [k for k in self.chosen(probe) if np.ptp(draw.known_factors[:, k]) > 0]
        return Cells(
            cells=np.concatenate([quantise(draw.codes, self.bins, self.binning), categories], axis=1),
            live=np.concatenate([self.live(probe), np.ptp(categories, axis=0) > 0]),
            factors=draw.known_factors[:, chosen],
            factor_names=[probe.factor_names[k] for k in chosen],
            column_names=latent_names(draw.codes.shape[1], categories.shape[1]),
        )
