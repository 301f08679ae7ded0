"""3D Chairs: 1,393 chairs drawn from 62 sides each (Aubry et al. 2014)."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, ClassVar

import numpy as np
from PIL import Image

from unweave.base.checks import Range
from unweave.base.errors import InputError
from unweave.data.base import square
from unweave.data.published.download import Remote, Source
from unweave.data.published.stored import StoredImages, coloured, decoded, files_in, kept, resized
from unweave.data.readers.archives import tar_members, whole

SOURCE = Source(
    name="chairs3d",
    files=(
        Remote(
            "rendered_chairs.tar",
            "https://www.di.ens.fr/willow/research/seeing3Dchairs/data/rendered_chairs.tar",
            folder="rendered_chairs",
        ),
    ),
    licence="not stated by its authors",
    free=False,
    citation="Aubry et al.: Seeing 3D Chairs: Exemplar Part-based 2D-3D Alignment Using a Large Dataset of CAD Models, "
    "CVPR 2014",
    page="https://www.di.ens.fr/willow/research/seeing3Dchairs/",
)
_CUT = 400  # pixels of 600 x 600 that are kept, from the middle


@dataclass(frozen=True)
class Chairs3D(StoredImages):
    """Grey pictures (1, size, size) in [0, 1] of 86,366 views, those of a chair one after the other, by file name.

    The published pictures are 600 x 600; the middle 400 x 400 are kept (cut before shrinking, which is bilinear) and
    turned to grey. They come from rendered_chairs.tar, of which nothing is extracted, or from the folder it unpacks to,
    and are decoded once into the cache (354 MB at size 64; minutes), then mapped from there. Anything else raises
    InputError. Source: Aubry et al. 2014.
    """

    size: Annotated[int, "side of the pictures", Range(16)] = 64
    folder: Annotated[str | None, "your folder with rendered_chairs.tar, or its extracted contents"] = None

    image_shape = square(1)
    source: ClassVar = SOURCE
    count: ClassVar = 86_366

    def __len__(self) -> int:
        return self.count

    @cached_property
    def stored(self) -> np.ndarray:
        """All pictures, uint8 (86366, size, size, 1)."""
        path = SOURCE.path(SOURCE.files[0], self.folder)
        shape = (len(self), self.size, self.size, 1)
        return kept("chairs3d", [path], shape, lambda: decoded(self._encoded(path), self._prepared), work="decoding")

    def _encoded(self, path: Path) -> Iterator[tuple[str, bytes]]:
        if path.is_dir():
            found = files_in(path, "*.png")
            self._check(len(found), path)
            for picture in found:
                yield str(picture), picture.read_bytes()
            return
        with whole(path, "tar archive"), tarfile.open(path, "r:") as archive:
            members = sorted(tar_members(archive, lambda name: name.suffix == ".png"), key=lambda m: m.name)
            self._check(len(members), path)
            for member in members:
                file = archive.extractfile(member)
                assert file is not None  # it is a plain file
                yield f"{member.name} in {path}", file.read()

    def _check(self, found: int, path: Path) -> None:
        if found != len(self):
            raise InputError(f"{path} must hold {len(self)} pictures (.png), got {found}")

    def _prepared(self, image: np.ndarray) -> np.ndarray:
        height, width = image.shape[:2]
        if min(height, width) < _CUT:
            raise InputError(f"it must be {_CUT} x {_CUT} or larger, got {width} x {height}")
        top, left = (height - _CUT) // 2, (width - _CUT) // 2
        grey = Image.fromarray(np.ascontiguousarray(coloured(image[top : top + _CUT, left : left + _CUT]))).convert("L")
        return resized(np.asarray(grey)[None, ..., None], self.size, Image.Resampling.BILINEAR)[0]
