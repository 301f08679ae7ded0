"""Originals over their reconstructions, with the absolute difference below."""

from dataclasses import dataclass
from typing import Annotated

from unweave.base.checks import Range
from unweave.base.settings import Settings
from unweave.run.run import Run
from unweave.show.figures.base import Picture, as_rgb
from unweave.show.figures.sheet import Sheet


@dataclass(frozen=True)
class Reconstructions(Settings):
    """Three rows: x, the decoded posterior mean x', and |x - x'| from black (equal) to white (off by 1).

    >>> Reconstructions(images=0)
    Traceback (most recent call last):
        ...
    unweave.base.errors.InputError: images must be 1 or more, got 0
    """

    images: Annotated[int, "number of images, which is the number of columns", Range(1)] = 8
    random: Annotated[bool, "draw images at random instead of the fixed reference images"] = False
    difference: Annotated[bool, "show the absolute difference as a third row"] = True

    def __call__(self, run: Run) -> Picture:
        """Draw the rows."""
        originals = run.random_images(self.images) if self.random else run.reference_images(self.images)
        before, after = (
            as_rgb(originals),
            as_rgb(run.decode(run.encode(originals), run.categories(originals))),
        )
        rows, labels = [before, after], ["original", "reconstruction"]
        apart = abs(before - after)
        if self.difference:
            rows, labels = [*rows, apart], [*labels, "difference"]
        alt = (
            f"{len(before)} images of {run.title}: {', '.join(labels)} in rows; "
            f"pixels differ by {apart.mean():.3f} on average, where 1 is black against white."
        )
        return Picture(Sheet(rows, labels).figure(), alt)
