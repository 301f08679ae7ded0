"""Draw a figure of a run: png, svg, pdf, or gif where it moves."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from unweave import registry
from unweave.cli.options import Options, argument, first_word, option, options_of
from unweave.cli.options import signed as with_options


def _options(figure: str | None) -> Options:
    options = [
        argument("run", "folder of the run"),
        option(
            "out",
            "file to write; its ending chooses the form [figures/NAME.png in the run's folder]",
            "Picture",
        ),
    ]
    return options + (options_of(registry.figures.get(figure), f"Settings of {figure}") if figure else [])


def signed(tokens: list[str]) -> Callable[..., Any]:
    """`unweave draw FIGURE RUN` with the settings of the figure that `tokens` name."""
    names = argument("figure", "what to draw: " + ", ".join(registry.figures.names()))
    return with_options(lambda words, given: _draw(words[0], words[1], given), [names, *_options(first_word(tokens))])


def signed_traverse(_tokens: list[str]) -> Callable[..., Any]:
    """`unweave traverse RUN`."""
    return with_options(lambda words, given: _draw("traversal", words[0], given), _options("traversal"))


def signed_reconstruct(_tokens: list[str]) -> Callable[..., Any]:
    """`unweave reconstruct RUN`."""
    return with_options(lambda words, given: _draw("reconstructions", words[0], given), _options("reconstructions"))


def _draw(figure: str, folder: str, given: dict[str, Any]) -> None:
    from unweave.run import Run

    run = Run(folder)
    out = given.pop("out", None)
    place = run.path / "figures" / f"{figure}.png" if out is None else Path(out)
    print(run.draw(figure, **given).save(place))
