"""Arrays of codes and factors: taken in and checked, which latents live, and the columns that metrics look at."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch

from unweave.base.errors import InputError
from unweave.data.readers.columns import as_numbers, whole

Reals: TypeAlias = npt.NDArray[np.float64]
Whole: TypeAlias = npt.NDArray[np.int64]

LARGEST = 1e100  # squares of larger codes could overflow


def as_array(value: Any, name: str, *, words: bool = False) -> npt.NDArray[Any]:
    """Anything of numbers that numpy can read, torch tensors with gradient included, or InputError.

    With `words` columns of texts are numbered, column by column, from 0 in the order of their words.
    """
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu()
        value = (value.double() if value.is_floating_point() else value).numpy()
    try:
        array = np.asarray(value)
    except ValueError:
        raise InputError(f"{name} must be an array, got rows of different lengths") from None
    if words and array.dtype.kind in "OUS" and array.ndim in (1, 2) and len(array):
        array = as_numbers(array)
        array = whole(array) if np.isfinite(array).all() else array
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
    array = _factor_columns(value, name)
    if array.dtype.kind == "f":
        raise InputError(f"{name} must be integers, one column a factor, got {array.dtype}")
    if len(array) != rows:
        raise InputError(f"{name} must have as many rows as codes, got {len(array)} and {rows}")
    return array.astype(np.int64)


def as_values(value: Any, rows: int, name: str = "factors") -> Reals:
    """`value` as float64 (n, K) with as many rows as there are codes, NaN where unknown, or InputError."""
    array = _factor_columns(value, name)
    if len(array) != rows:
        raise InputError(f"{name} must have as many rows as codes, got {len(array)} and {rows}")
    if array.dtype.kind == "f" and np.isinf(array).any():
        raise InputError(
            f"{name} must be finite, or NaN where unknown, got {int(np.isinf(array).sum())} infinite values"
        )
    return array.astype(np.float64)


def _factor_columns(value: Any, name: str) -> npt.NDArray[Any]:
    """Numbers (n, K) of factors, texts numbered; a single row of values is one factor."""
    array = as_array(value, name, words=True)
    return _two_dimensional(array[:, None] if array.ndim == 1 else array, name, "(n, K)")


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


def fed_with(codes: Reals, categories: Whole) -> Reals:
    """What a learner is fed: codes (n, d) standardised, then the columns of categorical codes (n, L), (n, d + p)."""
    return np.concatenate([standardised(codes), one_hot_columns(categories)[0]], axis=1)


def latent_names(d: int, categories: int = 0) -> list[str]:
    """Row labels of tables with one row a latent, and one a categorical code after them."""
    return [*(f"latent {j}" for j in range(d)), *(f"category {number}" for number in range(categories))]


def parted(n: int, train: int, test: int, rng: np.random.Generator) -> tuple[Whole, Whole]:
    """Numbers of training and of held-out rows, none in both; fewer than `train` + `test` are split in proportion.

    >>> [len(part) for part in parted(90, 200, 100, np.random.default_rng(0))]
    [60, 30]
    """
    rows = rng.permutation(n)[: train + test]
    cut = min(max(1, len(rows) * train // (train + test)), len(rows) - 1)
    return rows[:cut], rows[cut:]


def spread_evenly(keys: Whole, shares: Sequence[int], rng: np.random.Generator) -> list[Whole]:
    """Numbers of rows in parts of so many rows each, none in two, in which each key (n,) is as frequent as in all.

    Rows of one key come in random order, and every part takes them at even steps, so that a part lacks less than one
    row of what it is due of each key, or has less than one too many.

    >>> first, second = spread_evenly(np.array([1] * 4 + [0] * 96), [50, 25], np.random.default_rng(0))
    >>> len(first), int((first < 4).sum()), len(second), int((second < 4).sum())
    (50, 2, 25, 1)
    """
    order = rng.permutation(len(keys))
    order = order[np.argsort(-keys[order], kind="stable")]  # the rare ones first
    parts: list[Whole] = []
    for share in shares:
        if share >= len(order):
            parts.append(order)
            order = order[:0]
            continue
        step = np.arange(len(order) + 1) * share // max(len(order), 1)
        taken = np.diff(step) > 0
        parts.append(order[taken])
        order = order[~taken]
    return [rng.permutation(part) for part in parts]
