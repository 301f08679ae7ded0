"""Fashion-MNIST: 70,000 small grey pictures of clothing in ten classes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import numpy as np
from torch import Tensor

from unweave.base import checks
from unweave.base.errors import InputError
from unweave.data.base import ImageData
from unweave.data.published.download import Remote, Source
from unweave.data.readers.idx import content_of, enlarged, parse_idx

_HOME = "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/"


@dataclass(frozen=True)
class _File:
    """A published file, and the SHA-256 of its content, which any recompressed copy must have too."""

    remote: Remote
    content: str

    @classmethod
    def at(cls, name: str, size: int, sha256: str, content: str) -> _File:
        return cls(Remote(name, _HOME + name, size, sha256), content)

    @property
    def name(self) -> str:
        return self.remote.name


FILES = {
    ("train", "images"): _File.at(
        "train-images-idx3-ubyte.gz",
        26_421_880,
        "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    ),
    ("train", "labels"): _File.at(
        "train-labels-idx1-ubyte.gz",
        29_515,
        "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    ),
    ("test", "images"): _File.at(
        "t10k-images-idx3-ubyte.gz",
        4_422_102,
        "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    ),
    ("test", "labels"): _File.at(
        "t10k-labels-idx1-ubyte.gz",
        5_148,
        "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
        "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    ),
}


SOURCE = Source(
    name="fashion-mnist",
    files=tuple(file.remote for file in FILES.values()),
    licence="MIT",
    free=True,
    citation="Xiao, Rasul, Vollgraf: Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning "
    "Algorithms, 2017",
    page="https://github.com/zalandoresearch/fashion-mnist",
    note="Debian's package dataset-fashion-mnist has it, too",
    system=Path("/usr/share/datasets/fashion-mnist"),
)


@dataclass(frozen=True)
class FashionMNIST(ImageData):
    """Grey pictures (1, size, size) in [0, 1], enlarged from 28 x 28 by bilinear interpolation, and their classes.

    `part` is train (60,000) or test (10,000). The files are looked for where `unweave data download fashion-mnist` puts
    them (31 MB), then where Debian's package dataset-fashion-mnist does. Their content must have the published SHA-256.
    Files in a `folder` of your own, under the same names, must only fit together. Some 50 MB are held in memory.
    Source: Xiao et al. 2017, https://arxiv.org/abs/1708.07747; MIT licence.
    """

    part: Annotated[Literal["train", "test"], "60,000 pictures to train on, or the other 10,000"] = "train"
    size: Annotated[int, "side of the pictures, 28 or more"] = 32
    clamp: Annotated[float, "pixels are kept this far from 0 and 1"] = 1e-6
    folder: Annotated[str | None, "a folder of your own with the four .gz files"] = None

    net: ClassVar = "fashion-conv"
    likelihood: ClassVar = "laplace"
    likelihood_settings: ClassVar = {"squash": False}
    classes: ClassVar = (
        "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
    )  # fmt: skip
    source: ClassVar = SOURCE

    def __post_init__(self) -> None:
        checks.one_of(("train", "test"), part=self.part)
        checks.at_least(28, size=self.size)
        checks.nonnegative(clamp=self.clamp)
        if self.clamp >= 0.5:
            raise InputError(f"clamp must be below 0.5, got {self.clamp}")

    @property
    def image_shape(self) -> tuple[int, int, int]:  # pyright: ignore
        """(1, size, size)."""
        return (1, self.size, self.size)

    def __len__(self) -> int:
        return len(self._labels)

    @property
    def held_out(self) -> FashionMNIST | None:
        """The test part, for the train part."""
        return replace(self, part="test") if self.part == "train" else None

    @property
    def labels(self) -> np.ndarray:
        """The class of every picture, int64 (len,); `classes` has their names."""
        return self._labels

    @cached_property
    def _labels(self) -> np.ndarray:
        labels = parse_idx(self._content("labels"), 1, f"the labels of {self.part}")
        if labels.max() >= len(self.classes):
            raise InputError(f"the labels of {self.part} must lie between 0 and 9, got {labels.max()}")
        return labels.astype(np.int64)

    @cached_property
    def raw(self) -> np.ndarray:
        """All pictures as published, uint8 (len, 28, 28)."""
        pixels = parse_idx(self._content("images"), 3, f"the pictures of {self.part}")
        if pixels.shape != (len(self), 28, 28):
            raise InputError(f"the pictures of {self.part} must have shape {(len(self), 28, 28)}, got {pixels.shape}")
        return pixels

    @property
    def at_hand(self) -> bool:
        """Whether both files of this part are in their folder, in Debian's place or in a folder of your own."""
        kinds = ("images", "labels")
        return all(SOURCE.found(FILES[self.part, kind].remote, self.folder) for kind in kinds)

    def images(self, indices: np.ndarray) -> Tensor:
        """The pictures with these numbers, float32 (n, 1, size, size)."""
        return enlarged(self.raw[self.checked_indices(indices)], self.size).clamp(self.clamp, 1 - self.clamp)

    def _content(self, kind: str) -> bytes:
        """What the file of this part and kind unpacks to."""
        file = FILES[self.part, kind]
        path = SOURCE.path(file.remote, self.folder)
        content = content_of(path)
        if self.folder is None and hashlib.sha256(content).hexdigest() != file.content:
            raise InputError(f"{path} must unpack to the published {file.name}, got something else; remove the file")
        return content
