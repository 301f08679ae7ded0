"""Images in which what is named is fixed and the rest is drawn, as in "small" and "heart"."""

from dataclasses import dataclass
from typing import Annotated

from unweave.base.checks import Range
from unweave.base.settings import Settings
from unweave.run.compose import Rest
from unweave.run.run import Run
from unweave.show.figures.base import Picture, as_rgb
from unweave.show.figures.sheet import Sheet


@dataclass(frozen=True)
class Composition(Settings):
    """Decode codes in which some latents are fixed: z with z_S = wished, the others from random images or the prior.

    What is fixed and how is said by `unweave.run.compose.compose`. Without anything fixed these are samples of the
    aggregate posterior.

    >>> Composition(set="scale=small").samples
    32
    """

    set: Annotated[str, "what is fixed: names of latents or factors, as in scale=small,shape=2"] = ""
    samples: Annotated[int, "number of images", Range(1)] = 32
    columns: Annotated[int, "images in a row", Range(1)] = 8
    rest: Annotated[Rest, "where the other latents come from: codes of images, or the prior"] = "aggregate"
    seed: Annotated[int, "which codes are drawn", Range(0)] = 0

    def __call__(self, run: Run) -> Picture:
        """Draw the sheet."""
        made = run.compose(self.set, samples=self.samples, seed=self.seed, rest=self.rest)
        tiles = as_rgb(made.images)
        starts = range(0, len(tiles), self.columns)
        rows = [tiles[at : at + self.columns] for at in starts]
        labels = [f"{at} to {at + len(row) - 1}" for at, row in zip(starts, rows, strict=True)]
        words = ", ".join(made.fixed.values()) or "nothing fixed"
        others = "codes of random images" if self.rest == "aggregate" else "the prior"
        alt = f"{len(tiles)} images of {run.title}, {words}, the other latents from {others}."
        return Picture(Sheet(rows, labels, heads={0: words}).figure(), alt)
