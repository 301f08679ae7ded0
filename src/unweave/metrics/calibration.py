"""What a score means: what noise, the true factors, and truth without one factor would get from the same metric."""

from __future__ import annotations

import contextlib
import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import version
from typing import Any

import numpy as np
import numpy.typing as npt

from unweave.base.cache import cached
from unweave.base.errors import CannotWrite, InputError
from unweave.base.files import dump_json, load_json
from unweave.base.records import Calibrated, Score
from unweave.base.seeds import numpy_generator
from unweave.base.settings import plain, short_hash
from unweave.data.base import FactorData
from unweave.metrics.arrays import Reals, live_latents
from unweave.metrics.base import FactorMetric, Metric
from unweave.metrics.probe import Probe

RULES = 2  # grows whenever the same question would get another answer
COSTLY_ROWS = 2_000  # a learner is refitted for every answer and posteriors are summed again, so on fewer rows
NOISE_DRAWS = 3  # of noise codes, where an answer is cheap
ALIVE = 1e3  # nats: the rate of a made-up latent that no threshold calls dead
FAINT = 0.01  # standard deviation of a made-up latent that is dead and yet not constant
NEAR = 0.02  # of the way from floor to ceiling: as near as two scores are called the same
GIVEN = {"factors", "scale", "kl_per_latent"}  # needs of a metric that made-up codes can meet


@dataclass(frozen=True)
class Calibration:
    """Floor, ceiling and values without one factor of a metric, and what they were computed on.

    `floor` is the mean over `draws` of noise codes and `spread` their standard deviation (None for one draw). What
    the metric does not define is None; `missing` then leaves the factor out. `inside` has floors and ceilings of what
    the score is made of: floor_of_parts, ceiling_of_parts, floor_of_factors, ceiling_of_factors, by name.
    """

    floor: float | None
    ceiling: float | None
    missing: Mapping[str, float]
    rows: int
    draws: int
    spread: float | None = None
    inside: Mapping[str, Mapping[str, float]] = field(default_factory=dict[str, Mapping[str, float]])


def calibrates(metric: Metric) -> bool:
    """Whether noise and truth can be put to `metric`: it looks at true factors, and at no model or images."""
    return "factors" in metric.needs and GIVEN.issuperset(metric.needs)


def _costly(metric: Metric) -> bool:
    return metric.learns or "scale" in metric.needs


def calibration(metric: Metric, probe: Probe, *, seed: int = 0) -> Calibration:
    """Floor and ceiling of `metric` for codes as wide as those of `probe`, over its factors and row count.

    floor: independent N(0, 1) codes in as many live latents as the probe has, the others all but constant.
    ceiling: one standardised code a factor, values that the data set declares to look alike made equal.
    missing: the ceiling's codes with one factor's made constant, for every factor that is scored.
    Rows are drawn anew from the grid of a data set with known factors; else the probe's own are taken. A metric
    that learns or that looks at posteriors gets 2,000 rows and one draw of noise, any other three draws. Answers
    are kept in the cache folder, where it can be written to, under all that they depend on.

    A metric that `calibrates` refuses, and a probe without factors, raise InputError.

    >>> from unweave.metrics.scores.mig import MIG
    >>> grid = np.stack(np.meshgrid(range(10), range(10)), axis=-1).reshape(-1, 2)
    >>> found = calibration(MIG(), Probe(np.zeros((100, 4)), grid))
    >>> round(found.ceiling, 3), found.missing["factor_0"] < found.ceiling
    (1.0, True)
    """
    if not calibrates(metric):
        raise InputError(f"metric must compare codes with true factors to be calibrated, got {type(metric).__name__}")
    bench = Bench.of(metric, probe, seed)
    key = bench.key(metric)
    path = cached(f"calibration-{short_hash(key)}.json")
    try:
        held = load_json(path)
        if held["key"] == key:
            return Calibration(**held["calibration"])
    except (OSError, ValueError, KeyError, TypeError):
        pass  # nothing there, or nothing of use: it is made again
    found = bench.calibrate(metric)
    with contextlib.suppress(OSError, CannotWrite):  # a cache that cannot be written only costs time
        dump_json(path, {"key": key, "calibration": asdict(found)})
    return found


def is_calibrated(score: Score) -> bool:
    """Whether floor and ceiling were asked for; either may be None all the same, where the metric has none."""
    return score.calibration is not None


def calibrated(score: Score, metric: Metric, probe: Probe, *, seed: int = 0) -> Score:
    """`score` with its floor and ceiling; as it is where `metric` cannot be calibrated.

    Tables beside it: `as_if_missing` by factor, and `floor_of_parts`, `ceiling_of_parts`, `floor_of_factors` and
    `ceiling_of_factors` where the score has parts or a value for each factor.
    """
    if not calibrates(metric) or is_calibrated(score):
        return score
    found = calibration(metric, probe, seed=seed)
    facts = Calibrated(rows=found.rows, draws_of_noise=found.draws, spread_of_floor=found.spread, seed=seed)
    return replace(
        score,
        floor=found.floor,
        ceiling=found.ceiling,
        tables={**score.tables, **_tables(found)},
        settings={**score.settings, "calibration": facts},
    )


def _tables(found: Calibration) -> dict[str, dict[str, float]]:
    """What a calibration adds to a score's tables, without those that are empty."""
    every = {"as_if_missing": found.missing, **found.inside}
    return {name: dict(values) for name, values in every.items() if values}


@dataclass(frozen=True)
class Bench:
    """The factors and the width of codes over which a metric is calibrated."""

    factors: npt.NDArray[Any]  # (n, K)
    truth: Reals  # (n, K) standardised codes of the factors, those that look alike equal
    names: tuple[str, ...]
    sizes: tuple[int, ...]
    live: npt.NDArray[np.bool_]  # (D,)
    labels: tuple[int, ...]  # how many values each categorical code takes
    rates: bool  # whether the probe has rates
    origin: Mapping[str, Any]  # what the rows depend on
    seed: int

    @classmethod
    def of(cls, metric: Metric, probe: Probe, seed: int) -> Bench:
        """What `metric` would meet in `probe`: its factors again, or new rows of its grid, and its live latents."""
        n = min(len(probe), COSTLY_ROWS) if _costly(metric) else len(probe)
        factors, same, origin = _rows(probe, n, seed)
        live = (
            metric.live(probe) if isinstance(metric, FactorMetric) else live_latents(probe.codes, probe.kl_per_latent)
        )
        categories = () if probe.categories is None else probe.categories.T
        return cls(
            factors=factors,
            truth=_standardised(same),
            names=probe.factor_names,
            sizes=probe.factor_sizes,
            live=live,
            labels=tuple(len(np.unique(column)) for column in categories),
            rates=probe.kl_per_latent is not None,
            origin=origin,
            seed=seed,
        )

    def key(self, metric: Metric) -> dict[str, Any]:
        """All that the answer depends on, as plain values."""
        return {
            "rules": RULES,
            "metric": f"{type(metric).__module__}:{type(metric).__qualname__} {metric.version}",
            "settings": plain(metric),
            "names": list(self.names),
            "rows": dict(self.origin),
            "n": len(self.factors),
            "D": len(self.live),
            "live": int(self.live.sum()),
            "labels": list(self.labels),
            "rates": self.rates,
            "seed": self.seed,
            "scikit-learn": version("scikit-learn") if metric.learns else "",
        }

    def calibrate(self, metric: Metric) -> Calibration:
        """Put noise, truth, and truth without each factor to `metric`."""
        draws = 1 if _costly(metric) else NOISE_DRAWS
        noises = [self._score(metric, self._noise(metric, draw)) for draw in range(draws)]
        truth = self._score(metric, self._true(metric))
        noise = [each.value for each in noises if each is not None and math.isfinite(each.value)]
        without = {self.names[k]: self._score(metric, self._true(metric, k)) for k in self._scored(metric)}
        ends = {"floor": [each for each in noises if each is not None], "ceiling": [] if truth is None else [truth]}
        return Calibration(
            floor=float(np.mean(noise)) if noise else None,
            ceiling=truth.value if truth is not None and math.isfinite(truth.value) else None,
            missing={n: each.value for n, each in without.items() if each is not None and math.isfinite(each.value)},
            rows=len(self.factors),
            draws=draws,
            spread=float(np.std(noise, ddof=1)) if len(noise) > 1 else None,
            inside={
                f"{end}_of_{what}": _means([each.parts if what == "parts" else each.per_factor for each in scores])
                for end, scores in ends.items()
                for what in ("parts", "factors")
            },
        )

    def _scored(self, metric: Metric) -> list[int]:
        """Columns of the factors that `metric` looks at; without one of two or more something is left to score."""
        varying = np.flatnonzero(self.truth.any(axis=0)).tolist()
        chosen = metric.chosen(self._true(metric)) if isinstance(metric, FactorMetric) else varying
        return chosen if len(varying) > 1 else []

    def _true(self, metric: Metric, without: int | None = None) -> Probe:
        codes = self.truth.copy()
        if without is not None:
            codes[:, without] = 0.0
        rates = np.where(codes.any(axis=0), ALIVE, 0.0) if "kl_per_latent" in metric.needs else None
        # posteriors that are narrow next to the steps between values
        steps = [np.diff(np.unique(column)).min(initial=1.0) for column in codes.T]
        return self._probe(metric, codes, rates, np.array(steps) / 10, draw=0)

    def _noise(self, metric: Metric, draw: int) -> Probe:
        rng = numpy_generator(self.seed, f"calibration/noise/{draw}")
        codes = rng.normal(size=(len(self.factors), len(self.live)))
        rates = np.where(self.live, ALIVE, 0.0) if self.rates else None
        codes *= np.where(self.live, 1.0, FAINT if self.rates else 0.0)
        labels = [rng.integers(size, size=len(codes)) for size in self.labels]
        return self._probe(
            metric, codes, rates, np.full(len(self.live), 0.1), draw, np.array(labels).T if labels else None
        )

    def _probe(
        self,
        metric: Metric,
        codes: Reals,
        rates: Reals | None,
        scale: Reals,
        draw: int,
        categories: npt.NDArray[np.int64] | None = None,
    ) -> Probe:
        unit = max(1.0, 2 * getattr(metric, "min_std", 0.0))  # so that no threshold calls a live code dead
        return Probe(
            codes * unit,
            self.factors,
            factor_names=self.names,
            factor_sizes=self.sizes,
            kl_per_latent=rates,
            scale=np.tile(scale * unit, (len(codes), 1)) if "scale" in metric.needs else None,
            categories=categories,
            seed=self.seed + draw,
        )

    @staticmethod
    def _score(metric: Metric, probe: Probe) -> Score | None:
        return metric(probe) if metric.refuses(probe) is None else None


def _means(several: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Mean of each named number over `several`, where it is finite in all of them."""
    names = several[0] if several else ()
    found = {name: [each.get(name, math.nan) for each in several] for name in names}
    return {name: float(np.mean(values)) for name, values in found.items() if np.isfinite(values).all()}


def _rows(probe: Probe, n: int, seed: int) -> tuple[npt.NDArray[Any], npt.NDArray[Any], dict[str, Any]]:
    """`n` rows of factors, the same with values that look alike made equal, and what they depend on."""
    rng = numpy_generator(seed, "calibration/rows")
    data = probe.data
    if isinstance(data, FactorData) and data.names == probe.factor_names:
        factors = data.factors_at(np.arange(len(data))) if len(data) <= n else data.sample_factors(n, rng)
        alike = [[s.factor, s.value, s.same_as, list(map(list, s.where))] for s in data.symmetries]
        return factors, data.canonical(factors), {"sizes": list(data.sizes), "symmetries": alike}
    factors = probe.known_values if probe.continuous else probe.known_factors
    digest = hashlib.sha256(np.ascontiguousarray(factors).tobytes()).hexdigest()
    if n < len(factors):
        factors = factors[rng.permutation(len(factors))[:n]]
    return factors, factors, {"factors": f"{digest} {factors.dtype} {len(probe)}", "sizes": list(probe.factor_sizes)}


def _standardised(factors: npt.NDArray[Any]) -> Reals:
    """One code a factor with mean 0 and standard deviation 1; 0 where it never varies or is not known."""
    values = factors.astype(np.float64)
    known = np.isfinite(values)
    count = np.maximum(known.sum(axis=0), 1)
    centred = np.where(known, values - np.where(known, values, 0.0).sum(axis=0) / count, 0.0)
    varies = np.ptp(np.where(known, centred, 0.0), axis=0) > 0
    std = np.sqrt((centred**2).sum(axis=0) / count)
    return np.where(varies, centred / np.where(varies, std, 1.0), 0.0)


def verdict(score: Score) -> str:
    """What a calibrated score says, in plain words; empty where there is no floor or ceiling to hold it against.

    Two values count as the same within half the interval, twice the floor's spread, or 2 % of the way from floor to
    ceiling, whichever is most. Where several factors' absence would explain the value, the one that scores lowest is
    named, if the score tells factors apart.

    >>> verdict(Score(0.8, floor=0.2, ceiling=1.0, tables={"as_if_missing": {"shape": 0.8, "x": 0.6}}))
    '0.80: what a code perfect but for shape would get'
    >>> verdict(Score(0.21, floor=0.2, ceiling=1.0)), verdict(Score(0.6, floor=0.2, ceiling=1.0))
    ('0.21: no better than noise', '0.60: 50 % of the way from noise (0.20) to the true factors (1.00)')
    """
    floor, ceiling, value = score.floor, score.ceiling, score.value
    if floor is None or ceiling is None or not math.isfinite(value):
        return ""
    missing = score.as_if_missing
    sentence = f"{value:.2f}: "
    near, up = _tolerance(score, floor, ceiling), 1 if score.higher_is_better else -1
    if up * (ceiling - floor) <= NEAR * max(abs(ceiling), abs(floor)):
        return sentence + f"tells nothing here, since noise gets {floor:.2f} and the true factors {ceiling:.2f}"
    if up * (value - ceiling) > near:
        return sentence + f"better than the true factors themselves ({ceiling:.2f}), so not to be trusted"
    alike = [name for name, other in missing.items() if abs(value - other) <= near]
    if up * (value - ceiling) >= -near:
        blind = f", and a code without {_one_of(alike, missing)} gets it too" if alike else ""
        return f"{sentence}what the true factors themselves get{blind}"
    if up * (value - floor) <= near:
        return sentence + ("no better than noise" if up * (value - floor) >= -near else "worse than noise")
    if alike:
        return f"{sentence}what a code perfect but for {_culprit(alike, missing, score.per_factor)} would get"
    way = f"{(value - floor) / (ceiling - floor):.0%}".replace("%", " %")
    sentence += f"{way} of the way from noise ({floor:.2f}) to the true factors ({ceiling:.2f})"
    if len(missing) > 1 and all(up * (other - value) > 0 < up * (ceiling - other) - near for other in missing.values()):
        sentence += ", below a code that lacks any one factor"
    return sentence


def _tolerance(score: Score, floor: float, ceiling: float) -> float:
    """By how much two values of this score may differ and still be called the same."""
    half = (score.interval[1] - score.interval[0]) / 2 if score.interval else 0.0
    spread = (score.calibration or {}).get("spread_of_floor") or 0.0
    return max(half, 2 * spread, NEAR * abs(ceiling - floor))


def _culprit(alike: Sequence[str], missing: Mapping[str, float], per_factor: Mapping[str, float]) -> str:
    """Name the factor whose absence explains the value, or all that could."""
    known = {name: value for name, value in per_factor.items() if math.isfinite(value)}
    lowest = min(known, key=lambda name: known[name]) if known else ""
    return lowest if lowest in alike else _one_of(alike, missing)


def _one_of(names: Sequence[str], of: Mapping[str, float]) -> str:
    """One name, or "any one factor" for all of several, or the names."""
    if 1 < len(names) == len(of):
        return "any one factor"
    return names[0] if len(names) == 1 else f"one of {', '.join(names)}"
