"""Latent traversals: one row per latent, which varies while the others stay fixed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
import torch
from PIL import Image, ImageDraw
from scipy.stats import norm
from torch import Tensor

from unweave.base import style
from unweave.base.checks import Range
from unweave.base.codes import PLANES, Reading
from unweave.base.errors import InputError
from unweave.base.settings import Settings
from unweave.run.run import Run
from unweave.show.figures.base import DEAD, Picture, as_rgb, by_rate, called, number, with_latent
from unweave.show.figures.planes import WALK, planes_in
from unweave.show.figures.sheet import EDGE, Sheet
from unweave.subspaces import Block

REFERENCES = 1_000  # images whose codes say how far a plane reaches


@dataclass(frozen=True)
class Traversal(Settings):
    """First originals, then reconstructions, then decode(z with z_j replaced) for one latent j per row.

    Rows are sorted by mean KL, which stands beside each in nats per image; dead latents (KL below 0.1 nats)
    come last and are greyed. The other latents stay at the code of the outlined image, or at 0 with span
    "zero". A model that gives categories gets the rows once for each category, in blocks; of several categorical
    latents one takes its values while the others stay at those of the image. Saved as .gif, rows are latents, columns
    are reference images, whose categories stay, and all latents move forth and back together. With `codes` "planes" two
    latents that form a plane (`Run.subspaces`) get a row for their angle, once round from that of the image, and
    one for their radius, from the middle outwards, instead of their own. The radius, in units of the plane, ends where
    nine codes of reference images in ten lie within it, and the angle is walked there or further out; blocks of three
    latents and more keep a row for each.
    Source: the rows and the KL beside them are those of Kim and Mnih 2018, https://arxiv.org/abs/1802.05983.

    >>> Traversal(span="quantiles", steps=3).values.round(2).tolist()
    [-1.64, 0.0, 1.64]
    """

    span: Annotated[
        Literal["two", "three", "quantiles", "zero"],
        "values of a latent: -2 to 2, -3 to 3, the standard normal's quantiles 0.05 to 0.95, "
        "or -1 to 1 with all other latents at 0",
    ] = "two"
    codes: Annotated[Reading, "what varies: the latents, or their planes by radius and angle"] = "means"
    steps: Annotated[int, "number of values, which is the number of columns", Range(2)] = 7
    latents: Annotated[int, "maximum number of rows in each block", Range(1)] = 10
    blocks: Annotated[
        int, "maximum number of blocks; 0 keeps the image's own categories, in a single block", Range(0)
    ] = 10
    image: Annotated[int, "index of the reference image that the traversal starts from, from 0", Range(0)] = 0
    references: Annotated[int, "number of reference images in an animation", Range(1)] = 4
    frames: Annotated[int, "number of frames from one end to the other in an animation", Range(2)] = 13

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
        walks = self._walks(run)
        start = codes[at : at + 1] * (self.span != "zero")
        shares = np.linspace(0, 1, self.steps)
        moved = torch.cat([walk.move(start, v, s) for walk in walks for v, s in zip(self.values, shares, strict=True)])
        blocks = _blocks(None if categories is None else categories[at], run.category_sizes, self.blocks)
        rows = [as_rgb(originals), as_rgb(run.decode(codes, categories))]
        for kept in blocks.values():
            made = run.decode(moved, None if kept is None else kept.expand(len(moved), -1))
            rows += np.split(as_rgb(made), len(walks))
        live, labels = [walk.live for walk in walks], [walk.label for walk in walks]
        heads = {2 + len(walks) * k: head for k, head in enumerate(blocks) if head}
        sheet = Sheet(
            rows,
            ["original", "reconstruction", *labels * len(blocks)],
            foot=[(column + 0.5, number(value)) for column, value in enumerate(self.values)],
            faint=frozenset(2 + row for row, alive in enumerate([*live] * len(blocks)) if not alive),
            breaks=frozenset({1, *(row - 1 for row in heads)}),
            framed=[] if self.span == "zero" else [(0, at), (1, at)],
            heads=heads,
            unit="value of z" if not any(walk.plane for walk in walks) else "value of a single z",
        )
        words = _words(run, labels, self.values, list(heads.values()))
        return Picture(sheet.figure(), words, lambda: self._film(run, walks))

    def _walks(self, run: Run) -> list[Walk]:
        """What moves, by rate: latents, and where they are wanted the radii and angles of planes."""
        rates = np.asarray(run.kl_per_latent)
        planes = planes_in(run.subspaces) if self.codes == PLANES else []
        codes = run.encode(run.reference_images(REFERENCES)).double().cpu().numpy() if planes else np.zeros((0, 0))
        taken = {latent for block in planes for latent in block.latents}
        walks = [_of_latent(called(run, int(j)), int(j), float(rates[j])) for j in by_rate(rates) if j not in taken]
        for block in planes:
            reach = float(np.percentile(block.polar(codes)[:, 0], WALK))
            walks += _of_plane(block, float(rates[list(block.latents)].sum()), reach)
        return sorted(walks, key=lambda walk: -walk.rate)[: self.latents] if planes else walks[: self.latents]

    def _spread(self, n: int) -> np.ndarray:
        if self.span == "quantiles":
            return norm.ppf(np.linspace(0.05, 0.95, n)).round(12) + 0.0  # the middle one is 0, not -1e-17
        end = {"two": 2.0, "three": 3.0, "zero": 1.0}[self.span]
        return np.linspace(-end, end, n)

    def _film(self, run: Run, walks: list[Walk]) -> list[np.ndarray]:
        images = run.reference_images(1 if self.span == "zero" else self.references)
        starts, categories = run.encode(images) * (self.span != "zero"), run.categories(images)
        kept = None if categories is None else categories.repeat(len(walks), 1)
        values = self._spread(self.frames)
        moments: list[list[np.ndarray]] = []
        for value, share in zip(values, np.linspace(0, 1, self.frames), strict=True):
            moved = torch.cat([walk.move(starts, value, share) for walk in walks])
            moments.append(np.split(as_rgb(run.decode(moved, kept)), len(walks)))
        labels = [walk.label for walk in walks]
        faint = frozenset(row for row, walk in enumerate(walks) if not walk.live)
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


@dataclass(frozen=True)
class Walk:
    """A row: what it is called, its rate in nats, and codes (n, d) moved to a value, or by the share of the way."""

    label: str
    rate: float
    move: Callable[[Tensor, float, float], Tensor]
    plane: bool = False

    @property
    def live(self) -> bool:
        """Whether its rate is 0.1 nats or more."""
        return self.rate >= DEAD


def _of_latent(name: str, j: int, rate: float) -> Walk:
    return Walk(f"{name}  {rate:.2f} nats", rate, lambda codes, value, share: with_latent(codes, j, value))


def _of_plane(block: Block, rate: float, reach: float) -> tuple[Walk, Walk]:
    """The radius of a plane, from 0 to `reach`, and its angle, once round from where the codes are."""
    who = " and ".join(f"z{j}" for j in block.latents)

    def moved(codes: Tensor, change: Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]) -> Tensor:
        columns = block.polar(codes.double().cpu().numpy())
        radius, angle = change(columns[:, 0], np.arctan2(columns[:, 2], columns[:, 1]))
        there = block.inverse(np.stack([radius, np.cos(angle), np.sin(angle)], axis=1))
        made = codes.clone()
        made[:, list(block.latents)] = torch.from_numpy(there).to(codes)
        return made

    def outwards(codes: Tensor, value: float, share: float) -> Tensor:
        return moved(codes, lambda radius, angle: (np.full_like(radius, reach * share), angle))

    def round_once(codes: Tensor, value: float, share: float) -> Tensor:
        return moved(codes, lambda radius, angle: (np.maximum(radius, reach), angle + 2 * np.pi * share))

    return (
        Walk(f"{who} once round  {rate:.2f} nats", rate, round_once, plane=True),
        Walk(f"{who}, radius 0 to {number(reach)}", rate, outwards, plane=True),
    )


def _words(run: Run, labels: list[str], values: np.ndarray, heads: list[str]) -> str:
    rows = ", ".join(labels).replace("  ", " ")
    planes = ", planes as their rows say" if any("once round" in label for label in labels) else ""
    again = f" These rows come once for each of {len(heads)} blocks: {'; '.join(heads)}." if heads else ""
    return (
        f"Latent traversal of {run.title}: originals, reconstructions, then one row per latent moved "
        f"from {number(values[0])} to {number(values[-1])}{planes}, sorted by KL: {rows}.{again}"
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
