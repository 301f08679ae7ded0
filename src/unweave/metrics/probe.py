"""Encoded rows with their true factors: the one thing that metrics look at."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from unweave.base import checks
from unweave.base.errors import InputError
from unweave.base.records import Encoded
from unweave.base.seeds import numpy_generator
from unweave.data.base import FactorData, ImageData
from unweave.metrics.arrays import (
    Reals,
    Whole,
    as_array,
    as_codes,
    as_factors,
    as_names,
    as_values,
    parted,
    spread_evenly,
)
from unweave.metrics.information import cut

RARE = 0.05  # a binary factor whose rarer value has a smaller share of the rows is a rare concept
FEW, OF_ROWS = 20, 10_000  # a rare concept with fewer positives than FEW in that many rows is not scored


class Groups:
    """Rows of a pool sorted by the value of each factor, so that rows which share a value are drawn fast.

    >>> groups = Groups(np.array([[0, 5], [1, 5], [0, 7], [1, 7]]))
    >>> rows = groups.sharing(np.array([0, 1]), 2, np.random.default_rng(0))
    >>> sorted(rows[0].tolist()) in ([0, 2], [1, 3]), sorted(rows[1].tolist()) in ([0, 1], [2, 3])
    (True, True)
    """

    def __init__(self, factors: Whole) -> None:
        n, count = factors.shape
        self.order = np.empty((count, n), np.int64)  # rows, those with the same value side by side
        self.slot = np.empty((count, n), np.int64)  # which value the row at a place of `order` has
        sizes: list[Whole] = []
        for k in range(count):
            _, labels, counts = np.unique(factors[:, k], return_inverse=True, return_counts=True)
            ranked = np.argsort(counts < 2, kind="stable")
            new = np.empty_like(ranked)
            new[ranked] = np.arange(len(ranked))
            self.order[k] = np.argsort(new[labels], kind="stable")
            self.slot[k] = new[labels][self.order[k]]
            sizes.append(counts[ranked])
        self.size = np.zeros((count, max(map(len, sizes))), np.int64)
        for k, each in enumerate(sizes):
            self.size[k, : len(each)] = each
        self.start = np.cumsum(self.size, axis=1) - self.size
        self.repeated = (self.size >= 2).sum(axis=1)  # how many values of a factor have two rows or more
        self.covered = np.where(self.size >= 2, self.size, 0).sum(axis=1)  # and how many rows these have

    def sharing(self, k: Whole, n: int, rng: np.random.Generator) -> Whole:
        """For each entry of `k` (m,), `n` rows that share one value of that factor, (m, n).

        The value is uniform over those that the pool holds twice or more. Rows are distinct where the value has `n`
        of them, else drawn with replacement. Their order has no meaning.
        """
        known = np.where(self.repeated > 0, self.repeated, (self.size > 0).sum(axis=1))
        slot = rng.integers(known[k])
        places = _subsets(self.size[k, slot], n, rng) + self.start[k, slot][:, None]
        return self.order[k[:, None], places]

    def pairs(self, k: Whole, n: int, rng: np.random.Generator) -> tuple[Whole, Whole]:
        """For each entry of `k` (m,), `n` pairs of different rows that agree in that factor: twice (m, n)."""
        of = k[:, None]
        first = rng.integers(self.covered[of], size=(len(k), n))
        slot = self.slot[of, first]
        start, size = self.start[of, slot], self.size[of, slot]
        second = start + (first - start + rng.integers(1, size)) % size
        return self.order[of, first], self.order[of, second]


def _subsets(size: Whole, n: int, rng: np.random.Generator) -> Whole:
    """Row i: `n` numbers below size[i], different where size[i] >= n, each subset as likely as another."""
    drawn = rng.integers(size[:, None], size=(len(size), n))
    tight = np.flatnonzero((size >= n) & (size <= 4 * n))
    if tight.size:  # most of the numbers are wanted: take the n smallest of random keys
        keys = rng.random((len(tight), size[tight].max()))
        keys[np.arange(keys.shape[1]) >= size[tight, None]] = np.inf
        drawn[tight] = np.argpartition(keys, n - 1, axis=1)[:, :n]
    left = np.flatnonzero(size > 4 * n)
    while left.size:  # few are wanted: draw the rare duplicates again
        rows = np.sort(drawn[left], axis=1)
        i, j = np.nonzero(rows[:, 1:] == rows[:, :-1])
        rows[i, j] = rng.integers(size[left][i])
        drawn[left] = rows
        left = left[np.unique(i)]
    return drawn


class Probe:
    """One pool of encoded rows, from plain arrays (numpy, torch, pandas, lists).

    codes (n, d) are the posterior means or any other representation, factors (n, K), or None where the truth is
    unknown. Rows in which a factor is NaN are dropped, `dropped` says how many. A factor with a value that is no whole
    number is named in `continuous`; `factors` then holds the ranks of its values, `known_values` the values. Texts are
    numbered in the order of their words.
    `kl_per_latent` (d,) is the mean rate of each latent in nats, `scale` (n, d) the posteriors' standard deviations,
    `categories` (n, S) categorical codes, `labels` (n,) the classes of the rows, `numbers` (n,) which images of `data`
    they are. What does not fit raises InputError. Metrics draw from the pool, so nothing is encoded twice; `seed` fixes
    what they draw.

    >>> probe = Probe([[0.0, 1.0], [1.0, 0.0], [2.0, 1.0], [3.0, 0.0]], [[0, 1], [0, 0], [1, 1], [1, 0]])
    >>> probe.rows(np.array([0, 2])).factors.tolist()
    [[0, 1], [1, 1]]
    """

    def __init__(
        self,
        codes: Any,
        factors: Any = None,
        *,
        factor_names: Iterable[str] | None = None,
        factor_sizes: Iterable[int] | None = None,
        kl_per_latent: Any = None,
        scale: Any = None,
        categories: Any = None,
        labels: Any = None,
        seed: int = 0,
        model: Any = None,
        data: ImageData | None = None,
        numbers: Whole | None = None,
    ) -> None:
        self.codes = as_codes(codes)
        n, d = self.codes.shape
        self.factors, self.values, known = _truth(factors, n)
        count = 0 if self.factors is None else self.factors.shape[1]
        self.factor_names: tuple[str, ...] = as_names(factor_names, factors, count) if count else ()
        whole = np.ones(count, bool) if self.values is None else (self.values == np.floor(self.values)).all(axis=0)
        self.continuous = tuple(name for name, each in zip(self.factor_names, whole, strict=True) if not each)
        self.factor_sizes = self._sizes(factor_sizes)
        self.kl_per_latent = None if kl_per_latent is None else _rates(kl_per_latent, d)
        self.scale = None if scale is None else as_codes(scale, "scale")
        if self.scale is not None and self.scale.shape != self.codes.shape:
            raise InputError(f"scale must have the shape of codes, got {self.scale.shape} and {self.codes.shape}")
        self.categories = None if categories is None else as_factors(_column(categories), n, "categories")
        self.labels = None if labels is None else as_factors(_column(labels, "labels"), n, "labels")[:, 0]
        self.seed, self.model, self.data, self.numbers = seed, model, data, numbers
        self.factor_bins: int | None = None  # into how many bins factors that are no whole numbers were cut
        self.in_planes = False  # whether columns are radius and direction of several latents (`subspaces.reading`)
        self.kept: dict[Any, Any] = {}  # what several metrics would otherwise compute again
        self.dropped = n - int(known.sum())  # rows in which a factor was NaN; `factors` and `values` lack them already
        if self.dropped:
            self._take(("codes", "scale", "categories", "labels", "numbers"), known)

    @classmethod
    def of_encoder(
        cls,
        encode: Callable[[Tensor], Any],
        data: ImageData,
        *,
        n: int = 60_000,
        seed: int = 0,
        batch: int = 512,
        model: Any = None,
    ) -> Probe:
        """Encode `n` random images of `data` once, in batches and without gradient.

        `encode` takes images (b, c, h, w) and returns codes (b, d), or an `Encoded`, a mapping or any object
        with mean and, where it has them, std, kl and categories. A data set of at most `n` images is encoded
        whole, each image once. Factors and labels are kept where the data set has them. Holds n x (2 d + K + 1)
        numbers, and one batch of images at a time.
        """
        checks.at_least(2, n=n)
        checks.at_least(1, batch=batch)
        numbers = _numbers(data, n, numpy_generator(seed, "evaluation"))
        with torch.no_grad():
            parts = [_encoded(encode(data.images(numbers[at : at + batch]))) for at in range(0, len(numbers), batch)]
        kl = _stack(parts, "kl")
        factors, names, sizes = _known(data, numbers)
        return cls(
            _stack(parts, "mean"),
            factors,
            factor_names=names,
            factor_sizes=sizes,
            kl_per_latent=None if kl is None else as_codes(kl, "kl").mean(axis=0),
            scale=_stack(parts, "std"),
            categories=_stack(parts, "categories"),
            labels=None if data.labels is None else data.labels[numbers],
            seed=seed,
            model=model,
            data=data,
            numbers=numbers,
        )

    def __len__(self) -> int:
        return len(self.codes)

    @property
    def known_factors(self) -> Whole:
        """The factors (n, K); without them InputError."""
        if self.factors is None:
            raise InputError("factors are needed here, and this probe has none")
        return self.factors

    @property
    def known_values(self) -> Reals:
        """The factors (n, K) as they were given, whole numbers or not; without them InputError."""
        return self.known_factors.astype(np.float64) if self.values is None else self.values

    def rows(self, rows: Any) -> Probe:
        """These rows alone, by number or as a mask, in the order given; row facts such as `dropped` are the pool's."""
        part = copy.copy(self)
        for name in ("groups", "positives"):
            part.__dict__.pop(name, None)
        part.kept = {}
        part._take(("codes", "factors", "values", "scale", "categories", "labels", "numbers"), rows)
        return part

    def with_codes(self, codes: Any, seed: int | None = None) -> Probe:
        """The same rows with other codes, of which nothing else is known: no rates, scales, categories or model."""
        part = copy.copy(self)
        part.codes, part.kept, part.in_planes = as_codes(codes), {}, False
        part.kl_per_latent = part.scale = part.categories = part.model = None
        part.seed = self.seed if seed is None else seed
        return part

    def binned(self, bins: int | None) -> Probe:
        """The same rows, each factor that is no whole number cut into `bins` of about as many rows; None cuts none."""
        if bins is None or not self.continuous:
            return self
        checks.at_least(2, factor_bins=bins)
        part = copy.copy(self)
        for name in ("groups", "positives"):
            part.__dict__.pop(name, None)
        part.factors, part.values = cut(self.known_values, bins).astype(np.int64), None
        part.factor_bins, part.continuous, part.kept = bins, (), {}
        part.factor_sizes = tuple(len(np.unique(column)) for column in part.factors.T)
        return part

    def _take(self, names: Iterable[str], rows: Any) -> None:
        for name in names:
            if (held := getattr(self, name)) is not None:
                setattr(self, name, np.asarray(held)[rows])

    @cached_property
    def groups(self) -> Groups:
        """Rows by factor and value."""
        return Groups(self.known_factors)

    def group_facts(self, factors: Iterable[int]) -> dict[str, dict[str, Any]]:
        """How many values of these factors two rows or more share, and the fewest and most rows of such a value."""
        groups, rows = dict[str, Any](), dict[str, Any]()
        for k in factors:
            size = self.groups.size[k]
            shared = size[size >= 2]
            groups[self.factor_names[k]] = len(shared)
            rows[self.factor_names[k]] = [int(shared.min()), int(shared.max())] if len(shared) else [0, 0]
        return {"groups": groups, "rows_per_group": rows}

    def rng(self, name: str) -> np.random.Generator:
        """Random generator, of this probe's seed for the draws called `name`."""
        return numpy_generator(self.seed, f"evaluation/{name}")

    def images(self) -> Tensor:
        """The images behind the rows, (n, c, h, w), from the data set again; a probe of arrays raises InputError."""
        if self.data is None or self.numbers is None:
            raise InputError("images can only be had of a probe that was made from a data set")
        return self.data.images(self.numbers)

    @cached_property
    def positives(self) -> dict[str, int]:
        """Rows with the rarer value of each rare concept: a binary factor of which it is less than 5 % of the rows."""
        if self.factors is None:
            return {}
        found = {name: _rarer(column) for name, column in zip(self.factor_names, self.factors.T, strict=True)}
        return {name: count for name, count in found.items() if 0 < count < RARE * len(self)}

    @property
    def too_few(self) -> dict[str, int]:
        """Those of the positives that are fewer than 20 in the first 10,000 rows or so that metrics look at."""
        return {k: n for k, n in self.positives.items() if n * min(1.0, OF_ROWS / len(self)) < FEW}

    def parted(self, train: int, test: int, name: str) -> tuple[Whole, Whole]:
        """Training and held-out rows as `parted` gives them, by the draws called `name`.

        Where there are rare concepts both get their share of the positives of each.
        """
        if not self.positives:
            return parted(len(self), train, test, self.rng(name))
        n = min(len(self), train + test)
        cut = min(max(1, n * train // (train + test)), n - 1)
        first, second = self.spread([cut, n - cut], name)
        return first, second

    def spread(self, shares: list[int], name: str) -> list[Whole]:
        """Numbers of rows in parts of so many rows, each with its share of the positives of every rare concept."""
        return spread_evenly(self._keys(), shares, self.rng(name))

    def _keys(self) -> Whole:
        """Of each row the number of its rarest concept, those that are rarer being larger; 0 where it has none."""
        keys = np.zeros(len(self), np.int64)
        often = sorted(self.positives, key=lambda name: -self.positives[name])
        for number, name in enumerate(often, 1):
            column = self.known_factors[:, self.factor_names.index(name)]
            high = 2 * int((column == column.max()).sum()) <= len(self)
            keys[column == (column.max() if high else column.min())] = number
        return keys

    def rows_at_most(self, n: int, name: str) -> Whole:
        """Numbers of `n` random rows, all different, by the draws called `name`; of all if there are no more.

        Where there are rare concepts the share of their positives is that of all rows.
        """
        if n >= len(self):
            return np.arange(len(self))
        return self.spread([n], name)[0] if self.positives else self.rng(name).choice(len(self), size=n, replace=False)

    def at_most(self, n: int, name: str) -> Probe:
        """The rows that `rows_at_most` gives."""
        return self.rows(self.rows_at_most(n, name))

    def _sizes(self, given: Iterable[int] | None) -> tuple[int, ...]:
        if self.factors is None:
            return ()
        if given is None:
            return tuple(len(np.unique(column)) for column in self.factors.T)
        sizes = tuple(given)
        if len(sizes) != self.factors.shape[1]:
            raise InputError(f"factor_sizes must be {self.factors.shape[1]} numbers, got {len(sizes)}")
        for name, size, column in zip(self.factor_names, sizes, self.factors.T, strict=True):
            if column.min() < 0 or column.max() >= size:
                raise InputError(
                    f"factor {name} must lie between 0 and {size - 1}, got {column.min()} to {column.max()}"
                )
        return sizes


def _rarer(column: Whole) -> int:
    """How many rows have the rarer of the two values of a binary factor (n,); 0 of one that is not binary."""
    low, high = column.min(), column.max()
    ones = int((column == high).sum())
    return 0 if low == high or ones + int((column == low).sum()) < len(column) else min(ones, len(column) - ones)


def probe_of_codes(codes: Any, *, kl_per_latent: Any = None, categories: Any = None, seed: int = 0) -> Probe:
    """Of codes (n, d). `kl_per_latent` (d,) in nats says which latents are dead, `categories` (n, L) are numbers."""
    return Probe(codes, kl_per_latent=kl_per_latent, categories=categories, seed=seed)


def probe_of_factors(
    codes: Any,
    factors: Any,
    *,
    kl_per_latent: Any = None,
    categories: Any = None,
    factor_names: Iterable[str] | None = None,
    factor_bins: int | None = None,
    seed: int = 0,
) -> Probe:
    """Of codes (n, d) and factors (n, K), whole numbers or texts where the metric takes no others.

    `kl_per_latent` (d,) in nats says which latents are dead, `categories` (n, L) are categorical codes, numbers.
    `factor_bins` cuts each factor that is no whole number into so many bins of about as many rows.
    """
    probe = Probe(
        codes, factors, factor_names=factor_names, kl_per_latent=kl_per_latent, categories=categories, seed=seed
    )
    return probe.binned(factor_bins)


def _known(data: ImageData, numbers: Whole) -> tuple[Any, Iterable[str] | None, Iterable[int] | None]:
    """Factors of these images, where any are known, with their names and, on a grid, their sizes."""
    if isinstance(data, FactorData):
        return data.factors_at(numbers), data.names, data.sizes
    table = data.factor_table
    return (None, None, None) if table is None else (table.values[numbers], table.names, None)


def _truth(factors: Any, n: int) -> tuple[Whole | None, Reals | None, npt.NDArray[np.bool_]]:
    """Factors as whole numbers, as they are (None where these are the same), and which of `n` rows know them all."""
    known = np.ones(n, bool)
    if factors is None or as_array(factors, "factors", words=True).dtype.kind != "f":
        return None if factors is None else as_factors(factors, n), None, known
    values = as_values(factors, n)
    known = np.isnan(values).sum(axis=1) == 0
    if known.sum() < 2:
        raise InputError(f"factors must be known, not NaN, in 2 rows or more, got {int(known.sum())}")
    values = values[known]
    whole = (values == np.floor(values)) & (np.abs(values) < 2**53)
    if whole.all():
        return values.astype(np.int64), None, known
    ranks = [np.unique(column, return_inverse=True)[1] for column in values.T]
    columns = [c.astype(np.int64) if w.all() else r for c, w, r in zip(values.T, whole.T, ranks, strict=True)]
    return np.stack(columns, axis=1), values, known


def _rates(value: Any, d: int) -> Reals:
    rates = as_array(value, "kl_per_latent").astype(np.float64)
    if rates.shape != (d,) or not np.isfinite(rates).all():
        raise InputError(f"kl_per_latent must be {d} finite numbers, one a latent, got {rates.tolist()}")
    return rates


def _numbers(data: ImageData, n: int, rng: np.random.Generator) -> Whole:
    """Numbers of `n` images, or of all if there are no more; of factor data each factor is drawn by itself."""
    if len(data) <= n:
        return np.arange(len(data))
    if isinstance(data, FactorData):
        return data.index(data.sample_factors(n, rng))
    return rng.choice(len(data), size=n, replace=False)


def _column(value: Any, name: str = "categories") -> npt.NDArray[Any]:
    array = as_array(value, name, words=name == "labels")
    return array[:, None] if array.ndim == 1 else array


def _encoded(value: Any) -> Encoded:
    """Whatever an encoder returned, as one record."""
    names = ("mean", "std", "kl", "categories")
    if isinstance(value, Encoded):
        return value
    if isinstance(value, Mapping):
        if "mean" not in value:
            raise InputError(f"encode must return a mapping with mean, got {sorted(map(str, value))}")
        return Encoded(**{name: value[name] for name in names if name in value})
    if hasattr(value, "mean") and not callable(value.mean):  # a posterior; arrays have mean as a method
        return Encoded(*(getattr(value, name, None) for name in names))
    return Encoded(value)


def _stack(parts: list[Encoded], name: str) -> npt.NDArray[Any] | None:
    """One array of the batches' `name`, or None where the encoder does not give it."""
    values = [getattr(part, name) for part in parts]
    return None if any(value is None for value in values) else np.concatenate([as_array(v, name) for v in values])
