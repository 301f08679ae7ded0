"""Images decoded from samples of the prior, in blocks by category."""

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np

from unweave.base.checks import Range
from unweave.base.settings import Settings
from unweave.models.trained import MOST_BLOCKS, Model
from unweave.run.run import Run, model_of
from unweave.show.figures.base import Picture, as_rgb
from unweave.show.figures.sheet import Sheet


@dataclass(frozen=True)
class Samples(Settings):
    """Decode z ~ p(z): what the model believes images to be like when it is shown none.

    A model that gives categories gets a block of rows for each combination of them, each with codes of its own. Where
    samples look worse than reconstructions, the codes of images do not fill the prior.

    >>> Samples(columns=0)
    Traceback (most recent call last):
        ...
    unweave.base.errors.InputError: columns must be 1 or more, got 0
    """

    images: Annotated[int, "number of images, divided among the categories if there are any", Range(1)] = 64
    columns: Annotated[int, "images per row", Range(1)] = 8
    seed: Annotated[int, "which codes to decode", Range(0)] = 0

    def __call__(self, run: Run | Model) -> Picture:
        """Draw the sheet."""
        model = model_of(run)
        drawn = model.sample(self.images, self.seed)
        tiles = as_rgb(drawn.images)
        rows: list[np.ndarray] = []
        labels: list[str] = []
        heads: dict[int, str] = {}
        few = np.prod(model.category_sizes) <= MOST_BLOCKS  # of more, samples take random combinations
        for name, first, last in _blocks(drawn.categories if few else None, len(tiles)):
            if name:
                heads[len(rows)] = name
            for at in range(first, last, self.columns):
                end = min(at + self.columns, last)
                rows.append(tiles[at:end])
                labels.append(f"{at} to {end - 1}" if end > at + 1 else str(at))
        breaks = frozenset(row - 1 for row in heads if row)
        alt = f"{len(tiles)} images of {model.title}, decoded from codes drawn from the prior"
        alt += f", in {len(heads)} blocks by category." if heads else "."
        return Picture(Sheet(rows, labels, breaks=breaks, heads=heads).figure(), alt)


def _blocks(categories: Any, n: int) -> list[tuple[str, int, int]]:
    """Blocks of samples with the same categories, which lie side by side: name, first row, and the one after the last.

    >>> _blocks(np.array([[0, 1], [0, 1], [2, 0]]), 3)
    [('categories 0, 1', 0, 2), ('categories 2, 0', 2, 3)]
    """
    if categories is None:
        return [("", 0, n)]
    numbers = np.asarray(categories)
    starts = [0, *(np.flatnonzero((numbers[1:] != numbers[:-1]).any(axis=1)) + 1).tolist()]
    names = ["category " if numbers.shape[1] == 1 else "categories "] * len(starts)
    shown = [name + ", ".join(map(str, numbers[at])) for name, at in zip(names, starts, strict=True)]
    return list(zip(shown, starts, [*starts[1:], n], strict=True))
