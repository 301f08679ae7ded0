"""What a comparison is: settings that turn probes of several models, on the same rows, into one score."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from unweave.base.errors import InputError
from unweave.base.records import Score
from unweave.metrics.arrays import Reals
from unweave.metrics.base import Facts
from unweave.metrics.probe import Probe


def probes_of(codes: Iterable[Any], *, kl_per_latent: Iterable[Any] | None = None, seed: int = 0) -> list[Probe]:
    """Of the codes (n, d) of several models on the same n rows; `kl_per_latent` is a row (d,) a model, in nats."""
    tables = list(codes)
    rates: list[Any] = [None] * len(tables) if kl_per_latent is None else list(kl_per_latent)
    if len(rates) != len(tables):
        raise InputError(f"kl_per_latent must be one row a model, got {len(rates)} for {len(tables)} models")
    return [Probe(table, kl_per_latent=rate, seed=seed) for table, rate in zip(tables, rates, strict=True)]


@dataclass(frozen=True)
class Comparison(Facts, ABC):
    """Settings of one comparison; calling it with two probes or more gives a Score, the mean over the models.

    Row i of every probe must be the same image. The score of each model is in the table `per_model`, by the order of
    the probes, how each pair compares in `pairs`, and the best model's number in the setting `best`. No factors are
    looked at.
    """

    known: ClassVar[str] = "needs no labels"
    inputs = staticmethod(probes_of)

    def __call__(self, probes: Sequence[Probe]) -> Score:
        """Compare `probes` and write all settings into the score; probes that cannot be compared raise InputError."""
        if (reason := self.refuses(probes)) is not None:
            raise InputError(reason)
        facts = {"models": len(probes), "rows": len(probes[0]), "seed": probes[0].seed}
        return self._made_by(self.score(probes), **facts)

    def refuses(self, probes: Sequence[Probe]) -> str | None:
        """Why these probes cannot be compared, in a sentence, or None."""
        name = type(self).__name__
        if len(probes) < 2:
            return f"{name} needs two models or more, got {len(probes)}"
        rows = [len(probe) for probe in probes]
        if len(set(rows)) > 1:
            return f"{name} needs codes of the same rows from all models, got {rows} rows"
        numbers = [probe.numbers for probe in probes if probe.numbers is not None]
        if any(not np.array_equal(numbers[0], each) for each in numbers[1:]):
            return f"{name} needs codes of the same images from all models, got different image numbers"
        return None

    @abstractmethod
    def score(self, probes: Sequence[Probe]) -> Score:
        """Give the mean over models and the score of each; `__call__` adds the settings."""


def of_models(pairs: Reals, each: Reals, reason: str | None, **facts: Any) -> Score:
    """Score of models from how all pairs compare (M, M) and what each one gets (M,), NaN where it cannot be had."""
    known = ~np.isnan(each)
    names = [f"model {i}" for i in range(len(each))]
    best = int(np.nanargmax(each)) if known.any() else None
    return Score(
        float(each[known].mean()) if known.any() else float("nan"),
        tables={"pairs": pairs.tolist(), "per_model": each.tolist(), "rows": names, "columns": names},
        reason=reason,
        settings={"best": best, **facts},
    )


def living(probe: Probe, min_kl: float) -> npt.NDArray[np.bool_]:
    """Latents (d,) that vary, with a mean KL above `min_kl` nats where that is known."""
    varies = np.ptp(probe.codes, axis=0) > 0
    return varies if probe.kl_per_latent is None else varies & (probe.kl_per_latent > min_kl)
