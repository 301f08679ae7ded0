"""CelebA: 202,599 aligned portraits of celebrities with forty attributes (Liu et al. 2015)."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, ClassVar

import numpy as np
from PIL import Image

from unweave.base import checks
from unweave.base.checks import Range
from unweave.base.errors import InputError
from unweave.data.base import square
from unweave.data.published.download import Remote, Source
from unweave.data.published.stored import StoredImages, coloured, decoded, files_in, kept, resized
from unweave.data.readers.archives import text_of, whole, zip_members

SOURCE = Source(
    name="celeba",
    files=(
        Remote(
            "img_align_celeba.zip",
            None,
            1_443_490_838,
            "46fb89443c578308acf364d7d379fe1b9efb793042c0af734b6112e4fd3a8c74",
            folder="img_align_celeba",
        ),
        Remote(
            "list_attr_celeba.txt",
            None,
            26_721_026,
            "f0e5da289d5ccf75ffe8811132694922b60f2af59256ed362afa03fefba324d0",
        ),
    ),
    licence="for research that is not commercial; the pictures are not to be passed on",
    free=False,
    citation="Liu, Luo, Wang, Tang: Deep Learning Face Attributes in the Wild, ICCV 2015",
    page="https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html",
    note="the page leads to a drive that asks people to confirm, so it is not fetched from here; list_attr_celeba.txt "
    "is needed for attributes only",
)


@dataclass(frozen=True)
class CelebA(StoredImages):
    """Portraits (3, size, size) in [0, 1], by default squeezed from 178 x 218 to a square by a bilinear filter.

    `crop` first cuts a square of so many pixels from the middle, as others do (148, say). The pictures come from
    img_align_celeba.zip or from the folder it unpacks to; they are decoded once into the cache (2.5 GB at size 64) and
    mapped from there. With an `attribute`, labels tell which portraits have it (1) and which do not (0). Anything else
    raises InputError. Source: Liu et al. 2015, https://arxiv.org/abs/1411.7766.
    """

    size: Annotated[int, "side of the pictures", Range(16)] = 64
    crop: Annotated[int | None, "side of the square cropped from the centre first; none resizes the whole image"] = None
    attribute: Annotated[str | None, "one of the forty attributes, such as Smiling, as the label"] = None
    folder: Annotated[str | None, "your folder with the pictures and list_attr_celeba.txt"] = None

    image_shape = square(3)
    source: ClassVar = SOURCE
    count: ClassVar = 202_599
    height: ClassVar = 218
    width: ClassVar = 178

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.crop is not None and not 16 <= self.crop <= self.width:
            raise InputError(f"crop must lie between 16 and {self.width}, got {self.crop}")

    def __len__(self) -> int:
        return self.count

    @property
    def at_hand(self) -> bool:
        """Whether the pictures are there, and the attributes where one is asked for."""
        wanted = SOURCE.files if self.attribute else SOURCE.files[:1]
        return all(SOURCE.found(file, self.folder) for file in wanted)

    @cached_property
    def attributes(self) -> dict[str, np.ndarray]:
        """Which portraits have each of the forty attributes, bool (len,), by the attribute's name."""
        path = SOURCE.path(SOURCE.files[1], self.folder)
        first, names, *rows = text_of(path).splitlines() or ["", ""]
        table = [row.split() for row in rows]
        columns = names.split()
        wrong = next((at for at, row in enumerate(table) if len(row) != 1 + len(columns) or row[0] != _name(at)), None)
        if wrong is not None or first.strip() != str(len(self)) or len(table) != len(self):
            where = f"line {wrong + 3}: {rows[wrong][:40]}" if wrong is not None else f"{len(table)} lines"
            raise InputError(f"{path} must tell a row of attributes for each of {len(self)} pictures, got {where}")
        held = np.array([[value == "1" for value in row[1:]] for row in table], bool)
        return dict(zip(columns, held.T, strict=True))

    @property
    def classes(self) -> tuple[str, ...]:  # pyright: ignore
        """Without and with the attribute, if one is asked for."""
        return (f"not {self.attribute}", self.attribute) if self.attribute else ()

    @property
    def labels(self) -> np.ndarray | None:
        """1 where a portrait has the attribute that is asked for, else 0, int64 (len,); None without one."""
        if self.attribute is None:
            return None
        checks.known("attribute of celeba", self.attribute, self.attributes)
        return self.attributes[self.attribute].astype(np.int64)

    @cached_property
    def stored(self) -> np.ndarray:
        """All portraits, uint8 (202599, size, size, 3)."""
        path = SOURCE.path(SOURCE.files[0], self.folder)
        shape = (len(self), self.size, self.size, 3)
        name = f"celeba-{self.crop or 'whole'}"
        return kept(name, [path], shape, lambda: decoded(self._encoded(path), self._prepared), work="decoding")

    def _encoded(self, path: Path) -> Iterator[tuple[str, bytes]]:
        if path.is_dir():
            found = files_in(path, "*.jpg")
            self._check([file.name for file in found], path)
            for file in found:
                yield str(file), file.read_bytes()
            return
        with whole(path, "zip archive"), zipfile.ZipFile(path) as archive:
            members = sorted(zip_members(archive, lambda name: name.suffix == ".jpg"), key=lambda m: m.filename)
            self._check([member.filename.rpartition("/")[2] for member in members], path)
            for member in members:
                yield f"{member.filename} in {path}", archive.read(member)

    def _check(self, names: list[str], path: Path) -> None:
        wanted = [_name(at) for at in range(len(self))]
        if names != wanted:
            lacking = next(iter(sorted(set(wanted) - set(names))), "others besides")
            raise InputError(f"{path} must hold the pictures {wanted[0]} to {wanted[-1]}, got {len(names)}: {lacking}")

    def _prepared(self, image: np.ndarray) -> np.ndarray:
        if image.shape[:2] != (self.height, self.width):
            raise InputError(f"it must be {self.width} x {self.height}, got {image.shape[1]} x {image.shape[0]}")
        if self.crop is not None:
            top, left = (self.height - self.crop) // 2, (self.width - self.crop) // 2
            image = image[top : top + self.crop, left : left + self.crop]
        return resized(coloured(image)[None], self.size, Image.Resampling.BILINEAR)[0]


def _name(at: int) -> str:
    return f"{at + 1:06d}.jpg"
