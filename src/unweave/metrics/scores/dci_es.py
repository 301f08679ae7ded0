"""DCI-ES: how small a learner can be to use the codes (explicitness), and how many latents there are (size)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from unweave.base.checks import Range
from unweave.base.errors import InputError
from unweave.base.records import Score
from unweave.metrics.arrays import Reals, Whole, fed_with
from unweave.metrics.base import FactorMetric, scored, undefined
from unweave.metrics.probe import Probe

CHANCE = 0.05  # probability that probes seem to tell a factor of which the codes say nothing
PENALTIES = 10.0 ** np.arange(-6, 2)  # of a probe, for each training row
NO_INTERVAL = "explicitness: only probes fitted again to other rows say how a curve moves"


@dataclass(frozen=True)
class DCIES(FactorMetric):
    """Explicitness E = mean_k (1 - A_k / Z_k), A_k the area between factor k's loss-capacity curve and its lowest loss.

    With l_t the loss of probe t = 0, ..., T of growing capacity, the least so far, l* the least of all and 1 that of a
    constant, A = sum_t (l_{t-1} + l_t - 2 l*) / 2 and Z = T (1 - l*) / 2, the area if the loss fell evenly. In [-1, 1],
    no unit: 1 where the smallest probe is as good as any, 0 where the loss falls evenly with capacity, below 0 where
    only large probes help. A factor that no probe tells has no curve and counts as 0 (chance explains its gains over a
    constant: noise exceeds the limit for any probe and factor in 5 %).

    Probes: ridge regression of the factor's value on the live latents, standardised, and on the first of so many random
    Fourier features as `features` says, none first, so that probe 0 is linear; each step up counts 1, whatever the
    number of latents. The penalty is chosen by generalised cross-validation on the training rows. Loss: squared error
    on held-out rows over that of the training rows' mean. Factors are read as an ordered scale: a factor without an
    order is asked for its number. Categorical codes are fed as columns of 0 and 1.

    E says how easily what is there can be read, not how much is there: read it beside the part `informativeness`,
    mean_k (1 - l*_k). A rotated code is as explicit as an axis-aligned one. Part `size`: S = K / d, factors scored by
    live latents. D and C are those of `dci`.
    Source: Eastwood et al. 2023, https://arxiv.org/abs/2210.00364, sections 4.1 and 4.2; ridge regression on
    random features (Rahimi and Recht 2007) for their networks, forests and random features of growing size.

    >>> from unweave.metrics import dci_es
    >>> grid = np.stack(np.meshgrid(range(10), range(100)), axis=-1).reshape(-1, 2) % 10
    >>> {name: round(value, 4) for name, value in dci_es(grid @ [[1, 1], [-1, 1]], grid).parts.items()}
    {'explicitness': 1.0, 'size': 1.0, 'informativeness': 1.0}
    """

    train: Annotated[int, "rows that the probes are trained on", Range(1)] = 10_000
    test: Annotated[int, "held-out rows", Range(1)] = 5_000
    features: Annotated[
        tuple[int, ...], "numbers of random features of the probes after the linear one, increasing"
    ] = (32, 128, 512)
    categorical: Annotated[bool, "use categorical codes too, if there are any"] = True

    measures = "explicitness"
    lies_in = "-1 to 1"
    known = "0: the loss falls evenly with capacity"
    trap = "blind to rotation, and to how much is told: read the part informativeness"
    interval = "none: a curve would need other fits"
    categories_count = "columns of 0 and 1"
    follows = "Eastwood et al. 2023, with ridge regression on random features"
    learns = True
    takes_categories = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.features or list(self.features) != sorted({*self.features}) or self.features[0] < 1:
            raise InputError(f"features must be one or more growing numbers, the first 1 or more, got {self.features}")

    def takes_continuous(self) -> bool:
        return True

    def score(self, probe: Probe) -> Score:
        """Mean explicitness and that of each factor, size, informativeness, and the curves (factors x probes)."""
        categories = self.categories_of(probe)
        chosen, live = self.chosen(probe), self.live_with(probe, categories)
        train, test = probe.parted(self.train, self.test, "dci-es")
        facts = {**scored(chosen, live), "train": len(train), "test": len(test), "no_interval": NO_INTERVAL}
        if not chosen:
            return undefined("no factor varies", **facts)
        if not live.any():
            reason = f"{self.no_life(probe)}, so no probe tells a factor"
            return Score(
                0.0,
                parts={"explicitness": 0.0, "size": math.nan, "informativeness": 0.0},
                reason=reason,
                settings=facts,
            )
        numbers = self.live(probe)
        fed = fed_with(probe.codes[:, numbers], categories[:, live[len(numbers) :]])
        extra = random_features(fed, self.features[-1], probe.rng("dci-es/features"))
        values = probe.known_values[:, chosen]
        values = values / np.ptp(values, axis=0)
        idle = (values[test] - values[train].mean(axis=0)) ** 2  # squared errors of a constant, (rows, K)
        errors = [
            ridge(np.concatenate([fed, extra[:, :count]], axis=1), values, train, test) for count in (0, *self.features)
        ]
        curves, told = _losses(np.array(errors), idle)
        each = np.where(told, explicitness(curves), 0.0)
        informed = np.where(told, 1 - curves.min(axis=1), 0.0)
        names = [probe.factor_names[k] for k in chosen]
        unknown = [name for name, known in zip(names, told, strict=True) if not known]
        value = float(each.mean())
        return Score(
            value,
            parts={
                "explicitness": value,
                "size": len(chosen) / int(live.sum()),
                "informativeness": float(informed.mean()),
            },
            per_factor=dict(zip(names, each.tolist(), strict=True)),
            tables={
                "losses": curves.tolist(),
                "rows": names,
                "columns": ["linear", *(f"{count} features" for count in self.features)],
                "informativeness_per_factor": informed.tolist(),
            },
            settings={**facts, "counted_as_0": unknown},
            reason="no probe tells a factor" if len(unknown) == len(names) else None,
        )


def explicitness(curves: Reals) -> Reals:
    """1 - A / Z of loss-capacity curves (K, T + 1) whose steps are alike, (K,); the loss of a constant is 1.

    >>> explicitness(np.array([[0.2, 0.2, 0.2], [1.0, 0.5, 0.0], [1.0, 1.0, 0.0]])).tolist()
    [1.0, 0.0, -0.5]
    """
    falling = np.minimum.accumulate(curves, axis=1)
    above = falling - falling[:, -1:]
    room = 1 - falling[:, -1]
    area = (above[:, :-1] + above[:, 1:]).sum(axis=1) / 2
    return 1 - 2 * area / np.where(room > 0, room, math.inf) / (curves.shape[1] - 1)


def _losses(errors: Reals, idle: Reals) -> tuple[Reals, npt.NDArray[np.bool_]]:
    """Losses (K, T + 1), 1 at most, of squared errors (T + 1, rows, K), and which factors some probe tells (K,)."""
    base = idle.mean(axis=0)
    gains = idle - errors
    limit = ndtri(1 - CHANCE / gains[:, 0].size) / math.sqrt(len(idle))  # any of T + 1 probes, K factors
    told = (gains.mean(axis=1) > limit * gains.std(axis=1)).any(axis=0) & (base > 0)
    return np.minimum(errors.mean(axis=1) / np.where(base > 0, base, math.inf), 1.0).T, told


def random_features(codes: Reals, count: int, rng: np.random.Generator) -> Reals:
    """Random Fourier features sqrt 2 cos(w z + b) of standardised codes (n, p), (n, count).

    w z has a deviation of 1/2 to 4, alike likely on the scale of logarithms, b is uniform.
    """
    p = codes.shape[1]
    weights = rng.normal(size=(p, count)) * 2.0 ** rng.uniform(-1, 2, size=count) / math.sqrt(p)
    return math.sqrt(2) * np.cos(codes @ weights + rng.uniform(0, 2 * math.pi, size=count))


def ridge(columns: Reals, values: Reals, train: Whole, test: Whole) -> Reals:
    """Squared errors on the held-out rows, (rows, K), of ridge regressions of values (n, K) on columns (n, p).

    The penalty of each is that of `PENALTIES` times the training rows which minimises the generalised
    cross-validation rss / (n - trace of the hat matrix)^2.
    """
    n, middle, level = len(train), columns[train].mean(axis=0), values[train].mean(axis=0)
    x, y = columns[train] - middle, values[train] - level
    spread, axes = np.linalg.eigh(x.T @ x)
    spread = spread.clip(0, None)[:, None]  # (p, 1)
    along = axes.T @ (x.T @ y)  # (p, K)
    found: list[tuple[Reals, Reals]] = []
    for penalty in PENALTIES * n:
        weights = along / (spread + penalty)
        left = (y**2).sum(axis=0) - (2 * along * weights - spread * weights**2).sum(axis=0)
        free = n - 1 - (spread / (spread + penalty)).sum()
        found.append((left / max(free, 1e-9) ** 2, weights))
    best = np.argmin([criterion for criterion, _ in found], axis=0)  # (K,)
    weights = np.array([weights for _, weights in found])[best, :, np.arange(len(best))].T
    return (values[test] - level - (columns[test] - middle) @ (axes @ weights)) ** 2
