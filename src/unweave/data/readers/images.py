"""The one opener of image files: PNG, JPEG, WebP, BMP, GIF and TIFF, their size checked before anything is decoded."""

from __future__ import annotations

import hashlib
import math
import struct
import threading
import warnings
import zlib
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, UnidentifiedImageError

from unweave.base.errors import InputError

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff")
MAX_PIXELS = 80_000_000  # Pillow itself warns from 89 million on
FULL = {"uint8": 255, "uint16": 65_535}  # the largest value of whole-number pixels

Stream = BinaryIO | BytesIO  # an open file, or bytes in memory

_FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF")  # Pillow's; all others are not even tried
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_ORIENTATION = 0x0112
_WHOLE = 1 << 24  # whole numbers up to here are exact in float32
_OPENING = threading.Lock()  # the filter of warnings belongs to the whole process


class Unreadable(Exception):
    """Why a file is no picture that can be used; the message goes on after "cannot be read: "."""


@dataclass(frozen=True)
class Header:
    """What is known of a picture before it is decoded. `alpha` says that the last channel is opacity.

    `stored` is the type of the file's numbers where it is another one than `dtype`. `unnamed` is not 0 where the file
    has so few pages, 2 to 4, along an axis without a name that they may be the channels of one picture.
    """

    height: int
    width: int
    channels: int
    dtype: str  # uint8, uint16 or float32
    alpha: bool = False
    stored: str = ""
    unnamed: int = 0

    @property
    def colours(self) -> int:
        """Channels without opacity."""
        return self.channels - self.alpha


@dataclass(frozen=True)
class Page:
    """A picture of an open file. `read(at_least)` decodes it, (H, W, C).

    With `at_least`, a height and width, a JPEG may come smaller than its header says, though not smaller than that.
    """

    header: Header
    read: Callable[[tuple[int, int] | None], np.ndarray]


def open_image(source: Path | Stream, *, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """The picture in a file or stream, (H, W, C): uint8, uint16, or float32 where a TIFF holds other numbers.

    PNG, JPEG, WebP, BMP, GIF and TIFF, told apart by content and never by name; 16-bit PNG keep all their bits,
    palettes and 1-bit pictures become 0 to 255, opacity is the last channel, the orientation of the camera is undone.
    No other file is ever opened on behalf of one. A picture of more than `max_pixels` (judged by its header), several
    frames or pages and whatever cannot be decoded raise InputError with the name and the reason.

    >>> stream = BytesIO()
    >>> Image.new("RGB", (60, 48), "red").save(stream, "png")
    >>> open_image(stream).shape
    (48, 60, 3)
    """
    if not isinstance(source, Path):
        source.seek(0)
    name = str(source) if isinstance(source, Path) else str(getattr(source, "name", "the picture"))
    try:
        with opened(source, max_pixels) as pages:
            if len(pages) != 1:
                raise Unreadable(f"it holds {len(pages):,} pages, and one picture is wanted")
            return pages[0].read(None)
    except Unreadable as wrong:
        raise InputError(f"{name} cannot be read: {wrong}") from None


def digest(path: Path) -> bytes:
    """SHA-256 of the file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


@contextmanager
def opened(source: Path | Stream, max_pixels: int = MAX_PIXELS, *, channels: bool = False) -> Generator[Sequence[Page]]:
    """The pictures of a file, which are decoded when asked for. What is wrong with the file raises Unreadable.

    The frames of an animation and the pages of a TIFF are pictures; with `channels` pages along an axis without a name
    are the channels of one picture instead.
    """
    with _refusing():
        file = source.open("rb") if isinstance(source, Path) else source
    try:
        with _refusing():
            file.seek(0)
            start = file.read(4)
            file.seek(0)
            if not start:
                raise Unreadable("it is empty")
        if start not in _TIFF:
            with _refusing():
                pages = _pictures(file, max_pixels)
            yield pages
        else:
            with _refusing():
                tiff = _tiff(file)
            with tiff:
                with _refusing():
                    pages = [page for series in tiff.series for page in _planes(series, max_pixels, channels)]
                    if not pages:
                        raise Unreadable("it holds no picture")
                yield pages
    finally:
        if isinstance(source, Path):
            file.close()


@contextmanager
def _refusing() -> Generator[None]:
    """Whatever a decoder raises, as Unreadable: on hostile bytes that may be any exception there is."""
    try:
        yield
    except (Unreadable, InputError):
        raise
    except UnidentifiedImageError:
        raise Unreadable("it is no PNG, JPEG, WebP, BMP, GIF or TIFF picture") from None
    except MemoryError:
        raise Unreadable("there is not enough memory to decode it") from None
    except Exception as wrong:
        reason = str(getattr(wrong, "strerror", None) or wrong).strip().split("\n")[0].rstrip(".")
        if "imagecodecs" in reason:
            reason = "its compression needs imagecodecs: pip install imagecodecs"
        raise Unreadable(reason or type(wrong).__name__) from None


def _fits(height: int, width: int, channels: int, max_pixels: int) -> None:
    if height * width > max_pixels or height * width * channels > 4 * max_pixels:
        many = f" of {channels} channels" if channels > 4 else ""
        raise Unreadable(f"its {height:,} x {width:,} pixels{many} are more than the {max_pixels:,} allowed")


def _turned(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Pixels (H, W, C) as the picture is meant to be seen; orientations are those of EXIF and TIFF, 1 to 8."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.transpose(1, 0, 2)
    rows = slice(None, None, -1 if orientation in (3, 4, 7, 8) else 1)
    columns = slice(None, None, -1 if orientation in (2, 3, 6, 7) else 1)
    return np.ascontiguousarray(pixels[rows, columns])


# PNG, JPEG, WebP, BMP, GIF: Pillow


def _open(file: Stream) -> Any:
    file.seek(0)
    with _OPENING, warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            return Image.open(file, formats=_FORMATS)
        except (Image.DecompressionBombWarning, Image.DecompressionBombError) as wrong:
            raise Unreadable(f"its size is that of a decompression bomb ({str(wrong).split(',')[0]})") from None


def _pictures(file: Stream, max_pixels: int) -> list[Page]:
    """The one picture of a file, or the frames of an animation, as whole pictures."""
    image = _open(file)
    _fits(image.height, image.width, 4, max_pixels)
    frames = 1 if image.format == "MPO" else getattr(image, "n_frames", 1)  # an MPO is a JPEG with previews after it
    if frames == 1:
        return [_picture(file, image)]
    mode = "RGBA" if "transparency" in image.info or image.mode == "RGBA" else "RGB"
    header = Header(image.height, image.width, len(mode), "uint8", mode == "RGBA")
    film = _Film(file, mode)
    return [Page(header, partial(film.frame, k)) for k in range(frames)]


class _Film:
    """An animation whose frames are decoded one after the other; going back means to begin again."""

    def __init__(self, file: Stream, mode: str) -> None:
        self.file, self.mode = file, mode
        self.image: Any = None

    def frame(self, k: int, _at_least: tuple[int, int] | None) -> np.ndarray:
        with _refusing():
            if self.image is None or self.image.tell() > k:
                self.image = _open(self.file)
            self.image.seek(k)
            return np.asarray(self.image.convert(self.mode))


def _picture(file: Stream, image: Any) -> Page:
    mode, deep = _mode(image), _deep(image)
    channels = {"L": 1, "I;16": 1, "LA": 2, "RGB": 3, "RGBA": 4}[mode]
    if deep.startswith("LA"):
        mode, channels = "LA", 2
    turn = _orientation(image)
    height, width = (image.width, image.height) if turn > 4 else (image.height, image.width)
    header = Header(height, width, channels, "uint16" if deep else "uint8", mode in ("LA", "RGBA"))
    return Page(header, partial(_decoded, file, header, turn))


def _deep(image: Any) -> str:
    """How 16-bit numbers lie in a PNG, "RGB;16B" say; "" where it has 8 bits or fewer."""
    args = image.tile[0][3] if image.format == "PNG" and image.tile else ""
    return args if isinstance(args, str) and args.endswith(";16B") else ""


def _mode(image: Any) -> str:
    """To which of Pillow's modes a picture is converted, so that nothing is lost."""
    transparent = "transparency" in image.info or image.mode == "PA"
    if image.mode.startswith("I"):  # 16-bit grey
        return "I;16"
    if image.mode in ("1", "L"):
        return "LA" if transparent and not _deep(image) else "L"
    if image.mode in ("LA", "RGBA"):
        return image.mode
    return "RGBA" if transparent and not _deep(image) else "RGB"


def _orientation(image: Any) -> int:
    # asking a PNG for EXIF that it does not announce would decode it
    if image.format == "PNG" and "exif" not in image.info:
        return 1
    found = image.getexif().get(_ORIENTATION, 1)
    return found if found in range(1, 9) else 1


def _decoded(file: Stream, header: Header, turn: int, at_least: tuple[int, int] | None) -> np.ndarray:
    with _refusing():
        image = _open(file)
        if deep := _deep(image):
            pixels = _sixteen_bits(file, image, deep)
        else:
            if at_least is not None and image.format in ("JPEG", "MPO"):
                image.draft(None, at_least if turn > 4 else at_least[::-1])
            image.load()
            mode = _mode(image)
            pixels = np.asarray(image if image.mode == mode else image.convert(mode))
        if _orientation(image) != turn:
            raise Unreadable("its EXIF orientation comes only after its pixels")
        return _turned(pixels.reshape(*pixels.shape[:2], header.channels), turn)


def _sixteen_bits(file: Stream, image: Any, deep: str) -> np.ndarray:
    """All 16 bits of a PNG, of which Pillow keeps 8 except in grey pictures without opacity."""
    if image.mode.startswith("I"):
        return np.asarray(image).astype(np.uint16)
    if deep.startswith("LA"):  # grey and opacity of 16 bits lie as four colours of 8 bits do
        file.seek(0)
        content = bytearray(file.read())
        content[24:26] = bytes([8, 6])
        content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
        return np.asarray(_open(BytesIO(content))).copy().view(">u2").astype(np.uint16)
    upper = np.asarray(image).astype(np.uint16)
    again = _open(file)
    codec, extents, offset, _ = again.tile[0]
    again.tile = [(codec, extents, offset, deep.replace("16B", "16L"))]  # read as if the low byte were the high one
    return upper << 8 | np.asarray(again)


# TIFF: tifffile


def _tiff(file: Stream) -> Any:
    try:
        import tifffile
    except ModuleNotFoundError:
        raise InputError("TIFF pictures need tifffile: pip install 'unweave[images]'") from None
    file.seek(0)
    # metadata of these kinds would name further files to open
    return tifffile.TiffFile(file, _multifile=False, is_ndtiff=False, is_mmstack=False)


def _planes(series: Any, max_pixels: int, channels_wanted: bool) -> list[Page]:
    """The pictures of a series of pages: its axes but height, width and channels count pictures."""
    axes, shape, first = str(series.axes), tuple(series.shape), series.keyframe
    if axes.count("Y") != 1 or axes.count("X") != 1:
        raise Unreadable(f"its axes are {axes}, without one height Y and one width X")
    if first.is_reduced:  # a thumbnail
        return []
    if series.dtype.kind not in "buif":
        raise Unreadable(f"its numbers are {series.dtype}")
    channel = next((name for name in "SC" if axes.count(name) == 1), "")
    nameless = next((name for name in "QI" if axes.count(name) == 1), "") if not channel else ""
    few = nameless != "" and 2 <= shape[axes.index(nameless)] <= 4 and len(axes) == 3
    if channels_wanted:
        channel = channel or nameless
    kept = [axes.index(name) for name in ("Y", "X", *channel)]
    counted = [k for k in range(len(axes)) if k not in kept]
    rows, columns, *rest = (shape[k] for k in kept)
    palette = _has_palette(first)
    channels = 3 if palette else rest[0] if rest else 1
    _fits(rows, columns, channels, max_pixels)
    if palette:
        dtype = str(_colours(first.colormap).dtype)
    else:
        dtype = str(series.dtype) if str(series.dtype) in FULL else "uint8" if series.dtype == bool else "float32"
    tag = first.tags.get("Orientation")
    turn = tag.value if tag is not None and tag.value in range(1, 9) else 1
    height, width = (columns, rows) if turn > 4 else (rows, columns)
    # a second or fourth number of a pixel is opacity where the file says so
    alpha = channel == "S" and channels in (2, 4) and any(int(each) in (1, 2) for each in first.extrasamples)
    unnamed = shape[axes.index(nameless)] if few and not channels_wanted else 0
    header = Header(height, width, channels, dtype, alpha, series.dtype.name if dtype == "float32" else "", unnamed)
    places = np.ndindex(*(shape[k] for k in counted))
    return [Page(header, partial(_plane, series, dict(zip(counted, at, strict=True)), kept, turn)) for at in places]


def _plane(
    series: Any, place: dict[int, int], kept: list[int], turn: int, _at_least: tuple[int, int] | None
) -> np.ndarray:
    """The picture (H, W, C) at one place of the axes that count; `kept` are those of height, width, channels."""
    with _refusing():
        axes, shape = str(series.axes), tuple(series.shape)
        outside = len(axes) - len(series.keyframe.axes)
        if axes.endswith(series.keyframe.axes) and len(series) == math.prod(shape[:outside]):  # a page each
            numbers = np.arange(len(series)).reshape(shape[:outside])
            wanted = np.asarray(numbers[tuple(place.get(k, slice(None)) for k in range(outside))])
            values = np.stack([_page(series, k) for k in wanted.ravel().tolist()])
            values = values.reshape(*wanted.shape, *values.shape[1:])
            held = [k for k in range(outside) if k not in place] + list(range(outside, len(axes)))
        else:
            values, held = series.asarray(), list(range(len(axes)))
        values = values[tuple(place.get(k, slice(None)) for k in held)]
        left = [k for k in held if k not in place]
        values = values.transpose([left.index(k) for k in kept])
        return _turned(_plain(values if values.ndim == 3 else values[..., None], series.keyframe), turn)


def _page(series: Any, k: int) -> np.ndarray:
    page = series[k]
    if page is None:
        raise Unreadable(f"page {k + 1} is missing")
    return page.asarray()


def _plain(values: np.ndarray, page: Any) -> np.ndarray:
    """Numbers of a TIFF as uint8, uint16 or float32, exactly or not at all, with black at 0."""
    if _has_palette(page):
        return _colours(page.colormap)[:, values[..., 0]].transpose(1, 2, 0)
    if values.dtype == bool:
        values = values.astype(np.uint8) * np.uint8(255)
    if str(values.dtype) in FULL:
        values = values.astype(values.dtype.newbyteorder("="))
        return (FULL[str(values.dtype)] - values).astype(values.dtype) if page.photometric == 0 else values
    if values.dtype.kind in "iu" and values.size and max(abs(int(values.min())), abs(int(values.max()))) > _WHOLE:
        raise Unreadable(f"its {values.dtype} numbers are too large to keep exactly")
    if not np.isfinite(values).all():
        raise Unreadable("it holds NaN or infinite numbers")
    return values.astype(np.float32)


def _has_palette(page: Any) -> bool:
    return page.photometric == 3 and page.colormap is not None


def _colours(table: Any) -> np.ndarray:
    """A palette (3, K) as its 8-bit colours where it has no finer ones."""
    colours = np.asarray(table, np.uint16)
    for step in (257, 256):
        if not (colours % step).any():
            return (colours // step).astype(np.uint8)
    return colours
