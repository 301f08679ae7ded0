"""Code mutual information: the mean mutual information of pairs of latents, in nats."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import numpy.typing as npt

from unweave.base import checks
from unweave.base.checks import Range
from unweave.base.records import Score
from unweave.metrics.arrays import latent_names
from unweave.metrics.information import Binning, influences, mutual_information, quantise
from unweave.metrics.intervals import around
from unweave.metrics.label_free import LabelFree
from unweave.metrics.probe import Probe


@dataclass(frozen=True)
class CodeMutualInformation(LabelFree):
    """Mean over pairs of different live latents of I(z_i; z_j), codes cut into bins.

    0 or more, in nats, at most log(bins). The plug-in estimate exceeds the truth by about (bins - 1)^2 / 2n nats for
    independent latents. It sees any pairwise dependence, and none of higher order. A categorical code is a column of
    its own, uncut. The interval is that of sampling rows (influence function, 95 %) and does not mend the bias.
    Source: Locatello et al. 2019, https://arxiv.org/abs/1811.12359, section 5.3.

    >>> from unweave.metrics import code_mutual_information
    >>> codes = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    >>> code_mutual_information(codes).value, round(code_mutual_information(codes[:, [0, 0]]).value, 4)
    (0.0, 0.6931)
    """

    bins: Annotated[int, "number of bins per code", Range(2)] = 20
    binning: Annotated[Binning, "bins of equal width, or with equal numbers of rows (quantile)"] = "width"
    categorical: Annotated[bool, "use categorical codes as columns too, if there are any"] = True

    measures = "pairwise dependence of latents, nats"
    trap = "too high by about (bins - 1)^2 / 2n"
    categories_count = "as they are, uncut"
    takes_categories = True
    draws = "code-mutual-information"

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.one_of(("width", "quantile"), binning=self.binning)

    def dependence(self, rows: Probe, live: npt.NDArray[np.bool_]) -> Score:
        """Mean information in nats, with that of all pairs."""
        cells = np.concatenate([quantise(rows.codes, self.bins, self.binning), self.categories_of(rows)], axis=1)
        table = mutual_information(cells[:, live], cells[:, live])
        every = latent_names(rows.codes.shape[1], len(live) - rows.codes.shape[1])
        names = [every[j] for j in np.flatnonzero(live)]
        apart = ~np.eye(len(table), dtype=bool)
        value = float(table[apart].mean())
        return Score(
            value,
            interval=around(value, influences(cells[:, live], cells[:, live], apart / apart.sum()), most=math.inf),
            tables={"mutual_information": table.tolist(), "rows": names, "columns": names},
            unit="nats",
        )
