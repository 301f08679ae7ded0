"""Decoded samples with the most similar real images: does the model generate anything new?"""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
from torch import Tensor

from unweave.base.checks import Range
from unweave.base.errors import InputError
from unweave.base.settings import Settings
from unweave.models.trained import Model
from unweave.run.run import Run
from unweave.show.figures.base import Picture, as_rgb
from unweave.show.figures.sheet import Sheet

CHUNK = 1_000  # images compared at once


@dataclass(frozen=True)
class Nearest(Settings):
    """Codes drawn from the prior and decoded, each over the `neighbours` images of the data set that are most like it.

    Likeness is the root mean square difference of pixels, 0 for the same image and 1 for black against white, and
    stands under the nearest one. `pool` images are looked at, drawn from the data set. Samples that equal a real image
    are learnt by heart; ones far from all are of no kind that occurs. A code of another length than the model's
    raises InputError.

    >>> Nearest(neighbours=0)
    Traceback (most recent call last):
        ...
    unweave.base.errors.InputError: neighbours must be 1 or more, got 0
    """

    images: Annotated[int, "number of codes, which is the number of columns", Range(1)] = 8
    neighbours: Annotated[int, "number of real images below each", Range(1)] = 1
    pool: Annotated[int, "number of real images searched", Range(1)] = 5_000
    code: Annotated[tuple[float, ...] | None, "a single code to decode, one number per latent"] = None
    seed: Annotated[int, "which codes to decode", Range(0)] = 0

    def __call__(self, run: Run) -> Picture:
        """Draw the columns."""
        model = run.model
        made = self._decoded(model)
        real: Tensor = run.random_images(self.pool)
        rows, apart = nearest(made, real, min(self.neighbours, len(real)))
        kinds = ["decoded", "nearest image", *(f"nearest but {k}" for k in range(1, rows.shape[1]))]
        tiles = [as_rgb(made), *(as_rgb(real[rows[:, k]]) for k in range(rows.shape[1]))]
        foot = [(column + 0.5, f"{far:.2f}") for column, far in enumerate(apart[:, 0])]
        sheet = Sheet(tiles, kinds, foot=foot, unit="RMS difference")
        alt = (
            f"{len(made)} decoded codes of {model.title} over the nearest of {len(real)} real images. Root mean square "
            f"difference of pixels to the nearest: {apart[:, 0].min():.2f} to {apart[:, 0].max():.2f}."
        )
        return Picture(sheet.figure(), alt)

    def _decoded(self, model: Model) -> Tensor:
        if self.code is None:
            return model.sample(self.images, self.seed).images
        width = len(model.sample(1, self.seed).codes[0])
        if len(self.code) != width:
            raise InputError(f"code must have {width} numbers, got {len(self.code)}")
        return model.decode(torch.tensor([self.code], dtype=torch.float32))


def nearest(made: Tensor, real: Tensor, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of the `k` images of `real` (n, C, H, W) nearest to each of `made` (m, C, H, W), and how far, (m, k).

    The distance is sqrt(mean((a - b)^2)) over channels and pixels; the nearest comes first.

    >>> near, far = nearest(torch.zeros(1, 1, 2, 2), torch.stack([torch.ones(1, 2, 2), torch.zeros(1, 2, 2)]), 2)
    >>> near.tolist(), far.tolist()
    ([[1, 0]], [[0.0, 1.0]])
    """
    left = made.double().flatten(1)
    apart = torch.cat([_squares(left, part.double().flatten(1)) for part in real.split(CHUNK)], dim=1)
    found = apart.topk(k, dim=1, largest=False)
    return found.indices.numpy(), found.values.sqrt().numpy()


def _squares(left: Tensor, right: Tensor) -> Tensor:
    """Mean square difference of each row of `left` to each of `right`."""
    return torch.stack([((right - row) ** 2).mean(1) for row in left])
