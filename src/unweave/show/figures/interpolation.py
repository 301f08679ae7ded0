"""Linear interpolation of codes from one image to another."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch

from unweave.base import checks
from unweave.base.checks import Range
from unweave.base.errors import InputError
from unweave.base.settings import Settings
from unweave.run.run import Run
from unweave.show.figures.base import Picture, as_rgb, number
from unweave.show.figures.sheet import Sheet

MOST = 5_000  # reference images that can be named


@dataclass(frozen=True)
class Interpolation(Settings):
    """Decode((1 - t) z_a + t z_b) for t from 0 to 1, between the images a and b at both ends of each row.

    z are posterior means. Where the model gives categories, those of a hold up to the middle and those of b after it. A
    good decoder passes through believable images, one that has learnt single images by heart fades between two. An
    image number beyond the data set's reference images raises InputError.

    >>> Interpolation(steps=5).shares.tolist()
    [0.0, 0.25, 0.5, 0.75, 1.0]
    """

    images: Annotated[tuple[int, int] | None, "indices of two reference images, for a single row"] = None
    pairs: Annotated[int, "number of rows if no images are given: images 0 and 1, 2 and 3, ...", Range(1)] = 4
    steps: Annotated[int, "number of decoded codes in a row, both ends included", Range(2)] = 6

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.images is not None:
            checks.nonnegative(images=min(self.images))

    @property
    def shares(self) -> np.ndarray:
        """How far each decoded code is on its way, (steps,)."""
        return np.linspace(0, 1, self.steps)

    def __call__(self, run: Run) -> Picture:
        """Draw the rows."""
        wanted = [self.images] if self.images else [(2 * k, 2 * k + 1) for k in range(self.pairs)]
        originals = run.reference_images(min(max(max(pair) for pair in wanted) + 1, MOST))
        pairs = [pair for pair in wanted if max(pair) < len(originals)]
        if not pairs or (self.images and max(self.images) >= len(originals)):
            raise InputError(
                f"images must be less than the {len(originals)} reference images, got {max(max(p) for p in wanted)}"
            )
        codes, categories, tiles = run.encode(originals), run.categories(originals), as_rgb(originals)
        shares = torch.from_numpy(self.shares).to(codes)[:, None]
        rows: list[np.ndarray] = []
        for a, b in pairs:
            way = codes[a] + shares * (codes[b] - codes[a])
            kept = None if categories is None else torch.where(shares <= 0.5, categories[a], categories[b])
            rows.append(np.concatenate([tiles[[a]], as_rgb(run.decode(way, kept)), tiles[[b]]]))
        foot = [(0.5, "image"), *((k + 1.5, number(t)) for k, t in enumerate(self.shares)), (self.steps + 1.5, "image")]
        sheet = Sheet(rows, [f"{a} to {b}" for a, b in pairs], foot=foot, unit="share of the way")
        apart = [float((codes[a] - codes[b]).norm()) for a, b in pairs]
        distances = "; ".join(f"{a} to {b}, {number(far)} apart" for (a, b), far in zip(pairs, apart, strict=True))
        return Picture(
            sheet.figure(),
            f"Interpolation between images of {run.title} in {self.steps} steps through their codes: {distances}.",
        )
