"""Draw a figure of one run or several: png, svg, pdf, or gif for animations."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from unweave.base import registry
from unweave.base.errors import InputError
from unweave.face.cli.options import Options, options_of, word

SHORT = {"traverse": "traversal", "reconstruct": "reconstructions"}  # commands that are named after what they do
OUT = "file to write; its ending chooses the form [figures/NAME.png in the (first) run's folder]"
THEME = "colours, light if not given"
Theme = Literal["light", "dark"]


def options(tokens: list[str]) -> Options:
    """The settings of the figure that `tokens` name."""
    figure = SHORT.get(tokens[0]) or word(tokens, 1)
    return options_of(registry.figures.get(figure), f"Settings of {figure}") if figure else {}


def draw(
    figure: Annotated[str, "what to draw", registry.figures],
    /,
    *runs: Annotated[str, "folder of the run, or several if the figure compares runs"],
    out: Annotated[str | None, OUT] = None,
    theme: Annotated[Theme | None, THEME] = None,
    **settings: Any,
) -> None:
    """`unweave draw FIGURE RUN...`."""
    from unweave.run.run import Run, Runs

    if not runs:
        raise InputError("draw needs the folder of a run, got none")
    opened = Runs(map(Run, runs))
    if theme is not None:
        settings["theme"] = theme
    place = opened[0].path / "figures" / f"{figure}.png" if out is None else Path(out)
    print(opened.draw(figure, **settings).save(place))


def traverse(
    run: Annotated[str, "folder of the run"],
    /,
    *,
    out: Annotated[str | None, OUT] = None,
    theme: Annotated[Theme | None, THEME] = None,
    **settings: Any,
) -> None:
    """`unweave traverse RUN`."""
    draw("traversal", run, out=out, theme=theme, **settings)


def reconstruct(
    run: Annotated[str, "folder of the run"],
    /,
    *,
    out: Annotated[str | None, OUT] = None,
    theme: Annotated[Theme | None, THEME] = None,
    **settings: Any,
) -> None:
    """`unweave reconstruct RUN`."""
    draw("reconstructions", run, out=out, theme=theme, **settings)
