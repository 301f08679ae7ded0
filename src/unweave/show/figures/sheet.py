"""A sheet of images in rows and columns, with whole pixels and words beside the rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.patches import Rectangle

from unweave.base import style
from unweave.base.errors import InputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TILE = 64  # pixels: smaller images are enlarged by a whole factor to about this size
# Pixels: between tiles, between groups of rows, around, below for words, over a row for its head.
GAP, BREAK, EDGE, FOOT, HEAD = 2, 10, 8, 34, 26


@dataclass(frozen=True)
class Sheet:
    """Rows of tiles (h, w, 3) in [0, 1], all of one size; a row may be shorter than the others.

    `labels` stand left of the rows, `foot` holds words under the sheet by position (0.5 is the middle of the
    first column) and `unit` says left of them what they are. `faint` rows are greyed, rows in `breaks` have room below,
    those in `heads` words above, tiles in `framed` (row, column) an outline. Rows of a table are no images and raise
    InputError.
    """

    rows: Sequence[np.ndarray]
    labels: Sequence[str]
    foot: Sequence[tuple[float, str]] = ()
    faint: frozenset[int] = frozenset()
    breaks: frozenset[int] = frozenset()
    framed: Sequence[tuple[int, int]] = ()
    heads: Mapping[int, str] = field(default_factory=dict[int, str])
    unit: str = ""

    def __post_init__(self) -> None:
        height, width = self.rows[0].shape[1:3]
        if height == 1 < width:
            raise InputError(
                f"a sheet of images needs images of several rows of pixels, got rows of {width} numbers; "
                "the figure columns shows which of them move with each latent"
            )

    @property
    def zoom(self) -> int:
        """By how much every pixel is enlarged."""
        return max(1, round(TILE / max(self.rows[0].shape[1:3])))

    @property
    def tile(self) -> tuple[int, int]:
        """Height and width of a tile in the drawing, pixels at scale 1."""
        height, width = self.rows[0].shape[1:3]
        return height * self.zoom, width * self.zoom

    @cached_property
    def left(self) -> int:
        """Where the tiles begin: right of the longest label."""
        widths = [style.text_width(self.unit, style.SMALL), *map(style.text_width, self.labels)]
        return EDGE + 8 + int(np.ceil(max(widths)))

    def corner(self, row: int, column: float) -> tuple[float, float]:
        """Find the upper left corner (x, y) of a tile, counted from the first tile's, pixels at scale 1."""
        height, width = self.tile
        room = BREAK * sum(b < row for b in self.breaks) + HEAD * sum(h <= row for h in self.heads)
        return column * (width + GAP), row * (height + GAP) + room

    @property
    def extent(self) -> tuple[int, int]:
        """Height and width of all tiles together, pixels at scale 1."""
        width, _ = self.corner(0, max(len(row) for row in self.rows))
        _, height = self.corner(len(self.rows), 0)
        return int(height) - GAP, int(width) - GAP

    def pixels(self) -> np.ndarray:
        """Put all tiles in place on paper, as bytes (height, width, 3)."""
        paper = np.array(style.rgb(style.PAPER))
        canvas = np.tile(paper, (*self.extent, 1))
        for number, row in enumerate(self.rows):
            shown = paper - 0.35 * (paper - row) if number in self.faint else row
            for column, tile in enumerate(shown.repeat(self.zoom, 1).repeat(self.zoom, 2)):
                x, y = map(int, self.corner(number, column))
                canvas[y : y + tile.shape[0], x : x + tile.shape[1]] = tile
        return (canvas * 255).round().astype(np.uint8)

    def figure(self) -> Figure:
        """Draw the sheet with its words; at whole scales a pixel of an image is a square of whole pixels."""
        height, width = self.extent
        full = (self.left + width + EDGE + 8, EDGE + height + (FOOT if self.foot else EDGE))
        with style.applied():
            made = style.figure(full[0] / style.DPI, full[1] / style.DPI)
            box = (self.left / full[0], 1 - (EDGE + height) / full[1], width / full[0], height / full[1])
            axes = made.add_axes(box)
            axes.imshow(self.pixels(), interpolation="none", extent=(0, width, height, 0), aspect="auto")
            axes.set_axis_off()
            for number, label in enumerate(self.labels):
                y = self.corner(number, 0)[1] + self.tile[0] / 2
                colour = style.GREY if number in self.faint else style.INK
                axes.text(-8, y, label, ha="right", va="center", color=colour)
            for row, words in self.heads.items():
                axes.text(0, self.corner(row, 0)[1] - 5, words, ha="left", va="bottom")
            for position, words in self.foot:
                x = self.corner(0, position)[0] - GAP / 2
                axes.text(x, height + 8, words, ha="center", va="top", fontsize=style.SMALL)
            axes.text(-8, height + 8, self.unit, ha="right", va="top", fontsize=style.SMALL)
            for row, column in self.framed:
                axes.add_patch(_frame(*self.corner(row, column), *self.tile))
        return made

    def frames(self, moments: Sequence[Sequence[np.ndarray]]) -> list[np.ndarray]:
        """Draw the sheet once for each set of rows in `moments`, as bytes (height, width, 3)."""
        canvas = FigureCanvasAgg(self.figure())
        canvas.draw()
        still = np.asarray(canvas.buffer_rgba())[..., :3]
        made: list[np.ndarray] = []
        for rows in moments:
            pixels = Sheet(rows, self.labels, faint=self.faint, breaks=self.breaks).pixels()
            frame = still.copy()
            frame[EDGE : EDGE + pixels.shape[0], self.left : self.left + pixels.shape[1]] = pixels
            made.append(frame)
        return made


def _frame(x: float, y: float, height: int, width: int) -> Rectangle:
    return Rectangle(
        (x - 1, y - 1),
        width + 2,
        height + 2,
        fill=False,
        edgecolor=style.ACCENT,
        linewidth=1.2,
        clip_on=False,
    )
