"""Images that lie as bytes in one array, which a published file gives and the cache keeps."""

from __future__ import annotations

import hashlib
import io
import os
import sys
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from unweave.base import cache
from unweave.base.errors import InputError
from unweave.base.settings import short_hash
from unweave.data.base import FactorData, ImageData
from unweave.data.readers.containers import Held, listed
from unweave.data.readers.images import open_image

BYTES = np.dtype(np.uint8)
_GROUP = 256  # image files read at a time


def pixels(rows: np.ndarray) -> Tensor:
    """Bytes (n, H, W, C) -> float32 (n, C, H, W) in [0, 1].

    >>> pixels(np.full((2, 4, 5, 3), 255, np.uint8)).shape
    torch.Size([2, 3, 4, 5])
    """
    return torch.from_numpy(np.array(rows.transpose(0, 3, 1, 2), np.float32, order="C")).div_(255)


class StoredImages(ImageData):
    """Images by number out of `stored`."""

    @cached_property
    @abstractmethod
    def stored(self) -> np.ndarray:
        """All images in order, uint8 (len, H, W, C), read-only."""

    def images(self, indices: np.ndarray) -> Tensor:
        """The images with these numbers, float32 (n, C, H, W) in [0, 1]."""
        return pixels(self.stored[self.checked_indices(indices)])


class StoredFactors(StoredImages, FactorData):
    """Images of known factors out of `stored`."""

    def render(self, factors: np.ndarray) -> Tensor:
        """Images of these factor values, (n, K) integers -> float32 (n, C, H, W) in [0, 1]."""
        return pixels(self.stored[self.index(factors)])


def identity(path: Path) -> str:
    """What tells a file from others and from later versions of itself: a SHA-256 of its place, size and date."""
    about = path.stat()
    return hashlib.sha256(f"{path.resolve()} {about.st_size} {about.st_mtime_ns}".encode()).hexdigest()


def array_of(path: Path, name: str) -> Held:
    """What a npz or h5 file says of its array `name`; InputError where it has none."""
    held = {each.name: each for each in listed(path)}
    if name not in held:
        raise InputError(f"{path} must hold the array {name}, got {', '.join(held) or 'none'}")
    if held[name].trouble is not None:
        raise InputError(f"{name} in {path} must be an array in the file itself, got {held[name].trouble}")
    return held[name]


def kept(
    name: str, paths: Sequence[Path], shape: tuple[int, ...], blocks: Callable[[], Iterable[np.ndarray]], *, work: str
) -> np.ndarray:
    """What `blocks()` gives as one array uint8 of `shape`, made once from `paths` and then mapped from the cache.

    While it is made, a line on stderr says so: `work` is a participle, as in "unpacking". The files' places, sizes and
    dates choose the cache entry, so changed ones are read anew.
    """
    entry = f"{name}-{short_hash([[identity(path) for path in paths], list(shape)])}"
    place = cache.cached(f"{entry}.npy")

    def announced() -> Iterator[np.ndarray]:
        size = np.prod(shape, dtype=np.int64) / 1e6
        print(f"{work} {paths[0]} once into {place} ({size:.0f} MB)", file=sys.stderr)
        yield from blocks()

    return cache.array(entry, shape, BYTES, announced)


def resized(images: np.ndarray, size: int, how: Image.Resampling = Image.Resampling.LANCZOS) -> np.ndarray:
    """Bytes (n, H, W, C), C being 1 or 3, as (n, size, size, C); Lanczos's filter is what the field uses most."""
    if images.shape[1:3] == (size, size):
        return images
    made = np.empty((len(images), size, size, images.shape[3]), np.uint8)
    for image, target in zip(images, made, strict=True):
        picture = Image.fromarray(image[..., 0] if image.shape[2] == 1 else image)
        target[...] = np.asarray(picture.resize((size, size), how)).reshape(target.shape)
    return made


def decoded(encoded: Iterable[tuple[str, bytes]], prepare: Callable[[np.ndarray], np.ndarray]) -> Iterator[np.ndarray]:
    """Image files by name and content -> `prepare` of their bytes (H, W, C), stacked, 256 at a time and in order.

    They are decoded by as many threads as there are processors. What is no image raises InputError with its name.
    """

    def one(item: tuple[str, bytes]) -> np.ndarray:
        try:
            image = open_image(io.BytesIO(item[1]))
            if image.dtype != np.uint8:
                raise InputError(f"it must hold 8 bits a colour, got {image.dtype}")
            return prepare(image)
        except InputError as wrong:
            raise InputError(f"{item[0]}: {wrong}") from None

    items = iter(encoded)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        while group := list(islice(items, _GROUP)):
            yield np.stack(list(pool.map(one, group)))


def coloured(image: np.ndarray) -> np.ndarray:
    """Bytes (H, W, C) as (H, W, 3): grey is repeated, alpha left out."""
    return np.repeat(image[..., :1], 3, axis=2) if image.shape[2] < 3 else image[..., :3]


def files_in(folder: Path, pattern: str) -> list[Path]:
    """The files under `folder` that fit `pattern`, by name; a link among them raises InputError."""
    found = sorted(path for path in folder.rglob(pattern))
    if link := next((path for path in found if path.is_symlink()), None):
        raise InputError(f"{folder} must hold files, got {link}, which is a link")
    return found
