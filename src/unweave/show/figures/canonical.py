"""Images, and the canonical image that a posed decoder makes before it rotates, shifts and scales it."""

from dataclasses import dataclass
from typing import Annotated

from unweave.base.checks import Range
from unweave.base.errors import InputError
from unweave.base.settings import Settings
from unweave.models.nets.posed import Canonical as Decoder
from unweave.run.run import Run
from unweave.show.figures.base import Picture, as_rgb
from unweave.show.figures.sheet import Sheet


@dataclass(frozen=True)
class Canonical(Settings):
    """Three rows: x, the decoded posterior mean x', and the same codes drawn without their pose (net `posed`).

    Where shape and pose were told apart, things of one kind have one canonical image. A run with another net raises
    InputError.

    >>> Canonical(images=0)
    Traceback (most recent call last):
        ...
    unweave.base.errors.InputError: images must be 1 or more, got 0
    """

    images: Annotated[int, "number of images, which is the number of columns", Range(1)] = 12
    random: Annotated[bool, "draw images at random instead of the fixed reference images"] = True

    def __call__(self, run: Run) -> Picture:
        """Draw the rows."""
        decoder = run.vae.decoder
        if not isinstance(decoder, Decoder):
            raise InputError(f"canonical needs a run with the net posed, {run.name} has another")
        originals = run.random_images(self.images) if self.random else run.reference_images(self.images)
        codes, categories = run.encode(originals), run.categories(originals)
        made = as_rgb(run.decode(codes, categories))
        with decoder.still():
            canonical = as_rgb(run.decode(codes, categories))
        labels = ["original", "reconstruction", "canonical"]
        alt = f"{len(made)} images of {run.title}: {', '.join(labels)} in rows."
        return Picture(Sheet([as_rgb(originals), made, canonical], labels).figure(), alt)
