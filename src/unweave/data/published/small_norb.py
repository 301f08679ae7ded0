"""SmallNORB: grey photographs of fifty toys from all sides, with five factors (LeCun et al. 2004)."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from io import BufferedIOBase
from math import prod
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import numpy as np

from unweave.base.errors import InputError
from unweave.data.base import Factor, square
from unweave.data.published.download import Remote, Source
from unweave.data.published.stored import StoredFactors, kept, resized

_HOME = "https://cs.nyu.edu/~ylclab/data/norb-v1.0-small/"
_PARTS = ("5x46789x9x18x6x2x96x96-training", "5x01235x9x18x6x2x96x96-testing")
_PUBLISHED = (  # bytes and SHA-256 of dat, cat and info of each part
    (131_896_188, "5ffd6272a07d32695ee1082a26a41a93a37aab8c28da047f8c34ed348d214873"),
    (348, "2784e542c1922060691090952b6cd6278879a216c90f81476f0f00256d42cdaa"),
    (71_052, "de7eb932ebe7a4ee16217fead60660d0eb3d23632c2f4d1c51f88c501c17bf32"),
    (130_799_817, "cf7104eed3e51174d2f65b66d1e5878b9da233b886f161b0d88f4510ba2c7474"),
    (347, "ecaf6d5bb8c3bc5eab9cf0258f6d2198dd474e016e374836fc097f2e5ff509ff"),
    (10_428, "16adf314226327ee006d1a44db8cfef52773c06c829951d5653a9f6f310248a2"),
)
_NAMES = [f"smallnorb-{part}-{kind}.mat.gz" for part in _PARTS for kind in ("dat", "cat", "info")]
SOURCE = Source(
    name="small-norb",
    files=tuple(Remote(name, _HOME + name, *about) for name, about in zip(_NAMES, _PUBLISHED, strict=True)),
    licence="for research; not to be sold (words of the publisher's page)",
    free=False,
    citation="LeCun, Huang, Bottou: Learning Methods for Generic Object Recognition with Invariance to Pose and "
    "Lighting, CVPR 2004",
    page=_HOME,
)
MAGIC = {np.dtype(np.uint8): 0x1E3D4C55, np.dtype("<i4"): 0x1E3D4C54}  # first number of a file of these
_CHUNK = 500  # pairs of photographs read at a time


@contextmanager
def matrix(path: Path, shape: tuple[int, ...], dtype: np.dtype) -> Generator[BufferedIOBase]:
    """A file in NORB's matrix format, opened behind its header, which must announce this shape and dtype.

    The header is, in little-endian 32-bit integers: a number for the type, the count of dimensions, their lengths
    (three at least, unused ones are filled up). Files whose name ends in .gz are unpacked on the way. Whatever goes
    wrong raises InputError.
    """
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            magic, dimensions = np.frombuffer(_exactly(file, 8), "<i4").tolist()
            if magic != MAGIC[dtype] or dimensions != len(shape):
                found = f"type {magic:#x} with {dimensions} dimensions"
                raise InputError(f"{path} must hold type {MAGIC[dtype]:#x} with {len(shape)} dimensions, got {found}")
            lengths = np.frombuffer(_exactly(file, 4 * max(3, dimensions)), "<i4").tolist()
            if tuple(lengths[:dimensions]) != shape:
                raise InputError(f"{path} must hold a matrix {shape}, got {tuple(lengths[:dimensions])}")
            yield file
            if file.read(1):
                raise InputError(f"{path} must end with its matrix {shape}, got more")
    except (OSError, EOFError, zlib.error) as wrong:
        raise InputError(f"{path} must be complete, got: {wrong}") from None


def _exactly(file: BufferedIOBase, count: int) -> bytes:
    content = file.read(count)
    if len(content) < count:
        raise EOFError("it ends too early")
    return content


@dataclass(frozen=True)
class SmallNORB(StoredFactors):
    """Grey photographs (1, size, size) in [0, 1]: 5 x 10 x 9 x 18 x 6 = 48,600, of the first of the two cameras.

    Factors are category, instance, elevation, azimuth and lighting, the last fastest; both published parts are put
    together, since each has other instances. Instance n of one category has nothing in common with instance n of
    another: Locatello et al. draw it at random and score the other four, so leave it out where scores are compared with
    theirs. The photographs are 96 x 96; smaller ones come from Lanczos's filter. They are read once into the cache (199
    MB at size 64), for which as much memory is needed for some seconds. Other files raise InputError.
    Source: https://cs.nyu.edu/~ylclab/data/norb-v1.0-small/.
    """

    size: Annotated[Literal[64, 96], "edge length in pixels: 64, or 96 as published"] = 64
    folder: Annotated[str | None, "your folder with the six files"] = None

    factors = (
        Factor.spaced("category", 5, 0, 4),  # animal, human, plane, truck, car
        Factor.spaced("instance", 10, 0, 9),
        Factor.spaced("elevation", 9, 30, 70),  # degrees
        Factor.spaced("azimuth", 18, 0, 340, cyclic=True),
        Factor.spaced("lighting", 6, 0, 5),
    )
    image_shape = square(1)
    source: ClassVar = SOURCE

    @cached_property
    def stored(self) -> np.ndarray:
        """All photographs, uint8 (48600, size, size, 1)."""
        paths = [SOURCE.path(file, self.folder) for file in SOURCE.files]
        shape = (len(self), self.size, self.size, 1)
        return kept("small-norb", paths, shape, lambda: [self._read(paths)], work="reading")

    def _read(self, paths: list[Path]) -> np.ndarray:
        images = np.empty((len(self), self.size, self.size, 1), np.uint8)
        numbers = np.concatenate([self._numbers(*paths[at + 1 : at + 3]) for at in (0, 3)])
        if len(np.unique(numbers)) != len(self):
            raise InputError(f"the files in {paths[0].parent} must show every combination once, got some of them twice")
        half, at = len(self) // 2, 0
        for path in (paths[0], paths[3]):
            with matrix(path, (half, 2, 96, 96), np.dtype(np.uint8)) as file:
                for start in range(0, half, _CHUNK):
                    n = min(_CHUNK, half - start)
                    pairs = np.frombuffer(_exactly(file, n * 2 * 96 * 96), np.uint8).reshape(n, 2, 96, 96, 1)
                    images[numbers[at : at + n]] = resized(pairs[:, 0], self.size)
                    at += n
        return images

    def _numbers(self, categories: Path, info: Path) -> np.ndarray:
        """The number of every photograph of a part, from its category and the four columns of `info`."""
        half = len(self) // 2
        columns: list[np.ndarray] = []
        for path, shape in ((categories, (half,)), (info, (half, 4))):
            with matrix(path, shape, np.dtype("<i4")) as file:
                columns.append(np.frombuffer(_exactly(file, 4 * prod(shape)), "<i4").reshape(half, -1))
        values = np.concatenate(columns, axis=1).astype(np.int64)
        if (values[:, 3] % 2).any():
            raise InputError(f"azimuths in {info} must be even (0, 2, 4 ... for steps of 20 degrees), got an odd one")
        values[:, 3] //= 2
        try:
            return self.index(values)
        except InputError as wrong:
            raise InputError(f"{wrong} in {info} or {categories}") from None
