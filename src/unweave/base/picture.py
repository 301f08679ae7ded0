"""A drawn figure as png, svg, pdf or gif (Picture), what draws one (Figure), and how it is found by its name."""

from __future__ import annotations

import io
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from PIL import Image

from unweave.base import checks, html, settings, style
from unweave.base.errors import InputError
from unweave.base.files import write_atomic
from unweave.base.registry import figures

if TYPE_CHECKING:
    import matplotlib.figure

STILL = (".png", ".svg", ".pdf")  # forms of every figure
GIF_LIMIT = 3_000_000  # bytes
# Every which frame and how many colours: from the best picture to the smallest file.
GIF_TRIES = ((1, 256), (1, 64), (2, 64), (2, 16), (4, 8))


@dataclass(frozen=True)
class Picture:
    """A drawn figure that can be shown, saved and, where `animation` gives frames (h, w, 3), played.

    Notebooks show it by themselves. `alt` says in words what is to be seen, `theme` in which colours it is drawn.
    """

    figure: matplotlib.figure.Figure
    alt: str
    animation: Callable[[], list[np.ndarray]] | None = None
    theme: str = field(default_factory=style.theme)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels at scale 1."""
        width, height = self.figure.get_size_inches() * style.DPI
        return round(float(width)), round(float(height))

    def png(self, scale: float = 2.0) -> bytes:
        """Draw a bitmap with `scale` times the pixels of `size`."""
        checks.positive(scale=scale)
        return self._matplotlib("png", scale)

    def svg(self) -> bytes:
        """Draw vectors; letters are outlines, so no font is needed to show it."""
        return self._matplotlib("svg")

    def pdf(self) -> bytes:
        """Draw vectors for print, with their fonts embedded."""
        return self._matplotlib("pdf")

    def gif(self, limit: int = GIF_LIMIT) -> bytes:
        """Give the moving form, under `limit` bytes by fewer colours and then fewer frames where needed.

        A figure that does not move raises InputError.
        """
        if self.animation is None:
            raise InputError("a moving picture needs a figure that moves (traversal), got one that does not")
        with style.themed(self.theme):
            frames = self.animation()
            paper = [round(255 * part) for part in style.rgb(style.PAPER)]
        tries = (encode_gif(frames[::every], colours, 70 * every, paper) for every, colours in GIF_TRIES)
        smallest = b""
        for smallest in tries:
            if len(smallest) < limit:
                break
        return smallest

    def save(self, path: str | Path) -> Path:
        """Write to `path`, whose ending chooses the form: .png, .svg, .pdf, and .gif for what moves.

        The file appears whole or not at all. An unknown ending or a folder that cannot be written raises
        InputError.
        """
        target = Path(path)
        forms: dict[str, Callable[[], bytes]] = dict(zip(STILL, (self.png, self.svg, self.pdf), strict=True))
        if self.animation is not None:
            forms[".gif"] = self.gif
        return write_file(target, forms[form_of(target, forms)]())

    def _repr_png_(self) -> bytes:
        return self.png()

    def _repr_html_(self) -> str:
        return html.image(self.png(), self.size, self.alt)

    def _matplotlib(self, form: str, scale: float = 1.0) -> bytes:
        # Without dates the same picture has the same bytes.
        undated = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": None}
        out = io.BytesIO()
        with style.themed(self.theme), style.applied():
            self.figure.savefig(out, format=form, dpi=style.DPI * scale, metadata=undated[form])
        return out.getvalue()


def form_of(path: Path, forms: Collection[str] = STILL) -> str:
    """The ending of `path`, by which a picture is saved; one that is not among `forms` raises InputError."""
    if (ending := path.suffix.lower()) not in forms:
        raise InputError(f"out must end in {' or '.join(forms)} for this figure, got {path.name}")
    return ending


class Figure(Protocol):
    """A registered figure: a frozen dataclass of settings that turns a run into a picture.

    One whose class says `several = True` is given a list of runs instead; with `over_seeds = True` it shows runs
    that differ in their seed alone as one line or point with its spread, and a study gives it all of them.
    """

    def __call__(self, runs: Any, /) -> Picture:
        """Draw; a run that lacks what the figure needs raises InputError."""
        ...


def draw(name: str, runs: Any, given: Mapping[str, object] | None = None) -> Picture:
    """Draw the registered figure `name` of a run, or of several where it takes them, with settings by name.

    Besides its own settings every figure takes `theme`, "light" (the default) or "dark". An unknown figure or setting,
    several runs for a figure of one, or a run that lacks what the figure needs raises InputError.
    """
    kind = figures.get(name)
    own = dict(given or {})
    with style.themed(str(own.pop("theme", style.theme()))):
        figure: Figure = settings.build(kind, own, of=name)
        each: list[Any] = list(runs) if isinstance(runs, Sequence) else [runs]
        if getattr(kind, "several", False):
            return figure(each)
        if len(each) != 1:
            raise InputError(f"{name} is a figure of one run, got {len(each)}")
        return figure(each[0])


def encode_gif(
    frames: Sequence[np.ndarray], colours: int, milliseconds: int, paper: Sequence[int] = (255, 255, 255)
) -> bytes:
    """Encode frames (h, w, 3) of bytes as an endless GIF with one palette, so that still parts stay still."""
    height, width = frames[0].shape[:2]
    film = Image.fromarray(np.concatenate(frames)).quantize(colours, dither=Image.Dither.NONE)
    shades = np.reshape(film.getpalette() or [], (-1, 3))
    shades[np.abs(shades - np.asarray(paper)).sum(1).argmin()] = paper  # averaging may have changed it slightly
    film.putpalette(shades.flatten().tolist())
    shown = [film.crop((0, k * height, width, (k + 1) * height)) for k in range(len(frames))]
    out = io.BytesIO()
    shown[0].save(out, "GIF", save_all=True, append_images=shown[1:], duration=milliseconds, loop=0)
    return out.getvalue()


def write_file(path: Path, data: bytes) -> Path:
    """Write whole or not at all, making missing folders; what the system refuses raises InputError."""
    try:
        write_atomic(path, lambda file: file.write(data))
    except OSError as wrong:
        raise InputError(f"out must be a file that can be written, got {path}: {wrong.strerror}") from None
    return path
