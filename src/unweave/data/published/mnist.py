"""MNIST: 70,000 small grey pictures of handwritten digits (LeCun et al. 1998)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from unweave.base.checks import Range
from unweave.data.published.download import Remote, Source
from unweave.data.published.idx_images import NAMES, IdxImages

_HOME = "https://storage.googleapis.com/cvdf-datasets/mnist/"
_PUBLISHED = (
    (9_912_422, "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"),
    (28_881, "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"),
    (1_648_877, "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"),
    (4_542, "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"),
)  # bytes and SHA-256
SOURCE = Source(
    name="mnist",
    files=tuple(Remote(name, _HOME + name, *about) for name, about in zip(NAMES, _PUBLISHED, strict=True)),
    licence="CC BY-SA 3.0",
    free=True,
    citation="LeCun, Bottou, Bengio, Haffner: Gradient-Based Learning Applied to Document Recognition, 1998",
    page="http://yann.lecun.com/exdb/mnist/",
)


@dataclass(frozen=True)
class MNIST(IdxImages):
    """Grey pictures (1, size, size) in [0, 1] of digits, enlarged from 28 x 28 by bilinear interpolation.

    `part` is train (60,000) or test (10,000); labels are the digits. The files may be packed (.gz) or unpacked; they
    must fit together. Some 50 MB are held in memory. Source: LeCun et al. 1998.
    """

    part: Annotated[Literal["train", "test"], "train: 60,000 pictures; test: the other 10,000"] = "train"
    size: Annotated[int, "side of the pictures", Range(28)] = 32
    folder: Annotated[str | None, "your folder with the four files"] = None

    classes: ClassVar = tuple("0123456789")
    source: ClassVar = SOURCE
