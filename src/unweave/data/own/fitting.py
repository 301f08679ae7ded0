"""What pictures of any size, channels and depth become, so that they fit into one array."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from unweave.base.errors import InputError
from unweave.data.readers.images import FULL, MAX_PIXELS, Header

SMALLEST, LARGEST, USUAL = 16, 256, 64  # sides that nets take, and the side of pictures that differ in size
KINDS = {
    "uint8": "8 bit", "uint16": "16 bit", "uint32": "32 bit", "int8": "signed 8 bit", "int16": "signed 16 bit",
    "int32": "signed 32 bit", "bool": "1 bit",
}  # fmt: skip

_LUMA = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601
_FILTER = Image.Resampling.BILINEAR


@dataclass(frozen=True)
class Wish:
    """What the user wants pictures to become; None is decided by the pictures."""

    size: tuple[int, int] | None = None
    fit: str = "stretch"
    channels: int | None = None
    tile: int | None = None
    max_pixels: int = MAX_PIXELS
    pages: str = "auto"


@dataclass
class Facts:
    """What was found in the files; kept beside the array."""

    shape: tuple[int, int, int, int] = (0, 0, 0, 0)  # of the array: pictures, height, width, channels
    dtype: str = "uint8"
    stored: str = ""  # types of the files' numbers, where they differ from `dtype`
    counts: list[int] | None = None  # rows of each file; None where each has one
    bad: list[tuple[int, str]] = field(default_factory=list[tuple[int, str]])  # number of the file, reason
    content: str = ""  # SHA-256 of the names and bytes of the good files
    heights: tuple[int, int] = (0, 0)  # least and most, as the files have them
    widths: tuple[int, int] = (0, 0)
    kinds: dict[str, int] = field(default_factory=dict[str, int])  # "RGB" and so on: how many pictures
    see_through: int = 0  # pictures that are not opaque
    cut: int = 0  # pictures with an edge left over by tiling
    least: float = 0.0  # in the files
    most: float = 0.0
    values: dict[int, int] | None = None  # of whole numbers in the array: how often each occurs

    @property
    def is_whole(self) -> bool:
        """Whether the files hold whole numbers only."""
        return "float" not in (self.stored or self.dtype)


def planned(names: Sequence[str], headers: Sequence[Sequence[Header]], wish: Wish) -> Facts:
    """What the array will be; InputError where the pictures cannot become one."""
    first: dict[Header, str] = {}
    count: Counter[Header] = Counter()
    for name, pages in zip(names, headers, strict=True):
        for each in pages:
            first.setdefault(each, name)
            count[each] += 1
    dtypes = {each.dtype: first[each] for each in reversed(first)}
    if len(dtypes) > 1:
        stored = {each.dtype: each.stored for each in reversed(first)}
        shown = " and ".join(f"{numbers_of(dtype, stored[dtype])} ({name})" for dtype, name in sorted(dtypes.items()))
        raise InputError(f"pictures must have the same kind of numbers, got {shown}")
    pages = {each.unnamed for each in first}
    if wish.pages == "auto" and len(pages) == 1 and max(pages):  # of files with more or fewer none are channels
        raise InputError(
            "pages must be channels or pictures where all TIFFs have a few and do not name their axis, got auto and "
            f"{max(pages)} pages in {names[0]}; --data.pages channels makes one picture of them, --data.pages pictures "
            "one of each"
        )
    (dtype,) = dtypes
    channels = _channels(first, wish.channels)
    if wish.tile:
        for each, name in first.items():
            if min(each.height, each.width) < wish.tile:
                size = f"{each.height} x {each.width}"
                raise InputError(f"tile must fit into every picture, got {wish.tile}, and {name} has {size}")
        sizes = {(wish.tile, wish.tile)}
    else:
        sizes = {(each.height, each.width) for each in first}
    size = wish.size or (USUAL, USUAL)
    if wish.size is None and len(sizes) == 1 and all(SMALLEST <= side <= LARGEST for side in min(sizes)):
        (size,) = sizes
    rows = [sum(tiles(each, wish.tile) for each in pages) for pages in headers]
    return Facts(
        shape=(sum(rows), size[0], size[1], channels),
        dtype=dtype,
        stored=",".join(sorted({each.stored for each in first if each.dtype == "float32"})),
        counts=None if set(rows) == {1} else rows,
        heights=(min(each.height for each in first), max(each.height for each in first)),
        widths=(min(each.width for each in first), max(each.width for each in first)),
        cut=sum(n for each, n in count.items() if wish.tile and (each.height % wish.tile or each.width % wish.tile)),
    )


def numbers_of(dtype: str, stored: str) -> str:
    """What kind of numbers files hold, in words; `stored` are the types in the files where `dtype` is float32.

    >>> numbers_of("uint16", ""), numbers_of("float32", "int16"), numbers_of("float32", "float64,int16")
    ('16 bit', 'signed 16 bit', 'real numbers and signed 16 bit')
    """
    return " and ".join(KINDS.get(each, "real numbers") for each in (stored or dtype).split(","))


def kind_of(header: Header) -> str:
    """Which channels a picture has, in words."""
    name = {1: "grey", 3: "RGB"}.get(header.colours, f"{header.colours}-channel")
    return f"{name} with alpha" if header.alpha else name


def _channels(first: dict[Header, str], wish: int | None) -> int:
    """How many channels all pictures will have."""
    colours = {each.colours for each in first}
    if wish is None:
        if len(colours) == 1:
            return min(colours)
        if colours == {1, 3}:
            return 3
        example = {each.colours: name for each, name in first.items()}
        shown = " and ".join(f"{n} ({example[n]})" for n in sorted(example))
        raise InputError(f"pictures must have the same channels, got {shown}")
    for each, name in first.items():
        possible = {each.colours, each.channels} | ({1, 3} if each.colours in (1, 3) else set())
        if wish not in possible:
            can = " or ".join(map(str, sorted(possible)))
            raise InputError(f"channels must be {can} for {name}, which is {kind_of(each)}, got {wish}")
    return wish


def tiles(header: Header, tile: int | None) -> int:
    """How many whole tiles a picture is cut into; 1 where there is no tiling."""
    return (header.height // tile) * (header.width // tile) if tile else 1


def flat(pixels: np.ndarray, header: Header, channels: int) -> tuple[np.ndarray, bool]:
    """The picture in so many channels, and whether it was laid over white for that."""
    over = False
    if header.alpha and channels != header.channels:
        full = FULL.get(header.dtype, 1)
        colours, alpha = pixels[..., :-1], pixels[..., -1:]
        over = bool((alpha < full).any())
        if over:
            share = alpha.astype(np.float64) / full
            colours = _whole(full + share * (colours.astype(np.float64) - full), pixels.dtype)
        pixels = colours
    if pixels.shape[2] == 1 and channels == 3:
        pixels = np.repeat(pixels, 3, axis=2)
    elif pixels.shape[2] == 3 and channels == 1:
        pixels = _whole(pixels @ _LUMA, pixels.dtype)[..., None]
    return pixels, over


def _whole(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Numbers as `dtype`, rounded where that has whole ones; they are in its range."""
    return (np.rint(values) if dtype.kind == "u" else values).astype(dtype)


def fitted(pixels: np.ndarray, shape: tuple[int, int, int, int], wish: Wish) -> np.ndarray:
    """The pictures that a picture (H, W, C) becomes, (rows, height, width, C)."""
    size = shape[1:3]
    if wish.tile is None:
        each = pixels[None]
    else:
        side = wish.tile
        down, across = pixels.shape[0] // side, pixels.shape[1] // side
        each = pixels[: down * side, : across * side].reshape(down, side, across, side, -1)
        each = each.swapaxes(1, 2).reshape(down * across, side, side, -1)
    if each.shape[1:3] == size:
        return each
    return np.stack([resized(one, size, wish.fit) for one in each])


def resized(pixels: np.ndarray, size: tuple[int, int], fit: str = "stretch") -> np.ndarray:
    """A picture (H, W, C) in another height and width, by bilinear interpolation over the area of each new pixel.

    `fit` is stretch, crop (the largest middle part of the right proportions) or pad (black bars). No value leaves the
    range of those that were there.

    >>> resized(np.array([[[0], [4]], [[8], [12]]], np.uint16), (1, 1)).tolist()
    [[[6]]]
    """
    height, width = pixels.shape[:2]
    box, inside = (0.0, 0.0, float(width), float(height)), size
    if fit == "crop":
        scale = min(height / size[0], width / size[1])
        down, across = scale * size[0], scale * size[1]
        left, top = (width - across) / 2, (height - down) / 2
        box = (left, top, left + across, top + down)
    elif fit == "pad":
        scale = min(size[0] / height, size[1] / width)
        inside = (max(1, round(height * scale)), max(1, round(width * scale)))
    whole = pixels.dtype == np.uint8  # Pillow scales these as they are, others as float32
    planes = [pixels] if whole and pixels.shape[2] == 3 else np.moveaxis(pixels if whole else pixels.astype("f4"), 2, 0)
    made = [
        np.asarray(Image.fromarray(np.ascontiguousarray(each)).resize((inside[1], inside[0]), _FILTER, box))
        for each in planes
    ]
    found = _whole(made[0] if made[0].ndim == 3 else np.stack(made, -1), pixels.dtype)
    if inside == size:
        return found
    whole_canvas = np.zeros((*size, pixels.shape[2]), pixels.dtype)
    top, left = (size[0] - inside[0]) // 2, (size[1] - inside[1]) // 2
    whole_canvas[top : top + inside[0], left : left + inside[1]] = found
    return whole_canvas
