"""MNIST: 70,000 small grey pictures of handwritten digits (LeCun et al. 1998)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Annotated, ClassVar, Literal

import numpy as np
from torch import Tensor

from unweave.base import checks
from unweave.base.errors import InputError
from unweave.data.base import ImageData
from unweave.data.published.download import Remote, Source
from unweave.data.readers.idx import content_of, enlarged, parse_idx

_HOME = "https://storage.googleapis.com/cvdf-datasets/mnist/"
_PUBLISHED = (
    (
        "train-images-idx3-ubyte.gz",
        9_912_422,
        "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    ),
    (
        "train-labels-idx1-ubyte.gz",
        28_881,
        "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    ),
    (
        "t10k-images-idx3-ubyte.gz",
        1_648_877,
        "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    ),
    (
        "t10k-labels-idx1-ubyte.gz",
        4_542,
        "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    ),
)
SOURCE = Source(
    name="mnist",
    files=tuple(Remote(name, _HOME + name, size, sha256) for name, size, sha256 in _PUBLISHED),
    licence="CC BY-SA 3.0",
    free=True,
    citation="LeCun, Bottou, Bengio, Haffner: Gradient-Based Learning Applied to Document Recognition, 1998",
    page="http://yann.lecun.com/exdb/mnist/",
)


@dataclass(frozen=True)
class MNIST(ImageData):
    """Grey pictures (1, size, size) in [0, 1] of digits, enlarged from 28 x 28 by bilinear interpolation.

    `part` is train (60,000) or test (10,000); labels are the digits. The files may be packed (.gz) or unpacked; they
    must fit together. Some 50 MB are held in memory. Source: LeCun et al. 1998.
    """

    part: Annotated[Literal["train", "test"], "60,000 pictures to train on, or the other 10,000"] = "train"
    size: Annotated[int, "side of the pictures, 28 or more"] = 32
    folder: Annotated[str | None, "a folder of your own with the four files"] = None

    classes: ClassVar = tuple("0123456789")
    source: ClassVar = SOURCE

    def __post_init__(self) -> None:
        checks.one_of(("train", "test"), part=self.part)
        checks.at_least(28, size=self.size)

    @property
    def image_shape(self) -> tuple[int, int, int]:  # pyright: ignore
        """(1, size, size)."""
        return (1, self.size, self.size)

    def __len__(self) -> int:
        return len(self._labels)

    @property
    def held_out(self) -> MNIST | None:
        """The test part, for the train part."""
        return replace(self, part="test") if self.part == "train" else None

    @property
    def at_hand(self) -> bool:
        """Whether both files of this part are there."""
        return all(SOURCE.found(file, self.folder) for file in self._files)

    @property
    def labels(self) -> np.ndarray:
        """The digit of every picture, int64 (len,)."""
        return self._labels

    @property
    def _files(self) -> tuple[Remote, ...]:
        return SOURCE.files[:2] if self.part == "train" else SOURCE.files[2:]

    @cached_property
    def _labels(self) -> np.ndarray:
        path = SOURCE.path(self._files[1], self.folder)
        labels = parse_idx(content_of(path), 1, str(path))
        if labels.max() > 9:
            raise InputError(f"the labels in {path} must lie between 0 and 9, got {labels.max()}")
        return labels.astype(np.int64)

    @cached_property
    def raw(self) -> np.ndarray:
        """All pictures as published, uint8 (len, 28, 28)."""
        path = SOURCE.path(self._files[0], self.folder)
        raw = parse_idx(content_of(path), 3, str(path))
        if raw.shape != (len(self), 28, 28):
            raise InputError(f"the pictures in {path} must have shape {(len(self), 28, 28)}, got {raw.shape}")
        return raw

    def images(self, indices: np.ndarray) -> Tensor:
        """The pictures with these numbers, float32 (n, 1, size, size)."""
        return enlarged(self.raw[self.checked_indices(indices)], self.size)
