"""Draw a figure of a run, or of several: png, svg, pdf, or gif where it moves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from unweave.base import registry
from unweave.base.errors import InputError
from unweave.face.cli.options import Options, argument, first_word, option, options_of
from unweave.face.cli.options import signed as with_options


def _options(figure: str | None, *, many: bool = False) -> Options:
    options = [
        argument("run", "folder of the run, or folders where the figure compares runs", many=True)
        if many
        else argument("run", "folder of the run"),
        option(
            "out",
            "file to write; its ending chooses the form [figures/NAME.png in the (first) run's folder]",
            "Picture",
        ),
        option("theme", "light or dark [light]", "Picture"),
    ]
    return options + (options_of(registry.figures.get(figure), f"Settings of {figure}") if figure else [])


def signed(tokens: list[str]) -> Callable[..., Any]:
    """`unweave draw FIGURE RUN...` with the settings of the figure that `tokens` name."""
    names = argument("figure", "what to draw: " + ", ".join(registry.figures.names()))
    options = [names, *_options(first_word(tokens), many=True)]
    return with_options(lambda words, given: _draw(words[0], words[1:], given), options)


def signed_traverse(_tokens: list[str]) -> Callable[..., Any]:
    """`unweave traverse RUN`."""
    return with_options(lambda words, given: _draw("traversal", words, given), _options("traversal"))


def signed_reconstruct(_tokens: list[str]) -> Callable[..., Any]:
    """`unweave reconstruct RUN`."""
    return with_options(lambda words, given: _draw("reconstructions", words, given), _options("reconstructions"))


def _draw(figure: str, folders: Sequence[str], given: dict[str, Any]) -> None:
    from unweave.run.run import Run, Runs

    if not folders:
        raise InputError("draw needs the folder of a run, got none")
    opened = Runs(map(Run, folders))
    out = given.pop("out", None)
    place = opened[0].path / "figures" / f"{figure}.png" if out is None else Path(out)
    print(opened.draw(figure, **given).save(place))
