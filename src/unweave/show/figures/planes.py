"""A plane of two latents: density of the codes, coloured by angle, with decoded images round the circle."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
import torch
from scipy.ndimage import gaussian_filter

from unweave.base import style
from unweave.base.checks import Range
from unweave.base.errors import InputError
from unweave.base.settings import Settings
from unweave.metrics.arrays import Reals
from unweave.run.run import Run
from unweave.show.figures.base import Picture, as_rgb, number
from unweave.subspaces import Block, Subspaces

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CODES = 10_000  # images that are encoded
REACH = 99.5  # percentile of the radius that is still drawn
WALK = 90  # percentile of the radius at which images are decoded
CELLS, BLUR = 240, 2.0  # cells from the middle to the edge, and the standard deviation of the blur in them
DARKEST = 99  # percentile of the density, where there is some, that gets the whole colour
TILE, EDGE, HEAD, FOOT = 64, 6, 24, 40  # pixels at scale 1: an image, around all, above, and below for words
WHEEL = (1.03, 1.1)  # the ring that shows the colour of each angle, in reaches


@dataclass(frozen=True)
class Planes(Settings):
    """Codes of up to 10,000 images in a plane of two latents (`Run.subspaces`): colour tells the angle.

    The colour is stronger where more codes lie (it grows as the root of the density). Round them stand images decoded
    at the dots, each at its angle, at the radius within which nine codes in ten lie; the one in the corner is the
    middle, radius 0. The other latents stay at the codes of one image, the most ordinary one if none is named. The
    radius is in units of the plane, in which round normal codes have a standard deviation of 1; the angle goes from the
    first latent's axis to the second's. Rows of a table are no images and leave the codes alone. A run without a plane
    raises InputError.
    """

    plane: Annotated[int, "index of the plane, from 0", Range(0)] = 0
    images: Annotated[int, "number of images round the circle", Range(4, 16)] = 12
    image: Annotated[int | None, "index of the reference image that sets the other latents, from 0", Range(0)] = None

    def __call__(self, run: Run) -> Picture:
        """Draw the plane; fewer planes than `plane` and fewer reference images than `image` raise InputError."""
        planes = planes_of(run)
        if not planes:
            raise InputError(f"planes needs latents that form a plane, {run.name} has none")
        if self.plane >= len(planes):
            raise InputError(f"planes needs a run with more than {self.plane} planes, {run.name} has {len(planes)}")
        block, seen = planes[self.plane], run.reference_images(CODES)
        if self.image is not None and self.image >= len(seen):
            raise InputError(f"image must be less than the {len(seen)} reference images, got {self.image}")
        codes = np.asarray(run.encode(seen), dtype=np.float64)
        image = most_ordinary(codes, block) if self.image is None else self.image
        columns = block.polar(codes)
        dots = np.full((self.images, 3), np.percentile(columns[:, 0], WALK))
        turns = 2 * np.pi * np.arange(self.images) / self.images
        dots[:, 1:] = np.stack([np.cos(turns), np.sin(turns)], axis=1)
        made = _decoded(run, block, codes[image], dots, run.categories(seen[image : image + 1]))
        who = " and ".join(f"z{j}" for j in block.latents)
        return Picture(_sheet(who, columns, dots, made), _words(run, who, columns, dots, len(made)))


def most_ordinary(codes: Reals, block: Block) -> int:
    """The row of codes (n, d) whose latents outside the block are nearest to their medians."""
    others = np.delete(codes, list(block.latents), axis=1)
    return int(((others - np.median(others, axis=0)) ** 2).sum(axis=1).argmin())


def planes_of(run: Run) -> list[Block]:
    """The blocks of two latents that a run has."""
    return planes_in(run.subspaces)


def planes_in(found: Subspaces) -> list[Block]:
    """The blocks of two latents."""
    return [block for block in found.blocks if len(block.latents) == 2]


def _decoded(run: Run, block: Block, code: Reals, dots: Reals, categories: torch.Tensor | None) -> Reals:
    """Images (n + 1, H, W, 3) at the dots, then in the middle; (0, H, W, 3) where the data are no images."""
    codes = np.tile(code, (len(dots) + 1, 1))
    codes[:, list(block.latents)] = block.inverse(np.vstack([dots, [[0.0, 1.0, 0.0]]]))
    made = run.decode(
        torch.from_numpy(codes).float(), None if categories is None else categories.expand(len(codes), -1)
    )
    return np.zeros((0, 1, 1, 3)) if made.shape[2] == 1 else as_rgb(made)


def _sheet(who: str, columns: Reals, dots: Reals, tiles: Reals) -> Figure:
    """The disc in the middle, images round it, words above and below, in whole pixels."""
    width = round(style.COLUMN * style.DPI)
    height, x, y = width + HEAD + FOOT, width / 2, FOOT + width / 2
    with style.applied():
        made = style.figure(width / style.DPI, height / style.DPI)

        def box(x: float, y: float, half: float) -> tuple[float, float, float, float]:
            return (round(x - half) / width, round(y - half) / height, 2 * half / width, 2 * half / height)

        def words(text: str, y: float, size: float, va: Literal["top", "bottom"]) -> None:
            made.text(EDGE / width, y / height, text, ha="left", va=va, fontsize=size)

        radius = width / 2 - (EDGE + 1.72 * TILE if len(tiles) else 30)  # an image's side and half its diagonal
        _disc(made.add_axes(box(x, y, radius)), columns, dots if len(tiles) else dots[:0])
        far = width / 2 - EDGE - TILE / 2
        corner = (EDGE + TILE / 2, FOOT + EDGE + TILE / 2)
        for tile, place in zip(tiles, [*((x + far * c, y + far * s) for _, c, s in dots), corner], strict=False):
            axes = made.add_axes(box(*place, TILE / 2))
            axes.imshow(tile)
            axes.set_axis_off()
        words(f"{who}: angle and radius", height - EDGE, style.TEXT, "top")
        foot = "Radius in units of the plane. Colour: angle; stronger: more codes."
        if len(tiles):
            words("middle", corner[1] + TILE / 2 + 2, style.SMALL, "bottom")
            foot = f"{foot}\nImages: decoded at the dots, radius {number(dots[0, 0])}."
        words(foot, EDGE, style.SMALL, "bottom")
    return made


def _disc(axes: Axes, columns: Reals, dots: Reals) -> None:
    """Codes as colour, a ring that shows the colour of each angle, and circles at whole radii."""
    reach = float(np.percentile(columns[:, 0], REACH))
    end = WHEEL[1] * reach
    line = end * (np.arange(2 * CELLS) + 0.5 - CELLS) / CELLS
    x, y = np.meshgrid(line, line)
    radius, strength = np.hypot(x, y), strengths(columns, end, CELLS, BLUR)
    strength[radius > reach] = 0
    strength[(radius > WHEEL[0] * reach) & (radius < end)] = 1
    colours = style.cycle()(np.arctan2(y, x) / (2 * np.pi) % 1)
    colours[..., 3] = strength
    axes.imshow(colours, origin="lower", extent=(-end, end, -end, end), interpolation="bilinear")
    around = np.linspace(0, 2 * np.pi, 181)
    paper = {"facecolor": style.PAPER, "edgecolor": "none", "pad": 0.6, "alpha": 0.8}
    each = max(1, math.ceil(reach / 4))
    for whole in range(each, math.ceil(reach), each):
        axes.plot(whole * np.cos(around), whole * np.sin(around), color=style.GREY, linewidth=0.5)
        at = np.deg2rad(75)  # between two dots
        x, y = whole * np.cos(at), whole * np.sin(at)
        axes.text(x, y, str(whole), ha="center", va="center", fontsize=style.SMALL - 1, bbox=paper)
    sides = ((0, "left", "center"), (90, "center", "bottom"), (180, "right", "center"), (270, "center", "top"))
    for angle, ha, va in sides:
        c, s = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
        axes.text(1.04 * end * c, 1.04 * end * s, f"{angle}°", ha=ha, va=va, fontsize=style.SMALL - 1)
    axes.plot(*(dots[:, :1] * dots[:, 1:]).T, linestyle="", marker="o", markersize=2, color=style.INK)
    axes.set_axis_off()
    axes.set_xlim(-end, end)
    axes.set_ylim(-end, end)


def strengths(columns: Reals, end: float, cells: int, blur: float) -> Reals:
    """The root of the codes' density, 0 to 1, on a grid of (2 cells, 2 cells) from -end to end, rows from low to high.

    `columns` are those of `Block.polar`; the density is blurred by `blur` cells.
    """
    edges = np.linspace(-end, end, 2 * cells + 1)
    points = columns[:, :1] * columns[:, 1:]
    density = gaussian_filter(np.histogram2d(points[:, 1], points[:, 0], bins=(edges, edges))[0], blur)
    return np.sqrt(np.minimum(density / np.percentile(density[density > 0], DARKEST), 1))


def _words(run: Run, who: str, columns: Reals, dots: Reals, images: int) -> str:
    low, middle, high = map(number, np.percentile(columns[:, 0], (25, 50, 75)))
    shown = f" Round it {len(dots)} images, decoded at radius {number(dots[0, 0])}." if images else ""
    return (
        f"Codes of {len(columns)} images of {run.title} in the plane of {who}, coloured by angle. A quarter has a "
        f"radius below {low}, half below {middle}, three quarters below {high}, in units of the plane.{shown}"
    )
