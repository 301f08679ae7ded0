"""Neuron comparison: what each factor's own latent predicts alone (SNC), and what is lost without it (NK)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
import numpy.typing as npt

from unweave.base.checks import Range
from unweave.base.records import Score
from unweave.base.seeds import derive
from unweave.metrics.arrays import Reals, Whole, latent_names, standardised
from unweave.metrics.base import FactorMetric, scored, undefined
from unweave.metrics.boosting import binned
from unweave.metrics.information import mutual_information, renumbered
from unweave.metrics.probe import Probe
from unweave.metrics.scores.dci import FEWEST_TREES, THRIFTY_ROWS, forest

MOST_BINS = 256  # of what `binned` gives
NO_INTERVAL = "only latents matched and classifiers fitted again to other rows say how they move"


@dataclass(frozen=True)
class NeuronComparison(FactorMetric):
    """SNC = mean_k a_k, a_k the held-out accuracy of factor k told by one latent of its own, cut into bins.

    Each factor of V_k values gets a latent of its own: the pairing that maximises the sum of I(g_k; z_j), each live
    latent cut into V_k bins with equally many rows (its values themselves where they are V_k or fewer). Each bin then
    stands for a value of its own, paired so that most training rows are right. In [0, 1], no unit; a code that knows
    nothing gets about the mean of 1 / V_k. A factor without a latent of its own is guessed to be the most common value.

    Part `knockout`, NK: mean over factors of the held-out accuracy of a forest on all live latents, less that of a
    forest grown on all but the factor's own latent. Near the part `all_latents`, the accuracy on all, less a guess's:
    no other latent tells the factor. Near 0: the others tell it as well, as copies do, or latents it is tangled into,
    which scores of single latents do not see.
    Source: Mahon et al. 2023, https://arxiv.org/abs/2304.02335; SNC as in the authors' code
    (https://github.com/Lou1sM/snc_nk), apart from ties, which it cuts where they fall; NK, which that code does not
    have, with forests as in `dci`, grown anew without the latent.

    >>> from unweave.metrics import neuron_comparison
    >>> grid = np.stack(np.meshgrid(range(5), range(200)), axis=-1).reshape(-1, 2) % 5
    >>> score = neuron_comparison(grid[:, [0, 1, 1]] * 1.0, grid)
    >>> score.value, {name: round(lost, 1) for name, lost in score.tables["knockout_per_factor"].items()}
    (1.0, {'factor_0': 0.8, 'factor_1': 0.0})
    """

    train: Annotated[int, "rows used to pair latents, bins and values, and to train forests", Range(1)] = 10_000
    test: Annotated[int, "held-out rows", Range(1)] = 5_000
    trees: Annotated[int, "trees per forest (knockout)", Range(1)] = 10
    min_samples_leaf: Annotated[int, "minimum training rows in a leaf of a forest (knockout)", Range(1)] = 10

    measures = "compactness (value), modularity of what a classifier sees (part knockout)"
    known = "chance is the mean of 1 / V"
    trap = "high by itself for codes that tell a factor twice: read the part knockout"
    interval = "none: pairing and forests would need other fits"
    follows = "Mahon et al. 2023, with forests"
    learns = True

    def thrifty(self, rows: int) -> NeuronComparison:
        """Forests of fewer trees on more than 1,000 rows, 3 at least: the value does not depend on them."""
        if rows <= THRIFTY_ROWS:
            return self
        return replace(self, trees=max(min(FEWEST_TREES, self.trees), self.trees * THRIFTY_ROWS // rows))

    def score(self, probe: Probe) -> Score:
        """SNC and NK, of each factor too, and which latent is whose."""
        chosen, live = self.chosen(probe), self.live(probe)
        train, test = probe.parted(self.train, self.test, "neuron-comparison")
        facts = {**scored(chosen, live), "train": len(train), "test": len(test), "no_interval": NO_INTERVAL}
        if not chosen:
            return undefined("no factor varies", **facts)
        codes, labels = standardised(probe.codes[:, live]), renumbered(probe.known_factors[:, chosen])
        names = [probe.factor_names[k] for k in chosen]
        cells = [
            binned(codes, min(int(column.max()) + 1, MOST_BINS)).astype(np.int64) for column in labels.T if live.any()
        ]
        told = [mutual_information(c[train], labels[train, k : k + 1])[0] for k, c in enumerate(cells)]
        own = _paired(np.array(told).reshape(len(names), -1))
        single, whole, without = np.empty((3, len(names)))
        for k, column in enumerate(labels.T):
            cell = cells[k][:, own[k]] if k in own else np.zeros(len(codes), np.int64)
            single[k] = told_by_bins(cell, column, train, test).mean()
            seed = derive(probe.seed, f"neuron-comparison/{k}")
            whole[k] = self._accuracy(codes, column, train, test, seed)
            without[k] = (
                self._accuracy(np.delete(codes, own[k], axis=1), column, train, test, seed) if k in own else whole[k]
            )
        columns = np.flatnonzero(live)
        lost, shown = whole - without, latent_names(len(live))
        return Score(
            float(single.mean()),
            parts={
                "single_neuron": float(single.mean()),
                "knockout": float(lost.mean()),
                "all_latents": float(whole.mean()),
            },
            per_factor=dict(zip(names, single.tolist(), strict=True)),
            tables={
                "knockout_per_factor": dict(zip(names, lost.tolist(), strict=True)),
                "own_latent": {name: shown[columns[own[k]]] for k, name in enumerate(names) if k in own},
            },
            settings=facts,
            reason=None if live.any() else f"{self.no_life(probe)}, so the most common value is guessed",
        )

    def _accuracy(self, codes: Reals, labels: Whole, train: Whole, test: Whole, seed: int) -> float:
        """Share of held-out rows whose label a forest on these codes tells; without codes, the most common one."""
        if not codes.shape[1]:
            return float((labels[test] == np.bincount(labels[train]).argmax()).mean())
        grown = forest(codes[train], labels[train], self.trees, self.min_samples_leaf, seed)
        return float((grown.predict(codes[test]) == labels[test]).mean())


def _paired(information: Reals) -> dict[int, int]:
    """Latent of each factor, from I(g_k; z_j) (K, d): one each, with the largest sum."""
    from scipy.optimize import linear_sum_assignment  # late: takes a while

    rows, columns = linear_sum_assignment(-information)
    return dict(zip(rows.tolist(), columns.tolist(), strict=True))


def told_by_bins(cell: Whole, labels: Whole, train: Whole, test: Whole) -> npt.NDArray[np.bool_]:
    """Which held-out labels their bins tell, (rows,): each bin (n,) stands for another label.

    Bins and labels are paired so that most training rows are right; a bin beside them all tells nothing right.

    >>> told_by_bins(np.array([0, 1, 0, 1]), np.array([1, 0, 1, 1]), np.arange(4), np.arange(4)).tolist()
    [True, True, True, False]
    """
    from scipy.optimize import linear_sum_assignment  # late: takes a while

    counts = np.zeros((int(cell.max()) + 1, int(labels.max()) + 1))
    np.add.at(counts, (cell[train], labels[train]), 1)
    bins, values = linear_sum_assignment(-counts)
    stands = np.full(len(counts), -1)
    stands[bins] = values
    return stands[cell[test]] == labels[test]
