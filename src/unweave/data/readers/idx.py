"""The IDX format of MNIST and of the data sets that take its place."""

from __future__ import annotations

import gzip
import zlib
from math import prod
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from unweave.base.errors import InputError

MAGIC = {1: 2049, 3: 2051}  # of files with so many dimensions of unsigned bytes
MOST = 1 << 30  # bytes that one file may unpack to


def parse_idx(content: bytes, dimensions: int, source: str = "IDX data") -> np.ndarray:
    """The array of unsigned bytes in an IDX file of 1 or 3 dimensions; anything else raises InputError.

    The file holds, as big-endian 32-bit integers, 2049 or 2051 and the length of each dimension; then the bytes.

    >>> parse_idx(bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 8, 9]), dimensions=1).tolist()
    [7, 8, 9]
    """
    start = 4 * (1 + dimensions)
    if len(content) < start:
        raise InputError(f"{source} must begin with {start} bytes of header, got {len(content)} bytes")
    magic, *shape = np.frombuffer(content, ">i4", 1 + dimensions).tolist()
    if magic != MAGIC[dimensions]:
        raise InputError(f"{source} must begin with the number {MAGIC[dimensions]}, got {magic}")
    if min(shape) < 1 or len(content) != start + prod(shape):
        wanted = " x ".join(map(str, shape))
        raise InputError(f"{source} must hold the {wanted} bytes it announces, got {len(content) - start}")
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)


def content_of(path: Path, most: int = MOST) -> bytes:
    """The content of a file, unpacked where its name ends in .gz, not more than `most` bytes; or InputError."""
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            content = file.read(most + 1)
    except (OSError, EOFError, zlib.error) as wrong:
        raise InputError(f"{path} must be a file that can be read whole, got: {wrong}") from None
    if len(content) > most:
        raise InputError(f"{path} must unpack to {most} bytes or fewer, got more")
    return content


def enlarged(raw: np.ndarray, size: int) -> Tensor:
    """Grey bytes (n, H, H) -> float32 (n, 1, size, size) in [0, 1], by bilinear interpolation where sizes differ."""
    images = torch.from_numpy(raw)[:, None].float() / 255
    if size != raw.shape[1] and len(images):
        images = interpolate(images, (size, size), mode="bilinear", align_corners=False)
    return images
