"""What a metric is: settings that turn a probe into a score, with the facts of it that docs and contracts read."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence, Sized
from dataclasses import dataclass, field, fields, replace
from typing import Annotated, Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from unweave.base import checks, settings
from unweave.base.checks import Range
from unweave.base.codes import MEANS, PLANES, Kind
from unweave.base.errors import InputError
from unweave.base.records import Score
from unweave.base.settings import Settings
from unweave.metrics.arrays import Whole, live_latents
from unweave.metrics.probe import FEW, OF_ROWS, Probe

LEFT_OUT = "left out: this metric looks at the continuous latents alone"
NEEDS = {
    "factors": "the true factors of every row",
    "scale": "the standard deviation of every code",
    "kl_per_latent": "the mean KL of every latent",
    "categories": "categorical codes",
    "model": "the model that made the codes",
    "data": "the data set, to make images again",
}


@dataclass(frozen=True)
class Preset:
    """One text's protocol: the text, what it sets in words, and the settings by name."""

    text: str
    sets: str
    settings: Mapping[str, Any] = field(default_factory=dict[str, Any])


class Facts(Settings):
    """What is true of a metric whatever its settings; docs/metrics.md is made of these, and the contracts read them.

    Strings may hold Markdown. Only `measures` has no default that would do for most metrics.
    """

    version: ClassVar[int] = 1  # grows whenever the same input would get another value
    higher_is_better: ClassVar[bool] = True
    measures: ClassVar[str] = ""
    lies_in: ClassVar[str] = "0 to 1"
    known: ClassVar[str] = ""  # what one knows of a value without calibration
    trap: ClassVar[str] = ""  # what it is easily misread for
    interval: ClassVar[str] = "none"  # of what kind
    follows: ClassVar[str] = ""  # which text the defaults follow, where there are no presets
    to_match: ClassVar[str] = ""  # and which settings match another text
    presets: ClassVar[Mapping[str, Any]] = {}  # by name, each with `text` and `sets` as a Preset has them

    # What makes the arguments of `unweave.metrics.NAME`, its settings aside, into what the metric is called with; it
    # lends that function its signature. None: `probe_of_factors` where factors are needed, else `probe_of_codes`.
    inputs: ClassVar[Callable[..., Any] | None] = None

    def _made_by(self, score: Score, **facts: object) -> Score:
        """The score with all settings of the metric and these facts."""
        return replace(
            score,
            settings={**settings.plain(self), **facts, **score.settings},
            version=self.version,
            higher_is_better=self.higher_is_better,
        )


@dataclass(frozen=True)
class Metric(Facts, ABC):
    """Settings of one metric; calling it with a probe gives a Score.

    A subclass is a frozen dataclass that writes `score`. `needs` names the attributes of the probe that must
    be there. Factors that are no whole numbers are for those only whose `takes_continuous` says so.
    """

    needs: ClassVar[tuple[str, ...]] = ()
    probing: ClassVar[Mapping[str, Any]] = {}  # settings for contracts, where defaults say too little
    uses_factors: ClassVar[bool] = False  # looks at true factors or labels
    learns: ClassVar[bool] = False  # fits a learner to the rows
    reads: ClassVar[Kind] = MEANS  # which codes it looks at
    takes_categories: ClassVar[bool] = False  # looks at categorical codes too, unless a setting says otherwise
    categories_count: ClassVar[str] = ""  # and as what
    identity_above: ClassVar[float] = 0.85  # what a code that is the factors themselves gets at least
    noise_below: ClassVar[float | None] = 0.35  # what codes that know nothing get at most, None for no bound
    differs_from_noise: ClassVar[bool] = (
        True  # truth gets another score than noise, so floor and ceiling mean something
    )

    def __call__(self, probe: Probe) -> Score:
        """Score `probe` and write all settings into it; a probe that lacks something raises InputError."""
        if (reason := self.refuses(probe)) is not None:
            raise InputError(reason)
        facts: dict[str, object] = {"D": probe.codes.shape[1], "rows": len(probe), "seed": probe.seed}
        facts["codes"] = PLANES if probe.in_planes and self.reads == MEANS else self.reads
        if probe.dropped:
            facts["rows_without_factors"] = probe.dropped
        if probe.factor_bins and "factors" in self.needs:
            facts["factor_bins"] = probe.factor_bins
        if probe.categories is not None:
            facts["categorical_codes"] = "used" if self.uses_categories() else LEFT_OUT
        if "factors" in self.needs and probe.positives:
            few = probe.too_few
            facts["positives"] = {name: count for name, count in probe.positives.items() if name not in few}
            facts["too_few_positives"] = few
        return self._made_by(self.score(probe), **facts)

    def refuses(self, probe: Probe) -> str | None:
        """Why this metric cannot be had of `probe`, in a sentence, or None."""
        if probe.in_planes and "factors" not in self.needs:
            return (
                f"{type(self).__name__} is of latents, and codes in planes are columns made of several: a cosine and a "
                "sine depend on each other by construction, and the model says nothing of them"
            )
        for need in self.needs:
            if getattr(probe, need) is None:
                return f"{type(self).__name__} needs {NEEDS[need]}, which this probe does not have"
        if "factors" in self.needs and not self.takes_continuous() and (name := self._continuous(probe)) is not None:
            return (
                f"{type(self).__name__} needs factors that are integers, and {name} is continuous: cut it into bins "
                "(factor_bins=10), leave it out, or take irs, sap with kind=continuous or dci with backend=lasso"
            )
        if "factors" in self.needs and (few := probe.too_few) and set(_varying(probe)).issubset(few):
            held = ", ".join(f"{name} {count}" for name, count in few.items())
            return f"{type(self).__name__} needs concepts with {FEW} positives or more in {OF_ROWS:,} rows, got {held}"
        return None

    def in_units(self) -> bool:
        """Whether codes in another unit get another score; floor and ceiling are then had in the codes' own."""
        return False

    def dear(self) -> bool:
        """Whether one answer takes so long that floor and ceiling are made of fewer draws."""
        return self.learns or "scale" in self.needs

    def thrifty(self, rows: int) -> Self:
        """What is asked for floor and ceiling on so many rows: these settings, or a learner that costs less.

        Noise must fool that learner no less, and rows, splits and votes stay as they are.
        """
        return self

    def takes_continuous(self) -> bool:
        """Whether factors that are no whole numbers can be scored with these settings."""
        return False

    def uses_categories(self) -> bool:
        """Whether categorical codes count with these settings."""
        return self.takes_categories and getattr(self, "categorical", True) is not False

    def categories_of(self, probe: Probe) -> Whole:
        """The categorical codes that count, numbers (n, L); L is 0 where there are none or they are left out."""
        if probe.categories is None or not self.uses_categories():
            return np.empty((len(probe), 0), np.int64)
        return probe.categories

    def _continuous(self, probe: Probe) -> str | None:
        """The first factor to be scored that is no whole number, or None."""
        return next(iter(probe.continuous), None)

    @abstractmethod
    def score(self, probe: Probe) -> Score:
        """Give the value and its parts; `__call__` adds the settings."""


@dataclass(frozen=True)
class FactorMetric(Metric):
    """A metric that compares codes with true factors; the settings that all of these share.

    A latent is dead if its mean KL is at most `min_kl` nats; where no KL is known, if the standard deviation
    of its codes is below `min_std`. A constant latent is dead in any case. A factor that never varies is not
    scored.
    """

    exclude_factors: Annotated[tuple[str, ...], "names of factors to leave out of the score"] = ()
    prune: Annotated[bool, "leave out dead latents; otherwise only constant ones"] = True
    min_kl: Annotated[float, "a latent is dead if its mean KL is at most this, nats", Range(0)] = 0.1
    min_std: Annotated[
        float, "without a KL: a latent is dead if its codes' standard deviation is below this", Range(0)
    ] = 0.05

    needs: ClassVar[tuple[str, ...]] = ("factors",)
    uses_factors: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.presets:
            checks.one_of(self.presets, preset=getattr(self, "preset", None))

    def _continuous(self, probe: Probe) -> str | None:
        return next((name for name in probe.continuous if name not in self.exclude_factors), None)

    def followed(self) -> tuple[Self, dict[str, Any]]:
        """These settings with those that `preset` names put in, and the latter as plain values.

        What was set to another value than its default wins over the preset.
        """
        own = {each.name: each.default for each in fields(self)}
        wanted: Mapping[str, Any] = self.presets[getattr(self, "preset", "")].settings
        how = replace(self, **{name: v for name, v in wanted.items() if getattr(self, name) == own[name]})
        return how, {name: settings.plain(how)[name] for name in wanted}

    def live(self, probe: Probe) -> npt.NDArray[np.bool_]:
        """Which latents count, (d,)."""
        if not self.prune:
            return live_latents(probe.codes, None, min_std=0.0)
        return live_latents(probe.codes, probe.kl_per_latent, self.min_kl, self.min_std)

    def live_with(self, probe: Probe, categories: Whole) -> npt.NDArray[np.bool_]:
        """Which latents count, and after them which of these categorical codes (n, L) vary, (d + L,)."""
        return np.concatenate([self.live(probe), np.ptp(categories, axis=0) > 0])

    def chosen(self, probe: Probe, ignored: Collection[str] = ()) -> list[int]:
        """Columns of the factors that vary and are left neither by the settings nor by `ignored`, nor are too rare."""
        for name in self.exclude_factors:
            checks.known("factor in exclude_factors", name, probe.factor_names)
        away = {*self.exclude_factors, *ignored, *probe.too_few}
        varies = np.ptp(probe.known_factors, axis=0) > 0
        return [k for k, name in enumerate(probe.factor_names) if varies[k] and name not in away]

    def shared(self, probe: Probe, ignored: Collection[str] = ()) -> Whole:
        """Those of the factors that `chosen` gives of which two rows share a value."""
        return np.array([k for k in self.chosen(probe, ignored) if probe.groups.repeated[k] > 0], np.int64)

    def no_life(self, probe: Probe) -> str:
        """Why no latent is live, and what would keep them."""
        if not self.prune or not live_latents(probe.codes, None, min_std=0.0).any():
            return "every latent is constant"
        if probe.kl_per_latent is not None:
            return f"every latent is dead: no mean KL is above min_kl = {self.min_kl} nats"
        return f"every latent is dead: no standard deviation reaches min_std = {self.min_std}"


def _varying(probe: Probe) -> list[str]:
    """Names of the factors that vary."""
    varies = np.ptp(probe.known_factors, axis=0) > 0
    return [name for name, each in zip(probe.factor_names, varies, strict=True) if each]


def scored(factors: Sized, live: npt.NDArray[np.bool_]) -> dict[str, Any]:
    """Facts of a score: how many factors it looked at, and which latents."""
    return {"K": len(factors), "active": np.flatnonzero(live).tolist()}


def shares_of(names: Sequence[str], right: Whole, seen: Whole) -> dict[str, float]:
    """Share of right answers by factor, from how many were right and asked for (K,); NaN where none was."""
    return {name: float(good / all_) if all_ else math.nan for name, good, all_ in zip(names, right, seen, strict=True)}


def undefined(reason: str, **facts: object) -> Score:
    """Score of what cannot be had: NaN, with its reason."""
    return Score(math.nan, reason=reason, settings=facts)
