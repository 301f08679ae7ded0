"""What a metric is: settings that turn a probe into a score; and the checks that all metrics share."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt
import torch

from unweave.base import checks, settings
from unweave.base.errors import InputError
from unweave.base.records import Score

if TYPE_CHECKING:
    from unweave.metrics.probe import Draw, Probe

M = TypeVar("M", bound="Metric")

Reals: TypeAlias = npt.NDArray[np.float64]
Whole: TypeAlias = npt.NDArray[np.int64]

LARGEST = 1e100  # squares of larger codes could overflow
Z95 = 1.959964  # standard deviations on either side of a 95 % interval
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
class Metric(ABC):
    """Settings of one metric; calling it with a probe gives a Score.

    A subclass is a frozen dataclass that writes `score`. `needs` names the attributes of the probe that must
    be there; `version` grows whenever the same probe would get another value. Factors that are no whole numbers
    are for those only whose `takes_continuous` says so.
    """

    needs: ClassVar[tuple[str, ...]] = ()
    version: ClassVar[int] = 1
    higher_is_better: ClassVar[bool] = True
    learns: ClassVar[bool] = False  # fits a learner to the rows, so that floor and ceiling take fewer of them
    takes_categories: ClassVar[bool] = False  # looks at categorical codes too, unless a setting says otherwise

    def __call__(self, probe: Probe) -> Score:
        """Score `probe` and write all settings into it; a probe that lacks something raises InputError."""
        if (reason := self.refuses(probe)) is not None:
            raise InputError(reason)
        score = self.score(probe)
        facts = {"D": probe.codes.shape[1], "rows": len(probe), "seed": probe.seed}
        if probe.dropped:
            facts["rows_without_factors"] = probe.dropped
        if probe.categories is not None:
            facts["categorical_codes"] = "used" if self.uses_categories() else LEFT_OUT
        return replace(
            score,
            settings={**settings.plain(self), **facts, **score.settings},
            version=self.version,
            higher_is_better=self.higher_is_better,
        )

    def refuses(self, probe: Probe) -> str | None:
        """Why this metric cannot be had of `probe`, in a sentence, or None."""
        for need in self.needs:
            if getattr(probe, need) is None:
                return f"{type(self).__name__} needs {NEEDS[need]}, which this probe does not have"
        if "factors" in self.needs and not self.takes_continuous() and (name := self._continuous(probe)) is not None:
            return (
                f"{type(self).__name__} needs factors that are integers, and {name} is continuous: cut it into bins, "
                "leave it out, or take irs, sap with kind=continuous or dci with backend=lasso"
            )
        return None

    def takes_continuous(self) -> bool:
        """Whether factors that are no whole numbers can be scored with these settings."""
        return False

    def uses_categories(self) -> bool:
        """Whether categorical codes count with these settings."""
        return self.takes_categories and getattr(self, "categorical", True) is not False

    def categories_of(self, rows: Probe | Draw) -> Whole:
        """The categorical codes that count, numbers (n, L); L is 0 where there are none or they are left out."""
        if rows.categories is None or not self.uses_categories():
            return np.empty((len(rows.codes), 0), np.int64)
        return rows.categories

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
    prune: Annotated[bool, "leave dead latents out; otherwise only constant ones"] = True
    min_kl: Annotated[float, "a latent is dead if its mean KL is at most this many nats"] = 0.1
    min_std: Annotated[float, "without a KL: a latent is dead if its codes' standard deviation is below this"] = 0.05

    needs: ClassVar[tuple[str, ...]] = ("factors",)

    def __post_init__(self) -> None:
        checks.nonnegative(min_kl=self.min_kl, min_std=self.min_std)

    def _continuous(self, probe: Probe) -> str | None:
        return next((name for name in probe.continuous if name not in self.exclude_factors), None)

    def live(self, probe: Probe) -> npt.NDArray[np.bool_]:
        """Which latents count, (d,)."""
        if not self.prune:
            return live_latents(probe.codes, None, min_std=0.0)
        return live_latents(probe.codes, probe.kl_per_latent, self.min_kl, self.min_std)

    def chosen(self, probe: Probe, ignored: Collection[str] = ()) -> list[int]:
        """Columns of the factors that vary and are left neither by the settings nor by `ignored`."""
        for name in self.exclude_factors:
            checks.known("factor in exclude_factors", name, probe.factor_names)
        away = {*self.exclude_factors, *ignored}
        varies = np.ptp(probe.known_factors, axis=0) > 0
        return [k for k, name in enumerate(probe.factor_names) if varies[k] and name not in away]

    def no_life(self, probe: Probe) -> str:
        """Why no latent is live, and what would keep them."""
        if not self.prune or not live_latents(probe.codes, None, min_std=0.0).any():
            return "every latent is constant"
        if probe.kl_per_latent is not None:
            return f"every latent is dead: no mean KL is above min_kl = {self.min_kl} nats"
        return f"every latent is dead: no standard deviation reaches min_std = {self.min_std}"


def live_latents(
    codes: Reals, kl_per_latent: Reals | None, min_kl: float = 0.1, min_std: float = 0.05
) -> npt.NDArray[np.bool_]:
    """Which latents are live, (d,): mean KL above `min_kl` nats, or, without KL, std of `min_std` or more.

    >>> codes = np.array([[0.0, 0.0, 5.0], [1.0, 0.01, 5.0]])
    >>> live_latents(codes, None).tolist(), live_latents(codes, np.array([0.05, 2.0, 2.0])).tolist()
    ([True, False, False], [False, True, False])
    """
    varies = np.ptp(codes, axis=0) > 0
    if kl_per_latent is not None:
        return varies & (kl_per_latent > min_kl)
    return varies & (codes.std(axis=0) >= min_std)


def standardised(codes: Reals) -> Reals:
    """Codes with mean 0 and standard deviation 1 (over n - 1), column by column; constants give 0."""
    centred = codes - codes.mean(axis=0)
    std = centred.std(axis=0, ddof=1)
    return centred / np.where(std > 0, std, 1.0)


def parted(n: int, train: int, test: int, rng: np.random.Generator) -> tuple[Whole, Whole]:
    """Numbers of training and of held-out rows, none in both; fewer than `train` + `test` are split in proportion.

    >>> [len(part) for part in parted(90, 200, 100, np.random.default_rng(0))]
    [60, 30]
    """
    rows = rng.permutation(n)[: train + test]
    cut = min(max(1, len(rows) * train // (train + test)), len(rows) - 1)
    return rows[:cut], rows[cut:]


def undefined(reason: str, **facts: object) -> Score:
    """Score of what cannot be had: NaN, with its reason."""
    return Score(math.nan, reason=reason, settings=facts)


def around(value: float, influence: Reals, least: float = 0.0, most: float = 1.0) -> tuple[float, float] | None:
    """95 % interval of a value that row n moves by `influence` (n,) over the number of rows, cut to its range.

    With the derivative of a score by the weight of each row as the influence this is the infinitesimal jackknife, the
    bootstrap over rows to first order. None for a value that is none, and for a single row.

    >>> around(0.5, np.array([-1.0, 1.0, -1.0, 1.0]))
    (0.0, 1.0)
    """
    if not math.isfinite(value) or len(influence) < 2:
        return None
    half = Z95 * float(influence.std(ddof=1)) / math.sqrt(len(influence))
    return max(least, value - half), min(most, value + half)


def wilson(successes: float, trials: int, z: float = Z95) -> tuple[float, float]:
    """Wilson's 95 % interval of the share `successes` / `trials` of independent trials, inside [0, 1].

    >>> [round(bound, 3) for bound in wilson(80, 100)]
    [0.711, 0.867]
    """
    share, square = successes / trials, z * z / trials
    middle = (share + square / 2) / (1 + square)
    half = z * math.sqrt(share * (1 - share) / trials + square / (4 * trials)) / (1 + square)
    return max(0.0, min(share, middle - half)), min(1.0, max(share, middle + half))


def latent_names(d: int, categories: int = 0) -> list[str]:
    """Row labels of tables with one row a latent, and one a categorical code after them."""
    return [*(f"latent {j}" for j in range(d)), *(f"category {number}" for number in range(categories))]


def one_hot_columns(categories: Whole) -> tuple[Reals, Whole]:
    """Categorical codes (n, L) as columns of 0 and 1, one a value that occurs, and which code each is of (p,).

    >>> columns, of = one_hot_columns(np.array([[7], [9], [7]]))
    >>> columns.T.tolist(), of.tolist()
    ([[1.0, 0.0, 1.0], [0.0, 1.0, 0.0]], [0, 0])
    """
    values = [np.unique(column) for column in categories.T]
    columns = [column[:, None] == each for column, each in zip(categories.T, values, strict=True)]
    of = np.repeat(np.arange(len(values)), [len(each) for each in values])
    return np.concatenate([np.zeros((len(categories), 0)), *columns], axis=1), of.astype(np.int64)


def following(metric: M, presets: Mapping[str, Mapping[str, Any]]) -> M:
    """`metric` with the settings that its `preset` names; what was set to another value than its default stays."""
    own = {each.name: each.default for each in fields(metric)}
    chosen: Any = metric  # not every metric has presets
    wanted = presets[chosen.preset]
    return replace(metric, **{name: value for name, value in wanted.items() if getattr(metric, name) == own[name]})


def as_array(value: Any, name: str) -> npt.NDArray[Any]:
    """Anything of numbers that numpy can read, torch tensors with gradient included, or InputError."""
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu()
        value = (value.double() if value.is_floating_point() else value).numpy()
    try:
        array = np.asarray(value)
    except ValueError:
        raise InputError(f"{name} must be an array, got rows of different lengths") from None
    if array.dtype.kind not in "biuf":
        raise InputError(f"{name} must hold numbers, got {array.dtype}")
    return array


def as_codes(value: Any, name: str = "codes") -> Reals:
    """`value` as finite float64 (n, d) with two rows or more, or InputError."""
    array = _two_dimensional(as_array(value, name), name, "(n, d)").astype(np.float64)
    if not np.isfinite(array).all():
        raise InputError(f"{name} must be finite, got {int((~np.isfinite(array)).sum())} values that are not")
    if np.abs(array).max() > LARGEST:
        raise InputError(f"{name} must not exceed {LARGEST:g} in magnitude, got {np.abs(array).max():g}")
    return array


def as_factors(value: Any, rows: int, name: str = "factors") -> Whole:
    """`value` as int64 (n, K) with as many rows as there are codes, or InputError."""
    array = _two_dimensional(as_array(value, name), name, "(n, K)")
    if array.dtype.kind == "f":
        raise InputError(f"{name} must be integers, one column a factor, got {array.dtype}")
    if len(array) != rows:
        raise InputError(f"{name} must have as many rows as codes, got {len(array)} and {rows}")
    return array.astype(np.int64)


def as_values(value: Any, rows: int, name: str = "factors") -> Reals:
    """`value` as float64 (n, K) with as many rows as there are codes, NaN where unknown, or InputError."""
    array = _two_dimensional(as_array(value, name), name, "(n, K)")
    if len(array) != rows:
        raise InputError(f"{name} must have as many rows as codes, got {len(array)} and {rows}")
    if array.dtype.kind == "f" and np.isinf(array).any():
        raise InputError(
            f"{name} must be finite, or NaN where unknown, got {int(np.isinf(array).sum())} infinite values"
        )
    return array.astype(np.float64)


def _two_dimensional(array: npt.NDArray[Any], name: str, shape: str) -> npt.NDArray[Any]:
    if array.ndim != 2:
        raise InputError(f"{name} must have shape {shape}, got {array.shape}")
    if array.shape[0] < 2 or array.shape[1] < 1:
        raise InputError(f"{name} must have 2 rows and 1 column or more, got {array.shape}")
    return array


def as_names(names: Iterable[str] | None, factors: Any, count: int) -> tuple[str, ...]:
    """Names of `count` factors: as given, else the columns of a table, else factor_0, factor_1, ..."""
    found: Sequence[Any] = list(names if names is not None else getattr(factors, "columns", ()))
    if names is None and not found:
        found = [f"factor_{k}" for k in range(count)]
    if len(found) != count or len(set(found)) != count:
        raise InputError(f"factor_names must be {count} different names, got {found}")
    return tuple(map(str, found))
