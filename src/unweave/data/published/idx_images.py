"""Small grey pictures in ten classes, published as four IDX files: MNIST and those that take its place."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from functools import cached_property
from typing import ClassVar, Literal, Self

import numpy as np
from torch import Tensor

from unweave.base.errors import InputError
from unweave.data.base import ImageData, square
from unweave.data.published.download import Remote, Source
from unweave.data.readers.idx import content_of, enlarged, parse_idx

NAMES = tuple(f"{part}-{kind}-ubyte.gz" for part in ("train", "t10k") for kind in ("images-idx3", "labels-idx1"))


class IdxImages(ImageData):
    """What these data sets share; a subclass names its `source`, whose files are those of `NAMES`, and its `classes`.

    Where a file's content is published, it must be that, unless it lies in a `folder` of the user's own.
    """

    source: ClassVar[Source]
    part: Literal["train", "test"]
    size: int
    folder: str | None

    image_shape = square(1)

    def __len__(self) -> int:
        return len(self._labels)

    @property
    def held_out(self) -> Self | None:
        """The test part, for the train part."""
        return replace(self, part="test") if self.part == "train" else None  # pyright: ignore

    @property
    def at_hand(self) -> bool:
        """Whether both files of this part are there."""
        return all(self.source.found(file, self.folder) for file in self._files)

    @property
    def labels(self) -> np.ndarray:
        """The class of every picture, int64 (len,); `classes` has their names."""
        return self._labels

    @property
    def _files(self) -> tuple[Remote, ...]:
        return self.source.files[:2] if self.part == "train" else self.source.files[2:]

    @cached_property
    def _labels(self) -> np.ndarray:
        labels = self._read(self._files[1], 1)
        if labels.max() >= len(self.classes):
            raise InputError(f"the labels of {self.part} must lie between 0 and 9, got {labels.max()}")
        return labels.astype(np.int64)

    @cached_property
    def raw(self) -> np.ndarray:
        """All pictures as published, uint8 (len, 28, 28)."""
        raw = self._read(self._files[0], 3)
        if raw.shape != (len(self), 28, 28):
            raise InputError(f"the pictures of {self.part} must have shape {(len(self), 28, 28)}, got {raw.shape}")
        return raw

    def _read(self, file: Remote, dimensions: int) -> np.ndarray:
        path = self.source.path(file, self.folder)
        content = content_of(path)
        wanted = file.content if self.folder is None else None
        if wanted is not None and hashlib.sha256(content).hexdigest() != wanted:
            raise InputError(f"{path} must unpack to the published {file.name}, got something else; remove the file")
        return parse_idx(content, dimensions, str(path))

    def images(self, indices: np.ndarray) -> Tensor:
        """The pictures with these numbers, float32 (n, 1, size, size)."""
        return enlarged(self.raw[self.checked_indices(indices)], self.size)
