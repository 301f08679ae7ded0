"""dSprites on a painting, with inverted colours inside the sprite (Locatello et al. 2019)."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, ClassVar

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from unweave.base.errors import InputError
from unweave.data.published.download import Remote, Source
from unweave.data.published.dsprites_variants import Variant
from unweave.data.published.stored import coloured
from unweave.data.readers.images import open_image

SOURCE = Source(
    name="dsprites-scream",
    files=(Remote("scream.jpg", "https://upload.wikimedia.org/wikipedia/commons/f/f4/The_Scream.jpg"),),
    licence="public domain (Edvard Munch, 1893)",
    free=True,
    citation="Locatello et al.: Challenging Common Assumptions in the Unsupervised Learning of Disentangled "
    "Representations, ICML 2019",
    page="https://commons.wikimedia.org/wiki/File:The_Scream.jpg",
    note="any other picture does as well: --data.picture FILE",
)


@dataclass(frozen=True)
class DSpritesScream(Variant):
    """Sprites that invert the colours of a random part of a painting, mixed half and half with a colour; (3, 64, 64).

    The picture, Munch's The Scream in the original, is shrunk to fit 350 x 274; a part of 64 x 64 is averaged with one
    uniform colour, and pixels x of the sprite become 1 - x. Place and colour are decided by the image's number and
    `seed` (drawn anew at every call in the original). Factors and index are those of `DSprites`, without its symmetry.
    A picture that cannot be read or is too small raises InputError. Source: Locatello et al. 2019,
    https://arxiv.org/abs/1811.12359.
    """

    picture: Annotated[str | None, "your own image file [the downloaded painting]"] = None

    source: ClassVar = SOURCE

    @property
    def at_hand(self) -> bool:
        """Whether the picture is there."""
        return self.picture is not None or SOURCE.at_hand()

    @cached_property
    def background(self) -> np.ndarray:
        """The picture as it is used, float32 (3, H, W) in [0, 1]."""
        path = SOURCE.path(SOURCE.files[0]) if self.picture is None else Path(self.picture)
        pixels = coloured(open_image(path))
        if pixels.dtype != np.uint8:
            raise InputError(f"picture must hold 8 bits a colour, got {pixels.dtype} in {path}")
        small = Image.fromarray(np.ascontiguousarray(pixels))
        small.thumbnail((350, 274))
        if min(small.size) <= 64:
            raise InputError(f"picture must be larger than 64 x 64 within 350 x 274, got {small.size} of {path}")
        return (np.asarray(small).transpose(2, 0, 1) / np.float32(255)).astype(np.float32)

    def over(self, sprites: Tensor, numbers: np.ndarray) -> Tensor:
        drawn = self.drawn(numbers, 5)
        _, height, width = self.background.shape
        room = torch.tensor([height - 64, width - 64])
        top, left = (drawn[:, :2] * room).long().numpy().T
        parts = np.lib.stride_tricks.sliding_window_view(self.background, (64, 64), (1, 2))
        chosen = torch.from_numpy(np.ascontiguousarray(parts[:, top, left].transpose(1, 0, 2, 3)))
        mixed = (chosen + drawn[:, 2:, None, None]) / 2
        return torch.where(sprites == 1, 1 - mixed, mixed)
