"""Held-out combinations: can a probe predict a factor for combinations of values that it never saw?"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations
from typing import Annotated

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from unweave.base.checks import Range
from unweave.base.records import Score
from unweave.metrics.arrays import Reals, fed_with
from unweave.metrics.base import FactorMetric, scored, undefined
from unweave.metrics.probe import Probe
from unweave.metrics.scores.dci_es import CHANCE, random_features, ridge

NO_INTERVAL = "only probes fitted again to other rows say how it moves"


@dataclass(frozen=True)
class HeldOutCombinations(FactorMetric):
    """mean of min(1, q_new / q_seen): what a probe tells of combinations of values that it never saw, over what it can.

    For each pair of factors one corner is left out, drawn from four: rows in which both lie in the upper (or lower)
    half of their values. A probe of each of the two factors is trained on the training rows outside the corner, another
    on as many of all training rows; q = 1 - squared error / that of the mean of the latter, 0 at least, of both on the
    held-out rows inside. The value is the mean over the pairs and their two factors. In [0, 1], no unit: 1 where
    nothing is lost in combinations never seen. A factor that the second probe does not tell there counts as 0 (chance
    explains its gain over the mean: noise exceeds the limit anywhere in 5 %). Noise in the codes costs too, since a
    probe leans on how frequent values are among the rows it saw: an identity with noise of deviation 0.3 gets 0.87.

    Probe: ridge regression of the factor's value on live latents, standardised, and on `features` random Fourier
    features of these (as in `dci-es`), as large together as one latent; 0 makes it linear. Factors are read as an
    ordered scale. Categorical codes are fed as columns of 0 and 1. A rotated code generalises as well as an
    axis-aligned one; a bent one does not. The codes are taken as they are: whether the encoder itself has seen the
    combinations is not asked.
    Source: Mahon et al. 2023, https://arxiv.org/abs/2304.02335 (classifiers trained without combinations of values);
    Montero et al. 2021 (of models). Corners, probes and the ratio are our choice.

    >>> from unweave.metrics import held_out_combinations
    >>> grid = np.stack(np.meshgrid(range(10), range(100)), axis=-1).reshape(-1, 2) % 10
    >>> round(held_out_combinations(grid * 1.0, grid).value, 3)
    1.0
    """

    train: Annotated[int, "rows that the probes are trained on, before a corner is left out", Range(1)] = 10_000
    test: Annotated[int, "held-out rows, including those outside the corner", Range(1)] = 5_000
    features: Annotated[int, "random features that a probe uses besides the latents; 0: a linear probe", Range(0)] = 128
    categorical: Annotated[bool, "use categorical codes too, if there are any"] = True

    measures = "generalisation to combinations of values never seen"
    known = "1: nothing is lost"
    trap = "blind to rotation; the encoder may have seen the combinations"
    interval = "none: probes would need other fits"
    categories_count = "columns of 0 and 1"
    follows = "after Mahon et al. 2023; corners and probes are our choice"
    learns = True
    takes_categories = True

    def takes_continuous(self) -> bool:
        return True

    def score(self, probe: Probe) -> Score:
        """Mean share kept in corners never seen, of each factor, and what probes tell there with and without."""
        categories = self.categories_of(probe)
        chosen, live = self.chosen(probe), self.live_with(probe, categories)
        train, test = probe.parted(self.train, self.test, "held-out-combinations")
        facts = {**scored(chosen, live), "train": len(train), "test": len(test), "no_interval": NO_INTERVAL}
        if len(chosen) < 2:
            few = "there is one" if chosen else "no factor varies"
            return undefined(f"combinations need two factors that vary, and {few}", **facts)
        if not live.any():
            return Score(0.0, reason=f"{self.no_life(probe)}, so no probe tells a factor", settings=facts)
        numbers = self.live(probe)
        fed = fed_with(probe.codes[:, numbers], categories[:, live[len(numbers) :]])
        if self.features:
            more = random_features(fed, self.features, probe.rng("held-out-combinations/features"))
            fed = np.concatenate([fed, more / math.sqrt(self.features)], axis=1)  # all of these as one latent
        values = probe.known_values[:, chosen]
        upper = _upper(values)
        rng, names = probe.rng("held-out-combinations/corners"), [probe.factor_names[k] for k in chosen]
        seen: list[tuple[int, float, float]] = []  # factor, q_seen, q_new
        trials = len(names) * (len(names) - 1)
        for a, b in combinations(range(len(names)), 2):
            corner = (upper[:, a] == rng.integers(2)) & (upper[:, b] == rng.integers(2))
            outside, inside = train[~corner[train]], test[corner[test]]
            if len(outside) < 2 or not len(inside):
                continue
            alike, pair = rng.permutation(train)[: len(outside)], values[:, [a, b]]
            idle = (pair[inside] - pair[alike].mean(axis=0)) ** 2
            new, old = (ridge(fed, pair, rows, inside) for rows in (outside, alike))
            for k, gain_new, gain_old, base in zip((a, b), (idle - new).T, (idle - old).T, idle.T, strict=True):
                limit = ndtri(1 - CHANCE / trials) * gain_old.std() / math.sqrt(len(base))
                told = gain_old.mean() > max(limit, 0.0)
                seen.append(
                    (k, gain_old.mean() / base.mean() if told else 0.0, gain_new.mean() / base.mean() if told else 0.0)
                )
        if not seen:
            return undefined("no corner has rows, or nothing is left beside it", **facts)
        kept = [(k, min(1.0, max(0.0, new) / old) if old else 0.0) for k, old, new in seen]
        value = float(np.mean([share for _, share in kept]))
        return Score(
            value,
            parts={
                "kept": value,
                "told_if_seen": float(np.mean([old for _, old, _ in seen])),
                "told_if_new": float(np.mean([max(0.0, new) for _, _, new in seen])),
            },
            per_factor={
                name: float(np.mean(own))
                for k, name in enumerate(names)
                if (own := [share for of, share in kept if of == k])
            },
            settings=facts,
            reason=None if any(old for _, old, _ in seen) else "no probe tells a factor in a corner",
        )


def _upper(values: Reals) -> npt.NDArray[np.bool_]:
    """Which rows have the upper half of the values of each factor, (n, K); of an odd number the fewer.

    >>> _upper(np.array([[5.0], [7.0], [9.0], [5.0]])).T.tolist()
    [[False, False, True, False]]
    """
    ranks = np.stack([np.unique(column, return_inverse=True)[1] for column in values.T], axis=1)
    return 2 * ranks > ranks.max(axis=0)
