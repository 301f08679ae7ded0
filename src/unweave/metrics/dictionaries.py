"""What a permuted and a random dictionary get of the same metric, beside what noise gets."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from unweave.base.records import Score
from unweave.base.seeds import numpy_generator
from unweave.metrics.arrays import Whole
from unweave.metrics.base import Metric
from unweave.metrics.calibration import reach_of_draws
from unweave.metrics.features import Features, Matrix, random_dictionary
from unweave.metrics.probe import Probe


def permuted(probe: Probe, draw: int) -> Probe:
    """The same codes with the rows of each column in an order of its own: every marginal stays, all ties go.

    >>> sorted(permuted(Probe([[1.0], [2.0], [3.0]], [[0], [1], [1]]), 0).codes[:, 0].tolist())
    [1.0, 2.0, 3.0]
    """
    rng = numpy_generator(probe.seed, f"dictionary/permuted/{draw}")
    return probe.with_codes(rng.permuted(probe.codes, axis=0), probe.seed + draw)


def known_rows(values: npt.NDArray[Any]) -> Whole:
    """Numbers of the rows whose factors (n, K) are all known."""
    return np.flatnonzero(~np.isnan(values).any(axis=1))


def dictionaries_of(
    probe: Probe, features: Features | None, draws: int, inputs: Matrix | None = None
) -> dict[str, list[Probe]]:
    """Probes of permuted and of random dictionaries, `draws` of each; of wide codes features are chosen again.

    `inputs` (n, p) are what the codes were made from, of the rows of the probe, or of the rows that `features` uses.
    """
    drawn: list[Probe] = []
    for draw in range(draws):
        if features is None:
            codes = random_dictionary(probe.codes, np.ptp(probe.codes, axis=0) > 0, probe.seed + draw, inputs)
            drawn.append(probe.with_codes(codes, probe.seed + draw))
        else:
            drawn.append(features.chosen(features.random(draw, inputs)).probe)
    return {"permuted": [permuted(probe, draw) for draw in range(draws)], "random": drawn}


def beside(score: Score, metric: Metric, probes: Mapping[str, Sequence[Probe]]) -> Score:
    """`score` with mean, standard deviation and number of draws of dictionaries in the setting `dictionaries`."""
    found: dict[str, Any] = {}
    for name, each in probes.items():
        values = [metric(probe).value for probe in each if metric.refuses(probe) is None]
        finite = [value for value in values if math.isfinite(value)]
        if len(finite) > 1:
            found[name] = {
                "value": float(np.mean(finite)),
                "spread": float(np.std(finite, ddof=1)),
                "draws": len(finite),
            }
    return score.with_settings(dictionaries=found)


def told(score: Score) -> str:
    """Which dictionaries a score does not beat, in words; empty where it beats all, or none was asked.

    It beats one if it lies where less than one in two hundred further draws of it would: beyond t s sqrt(1 + 1/n) of
    their mean, s the standard deviation of n draws and t Student's (`calibration.reach_of_draws`).
    """
    up = 1 if score.higher_is_better else -1
    alike: list[str] = []
    for name, held in score.settings.get("dictionaries", {}).items():
        n, value = held["draws"], held["value"]
        if not up * (score.value - value) > reach_of_draws(held["spread"], n):
            alike.append(f"no better than a {name} dictionary ({value:.3f})")
    return "; ".join(alike)
