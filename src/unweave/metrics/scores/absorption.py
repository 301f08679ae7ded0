"""Absorption: how often a concept's own feature is inactive because a narrower feature takes its place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
import numpy.typing as npt

from unweave.base.checks import FRACTION, Range
from unweave.base.records import Score
from unweave.metrics.arrays import Reals, Whole, latent_names
from unweave.metrics.base import FactorMetric, scored, undefined
from unweave.metrics.intervals import around
from unweave.metrics.probe import Probe

LEAST_ON = 10  # rows in which a feature is on before it can be said to avoid others
LEAST_ROWS = 5  # of a concept, to choose features on and held out


@dataclass(frozen=True)
class Absorption(FactorMetric):
    """mean_c (F_c + P_c) / N_c: of the N_c held-out rows with concept c, those where another feature took its place.

    A feature is on where its code is above 0, as those of sparse autoencoders are. Each concept has one feature of its
    own, the one whose activation max(z_j, 0) correlates most with it. A feature is narrower than the concept if it is
    on in 10 rows or more and the share of rows without the concept among them is at most (1 - `purity`) of their share
    among all rows. F_c counts rows of the concept in which its own feature is off and a narrower one is on (part
    `full`), P_c those in which its own is on below `weak` times its median over the concept's rows and a narrower one
    is on (part `partial`). Features are chosen on the rows of `train`, and rows counted among those of `test`.

    A factor of two values is one concept, its larger value; of more values each value is a concept. In [0, 1], 0 is
    best, no unit. A concept without a feature absorbs nothing, so read it beside a score that says whether the concept
    is told at all, such as `explicitness`. The interval is that of held-out rows (influence function, 95 %), with the
    features as they were chosen.
    Source: the effect is that of Chanin et al. 2024, https://arxiv.org/abs/2409.14507, who measure it by a sparse
    autoencoder's decoder and a probe; this form needs codes and concepts only, and its numbers are not theirs.

    >>> from unweave.metrics import absorption
    >>> animal, dog = np.tile([0, 1, 1, 1], 100), np.tile([0, 0, 0, 1], 100)
    >>> silent = np.stack([animal - dog, dog], axis=1) * 1.0  # the animal's feature is off where the dog's is on
    >>> 0.25 < absorption(silent, np.stack([animal, dog], axis=1)).per_factor["factor_0"] < 0.45  # a third
    True
    """

    purity: Annotated[float, "share of the rows without the concept that a narrower feature must avoid", FRACTION] = 0.9
    weak: Annotated[float, "a feature counts as weak below this share of its usual activation", FRACTION] = 0.5
    min_std: Annotated[
        float, "without a KL: a latent is dead if its codes' standard deviation is below this", Range(0)
    ] = 0.0
    train: Annotated[int, "rows used to choose features", Range(1)] = 10_000
    test: Annotated[int, "held-out rows used to count absorption", Range(1)] = 5_000

    higher_is_better = False
    measures = "concepts' features that fall silent where a narrower one is on"
    known = "0 for dense codes, and where no concept contains another"
    trap = "also 0 where no feature knows the concept; for features that are off at 0"
    interval = "influence of held-out rows"
    follows = "the effect in Chanin et al. 2024, by codes alone"
    identity_above = -1.0
    differs_from_noise = False

    def score(self, probe: Probe) -> Score:
        """Mean over concepts, with each concept's own feature and the narrower ones."""
        chosen, live = self.chosen(probe), self.live(probe)
        train, test = probe.parted(self.train, self.test, "absorption")
        facts = {**scored(chosen, live), "train": len(train), "test": len(test)}
        if not chosen:
            return undefined("no factor varies", **facts)
        columns, shown = np.flatnonzero(live), latent_names(len(live))
        active = np.maximum(probe.codes[:, live], 0)
        concepts, rare = concepts_of(probe.known_factors, probe.factor_names, chosen, train, test)
        facts["too_few_rows"] = rare
        if not concepts:
            return undefined(f"no concept holds in {LEAST_ROWS} training rows and {LEAST_ROWS} held-out ones", **facts)
        full, partial = np.zeros((2, len(concepts), len(test)), bool)
        own: dict[str, str] = {}
        narrow: dict[str, list[str]] = {}
        for c, (concept, (_, holds)) in enumerate(concepts.items()):
            if live.any():
                feature, narrower, usual = self._features(active[train], holds[train])
                full[c], partial[c] = self._absorbed(active[test], holds[test], feature, narrower, usual)
                own[concept] = shown[columns[feature]]
                narrow[concept] = [shown[j] for j in columns[narrower]]
        there = np.stack([holds[test] for _, holds in concepts.values()])
        shares = (full | partial).sum(axis=1) / there.sum(axis=1)
        weights = len(test) / (len(concepts) * there.sum(axis=1))
        influence = (((full | partial) - there * shares[:, None]) * weights[:, None]).sum(axis=0)
        value, names = float(shares.mean()), [probe.factor_names[k] for k in chosen]
        of = np.array([k for k, _ in concepts.values()])
        return Score(
            value,
            interval=around(value, influence),
            parts={
                "full": float((full.sum(axis=1) / there.sum(axis=1)).mean()),
                "partial": float((partial.sum(axis=1) / there.sum(axis=1)).mean()),
            },
            per_factor={name: float(shares[of == k].mean()) for k, name in zip(chosen, names, strict=True) if k in of},
            tables={
                "absorbed": dict(zip(concepts, shares.tolist(), strict=True)),
                "own_feature": own,
                "narrower_features": narrow,
            },
            settings=facts,
            reason=None if live.any() else f"{self.no_life(probe)}, so no feature is on",
        )

    def _features(self, active: Reals, holds: npt.NDArray[np.bool_]) -> tuple[int, Whole, float]:
        """A concept's own feature, the narrower ones, and the usual activation of its own where the concept holds."""
        centred = active - active.mean(axis=0)
        size = np.sqrt((centred**2).sum(axis=0))
        own = int(np.divide(centred.T @ (holds - holds.mean()), size, out=np.zeros_like(size), where=size > 0).argmax())
        on = active > 0
        often, outside = on.sum(axis=0), on[~holds].sum(axis=0)
        narrower = (often >= LEAST_ON) & (outside <= (1 - self.purity) * (1 - holds.mean()) * often)
        narrower[own] = False
        own_on = active[holds & on[:, own], own]
        return own, np.flatnonzero(narrower), float(np.median(own_on)) if len(own_on) else 0.0

    def _absorbed(
        self, active: Reals, holds: npt.NDArray[np.bool_], own: int, narrower: Whole, usual: float
    ) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
        """Rows (n,) of the concept in which its own feature is off, and weak, while a narrower one is on."""
        instead = holds & (active[:, narrower] > 0).any(axis=1)
        off = active[:, own] <= 0
        return instead & off, instead & ~off & (active[:, own] < self.weak * usual)


def concepts_of(
    factors: Whole, names: tuple[str, ...], chosen: list[int], train: Whole, test: Whole
) -> tuple[dict[str, tuple[int, npt.NDArray[np.bool_]]], list[str]]:
    """Factor and rows (n,) of each concept, by name, and the names of those that hold in too few rows of either part.

    >>> factors, half = np.tile([[0, 0], [1, 1], [1, 2]], (60, 1)), np.arange(90)
    >>> list(concepts_of(factors, ("a", "b"), [0, 1], half, half + 90)[0])
    ['a', 'b=0', 'b=1', 'b=2']
    """
    found: dict[str, tuple[int, npt.NDArray[np.bool_]]] = {}
    for k in chosen:
        values = np.unique(factors[:, k])
        if len(values) == 2:
            found[names[k]] = k, factors[:, k] == values[1]
        else:
            found |= {f"{names[k]}={value}": (k, factors[:, k] == value) for value in values}
    rare = [name for name, (_, holds) in found.items() if min(holds[train].sum(), holds[test].sum()) < LEAST_ROWS]
    return {name: each for name, each in found.items() if name not in rare}, rare
