"""Latent traversals: one row per latent, which moves while the others stay."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
import torch
from PIL import Image, ImageDraw
from scipy.stats import norm
from torch import Tensor

from unweave.base import style
from unweave.base.checks import Range
from unweave.base.errors import InputError
from unweave.base.settings import Settings
from unweave.run.run import Run
from unweave.show.figures.base import DEAD, Picture, as_rgb, by_rate, number, with_latent
from unweave.show.figures.sheet import EDGE, Sheet


@dataclass(frozen=True)
class Traversal(Settings):
    """First originals, then reconstructions, then decode(z with z_j replaced) for one latent j per row.

    Rows are sorted by mean KL, which stands beside each in nats per image; dead latents (KL below 0.1 nats)
    come last and are greyed. The other latents stay at the code of the outlined image, or at 0 with span
    "zero". A model that tells categories gets the rows once for each category, in blocks; of several categorical
    latents one takes its values while the others stay at those of the image. Saved as .gif, rows are latents, columns
    are reference images, whose categories stay, and all latents move forth and back together.
    Source: the rows and the KL beside them are those of Kim and Mnih 2018, https://arxiv.org/abs/1802.05983.

    >>> Traversal(span="quantiles", steps=3).values.round(2).tolist()
    [-1.64, 0.0, 1.64]
    """

    span: Annotated[
        Literal["two", "three", "quantiles", "zero"],
        "values a latent takes: -2 to 2, -3 to 3, the standard normal's quantiles 0.05 to 0.95, "
        "or -1 to 1 with all other latents at 0",
    ] = "two"
    steps: Annotated[int, "number of values, which is the number of columns", Range(2)] = 7
    latents: Annotated[int, "largest number of rows, in each block", Range(1)] = 10
    blocks: Annotated[
        int, "largest number of blocks; 0 keeps the image's own categories, in a single one", Range(0)
    ] = 10
    image: Annotated[int, "which reference image the traversal starts from, counted from 0", Range(0)] = 0
    references: Annotated[int, "number of reference images in the moving form", Range(1)] = 4
    frames: Annotated[int, "number of frames from one end to the other in the moving form", Range(2)] = 13

    @property
    def values(self) -> np.ndarray:
        """What the moving latent is set to, (steps,)."""
        return self._spread(self.steps)

    def __call__(self, run: Run) -> Picture:
        """Draw the sheet; an `image` beyond the data set's reference images raises InputError."""
        originals = run.reference_images(max(self.steps, self.image + 1))
        if self.image >= len(originals):
            raise InputError(f"image must be less than the {len(originals)} reference images, got {self.image}")
        chosen = max(0, self.image - self.steps + 1)  # a late image moves the window, so that it is seen
        originals, at = originals[chosen : chosen + self.steps], self.image - chosen
        codes, categories = run.encode(originals), run.categories(originals)
        order = by_rate(run.kl_per_latent)[: self.latents]
        start = codes[at : at + 1] * (self.span != "zero")
        moved = torch.cat([with_latent(start, int(j), value) for j in order for value in self.values])
        blocks = _blocks(None if categories is None else categories[at], run.category_sizes, self.blocks)
        rows = [as_rgb(originals), as_rgb(run.decode(codes, categories))]
        for kept in blocks.values():
            walks = run.decode(moved, None if kept is None else kept.expand(len(moved), -1))
            rows += np.split(as_rgb(walks), len(order))
        live, labels = _labels(run.kl_per_latent, order)
        heads = {2 + len(order) * k: head for k, head in enumerate(blocks) if head}
        sheet = Sheet(
            rows,
            ["original", "reconstruction", *labels * len(blocks)],
            foot=[(column + 0.5, number(value)) for column, value in enumerate(self.values)],
            faint=frozenset(2 + row for row, alive in enumerate([*live] * len(blocks)) if not alive),
            breaks=frozenset({1, *(row - 1 for row in heads)}),
            framed=[] if self.span == "zero" else [(0, at), (1, at)],
            heads=heads,
            unit="value of z",
        )
        words = _words(run, labels, self.values, list(heads.values()))
        return Picture(sheet.figure(), words, lambda: self._film(run, order))

    def _spread(self, n: int) -> np.ndarray:
        if self.span == "quantiles":
            return norm.ppf(np.linspace(0.05, 0.95, n)).round(12) + 0.0  # the middle one is 0, not -1e-17
        end = {"two": 2.0, "three": 3.0, "zero": 1.0}[self.span]
        return np.linspace(-end, end, n)

    def _film(self, run: Run, order: np.ndarray) -> list[np.ndarray]:
        images = run.reference_images(1 if self.span == "zero" else self.references)
        starts, categories = run.encode(images) * (self.span != "zero"), run.categories(images)
        kept = None if categories is None else categories.repeat(len(order), 1)
        values = self._spread(self.frames)
        moments: list[list[np.ndarray]] = []
        for value in values:
            moved = torch.cat([with_latent(starts, int(j), value) for j in order])
            moments.append(np.split(as_rgb(run.decode(moved, kept)), len(order)))
        live, labels = _labels(run.kl_per_latent, order)
        faint = frozenset(row for row, alive in enumerate(live) if not alive)
        ends = [(0.15, number(values[0])), (len(starts) - 0.15, number(values[-1]))]
        sheet = Sheet(moments[0], labels, foot=ends, faint=faint)
        there = [_with_knob(frame, sheet, k / (self.frames - 1)) for k, frame in enumerate(sheet.frames(moments))]
        return there + there[-2:0:-1]


def _blocks(own: Tensor | None, sizes: Sequence[int], most: int) -> dict[str, Tensor | None]:
    """Categories (1, L) of each block under its head; a single block without head where there is nothing to change."""
    if own is None or not sizes or most == 0:
        return {"": None if own is None else own[None]}
    found: dict[str, Tensor | None] = {}
    for latent, size in enumerate(sizes):
        name = "category" if len(sizes) == 1 else f"categorical latent {latent}: category"
        for k in range(size):
            kept = own.clone()[None]
            kept[0, latent] = k
            found[f"{name} {k}" + (", the image's own" if k == own[latent] else "")] = kept
    return dict(list(found.items())[:most])


def _labels(kl_per_latent: np.ndarray, order: np.ndarray) -> tuple[np.ndarray, list[str]]:
    rates = np.asarray(kl_per_latent)[order]
    return rates >= DEAD, [f"z{j}  {rate:.2f} nats" for j, rate in zip(order, rates, strict=True)]


def _words(run: Run, labels: list[str], values: np.ndarray, heads: list[str]) -> str:
    rows = ", ".join(labels).replace("  ", " ")
    again = f" These rows come once for each of {len(heads)} blocks: {'; '.join(heads)}." if heads else ""
    return (
        f"Latent traversal of {run.title}: originals, reconstructions, then one row per latent moved "
        f"from {number(values[0])} to {number(values[-1])}, sorted by KL: {rows}.{again}"
    )


def _with_knob(frame: np.ndarray, sheet: Sheet, share: float) -> np.ndarray:
    """Add a track under the tiles and a knob that tells how far the walk is."""
    image = Image.fromarray(frame)
    pen = ImageDraw.Draw(image)
    height, width = sheet.extent
    inset = 34  # room for the two numbers at the ends
    left, right, y = sheet.left + inset, sheet.left + width - inset, EDGE + height + 16
    x = left + share * (right - left)
    pen.line((left, y, right, y), fill=style.PALE, width=3)
    pen.ellipse((x - 6, y - 6, x + 6, y + 6), fill=style.COLOURS[0])
    return np.asarray(image)
