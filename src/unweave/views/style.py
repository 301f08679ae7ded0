"""How all figures look: sizes, colours safe for colour-blind eyes, text that reads in one column."""

from contextlib import AbstractContextManager
from typing import Any

import matplotlib.style
from cycler import cycler
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextPath

DPI = 150  # pixels per inch at scale 1: an image of 64 pixels is 0.43 inch wide, seven fill a paper's column
TEXT, SMALL = 8.0, 7.0  # points
INK, GREY, FAINT, PALE = "#1a1a1a", "#767676", "#b3b3b3", "#d9d9d9"
# Okabe and Ito's colours (https://jfly.uni-koeln.de/color), without yellow, which vanishes on white.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
ACCENT = COLOURS[1]

RULES: dict[str, Any] = {
    "figure.dpi": DPI,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same picture on every machine
    "font.size": TEXT,
    "axes.titlesize": TEXT,
    "axes.titlelocation": "left",
    "axes.labelsize": SMALL,
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": GREY,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "grid.color": PALE,
    "grid.linewidth": 0.4,
    "lines.linewidth": 1.2,
    "axes.prop_cycle": cycler(linestyle=["-", "--", ":"]) * cycler(color=COLOURS),
    "text.parse_math": False,  # a name with a dollar sign is a name
    "svg.hashsalt": "unweave",  # same picture, same bytes
    "pdf.fonttype": 42,
}


def applied() -> AbstractContextManager[None]:
    """Let matplotlib draw in our style inside `with`, whatever the user's own is; nothing stays changed."""
    return matplotlib.style.context(["default", RULES])


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
