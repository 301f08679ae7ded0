"""Arrays of your own: images or vectors in a .npy, .npz or .h5 file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor

from unweave.base import checks
from unweave.base.checks import FINITE, Range
from unweave.base.errors import InputError
from unweave.data.own.factors_csv import FactorTable
from unweave.data.own.own_file import (
    DEPTHS,
    FINEST,
    LIMIT,
    OwnFile,
    Survey,
    digest,
    existing,
    full_scale,
    pixel_scale,
    remembered,
    scale_used,
    strayed,
    unchanged,
)
from unweave.data.readers.columns import numbered
from unweave.data.readers.containers import SUFFIXES, Held, listed, opened
from unweave.data.readers.limits import few, numeric

BESIDE = ("labels", "factors")  # arrays that tell about the rows and are none of the data
PERCENTILES = (0.1, 99.9)
SAMPLE = 1 << 22  # numbers that describe the others
NOISE = 0.5  # scale of the gaussian for standardised numbers: a quarter of their variance
FOUND = "(found in the data)"


@dataclass(frozen=True)
class Array(OwnFile):
    """Images (n, H, W), (n, H, W, C) or (n, C, H, W), or vectors (n, K), which become pictures (1, 1, K) of one row.

    Images are brought into [0, 1] by `scale`: whole numbers are divided by the depth that they use (255, 4,095 and so
    on, see `full_scale`) or, if that is not half used, by the largest there is, other ones stay if they lie in [0, 1]
    and are else stretched from their smallest to their largest; minmax and percentile (from the 0.1 % to the 99.9 %
    one, the rest cut) stretch always, none leaves all as it is. Vectors keep their units unless `scale` is given; the
    model itself standardises them. Their likelihood is bernoulli for zeros and ones and for images that are mostly
    black or white, gaussian for all else; for counts a run says what may suit better. The gaussian's scale is 0.5 of a
    standardised number, so that a latent pays if it explains more than a quarter of a column's variance; of images 0.1
    or, if less, a fifth of `spread`, as for folders.

    The file is mapped, or unpacked once into the cache, so that memory stays bounded. Its digest is kept: images are
    given only while the file is the same. Python objects, links in .h5 files, arrays larger than `max_bytes`, NaN, and
    rows that are all alike raise InputError.

    >>> from unweave.data import load
    >>> data = load(np.eye(3, 4)).resolved()
    >>> data.image_shape, data.likelihood, data.images(np.array([1]))
    ((1, 1, 4), 'bernoulli', tensor([[[[0., 1., 0., 0.]]]]))
    """

    path: Annotated[str, "a .npy, .npz or .h5 file"] = ""
    key: Annotated[str | None, "name of the array; not needed if the file has only one"] = None
    order: Annotated[Literal["auto", "nhwc", "nchw"], "whether an image's channels come last or first"] = "auto"
    scale: Annotated[Literal["auto", "dtype", "minmax", "percentile", "none"], "how numbers are scaled to [0, 1]"] = (
        "auto"
    )
    channels: Annotated[int | None, "how many channels images must have", Range(1)] = None
    labels_key: Annotated[str | None, "array with the class of each row; 'labels' if there is one"] = None
    factors_key: Annotated[str | None, "array (n, K) of known factors, for scores; 'factors' if there is one"] = None
    max_bytes: Annotated[int, "largest array that is read, in bytes", Range(1)] = LIMIT
    content: Annotated[str | None, f"digest of the file {FOUND}"] = None
    rows: Annotated[int, f"number of rows {FOUND}"] = 0
    shape: Annotated[tuple[int, ...], f"channels, height and width {FOUND}"] = ()
    values: Annotated[Literal["", "binary", "shades", "real", "counts"], f"kind of numbers {FOUND}"] = ""
    spread: Annotated[float, f"how far scaled pixels stray from image to image {FOUND}"] = 0.0
    low: Annotated[float, f"what becomes 0 {FOUND}", FINITE] = 0.0
    high: Annotated[float, f"what becomes 1 {FOUND}", FINITE] = 1.0
    names: Annotated[tuple[str, ...], f"names of the classes {FOUND}"] = ()
    notes: Annotated[tuple[str, ...], f"what was assumed, in words {FOUND}"] = ()

    bookkeeping: ClassVar = ("path", "max_bytes", "names", "notes")
    found: ClassVar = ("content", "rows", "shape", "values", "spread", "low", "high", "names", "notes")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.content is not None and (len(self.shape) != 3 or self.low >= self.high):
            raise InputError(f"shape must be channels, height and width, got {self.shape}")

    def resolved(self) -> Array:
        """The same array with its digest, shape, kind of numbers and scale written as settings."""
        path = existing(self.path, SUFFIXES)
        if self.content is not None:
            unchanged(path, self.content)
            return replace(self, path=str(path))
        content = digest(path)
        return remembered(self, path, content, lambda: self._described(path, content))

    def _described(self, path: Path, content: str) -> Array:
        every = listed(path)
        key = self._key(every, path)
        labels, factors = _beside(every, "labels", self.labels_key), _beside(every, "factors", self.factors_key)
        raw = opened(path, _chosen(every, key, "key"), content, self.max_bytes)
        numeric(raw.dtype, f"{key} in {path.name}")
        if raw.ndim > 1 and len(raw) < 2:
            raise InputError(f"{path.name} must hold 2 rows or more, got {len(raw)}")
        order, shape = self._laid_out(raw.shape, path.name)
        survey = Survey.of(raw, path.name)
        plan = _Plan.of(raw, survey, self.scale, path.name, vectors=_is_vector(shape))
        names: tuple[str, ...] = ()
        if labels is not None:
            names = _classes(opened(path, _chosen(every, labels, "labels-key"), content, self.max_bytes), len(raw))[0]
        if factors is not None:
            _truth(opened(path, _chosen(every, factors, "factors-key"), content, self.max_bytes), len(raw))
        kind = (
            f"{shape[2]} numbers each"
            if _is_vector(shape)
            else f"{shape[1]} x {shape[2]} pixels (height x width), {shape[0]} channel{'s' * (shape[0] > 1)}"
        )
        notes = (
            f"{path.name}: {len(raw):,} rows of {kind}, {raw.dtype} {survey.low:g} to {survey.high:g}"
            + (f", classes {few(names)} from {labels}" if names else "")
            + (f", factors from {factors}" if factors else ""),
            plan.sentence,
        )
        return replace(
            self, path=str(path), key=key, labels_key=labels, factors_key=factors, order=order, scale=plan.scale,
            content=content, rows=len(raw), shape=shape, values=plan.values, spread=plan.spread, low=plan.low,
            high=plan.high, names=names, notes=notes,
        )  # fmt: skip

    def _key(self, every: list[Held], path: Path) -> str:
        if self.key is not None:
            return self.key
        own = [each for each in every if each.name.rpartition("/")[2] not in BESIDE]
        if not own:
            raise InputError(f"{path.name} must hold an array, got none")
        if len(own) > 1:
            raise InputError(f"key must name one of the {len(own)} arrays in {path.name}, got none: {few(own, 10)}")
        return own[0].name

    def _laid_out(self, shape: tuple[int, ...], name: str) -> tuple[Literal["nhwc", "nchw"], tuple[int, int, int]]:
        """Which axis is which, and channels, height and width."""
        if len(shape) == 2 or (len(shape) == 4 and shape[1:3] == (1, 1)):
            return "nhwc", (1, 1, shape[-1])
        if len(shape) == 3:
            if self.channels not in (None, 1):
                raise InputError(f"channels must be 1 for grey images {shape}, got {self.channels}")
            return "nhwc", (1, shape[1], shape[2])
        if len(shape) != 4:
            raise InputError(
                f"{name} must have shape (n, K) for vectors, or (n, H, W), (n, H, W, C) or (n, C, H, W) for images, "
                f"got {shape}"
            )
        allowed = range(1, 5) if self.channels is None else (self.channels,)
        fitting = [
            order
            for order, axis in (("nhwc", 3), ("nchw", 1))
            if shape[axis] in allowed and self.order in ("auto", order)
        ]
        if not fitting:
            wanted = f"{self.channels} channels" if self.channels else "1 to 4 channels"
            where = {"auto": "last or first", "nhwc": "last", "nchw": "first"}[self.order]
            raise InputError(f"images must have {wanted}, {where} in their shape, got {shape[1:]} in {name}")
        if len(fitting) > 1:
            raise InputError(
                f"order must be nhwc or nchw for images {shape[1:]}, whose channels could be first or last"
            )
        if fitting[0] == "nhwc":
            return "nhwc", (shape[3], shape[1], shape[2])
        return "nchw", (shape[1], shape[2], shape[3])

    @property
    def image_shape(self) -> tuple[int, int, int]:  # pyright: ignore
        """(C, H, W); (1, 1, K) for vectors."""
        channels, height, width = self._known.shape
        return (channels, height, width)

    @property
    def net(self) -> str:  # pyright: ignore
        """dlib-conv where it was made for such images, conv for larger ones, mlp for vectors and the smallest."""
        channels, height, width = self.image_shape
        if height == width and height in (32, 64) and channels in (1, 3):
            return "dlib-conv"
        return "conv" if min(height, width) >= 16 else "mlp"

    @property
    def likelihood(self) -> str:  # pyright: ignore
        """Bernoulli for zeros and ones and images that are mostly black or white, else gaussian."""
        return "bernoulli" if self._known.values == "binary" else "gaussian"

    @property
    def likelihood_settings(self) -> Mapping[str, Any]:  # pyright: ignore
        """The gaussian's scale, and means that may leave [0, 1] where the numbers do."""
        known = self._known
        if self.likelihood == "bernoulli":
            return {}
        if self.standardised:
            return {"squash": False, "scale": NOISE}
        if known.values == "real":
            return {"squash": False, "scale": float(f"{max(1e-3, 0.4 * known.spread):.2g}")}
        return {"scale": pixel_scale(known.spread)}

    @property
    def bounded(self) -> bool:  # pyright: ignore
        """Whether all numbers lie in [0, 1]."""
        return self._known.values in ("binary", "shades")

    @property
    def standardised(self) -> int:  # pyright: ignore
        """All of a vector's numbers, unless they are zeros and ones or were scaled into [0, 1]."""
        plain = self._known
        return plain.shape[2] if _is_vector(plain.shape) and plain.scale == "none" and plain.values != "binary" else 0

    @property
    def caution(self) -> str | None:  # pyright: ignore
        """Counts may be better told by their logarithms."""
        if self._known.values != "counts":
            return None
        return (
            f"{Path(self.path).name} holds whole numbers from 0, which are standardised under likelihood gaussian; of "
            "counts that span several powers of ten numpy.log1p often suits it better, and flattened images are "
            "better given as images; naming the likelihood gaussian says that this is meant"
        )

    @cached_property
    def raw(self) -> np.ndarray:
        """The array as it is in the file, read-only."""
        known = self._known
        assert known.key is not None
        return self._read(known.key)

    def _read(self, key: str) -> np.ndarray:
        known = self._known
        assert known.content is not None
        path = existing(known.path, SUFFIXES)
        unchanged(path, known.content)
        return opened(path, _chosen(listed(path), key, "key"), known.content, known.max_bytes)

    @cached_property
    def labels(self) -> np.ndarray | None:  # pyright: ignore
        """The class of each row, int64 (n,), or None; `classes` has their names."""
        known = self._known
        return None if known.labels_key is None else _classes(self._read(known.labels_key), known.rows)[1]

    @cached_property
    def factor_table(self) -> FactorTable | None:  # pyright: ignore
        """Names and values of the known factors, or None; scores use them, training never does."""
        known = self._known
        return None if known.factors_key is None else _truth(self._read(known.factors_key), known.rows)

    def images(self, indices: np.ndarray) -> Tensor:
        """The rows with these numbers as images, float32 (n, C, H, W)."""
        known = self._known
        rows = self.raw[self.checked_indices(indices)]
        if known.scale != "none" and rows.dtype.kind != "f" and rows.dtype.itemsize > 2:
            rows = rows.astype(np.float64) - known.low  # exact before it is rounded
            x = torch.from_numpy(np.ascontiguousarray(rows, np.float32))
        else:
            x = torch.from_numpy(np.ascontiguousarray(rows, np.float32))
            x = x.sub_(known.low) if known.low else x
        x = x.div_(known.high - known.low) if known.high - known.low != 1 else x
        x = x.clamp_(0, 1) if known.scale in ("minmax", "percentile") else x
        if x.ndim == 4 and known.order == "nhwc":
            return x.permute(0, 3, 1, 2).contiguous()
        return x.reshape(len(x), *self.image_shape)


def _is_vector(shape: tuple[int, ...]) -> bool:
    return shape[:2] == (1, 1)


def _chosen(every: list[Held], key: str, setting: str) -> Held:
    """The array called `key`, or InputError with the names there are."""
    for each in every:
        if each.name == key:
            return each
    checks.known(setting, key, [each.name for each in every])
    raise AssertionError("known() has raised")


def _beside(every: list[Held], name: str, asked: str | None) -> str | None:
    """The array asked for, or the one that has this name; None if there is none."""
    return asked or next((each.name for each in every if each.name.rpartition("/")[2] == name), None)


def _truth(raw: np.ndarray, rows: int) -> FactorTable:
    """The factors, numbered from 0."""
    if raw.ndim not in (1, 2) or len(raw) != rows or raw.dtype.kind not in "biufUS":
        raise InputError(f"factors must be numbers or texts of shape ({rows}, K), got {raw.dtype} {raw.shape}")
    columns = raw.reshape(rows, -1).T
    names = tuple(f"factor-{k}" for k in range(len(columns)))
    if raw.dtype.kind in "biuf":
        return FactorTable(names, columns.T.astype(np.float64), ((),) * len(names))
    values, words = zip(*(numbered(column.tolist()) for column in columns), strict=True)
    return FactorTable(names, np.stack(values, axis=1), words)


def _classes(raw: np.ndarray, rows: int) -> tuple[tuple[str, ...], np.ndarray]:
    """Names of the classes in order, and the number of each row's class."""
    if raw.shape not in ((rows,), (rows, 1)) or raw.dtype.kind not in "biuUS":
        raise InputError(f"labels must be whole numbers or texts of shape ({rows},), got {raw.dtype} {raw.shape}")
    found, numbers = np.unique(raw.reshape(-1), return_inverse=True)
    names = [each.decode("utf-8", "replace") if isinstance(each, bytes) else str(each) for each in found.tolist()]
    return tuple(names), numbers.astype(np.int64)


@dataclass(frozen=True)
class _Plan:
    """How numbers are brought into the range they are trained in: x' = (x - low) / (high - low)."""

    scale: Literal["dtype", "minmax", "percentile", "none"]
    low: float
    high: float
    sentence: str
    values: Literal["binary", "shades", "real", "counts"] = "real"
    spread: float = 0.0

    @classmethod
    def of(cls, raw: np.ndarray, survey: Survey, asked: str, name: str, *, vectors: bool) -> _Plan:
        low, high, whole = survey.low, survey.high, survey.whole
        steady = f"; constant and so of no use: column {few(survey.steady)}" if vectors and len(survey.steady) else ""
        if whole and low >= 0 and high <= 1:
            return cls("none", 0.0, 1.0, f"zeros and ones: likelihood bernoulli{steady}", "binary")
        if asked == "auto":
            asked = "none" if vectors else _suited(raw.dtype, low, high, whole=whole)
        if asked == "none" and vectors:
            if len(survey.blurred):
                raise InputError(
                    f"columns of {name} must vary by more than {FINEST:.1g} of their size to be told apart in float32, "
                    f"got column {few(survey.blurred)}; subtract a constant from it first"
                )
            sentence = f"standardised inside the model, likelihood gaussian; codes and rows speak your units{steady}"
            return cls("none", 0.0, 1.0, sentence, "counts" if whole and low >= 0 else "real")
        plan = _scaled(asked, raw, survey, name)
        some = _some(raw).astype(np.float64)
        some = ((some - plan.low) / (plan.high - plan.low)).reshape(len(some), -1)
        if asked == "none" and not 0 <= low <= high <= 1:
            return replace(
                plan,
                sentence=f"{plan.sentence}: likelihood gaussian",
                values="real",
                spread=float(np.sqrt(some.var(axis=0).mean())),
            )
        values = "binary" if _is_binary(some) else "shades"
        why = "mostly black or white: likelihood bernoulli" if values == "binary" else "shades: likelihood gaussian"
        return replace(
            plan, sentence=f"{plan.sentence}; the pixels are {why}", values=values, spread=float(f"{strayed(some):.3g}")
        )


def _suited(dtype: np.dtype, low: float, high: float, *, whole: bool) -> str:
    """How images of these numbers are scaled if the user does not say."""
    if dtype.kind == "f" and low >= 0 and high <= 1:
        return "none"
    return "dtype" if whole and low >= 0 and full_scale(high) is not None else "minmax"


def _scaled(asked: str, raw: np.ndarray, survey: Survey, name: str) -> _Plan:
    """What becomes 0 and 1 under the scale asked for, and that in words."""
    low, high = survey.low, survey.high
    if asked == "none" or (asked == "dtype" and raw.dtype.kind == "f" and 0 <= low <= high <= 1):
        within = "in" if 0 <= low <= high <= 1 else "not in"
        return _Plan("dtype" if asked == "dtype" else "none", 0.0, 1.0, f"taken as they are, {within} [0, 1]")
    if asked == "minmax":
        return _Plan("minmax", low, high, f"{low:g} to {high:g} become 0 to 1 (minmax)")
    if asked == "percentile":
        bottom, top = map(float, np.percentile(_some(raw), PERCENTILES))
        if bottom >= top:
            raise InputError(f"scale must not be percentile where almost all numbers of {name} are {bottom:g}")
        return _Plan("percentile", bottom, top, f"{bottom:g} to {top:g} become 0 to 1 (percentiles), the rest is cut")
    if low < 0 or not survey.whole or high > DEPTHS[-1]:
        raise InputError(
            f"scale must be minmax or percentile for numbers from {low:g} to {high:g} in {name}, got dtype, which "
            f"takes real ones from 0 to 1 and whole ones from 0 to {DEPTHS[-1]}"
        )
    most = full_scale(high)
    assert most is not None
    used = (
        "" if raw.dtype.kind == "f" and most in DEPTHS else scale_used(high, most, 8 if raw.dtype.itemsize < 2 else 16)
    )
    return _Plan("dtype", 0.0, most, f"0 to {most:g}{used} become 0 to 1")


def _some(raw: np.ndarray) -> np.ndarray:
    """Evenly spaced rows, some 4 million numbers at most, but two rows at least."""
    rows = max(2, min(len(raw), SAMPLE // prod(raw.shape[1:])))
    return raw[np.linspace(0, len(raw) - 1, rows).astype(np.int64)]


def _is_binary(scaled: np.ndarray) -> bool:
    """Whether all pixels are black or white, or 19 of 20 nearly so with a thousandth or more of either."""
    if ((scaled <= 0) | (scaled >= 1)).all():
        return True
    black, white = (scaled <= 0.02).mean(), (scaled >= 0.98).mean()
    return bool(black + white >= 0.95 and min(black, white) >= 1e-3)
