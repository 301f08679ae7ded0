"""What a score means: what noise, the true factors, and truth without one factor would get from the same metric."""

from __future__ import annotations

import contextlib
import hashlib
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from importlib.metadata import version
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import stdtrit

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

RULES = 4  # grows whenever the same question would get another answer
DRAWS, DEAR_DRAWS = (10, 5), (3, 3)  # of noise and of the true factors, and where one answer takes seconds
LEVEL = 0.99  # share of noise codes that are told to be no better than noise, and of true factors to be what they are
SHOWN = 0.0005  # values nearer than this are the same number in the tables
ALIVE = 1e3  # nats: the rate of a made-up latent that no threshold calls dead
FAINT = 0.01  # standard deviation of a made-up latent that is dead and yet not constant
GIVEN = {"factors", "scale", "kl_per_latent"}  # needs of a metric that made-up codes can meet


@dataclass(frozen=True)
class Calibration:
    """Floor, ceiling and values without one factor of a metric, and what they were computed on.

    `floor` is the mean over `draws` of noise codes and `spread` their standard deviation; `ceiling`, `draws_of_truth`
    and `spread_of_ceiling` are the same of the true factors, `smooth` of what a smooth encoder sees of them
    (`FactorData.seen`). What the metric does not define is None; `missing` then leaves the factor out. `inside` has
    floors and ceilings of what the score is made of, by name: floor_of_parts, ceiling_of_parts, floor_of_factors,
    ceiling_of_factors, and spread_of_parts, the standard deviations of noise.
    """

    floor: float | None
    ceiling: float | None
    missing: Mapping[str, float]
    rows: int
    draws: int
    spread: float | None = None
    inside: Mapping[str, Mapping[str, float]] = field(default_factory=dict[str, Mapping[str, float]])
    draws_of_truth: int = 1
    spread_of_ceiling: float | None = None
    smooth: float | None = None


def calibrates(metric: Metric) -> bool:
    """Whether noise and truth can be put to `metric` and differ: it looks at true factors, not at model or images."""
    return metric.differs_from_noise and "factors" in metric.needs and GIVEN.issuperset(metric.needs)


def calibration(metric: Metric, probe: Probe, *, seed: int = 0) -> Calibration:
    """Floor and ceiling of `metric` for codes as wide as those of `probe`, over its factors and row count.

    floor: independent N(0, 1) codes in as many live latents as the probe has, the others all but constant.
    ceiling: one standardised code a factor, values that the data set declares to look alike made equal.
    A metric that knows units (`in_units`) gets noise at the scale and offset of the latents, and each factor's code at
    those of the latent that it correlates with most.
    missing: the ceiling's codes with one factor's made constant, for every factor that is scored.
    smooth: the codes of `FactorData.seen`, where a factor of the data set declares how it folds.
    All are had on as many rows as the probe has, so that the metric takes as many of them, splits them alike and casts
    as many votes. Rows are drawn anew from the grid of a data set with known factors, for every draw; else the
    probe's own are taken. Noise is drawn ten times and the truth five, three times each by a metric that is `dear`,
    which is also asked with its `thrifty` settings. Answers are kept in the cache folder, where it can be written
    to, under all that they depend on.

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
    """Whether floor and ceiling were asked for, by today's rules; either may be None, where the metric has none."""
    return (score.calibration or {}).get("rules") == RULES


def calibrated(score: Score, metric: Metric, probe: Probe, *, seed: int = 0) -> Score:
    """`score` with its floor and ceiling; as it is where `metric` cannot be calibrated.

    Tables beside it: `as_if_missing` by factor, and `floor_of_parts`, `ceiling_of_parts`, `floor_of_factors` and
    `ceiling_of_factors` where the score has parts or a value for each factor.
    """
    if not calibrates(metric) or is_calibrated(score):
        return score
    found = calibration(metric, probe, seed=seed)
    facts = Calibrated(
        rules=RULES,
        rows=found.rows,
        draws_of_noise=found.draws,
        spread_of_floor=found.spread,
        draws_of_truth=found.draws_of_truth,
        spread_of_ceiling=found.spread_of_ceiling,
        smooth_ceiling=found.smooth,
        seed=seed,
    )
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


class Pool(NamedTuple):
    """Rows of factors."""

    factors: npt.NDArray[Any]  # (n, K)
    truth: Reals  # (n, K) standardised codes of the factors, those that look alike equal
    seen: Reals | None  # (n, E) standardised codes of a smooth encoder, where the data set says what it could see


@dataclass(frozen=True)
class Bench:
    """The factors and the width of codes over which a metric is calibrated."""

    draw: Callable[[int], Pool]
    n: int
    names: tuple[str, ...]
    sizes: tuple[int, ...]
    live: npt.NDArray[np.bool_]  # (D,)
    labels: tuple[int, ...]  # how many values each categorical code takes
    rates: bool  # whether the probe has rates
    widths: tuple[float, ...]  # (D,) of the posteriors, over the codes' standard deviation; () where nobody asks
    lines: tuple[tuple[float, float], ...]  # (D,) scale and offset of the codes; () where the metric knows no unit
    partners: tuple[tuple[float, float], ...]  # (K,) those of the latent that each factor correlates with most
    origin: Mapping[str, Any]  # what the rows depend on
    seed: int

    @classmethod
    def of(cls, metric: Metric, probe: Probe, seed: int) -> Bench:
        """What `metric` would meet in `probe`: its factors again, or new rows of its grid, and its live latents."""
        live = (
            metric.live(probe) if isinstance(metric, FactorMetric) else live_latents(probe.codes, probe.kl_per_latent)
        )
        categories = () if probe.categories is None else probe.categories.T
        draw, origin = _pools(probe, seed)
        return cls(
            draw=draw,
            n=len(probe),
            names=probe.factor_names,
            sizes=probe.factor_sizes,
            live=live,
            labels=tuple(len(np.unique(column)) for column in categories),
            rates=probe.kl_per_latent is not None,
            widths=_widths(probe, live) if "scale" in metric.needs else (),
            lines=_lines(probe, live) if metric.in_units() else (),
            partners=_partners(probe, live) if metric.in_units() else (),
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
            "n": self.n,
            "D": len(self.live),
            "live": int(self.live.sum()),
            "labels": list(self.labels),
            "rates": self.rates,
            "widths": list(self.widths),
            "lines": list(map(list, self.lines)),
            "partners": list(map(list, self.partners)),
            "seed": self.seed,
            "scikit-learn": version("scikit-learn") if metric.learns else "",
        }

    def calibrate(self, metric: Metric) -> Calibration:
        """Put noise, truth, and truth without each factor to `metric`."""
        draws, draws_of_truth = DEAR_DRAWS if metric.dear() else DRAWS
        asked = metric.thrifty(self.n)
        noise = _given(asked, (self._noise(asked, draw) for draw in range(draws)))
        truth = _given(asked, (self._true(asked, draw) for draw in range(draws_of_truth)))
        seen = _given(asked, (self._seen(asked, draw) for draw in range(draws_of_truth)))
        missing = {self.names[k]: _given(asked, [self._true(asked, 0, k)]) for k in self._scored(asked)}
        return Calibration(
            floor=_mean(noise),
            ceiling=_mean(truth),
            missing={name: value for name, scores in missing.items() if (value := _mean(scores)) is not None},
            rows=self.n,
            draws=draws,
            spread=_spread([score.value for score in noise]),
            inside={
                "spread_of_parts": _by_name([score.parts for score in noise], _spread),
                **{
                    f"{end}_of_{what}": _by_name(
                        [s.parts if what == "parts" else s.per_factor for s in scores], np.mean
                    )
                    for end, scores in (("floor", noise), ("ceiling", truth))
                    for what in ("parts", "factors")
                },
            },
            draws_of_truth=draws_of_truth,
            spread_of_ceiling=_spread([score.value for score in truth]),
            smooth=_mean(seen),
        )

    def _scored(self, metric: Metric) -> list[int]:
        """Columns of the factors that `metric` looks at; without one of two or more something is left to score."""
        varying = np.flatnonzero(self.draw(0).truth.any(axis=0)).tolist()
        chosen = metric.chosen(self._true(metric, 0)) if isinstance(metric, FactorMetric) else varying
        return chosen if len(varying) > 1 else []

    def _true(self, metric: Metric, draw: int, without: int | None = None) -> Probe:
        pool = self.draw(draw)
        codes = _placed(pool.truth, self.partners)
        if without is not None:
            codes[:, without] = 0.0
        return self._sharp(metric, pool, codes, draw)

    def _seen(self, metric: Metric, draw: int) -> Probe | None:
        pool = self.draw(draw)
        typical = (tuple(np.median(np.abs(self.partners), axis=0)),) if self.partners else ()
        return None if pool.seen is None else self._sharp(metric, pool, _placed(pool.seen, typical), draw)

    def _sharp(self, metric: Metric, pool: Pool, codes: Reals, draw: int) -> Probe:
        """Probe of codes that know what they tell: posteriors are narrow next to the steps between values."""
        rates = np.where(codes.any(axis=0), ALIVE, 0.0) if "kl_per_latent" in metric.needs else None
        steps = [np.diff(np.unique(column)).min(initial=1.0) for column in codes.T]
        return self._probe(metric, pool, codes, rates, np.array(steps) / 10, draw)

    def _noise(self, metric: Metric, draw: int) -> Probe:
        rng = numpy_generator(self.seed, f"calibration/noise/{draw}")
        codes = _placed(rng.normal(size=(self.n, len(self.live))), self.lines)
        rates = np.where(self.live, ALIVE, 0.0) if self.rates else None
        codes *= np.where(self.live, 1.0, FAINT if self.rates else 0.0)
        labels = [rng.integers(size, size=len(codes)) for size in self.labels]
        categories = np.array(labels).T if labels else None
        return self._probe(metric, self.draw(draw), codes, rates, np.array(self.widths), draw, categories=categories)

    def _probe(
        self,
        metric: Metric,
        pool: Pool,
        codes: Reals,
        rates: Reals | None,
        scale: Reals,
        draw: int,
        *,
        categories: npt.NDArray[np.int64] | None = None,
    ) -> Probe:
        unit = max(1.0, 2 * getattr(metric, "min_std", 0.0))  # so that no threshold calls a live code dead
        return Probe(
            codes * unit,
            pool.factors,
            factor_names=self.names,
            factor_sizes=self.sizes,
            kl_per_latent=rates,
            scale=np.tile(scale * unit, (len(codes), 1)) if "scale" in metric.needs else None,
            categories=categories,
            seed=self.seed + draw,
        )


def _widths(probe: Probe, live: npt.NDArray[np.bool_]) -> tuple[float, ...]:
    """Posterior widths of noise codes, (D,): those of the probe next to its codes' deviation, to two digits."""
    if probe.scale is None:
        return (0.1,) * len(live)
    std = probe.codes.std(axis=0)
    known = live & (std > 0) & (probe.scale > 0).all(axis=0)
    typical = np.exp(np.log(np.where(known, probe.scale, 1.0)).mean(axis=0)) / np.where(known, std, 1.0)
    return tuple(float(f"{width:.1e}") if there else 0.1 for width, there in zip(typical, known, strict=True))


def _lines(probe: Probe, live: npt.NDArray[np.bool_]) -> tuple[tuple[float, float], ...]:
    """Standard deviation and mean of every code, (D,), to two digits; 1 and 0 where it is not live."""
    both = zip(probe.codes.std(axis=0), probe.codes.mean(axis=0), live, strict=True)
    return tuple((float(f"{std:.1e}"), float(f"{mean:.1e}")) if there else (1.0, 0.0) for std, mean, there in both)


def _partners(probe: Probe, live: npt.NDArray[np.bool_]) -> tuple[tuple[float, float], ...]:
    """Scale, negative where they go against each other, and offset of the live latent that each factor follows most."""
    lines = _lines(probe, live)
    with_latents = _standardised(probe.known_values).T @ _standardised(np.where(live, probe.codes, 0.0))
    most = [(row, int(np.abs(row).argmax())) for row in with_latents]
    return tuple((math.copysign(lines[j][0], row[j]), lines[j][1]) for row, j in most)


def _placed(codes: Reals, lines: Sequence[tuple[float, float]]) -> Reals:
    """Standardised codes brought to these scales and offsets; a column of zeros stays what it is."""
    if not lines:
        return codes.copy()
    scale, offset = np.array(lines).T
    return np.where(codes.any(axis=0), codes * scale + offset, 0.0)


def _given(metric: Metric, probes: Iterable[Probe | None]) -> list[Score]:
    """Scores of the probes that `metric` takes."""
    return [metric(probe) for probe in probes if probe is not None and metric.refuses(probe) is None]


def _mean(scores: Sequence[Score]) -> float | None:
    """Mean value, or None where there is none."""
    values = [score.value for score in scores if math.isfinite(score.value)]
    return float(np.mean(values)) if values else None


def _spread(values: Sequence[float]) -> float | None:
    """Standard deviation over n - 1 of the finite values, None for fewer than two."""
    finite = [value for value in values if math.isfinite(value)]
    return float(np.std(finite, ddof=1)) if len(finite) > 1 else None


def _by_name(several: Sequence[Mapping[str, float]], fold: Callable[[list[float]], Any]) -> dict[str, float]:
    """`fold` of each named number over `several`, where it is finite in all of them."""
    names = several[0] if several else ()
    found = {name: [each.get(name, math.nan) for each in several] for name in names}
    folded = {name: fold(values) for name, values in found.items() if np.isfinite(values).all()}
    return {name: float(value) for name, value in folded.items() if value is not None}


def _pools(probe: Probe, seed: int) -> tuple[Callable[[int], Pool], dict[str, Any]]:
    """What gives as many rows of factors as `probe` has, by the number of the draw, and what they depend on."""
    data, n = probe.data, len(probe)
    if isinstance(data, FactorData) and data.names == probe.factor_names:
        alike = [[s.factor, s.value, s.same_as, list(map(list, s.where))] for s in data.symmetries]
        folds = [[f.name, f.symmetry.by, list(f.symmetry.times), list(f.values)] for f in data.factors if f.symmetry]
        return partial(_of_grid, data, n, seed), {"sizes": list(data.sizes), "symmetries": alike, "folds": folds}
    factors = probe.known_values if probe.continuous else probe.known_factors
    digest = hashlib.sha256(np.ascontiguousarray(factors).tobytes()).hexdigest()
    pool = Pool(factors, _standardised(factors), None)
    return lambda _: pool, {"factors": f"{digest} {factors.dtype} {n}", "sizes": list(probe.factor_sizes)}


def _of_grid(data: FactorData, n: int, seed: int, draw: int) -> Pool:
    rng = numpy_generator(seed, f"calibration/rows/{draw}")
    factors = data.factors_at(np.arange(len(data))) if len(data) <= n else data.sample_factors(n, rng)
    seen = data.seen(factors)
    return Pool(factors, _standardised(data.canonical(factors)), None if seen is None else _standardised(seen))


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

    A value is no better than noise, or what the true factors get, if it lies where 99 % of further draws of noise, or
    of the true factors, would: within t s sqrt(1 + 1/n) of the mean of the n draws made, s their standard deviation
    and t Student's. Where the true factors themselves lie no higher than noise may, no such value can be told from
    noise, and the parts that can are named. Two estimates of what a code without a factor gets may differ by their
    intervals. Where several factors' absence would explain the value, the one that scores lowest is named, if the
    score tells factors apart. A score calibrated by other rules, on other counts than its own, has no verdict.

    >>> settings = {"calibration": {"rules": RULES, "draws_of_noise": 10, "spread_of_floor": 0.01}}
    >>> verdict(Score(0.8, floor=0.2, ceiling=1.0, tables={"as_if_missing": {"shape": 0.8, "x": 0.6}}))
    '0.80: what a code perfect but for shape would get'
    >>> verdict(Score(0.21, floor=0.2, ceiling=1.0, settings=settings))
    '0.21: no better than noise'
    >>> verdict(Score(0.6, floor=0.2, ceiling=1.0, settings=settings))
    '0.60: 50 % of the way from noise (0.20) to the true factors (1.00)'
    >>> verdict(Score(0.21, floor=0.2, ceiling=0.22, settings=settings))
    '0.21: cannot be told from noise (0.20), and nor could the true factors (0.22)'
    """
    floor, ceiling, value, facts = score.floor, score.ceiling, score.value, score.calibration or {}
    if floor is None or ceiling is None or not math.isfinite(value) or (facts and not is_calibrated(score)):
        return ""
    missing = score.as_if_missing
    sentence, up = f"{value:.2f}: ", 1 if score.higher_is_better else -1
    of_noise = reach_of_draws(facts.get("spread_of_floor"), facts.get("draws_of_noise", 1))
    of_truth = reach_of_draws(facts.get("spread_of_ceiling"), facts.get("draws_of_truth", 1))
    if up * (value - floor) <= of_noise:
        if up * (ceiling - floor) > of_noise:
            return sentence + "no better than noise"
        parts = _above_noise(score)
        return (
            f"{sentence}cannot be told from noise ({floor:.2f}), and nor could the true factors ({ceiling:.2f}){parts}"
        )
    if up * (value - ceiling) > of_truth:
        return sentence + f"better than the true factors themselves ({ceiling:.2f}), so not to be trusted"
    half = (score.interval[1] - score.interval[0]) / 2 if score.interval else 0.0
    alike = [name for name, other in missing.items() if abs(value - other) <= max(math.sqrt(2) * half, of_truth)]
    if up * (value - ceiling) >= -of_truth:
        blind = f", and a code without {_one_of(alike, missing)} gets it too" if alike else ""
        return f"{sentence}what the true factors themselves get{blind}"
    smooth = facts.get("smooth_ceiling")
    if smooth is not None and abs(value - smooth) <= of_truth:
        return f"{sentence}what a smooth encoder gets that sees all that images show"
    if alike:
        return f"{sentence}what a code perfect but for {_culprit(alike, missing, score.per_factor)} would get"
    way = min(99, max(1, round(100 * (value - floor) / (ceiling - floor))))
    sentence += f"{way} % of the way from noise ({floor:.2f}) to the true factors ({ceiling:.2f})"
    if len(missing) > 1 and all(
        up * (other - value) > 0 < up * (ceiling - other) - of_truth for other in missing.values()
    ):
        sentence += ", below a code that lacks any one factor"
    return sentence


def reach_of_draws(spread: float | None, draws: int) -> float:
    """How far from the mean of `draws` values one more of them lies, with probability `LEVEL` if they are normal."""
    if not spread or draws < 2:
        return SHOWN
    return max(SHOWN, float(stdtrit(draws - 1, (1 + LEVEL) / 2)) * spread * math.sqrt(1 + 1 / draws))


def _above_noise(score: Score) -> str:
    """The parts of a score, if any, that differ from those of noise though its value does not."""
    spreads, floors = score.by_name("spread_of_parts"), score.ends("floor", "parts")
    draws = (score.calibration or {}).get("draws_of_noise", 1)
    told = [
        f"{name} {score.parts[name]:.2f} (noise {floors[name]:.2f})"
        for name, spread in spreads.items()
        if name in floors and abs(score.parts.get(name, math.nan) - floors[name]) > reach_of_draws(spread, draws)
    ]
    return f"; apart from noise: {', '.join(told)}" if told else ""


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
