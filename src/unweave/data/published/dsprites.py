"""dSprites: white squares, ellipses and hearts on black, rendered exactly without a download."""

import hashlib
import math
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO, Annotated, ClassVar, Literal

import numpy as np
import torch
from numpy.lib import format as npy
from torch import Tensor

from unweave.base import cache
from unweave.base.errors import InputError
from unweave.base.settings import short_hash
from unweave.data.base import Factor, FactorData, Folds, Symmetry, square
from unweave.data.resident import Bits

FACTORS = (
    Factor.spaced("shape", 3, 1, 3),
    Factor.spaced("scale", 6, 0.5, 1),
    Factor.spaced("orientation", 40, 0, 2 * math.pi, cyclic=True, symmetry=Folds("shape", (4, 2, 1))),
    Factor.spaced("x", 32, 0, 1),
    Factor.spaced("y", 32, 0, 1),
)
EDGES = (4, 100, 150)  # of the square, ellipse and heart
IMAGES, POSITIONS = 737_280, 1_024
ROW = np.dtype(">u8")  # one row of 64 pixels; the most significant bit is column 0
SHA256 = "3a228f4037ef3d42a42588e0e01f1078aa2df13cfa17584e88c95ed9fb5672da"  # of all rows by the rule

_HALF = 0.15 * 64  # pixels from the centre of a square of scale 1 to its edges
_CENTRES = 16 + 32 * np.arange(32) / 31
_SUFFIX = np.array([(1 << (64 - column)) - 1 for column in range(65)], np.uint64)  # columns `column` to 63
_CHUNK = 1_024  # images drawn, read or compared at a time, which bounds what is held besides the result
_BYTES = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1).astype(np.float32)  # byte -> 8 pixels
_PAIRS = _BYTES.reshape(256, 4, 2).sum(2) / 4  # byte -> what its 4 pairs add to 2 x 2 means


def outline(shape: int) -> np.ndarray:
    """Corners of a shape of half-width 1 at orientation 0, (edges, 2) as x right and y down.

    0 is the square, 1 the ellipse as a 100-gon, 2 the heart as a 150-gon, upright.
    """
    if shape == 0:
        return np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)], np.float64)
    t = 2 * math.pi * np.arange(EDGES[shape]) / EDGES[shape]
    if shape == 1:
        return np.stack([1.33 * np.cos(t), np.sin(t) / 1.33], 1)
    up = (13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)) / 14.5 + 0.15
    return np.stack([np.sin(t) ** 3, -up], 1)


def turned(shape: int) -> np.ndarray:
    """The outline in every scale and orientation (counter-clockwise), in pixels, (6, 40, edges, 2)."""
    scale, angle = np.array(FACTORS[1].values)[:, None, None], np.array(FACTORS[2].values)[:, None]
    x, y = outline(shape).T
    right = x * np.cos(angle) + y * np.sin(angle)
    down = y * np.cos(angle) - x * np.sin(angle)
    return np.stack(np.broadcast_arrays(_HALF * scale * right, _HALF * scale * down), -1)


def snapped(pixels: np.ndarray) -> np.ndarray:
    """Coordinates to the nearest 1/256 pixel, int64: the grid on which a graphics card fills polygons."""
    return np.rint(256 * pixels).astype(np.int64)


def fill(X: np.ndarray, Y: np.ndarray) -> np.ndarray:
    """Rows of filled polygons: X (n, edges, a) and Y (n, edges) in 1/256 pixel -> uint64 (n, a, 64).

    Each of the n polygons comes in `a` variants, which differ sideways only. A pixel is on when a ray from
    its centre to the left crosses the outline an odd number of times. An edge from y1 to y2 crosses the
    rows whose centre yc has (y1 < yc) != (y2 < yc), so that a centre on the bottom edge is inside and one
    on the top edge is not; it toggles the columns from ceil((x at yc - 128) / 256) on, so that a centre on
    the left edge is inside and one on the right edge is not. Integers throughout; polygons must lie inside
    the 64 x 64 canvas.

    >>> X, Y = 256 * np.array([[8, 12, 12, 8]]), 256 * np.array([[8, 8, 10, 10]])
    >>> [f"{row:016x}" for row in fill(X[..., None], Y)[0, 0, 7:11]]
    ['0000000000000000', '00f0000000000000', '00f0000000000000', '0000000000000000']
    """
    n, edges, variants = X.shape
    Y2 = np.roll(Y, -1, axis=1)
    above, above2 = (Y + 128) >> 8, (Y2 + 128) >> 8  # the first row whose centre lies below this vertex
    count = np.abs(above2 - above).ravel()
    crossed = np.repeat(np.arange(n * edges), count)  # one entry for every row that an edge crosses
    within = np.arange(len(crossed)) - np.repeat(np.cumsum(count) - count, count)
    row = np.minimum(above, above2).ravel()[crossed] + within
    line = crossed // edges * 64 + row
    order = np.argsort(line, kind="stable")
    crossed, row, line = crossed[order], row[order], line[order]

    image, edge = np.divmod(crossed, edges)
    x1, x2 = X[image, edge], X[image, (edge + 1) % edges]  # (pairs, a)
    y1 = Y.ravel()[crossed]
    height = Y2.ravel()[crossed] - y1
    part = (256 * row + 128 - y1) * np.sign(height)
    height = np.abs(height)[:, None]
    column = -((128 * height - x1 * height - (x2 - x1) * part[:, None]) // (256 * height))

    rows = np.zeros((n * 64, variants), np.uint64)
    starts = np.flatnonzero(np.diff(line, prepend=-1))
    if starts.size:
        rows[line[starts]] = np.bitwise_xor.reduceat(_SUFFIX[column], starts, axis=0)
    return rows.reshape(n, 64, variants).transpose(0, 2, 1)


def drawn() -> Iterator[np.ndarray]:
    """All images by the rule in the archive's order, a template's 1,024 positions at a time, (1024, 64)."""
    for shape in range(3):
        for corners in turned(shape).reshape(240, -1, 2):
            across = snapped(corners[:, :1] + _CENTRES)  # (edges, 32): x moves columns only, y rows only
            down = snapped(_CENTRES[:, None] + corners[:, 1])  # (32, edges)
            rows = fill(np.broadcast_to(across, (32, *across.shape)), down)  # (y, x, 64)
            yield rows.transpose(1, 0, 2).reshape(POSITIONS, 64).astype(ROW)


def packed_file(path: Path, count: int = IMAGES) -> Iterator[np.ndarray]:
    """The array `imgs` of an npz file as packed rows, at most 1,024 images (1024, 64) at a time.

    It must be uint8 (count, 64, 64) of zeros and ones. Nothing else in the file is opened and nothing is
    unpickled. What is not so raises InputError, a truncated or damaged file included.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            if "imgs.npy" not in names:
                held = ", ".join(name.removesuffix(".npy") for name in names) or "nothing"
                raise InputError(f"file must hold the array imgs, got {path} with {held}")
            with archive.open("imgs.npy") as stream:
                _check_header(stream, path, count)
                for start in range(0, count, _CHUNK):
                    yield _packed(stream, path, min(_CHUNK, count - start))
                if stream.read(1):  # reading to the end also compares the checksum
                    raise InputError(f"imgs in file must end after {count} images, got more in {path}")
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError) as wrong:
        why = str(wrong) or "it ends too early"
        raise InputError(f"file must be a complete npz archive, got {path}: {why}") from None


def _check_header(stream: IO[bytes], path: Path, count: int) -> None:
    readers = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
    try:
        shape, by_columns, dtype = readers[npy.read_magic(stream)](stream)
    except (ValueError, KeyError):
        raise InputError(f"imgs in file must be an npy array, got something else in {path}") from None
    if dtype != np.uint8 or shape != (count, 64, 64) or by_columns:
        found = f"{dtype} {shape}{' in Fortran order' if by_columns else ''}"
        raise InputError(f"imgs in file must be uint8 ({count}, 64, 64), got {found} in {path}")


def _packed(stream: IO[bytes], path: Path, images: int) -> np.ndarray:
    """The next `images` images of the stream as rows, (images, 64)."""
    content = stream.read(images * 4096)
    if len(content) < images * 4096:
        raise EOFError
    pixels = np.frombuffer(content, np.uint8)
    if pixels.max() > 1:
        raise InputError(f"pixels of imgs in file must be 0 or 1, got {pixels.max()} in {path}")
    return np.packbits(pixels).view(ROW).reshape(images, 64)


def unlike_the_rule(packed: np.ndarray) -> np.ndarray:
    """Numbers of the rows of all images (737280, 64) that are not as the rule draws them, int64."""
    held = (packed[start : start + POSITIONS] for start in range(0, IMAGES, POSITIONS))
    unlike = [(rows != rule).any(1) for rows, rule in zip(held, drawn(), strict=True)]
    return np.flatnonzero(np.concatenate(unlike))


@dataclass(frozen=True)
class DSprites(FactorData):
    """One white square, ellipse or heart on black in 3 x 6 x 40 x 32 x 32 = 737,280 ways.

    Images are float32 (n, 1, size, size), re-rendered from a fitted rule that is identical on all 911 real
    images that could be checked; the archive itself may differ by one pixel in a few dozen. Pixels are 0 or
    1 at size 64; at size 32 they are means of 2 x 2, multiples of 1/4. Index and factors are the archive's:
    shape, scale, orientation, x, y, the last fastest; x 0 is left, y 0 is top, orientation grows counter-
    clockwise by 2 pi / 39, so that 39 shows the same image as 0.

    Packed, all images lie as bits in the cache (377 MB, drawn once, memory-mapped, shared by processes).
    Lazily, nothing is kept but 1.7 MB of outlines, and a batch is drawn when asked for. `file` reads the
    official dsprites_ndarray_co1sh3sc6or40x32y32_64x64.npz instead of drawing; `differences` then says
    where the two disagree. Any other size, hold or file raises InputError.
    Source: Matthey et al. 2017, https://github.com/google-deepmind/dsprites-dataset.

    >>> DSprites(hold="lazy").render(np.array([[0, 5, 0, 16, 16]])).sum()  # a square of 19.2 x 19.2 pixels
    tensor(361.)
    """

    size: Annotated[Literal[64, 32], "edge length in pixels: 64, or 32 with 2 x 2 pixels averaged"] = 64
    hold: Annotated[
        Literal["packed", "lazy"], "packed: all images as bits in the cache; lazy: render each batch anew"
    ] = "packed"
    file: Annotated[str | None, "path of the official npz, to read instead of rendering"] = None

    image_shape = square(1)
    factors = FACTORS
    symmetries = (Symmetry("orientation", value=39, same_as=0),)
    reference = (87040, 332800, 578560)  # a square, an ellipse and a heart, those most often shown
    bookkeeping = ("hold",)  # changes no image
    probing: ClassVar = {"hold": "lazy"}  # without making a whole cache

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.file is not None and self.hold == "lazy":
            raise InputError("hold must be packed where a file is given (its images lie compressed), got lazy")
        if self.file is not None and not Path(self.file).is_file():
            raise InputError(f"file must be the official dSprites npz, got {self.file}, which is not a file")

    @cached_property
    def packed(self) -> np.ndarray:
        """All images as bits, read-only, (737280, 64) big-endian uint64: a word a row, column 0 first."""
        shape = (IMAGES, 64)
        if self.file is None:
            return cache.array("dsprites-rule-1", shape, ROW, drawn, self._follows_rule)
        path = Path(self.file).resolve()
        about = path.stat()
        key = short_hash([str(path), about.st_size, about.st_mtime_ns])
        name = f"dsprites-file-{key}"
        new = not cache.cached(f"{name}.npy").exists()
        rows = cache.array(name, shape, ROW, lambda: packed_file(path))
        if new and (count := len(unlike_the_rule(rows))):
            warnings.warn(
                f"{path.name} differs from the rule in {count:,} of {IMAGES:,} images; its own images are used",
                UserWarning,
                stacklevel=3,
            )
        return rows

    def images(self, indices: np.ndarray) -> Tensor:
        """The images with these numbers, float32 (n, 1, size, size); one out of range raises InputError."""
        values = self.factors_at(indices)
        packed = self.hold == "packed"
        return self._pixels(self.packed[np.asarray(indices, np.int64)] if packed else self._draw(values))

    def packed_on(self, device: torch.device, room: int) -> Bits | None:
        """All images as bits on the device, 377 MB, unpacked there; None where they are drawn lazily or do not fit."""
        if self.hold == "lazy" or self.packed.nbytes > room:
            return None
        octets = torch.from_numpy(np.array(self.packed).view(np.uint8).reshape(-1, 64, 8))
        halved = self.size == 32
        return Bits(octets.to(device), torch.from_numpy(_PAIRS if halved else _BYTES).to(device), halved)

    def render(self, factors: np.ndarray) -> Tensor:
        """Images of these factor values, (n, 5) integers -> float32 (n, 1, size, size)."""
        return self.images(self.index(factors))

    def differences(self) -> np.ndarray:
        """Numbers of the images that differ from the rule, int64; drawing all anew takes some seconds."""
        return unlike_the_rule(self.packed)

    def digest(self) -> str:
        """Sha-256 of all packed rows in hexadecimal; `SHA256` where every image follows the rule."""
        return hashlib.sha256(self.packed.view(np.uint8).data).hexdigest()

    @cached_property
    def _outlines(self) -> np.ndarray:
        """Every template's corners (3, 6, 40, 150, 2); repeats of a shape's last corner toggle nothing."""
        corners = np.arange(max(EDGES))
        return np.stack([turned(shape)[:, :, np.minimum(corners, n - 1)] for shape, n in enumerate(EDGES)])

    def _draw(self, values: np.ndarray) -> np.ndarray:
        """Factor values (n, 5) -> rows (n, 64), straight from the rule."""
        rows = np.empty((len(values), 64), ROW)
        for start in range(0, len(values), _CHUNK):
            shape, scale, turn, x, y = values[start : start + _CHUNK].T
            corners = self._outlines[shape, scale, turn]  # (n, 150, 2)
            across, down = corners[..., 0] + _CENTRES[x, None], corners[..., 1] + _CENTRES[y, None]
            rows[start : start + _CHUNK] = fill(snapped(across)[..., None], snapped(down))[:, 0]
        return rows

    def _pixels(self, rows: np.ndarray) -> Tensor:
        """Rows (n, 64) -> float32 (n, 1, size, size)."""
        octets = np.ascontiguousarray(rows).view(np.uint8).reshape(-1, 64, 8)
        if self.size == 64:
            return torch.from_numpy(np.take(_BYTES, octets, axis=0)).reshape(-1, 1, 64, 64)
        means = np.take(_PAIRS, octets[:, ::2], axis=0) + np.take(_PAIRS, octets[:, 1::2], axis=0)  # (n, 32, 8, 4)
        return torch.from_numpy(means).reshape(-1, 1, 32, 32)

    def _follows_rule(self, rows: np.ndarray) -> bool:
        """Whether about 256 images spread over `rows` are as the rule draws them, so the file is ours."""
        probe = np.arange(0, IMAGES, IMAGES // 256 + 1)
        return bool((rows[probe] == self._draw(self.factors_at(probe))).all())
