"""A folder of your own pictures, or a file of several: PNG, JPEG, WebP, BMP, GIF and TIFF of any size, in one array."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor

from unweave.base.checks import FINITE, Range
from unweave.base.errors import InputError
from unweave.data.base import ImageData
from unweave.data.own.decode import Stock, gather
from unweave.data.own.factors_csv import LABELS, NAME, FactorTable, read_factors
from unweave.data.own.fitting import LARGEST, SMALLEST, Wish, numbers_of
from unweave.data.own.own_file import full_scale, pixel_scale, scale_used, strayed
from unweave.data.readers.images import MAX_PIXELS

PERCENTILES = (0.1, 99.9)
_LOOKED_AT = 4_000_000  # numbers that describe the others


@dataclass(frozen=True)
class Folder(ImageData):
    """The pictures below a folder or in a file, (channels, height, width) in [0, 1], decoded once into the cache.

    A pixel v becomes (v - low) / (high - low), cut to [0, 1]. What is not given is found by `resolved`: the size if all
    have the same one from 16 to 256 (else 64 x 64), channels, low and high, what kind of pixels these are, and
    `content`, a SHA-256 over names and bytes of the files, without which the same folder could be another one.
    Pictures are numbered by file name, then page, then tile (row by row).

    DIR/factors.csv may tell what is known of them: file names in the first column, then numbers or words; a column
    label or class has the classes. It is no part of `content`, so it may come later.
    """

    path: Annotated[str, "the folder, or a file with several pictures; --data folder:DIR says the same"] = ""
    size: Annotated[int | tuple[int, ...] | None, "height and width, as 64 or 48,60; found if not given"] = None
    fit: Annotated[Literal["stretch", "crop", "pad"], "how a picture of other proportions gets that size"] = "stretch"
    channels: Annotated[int | None, "1 makes RGB grey, 3 grey RGB, 4 keeps alpha; found if not given", Range(1)] = None
    scale: Annotated[
        Literal["dtype", "minmax", "percentile"],
        "which values become 0 and 1: those of the files' depth (real numbers that leave 0 to 1 have none and take "
        "minmax), the extremes, or percentiles 0.1 and 99.9",
    ] = "dtype"
    low: Annotated[float | None, "the value that becomes 0; by `scale` if not given", FINITE] = None
    high: Annotated[float | None, "the value that becomes 1; by `scale` if not given", FINITE] = None
    tile: Annotated[int | None, "cut pictures into squares of this side, before any resizing", Range(SMALLEST)] = None
    pages: Annotated[
        Literal["auto", "channels", "pictures"],
        "what the pages of a TIFF are that does not name their axis: channels of one picture, or pictures",
    ] = "auto"
    skip_bad: Annotated[bool, "leave out files that cannot be read, and name them"] = False
    max_pixels: Annotated[int, "largest picture that is opened, in pixels", Range(1)] = MAX_PIXELS
    max_bytes: Annotated[int, "largest array that is made of the pictures", Range(1)] = 1 << 36
    pixels: Annotated[
        Literal["binary", "shades"] | None, "mostly black or white, or shades, which decides the likelihood"
    ] = None
    spread: Annotated[
        float | None, "how far scaled pixels stray from picture to picture; found if not given", FINITE
    ] = None
    content: Annotated[str | None, "SHA-256 that the files must have together; found if not given"] = None

    bookkeeping: ClassVar = ("path", "skip_bad", "max_pixels", "max_bytes")
    bare: ClassVar = ("skip_bad",)  # --skip-bad is enough
    probing: ClassVar = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.size is not None:
            sides = (self.size,) if isinstance(self.size, int) else tuple(self.size)
            if len(sides) not in (1, 2) or not all(SMALLEST <= side <= LARGEST for side in sides):
                shown = ",".join(map(str, sides))
                raise InputError(f"size must be one or two sides from {SMALLEST} to {LARGEST}, got {shown or 'none'}")
            object.__setattr__(self, "size", (sides[0], sides[-1]))
        if self.low is not None and self.high is not None and self.low >= self.high:
            raise InputError(f"high must be more than low, got {self.high:g} and {self.low:g}")

    @cached_property
    def _stock(self) -> Stock:
        if not self.path:
            raise InputError("path must be a folder of pictures, as in --data folder:DIR, got nothing")
        size = None if self.size is None else _pair(self.size)
        wish = Wish(size, self.fit, self.channels, self.tile, self.max_pixels, self.pages)
        stock = gather(Path(self.path), wish, skip_bad=self.skip_bad, max_bytes=self.max_bytes)
        if self.content is not None and stock.facts.content != self.content:
            raise InputError(
                f"pictures in {self.path} must have content {self.content[:8]}, got {stock.facts.content[:8]}: "
                "files were changed, added, removed or renamed since"
            )
        return stock

    @cached_property
    def _whole(self) -> Folder:
        """Itself where nothing is left to be found, so that a run opens without its pictures; else `resolved`."""
        found = (self.size, self.channels, self.low, self.high, self.pixels, self.spread, self.content)
        return self.resolved() if None in found else self

    def resolved(self) -> Folder:
        """With size, channels, low, high, pixels, spread and content; pictures that are all alike raise InputError."""
        stock = self._stock
        facts = stock.facts
        low, high = self._range(stock)
        found = replace(
            self,
            path=os.path.abspath(self.path),  # noqa: PTH100 - Path.resolve would follow the user's own link
            size=facts.shape[1:3],
            channels=facts.shape[3],
            low=low,
            high=high,
            content=facts.content,
        )
        object.__setattr__(found, "_stock", stock)
        whole = found
        if self.spread is None:
            spread = strayed(found._scaled(_some(stock)).numpy())
            if not spread:
                raise InputError(
                    f"pictures must differ from each other, got {len(stock):,} in {self.path} that are alike"
                )
            whole = replace(whole, spread=float(f"{spread:.3g}"))
        if self.pixels is None:
            whole = replace(whole, pixels="binary" if _is_binary(stock, low, high) else "shades")
        object.__setattr__(whole, "_stock", stock)
        _ = whole.factor_table  # whatever is wrong with it is said now
        return whole

    def _range(self, stock: Stock) -> tuple[float, float]:
        """The values that become 0 and 1."""
        facts = stock.facts
        low, high = facts.least, facts.most
        if self.low is not None and self.high is not None:
            return self.low, self.high
        if self.scale == "percentile":
            low, high = _percentiles(stock)
        elif self.scale == "dtype" and facts.values is not None:
            low, high = 0.0, full_scale(facts.most) or facts.most
        elif self.scale == "dtype" and facts.is_whole and low >= 0 and full_scale(high) is not None:
            low, high = 0.0, full_scale(high) or high
        elif self.scale == "dtype" and 0 <= low <= high <= 1:  # other real numbers have no depth: minmax
            low, high = 0.0, 1.0
        low = low if self.low is None else self.low
        high = high if self.high is None else self.high
        if low >= high:
            raise InputError(f"pictures must have more than one value, got {low:g} everywhere under scale {self.scale}")
        return low, high

    @property
    def image_shape(self) -> tuple[int, int, int]:  # pyright: ignore
        """(channels, height, width)."""
        whole = self._whole
        assert whole.channels is not None
        assert whole.size is not None
        return (whole.channels, *_pair(whole.size))

    @property
    def net(self) -> str:  # pyright: ignore
        """dlib-conv where it was made for such images, else conv."""
        channels, height, width = self.image_shape
        return "dlib-conv" if height == width and height in (32, 64) and channels in (1, 3) else "conv"

    @property
    def likelihood(self) -> str:  # pyright: ignore
        """Bernoulli for pixels that are mostly black or white, else gaussian."""
        return "bernoulli" if self._whole.pixels == "binary" else "gaussian"

    @property
    def likelihood_settings(self) -> Mapping[str, Any]:  # pyright: ignore
        """The gaussian's scale: 0.1, or a fifth of `spread` where that is less, lest faint pictures be all noise."""
        if self.likelihood == "bernoulli":
            return {}
        assert self._whole.spread is not None
        return {"scale": pixel_scale(self._whole.spread)}

    def __len__(self) -> int:
        return len(self._stock)

    def images(self, indices: np.ndarray) -> Tensor:
        """The pictures with these numbers, float32 (n, channels, height, width) in [0, 1]."""
        return self._whole._scaled(self.checked_indices(indices))

    def _scaled(self, indices: np.ndarray) -> Tensor:
        stock, low, high = self._stock, self.low, self.high
        assert low is not None
        assert high is not None
        rows = indices if stock.rows is None else stock.rows[indices]
        values = torch.from_numpy(stock.array[rows].astype(np.float32))
        if low:
            values -= low
        return values.div_(high - low).clamp_(0, 1).permute(0, 3, 1, 2)

    @property
    def at_hand(self) -> bool:
        """Whether the folder is there."""
        return bool(self.path) and Path(self.path).exists()

    @cached_property
    def files(self) -> tuple[str, ...]:
        """The file of each picture, relative to the folder."""
        return tuple(self._stock.names())

    @cached_property
    def factor_table(self) -> FactorTable | None:  # pyright: ignore
        """What factors.csv tells of the pictures, or None without one."""
        path = self._stock.listing.root / NAME
        if not path.exists() or Path(self.path).is_file():
            return None
        if not path.resolve().is_relative_to(self._stock.listing.root):
            raise InputError(f"links must stay in the folder, got {NAME}, which leads to {path.resolve()}")
        return read_factors(path, self.files, self._stock.listing.names)

    @property
    def labels(self) -> np.ndarray | None:
        """The class of every picture, int64 (len,), from the column label or class; None if one has none."""
        table = self.factor_table
        return None if table is None or table.labels is None else table.labels[0]

    @property
    def classes(self) -> tuple[str, ...]:  # pyright: ignore
        """Names of the classes."""
        table = self.factor_table
        return () if table is None or table.labels is None else table.labels[1]

    @property
    def account(self) -> tuple[str, ...]:
        """What was read and what was made of it, and, with factors.csv, what that told."""
        lines = (self._read(), self._whole._made())
        return lines if self.factor_table is None else (*lines, self._factors_line(self.factor_table))

    def _read(self) -> str:
        stock = self._stock
        facts, bad, others = stock.facts, stock.bad(), stock.listing.others
        kinds = " and ".join(f"{n:,} {name}" for name, n in sorted(facts.kinds.items(), key=lambda each: -each[1]))
        sides = [str(a) if a == b else f"{a}-{b}" for a, b in (facts.heights, facts.widths)]
        files = "" if Path(self.path).is_file() else f"{len(stock.listing.names) - len(bad):,} files in "
        line = f"read {files}{self.path}: {kinds} of {' x '.join(sides)} (height x width)"
        line += f", {numbers_of(facts.dtype, facts.stored)}"
        if bad:
            first = "; ".join(f"{name} ({reason})" for name, reason in bad[:3])
            line += f"; left out {len(bad):,} that cannot be read: {first}{'; ...' if len(bad) > 3 else ''}"
        if others := others.total() - (self.factor_table is not None):
            line += f"; {others:,} other files are no pictures by their suffix"
        return line

    @property
    def caution(self) -> str | None:  # pyright: ignore
        """Real numbers without a depth may be better cut at percentiles."""
        facts = self._stock.facts
        inside = facts.values is not None or 0 <= facts.least <= facts.most <= 1
        inside = inside or (facts.is_whole and facts.least >= 0 and full_scale(facts.most) is not None)
        if self.scale != "dtype" or inside or (self.low, self.high) != (facts.least, facts.most):
            return None
        kind = numbers_of(facts.dtype, facts.stored)
        return (
            f"{Path(self.path).name} holds numbers ({kind}) from {facts.least:g} to {facts.most:g}, of which the "
            "smallest becomes 0 and the largest 1; --data.scale minmax says that this is meant, percentile cuts "
            "rare extremes"
        )

    def _made(self) -> str:
        stock, facts = self._stock, self._stock.facts
        assert self.low is not None
        assert self.high is not None
        channels, *size = self.image_shape
        parts: list[str] = []
        if self.tile is not None:
            edges = f", a remainder at the right or bottom of {facts.cut:,} left out" if facts.cut else ""
            parts.append(f"cut into {len(stock):,} tiles of {self.tile} x {self.tile}{edges}")
        if (self.tile is None and [*facts.heights, *facts.widths] != [size[0]] * 2 + [size[1]] * 2) or (
            self.tile is not None and size != [self.tile] * 2
        ):
            parts.append(f"resized to {size[0]} x {size[1]} ({self.fit})")
        if facts.see_through:
            parts.append(f"{facts.see_through:,} with transparent parts laid over white")
        if channels == 1 and any(kind.startswith("RGB") for kind in facts.kinds):
            parts.append("made grey")
        whole = facts.values is not None and self.scale == "dtype" and self.high >= facts.most
        used = scale_used(facts.most, self.high, 8 * np.dtype(facts.dtype).itemsize) if whole else ""
        share = _outside(stock, self.low, self.high)
        cut = f", {100 * share:.2g} % of them cut to that range" if share else ""
        parts.append(f"values {self.low:g} to {self.high:g}{used} become 0 to 1{cut}")
        scale = self.likelihood_settings.get("scale")
        width = "" if scale is None else f" of scale {scale:g}"
        why = "mostly black or white" if self.pixels == "binary" else "shades"
        parts.append(f"the pixels are {why}: likelihood {self.likelihood}{width}")
        return "; ".join(parts)

    def _factors_line(self, table: FactorTable) -> str:
        known = int((~np.isnan(table.values)).all(axis=1).sum())
        line = f"{NAME} tells {', '.join(table.names)} of {known:,} of {len(self):,} pictures"
        if table.labels is not None:
            return f"{line}; {len(table.labels[1])} classes"
        if any(name.lower() in LABELS for name in table.names):
            return f"{line}; its classes are not used, as some pictures have none"
        return line


def _pair(size: int | tuple[int, ...]) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else (size[0], size[-1])


def _some(stock: Stock) -> np.ndarray:
    """Numbers of pictures spread evenly over all."""
    count = min(len(stock), max(2, _LOOKED_AT // prod(stock.facts.shape[1:])))
    return np.linspace(0, len(stock) - 1, count).astype(np.int64)


def _counted(stock: Stock) -> tuple[np.ndarray, np.ndarray]:
    """Values of all pixels, rising, and how often each occurs; real numbers are counted in some of the pictures."""
    if stock.facts.values is None:
        some = _some(stock)
        return np.unique(stock.array[some if stock.rows is None else stock.rows[some]], return_counts=True)
    values = sorted(stock.facts.values)
    return np.array(values), np.array([stock.facts.values[value] for value in values])


def _percentiles(stock: Stock) -> tuple[float, float]:
    values, counts = _counted(stock)
    below = np.cumsum(counts) / counts.sum()
    low, high = (values[min(np.searchsorted(below, each / 100), len(values) - 1)] for each in PERCENTILES)
    return float(low), float(high)


def _outside(stock: Stock, low: float, high: float) -> float:
    """Share of the pixels that lie outside."""
    values, counts = _counted(stock)
    return float(counts[(values < low) | (values > high)].sum() / counts.sum())


def _is_binary(stock: Stock, low: float, high: float) -> bool:
    """Whether all pixels are black or white, or 19 of 20 nearly so with a thousandth or more of either."""
    values, counts = _counted(stock)
    share, scaled = counts / counts.sum(), (values - low) / (high - low)
    if share[(scaled <= 0) | (scaled >= 1)].sum() == 1:
        return True
    black, white = share[scaled <= 0.02].sum(), share[scaled >= 0.98].sum()
    return bool(black + white >= 0.95 and min(black, white) >= 1e-3)
