"""What a data set is: images by number, and, where the truth is known, by their factors."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from functools import cached_property
from typing import Any, ClassVar, Protocol

import numpy as np
import torch
from torch import Tensor

from unweave.base.errors import InputError
from unweave.base.settings import Settings


@dataclass(frozen=True)
class Folds:
    """How an angle folds: with value v of the factor `by` a picture looks the same `times`[v] times in one turn.

    A square does four times (after 90 degrees), an ellipse twice, a heart once. On a grid no two images need be equal,
    yet nothing that sees images alone, and changes smoothly with them, tells the turns apart.
    """

    by: str
    times: tuple[int, ...]


@dataclass(frozen=True)
class Factor:
    """One thing that varies: `size` values, numbered 0 to size - 1, standing for the numbers in `values`.

    `cyclic` says that the last value is followed by the first one. `symmetry` is for an angle, its `values` in radians.
    """

    name: str
    size: int
    values: tuple[float, ...]
    cyclic: bool = False
    symmetry: Folds | None = None

    @classmethod
    def spaced(
        cls, name: str, size: int, first: float, last: float, *, cyclic: bool = False, symmetry: Folds | None = None
    ) -> Factor:
        """A factor whose values lie evenly from `first` to `last`, both included.

        >>> Factor.spaced("scale", 3, 0.5, 1.0).values
        (0.5, 0.75, 1.0)
        """
        return cls(name, size, tuple(np.linspace(first, last, size).tolist()), cyclic, symmetry)


@dataclass(frozen=True)
class Symmetry:
    """Two values of one factor that give the same image whatever the other factors are.

    `where` restricts it to given values of other factors, by name.
    """

    factor: str
    value: int
    same_as: int
    where: tuple[tuple[str, int], ...] = ()


class KnownFactors(Protocol):
    """Factors that were told row by row: `values` (n, K) float64, NaN where unknown, and the columns' names.

    A column of words holds their numbers; `words` has the words, () for a column of numbers.
    """

    @property
    def names(self) -> tuple[str, ...]: ...
    @property
    def values(self) -> np.ndarray: ...
    @property
    def words(self) -> tuple[tuple[str, ...], ...]: ...


class ImageData(Settings, ABC):
    """Images by number. `image_shape` is (channels, height, width); pixels lie in [0, 1] if `bounded`.

    Other data are pictures of one row: a vector of K numbers has the shape (1, 1, K). What is a class attribute here
    may be a property of data whose files decide it, such as the user's own.
    """

    image_shape: tuple[int, int, int]
    source: ClassVar[Any] = None  # where published files come from, a `download.Source`
    bounded: ClassVar[bool] = True  # False where numbers may leave [0, 1] and so are no pixels
    likelihood: ClassVar[str] = "bernoulli"  # what suits these pixels; --likelihood overrides
    likelihood_settings: ClassVar[Mapping[str, Any]] = {}  # and how that one is set; --likelihood.X overrides
    caution: ClassVar[str | None] = None  # what to say where the user lets the data choose the likelihood
    net: ClassVar[str] = "dlib-conv"  # what suits their shape; --net overrides
    probing: ClassVar[Mapping[str, Any] | None] = {}  # how contract tests open it; None: by the user's own files
    reference: ClassVar[tuple[int, ...]] = ()  # numbers of images that pictures show first
    classes: ClassVar[tuple[str, ...]] = ()  # names of the labels 0, 1 and so on
    factor_table: KnownFactors | None = None  # what is known of factors that form no grid
    columns: tuple[str, ...] = ()  # names of a vector's numbers, where they have any
    standardised: ClassVar[int] = 0  # how many of a vector's first numbers the model itself gives mean 0, deviation 1

    @abstractmethod
    def __len__(self) -> int: ...

    def __getstate__(self) -> dict[str, Any]:
        """Only the settings travel to another process or into a copy, not what was made of them."""
        return {each.name: getattr(self, each.name) for each in fields(self)} if is_dataclass(self) else vars(self)

    @abstractmethod
    def images(self, indices: np.ndarray) -> Tensor:
        """The images with these numbers, float32 (n, channels, height, width)."""

    def packed_on(self, device: torch.device, room: int) -> Any:
        """All images packed on a device in at most `room` bytes, as `resident.Resident`; None for the usual way."""
        return None

    @property
    def labels(self) -> np.ndarray | None:
        """The class of every image, int64 (len,), or None. Scores and pictures use it, training never does."""
        return None

    @property
    def held_out(self) -> ImageData | None:
        """Images of the same kind that training never sees, or None. Runs are scored on them where there are any."""
        return None

    def resolved(self) -> ImageData:
        """The same data with all that was found in them or assumed (sizes, scales, a digest) written as settings.

        A run keeps these, so that it sees the same numbers again whatever is found later. Data that are no longer
        what their settings say raise InputError.
        """
        return self

    @property
    def account(self) -> tuple[str, ...]:
        """What was read, resized, scaled and assumed, in a line or two for the user; () where there is nothing."""
        return ()

    @property
    def at_hand(self) -> bool:
        """Whether all it needs is on this machine, so that nothing would be downloaded."""
        return self.source is None or self.source.at_hand(getattr(self, "folder", None))

    def checked_indices(self, indices: np.ndarray) -> np.ndarray:
        """`indices` as int64 (n,), or InputError where they are no integers or out of range."""
        numbers = np.asarray(indices)
        if numbers.ndim != 1 or (numbers.size and not np.issubdtype(numbers.dtype, np.integer)):
            raise InputError(f"indices must be integers of shape (n,), got {numbers.dtype} {numbers.shape}")
        if numbers.size and (numbers.min() < 0 or numbers.max() >= len(self)):
            found = f"{numbers.min()} to {numbers.max()}"
            raise InputError(f"indices must lie between 0 and {len(self) - 1}, got {found}")
        return numbers.astype(np.int64)


def square(channels: int) -> Any:
    """The `image_shape` of images whose setting `size` is their height and width, (channels, size, size)."""
    return property(lambda data: (channels, data.size, data.size), doc="(channels, size, size).")


class FactorData(ImageData):
    """Images made from known factors: every combination once, the last factor varying fastest."""

    factors: tuple[Factor, ...]
    symmetries: tuple[Symmetry, ...] = ()

    @abstractmethod
    def render(self, factors: np.ndarray) -> Tensor:
        """Images of these factor values, (n, K) integers -> float32 (n, C, H, W) in [0, 1]."""

    def __len__(self) -> int:
        return int(np.prod(self.sizes))

    def images(self, indices: np.ndarray) -> Tensor:
        """The images with these numbers, by way of their factors, float32 (n, C, H, W)."""
        return self.render(self.factors_at(indices))

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """How many values each factor has."""
        return tuple(factor.size for factor in self.factors)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The factors' names in order."""
        return tuple(factor.name for factor in self.factors)

    @cached_property
    def strides(self) -> np.ndarray:
        """By how much the image number grows when a factor grows by one."""
        return np.concatenate([np.cumprod(self.sizes[::-1])[::-1][1:], [1]]).astype(np.int64)

    def index(self, factors: np.ndarray) -> np.ndarray:
        """Factor values (n, K) -> image numbers (n,); a value out of range raises InputError."""
        values = self.checked(factors)
        return values @ self.strides

    def factors_at(self, indices: np.ndarray) -> np.ndarray:
        """Image numbers (n,) -> factor values (n, K)."""
        return (self.checked_indices(indices)[:, None] // self.strides) % np.asarray(self.sizes)

    def checked(self, factors: np.ndarray) -> np.ndarray:
        """`factors` as an (n, K) integer array whose values are all in range, or InputError."""
        values = np.asarray(factors)
        if values.ndim != 2 or values.shape[1] != len(self.factors):
            raise InputError(f"factors must have shape (n, {len(self.factors)}), got {values.shape}")
        if not np.issubdtype(values.dtype, np.integer):
            raise InputError(f"factors must be integers, got {values.dtype}")
        for column, factor in zip(values.T, self.factors, strict=True):
            if column.size and (column.min() < 0 or column.max() >= factor.size):
                raise InputError(
                    f"factor {factor.name} must lie between 0 and {factor.size - 1}, "
                    f"got {column.min()} to {column.max()}"
                )
        return values.astype(np.int64)

    def sample_factors(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """`n` uniform draws of all factors, (n, K)."""
        return np.stack([rng.integers(size, size=n) for size in self.sizes], axis=1)

    def sample_fixed(self, k: int, n: int, rng: np.random.Generator, value: int | None = None) -> np.ndarray:
        """`n` draws that share one value of factor `k` (a random one, or `value`), (n, K)."""
        if not 0 <= k < len(self.factors):
            raise InputError(f"k must lie between 0 and {len(self.factors) - 1}, got {k}")
        drawn = self.sample_factors(n, rng)
        drawn[:, k] = rng.integers(self.sizes[k]) if value is None else value
        return self.checked(drawn)

    def canonical(self, factors: np.ndarray) -> np.ndarray:
        """Factor values with each symmetric value replaced by the one it equals, (n, K)."""
        values = self.checked(factors).copy()
        for symmetry in self.symmetries:
            k = self.names.index(symmetry.factor)
            rows = values[:, k] == symmetry.value
            for name, needed in symmetry.where:
                rows &= values[:, self.names.index(name)] == needed
            values[rows, k] = symmetry.same_as
        return values

    def seen(self, factors: np.ndarray) -> np.ndarray | None:
        """What a smooth encoder could tell of factor values (n, K), (n, E); None where no factor declares a fold.

        A factor that folds becomes the cosine and the sine of its angle times the number of times that the picture
        looks the same in one turn; the others stay what they are.
        """
        if not any(factor.symmetry for factor in self.factors):
            return None
        values, columns = self.canonical(factors), list[np.ndarray]()
        for column, factor in zip(values.T, self.factors, strict=True):
            if factor.symmetry is None:
                columns.append(column.astype(np.float64))
                continue
            times = np.array(factor.symmetry.times)[values[:, self.names.index(factor.symmetry.by)]]
            angle = times * np.array(factor.values)[column]
            columns += [np.cos(angle), np.sin(angle)]
        return np.stack(columns, axis=1)
