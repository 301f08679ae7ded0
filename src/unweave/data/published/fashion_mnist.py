"""Fashion-MNIST: 70,000 small grey pictures of clothing in ten classes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import numpy as np
from torch import Tensor

from unweave.base.checks import Range
from unweave.base.errors import InputError
from unweave.data.published.download import Remote, Source
from unweave.data.published.idx_images import NAMES, IdxImages

_HOME = "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/"
_PUBLISHED = (  # bytes, SHA-256, and that of the content
    (
        26_421_880,
        "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    ),
    (
        29_515,
        "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    ),
    (
        4_422_102,
        "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    ),
    (
        5_148,
        "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
        "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    ),
)
SOURCE = Source(
    name="fashion-mnist",
    files=tuple(
        Remote(name, _HOME + name, size, sha256, content=content)
        for name, (size, sha256, content) in zip(NAMES, _PUBLISHED, strict=True)
    ),
    licence="MIT",
    free=True,
    citation="Xiao, Rasul, Vollgraf: Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning "
    "Algorithms, 2017",
    page="https://github.com/zalandoresearch/fashion-mnist",
    note="Debian's package dataset-fashion-mnist has it, too",
    system=Path("/usr/share/datasets/fashion-mnist"),
)


@dataclass(frozen=True)
class FashionMNIST(IdxImages):
    """Grey pictures (1, size, size) in [0, 1], enlarged from 28 x 28 by bilinear interpolation, and their classes.

    `part` is train (60,000) or test (10,000). The files are looked for where `unweave data download fashion-mnist` puts
    them (31 MB), then where Debian's package dataset-fashion-mnist does. Their content must have the published SHA-256.
    Files in a `folder` of your own, under the same names, must only fit together. Some 50 MB are held in memory.
    Source: Xiao et al. 2017, https://arxiv.org/abs/1708.07747; MIT licence.
    """

    part: Annotated[Literal["train", "test"], "train: 60,000 pictures; test: the other 10,000"] = "train"
    size: Annotated[int, "side of the pictures", Range(28)] = 32
    clamp: Annotated[float, "distance that pixels keep from 0 and 1", Range(0)] = 1e-6
    folder: Annotated[str | None, "your folder with the four .gz files"] = None

    net: ClassVar = "fashion-conv"
    likelihood: ClassVar = "laplace"
    likelihood_settings: ClassVar = {"squash": False}
    classes: ClassVar = (
        "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
    )  # fmt: skip
    source: ClassVar = SOURCE

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.clamp >= 0.5:
            raise InputError(f"clamp must be below 0.5, got {self.clamp}")

    def images(self, indices: np.ndarray) -> Tensor:
        """The pictures with these numbers, float32 (n, 1, size, size)."""
        return super().images(indices).clamp(self.clamp, 1 - self.clamp)
