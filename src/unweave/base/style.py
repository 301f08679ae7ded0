"""How all figures look: sizes, a light and a dark theme safe for colour-blind eyes, text that reads in one column."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import matplotlib.style
import numpy as np
from cycler import cycler
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import Colormap, LinearSegmentedColormap, to_rgb
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextPath

from unweave.base import checks

DPI = 150  # pixels per inch at scale 1: an image of 64 pixels is 0.43 inch wide, seven fill a paper's column
TEXT, SMALL = 8.0, 7.0  # points
COLUMN = 3.3  # inches, a paper's column


@dataclass(frozen=True)
class Theme:
    """Colours by use; `shades` and `poles` make the colour maps that begin at 0 and that have 0 in the middle."""

    paper: str
    ink: str
    grey: str
    faint: str
    pale: str
    colours: tuple[str, ...]
    accent: str
    shades: tuple[str, ...]
    poles: tuple[str, ...]
    on_shade: str


# Okabe and Ito's colours (https://jfly.uni-koeln.de/color), without yellow on white, where it vanishes, and in an order
# that begins with the brightest on black, without the blue that vanishes there.
THEMES = {
    "light": Theme(
        paper="#ffffff", ink="#1a1a1a", grey="#767676", faint="#b3b3b3", pale="#d9d9d9",
        colours=("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"), accent="#D55E00",
        shades=("Blues",), poles=("PuOr_r",), on_shade="white",
    ),
    "dark": Theme(
        paper="#16181b", ink="#ececec", grey="#9aa0a6", faint="#63686e", pale="#34383d",
        colours=("#56B4E9", "#E69F00", "#009E73", "#CC79A7", "#F0E442", "#D55E00", "#ffffff"), accent="#E69F00",
        shades=("#16181b", "#0d4a73", "#56B4E9", "#e3f3fd"),
        poles=("#c3b1f0", "#5b4a9c", "#16181b", "#a35c10", "#fdc074"), on_shade="#16181b",
    ),
}  # fmt: skip
# Round once: lightness turns with yellow against blue, which colour-blind eyes see; the rest is for the others.
CYCLE = ("#2f74c8", "#3fa3b5", "#7cc07a", "#c9b04a", "#d9822b", "#b0503f", "#7b3b7d", "#4b4da6", "#2f74c8")
_theme: ContextVar[str] = ContextVar("theme", default="light")

if TYPE_CHECKING:  # colours of the theme in use, which __getattr__ gives
    PAPER: str
    INK: str
    GREY: str
    FAINT: str
    PALE: str
    ACCENT: str
    ON_SHADE: str
    COLOURS: tuple[str, ...]


def __getattr__(name: str) -> Any:
    """The colours of the theme in use under their names in capitals.

    >>> from unweave.base import style
    >>> style.INK
    '#1a1a1a'
    """
    if name.isupper() and name.lower() in Theme.__dataclass_fields__:
        return getattr(THEMES[_theme.get()], name.lower())
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def theme() -> str:
    """The name of the theme in use."""
    return _theme.get()


@contextmanager
def themed(name: str) -> Generator[None]:
    """Draw in the theme of this name, "light" or "dark", inside `with`; another name raises InputError.

    >>> with themed("dark"):
    ...     theme()
    'dark'
    """
    checks.one_of(tuple(THEMES), theme=name)
    before = _theme.set(name)
    try:
        yield
    finally:
        _theme.reset(before)


def shades() -> Colormap:
    """From the paper's colour at the least value to the strongest blue."""
    return _map(THEMES[_theme.get()].shades)


def poles() -> Colormap:
    """Purple below, the paper's colour in the middle, orange above."""
    return _map(THEMES[_theme.get()].poles)


def ramp() -> Colormap:
    """Ordered values, all of them seen on the paper: viridis without the end that is nearest to it."""
    low, high = (0.0, 0.93) if _theme.get() == "light" else (0.22, 1.0)
    return LinearSegmentedColormap.from_list("", matplotlib.colormaps["viridis"](np.linspace(low, high, 64)))


def cycle() -> Colormap:
    """Angles, 0 to 1 for a whole turn: blue, green, orange, purple, and blue again.

    Blue and orange differ for red-green blind eyes, too, and so do light green and dark purple, so that all four
    directions can be told apart.
    """
    return LinearSegmentedColormap.from_list("", CYCLE, N=360)


def _map(colours: tuple[str, ...]) -> Colormap:
    return matplotlib.colormaps[colours[0]] if len(colours) == 1 else LinearSegmentedColormap.from_list("", colours)


def rgb(colour: str) -> tuple[float, float, float]:
    """A colour as red, green and blue in [0, 1].

    >>> rgb("#ff0000")
    (1.0, 0.0, 0.0)
    """
    return to_rgb(colour)


def applied() -> AbstractContextManager[None]:
    """Let matplotlib draw in our style inside `with`, whatever the user's own is; nothing stays changed."""
    now = THEMES[_theme.get()]
    rules: dict[str, Any] = {
        "figure.dpi": DPI,
        "figure.facecolor": now.paper,
        "savefig.facecolor": now.paper,
        "axes.facecolor": now.paper,
        "font.family": "DejaVu Sans",  # comes with matplotlib: the same picture on every machine
        "font.size": TEXT,
        "axes.titlesize": TEXT,
        "axes.titlelocation": "left",
        "axes.labelsize": SMALL,
        "xtick.labelsize": SMALL,
        "ytick.labelsize": SMALL,
        "text.color": now.ink,
        "axes.labelcolor": now.ink,
        "axes.edgecolor": now.grey,
        "xtick.color": now.grey,
        "ytick.color": now.grey,
        "xtick.labelcolor": now.ink,
        "ytick.labelcolor": now.ink,
        "axes.linewidth": 0.6,
        "xtick.major.width": 0.6,
        "ytick.major.width": 0.6,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "axes.grid.axis": "y",
        "axes.axisbelow": True,
        "grid.color": now.pale,
        "grid.linewidth": 0.4,
        "lines.linewidth": 1.2,
        "axes.prop_cycle": cycler(linestyle=["-", "--", ":"]) * cycler(color=now.colours),
        "text.parse_math": False,  # a name with a dollar sign is a name
        "svg.hashsalt": "unweave",  # same picture, same bytes
        "pdf.fonttype": 42,
    }
    return matplotlib.style.context(["default", rules])


def figure(width: float, height: float, **options: Any) -> Figure:
    """Make an empty figure of this size in inches, outside pyplot's global list."""
    whole = [(round(side * DPI) + 0.01) / DPI for side in (width, height)]  # matplotlib cuts part pixels off
    made = Figure(figsize=(whole[0], whole[1]), dpi=DPI, **options)
    FigureCanvasAgg(made)
    return made


def text_width(text: str, size: float = TEXT) -> float:
    """Measure how many pixels a line of text takes at scale 1."""
    if not text.strip():
        return 0.0
    points = TextPath((0, 0), text, size=size, prop=FontProperties(family="DejaVu Sans"), usetex=False)
    return float(points.get_extents().width) * DPI / 72
