"""Draw images in which what is named is fixed and the rest is drawn: small hearts, whatever their place."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from unweave.base.checks import Range
from unweave.base.errors import InputError
from unweave.run.compose import Rest, wishes


def compose(
    run: Annotated[str, "folder of the run"],
    /,
    *,
    set_: Annotated[str, "names of latents or factors with their values, as in scale=small,shape=2"],
    samples: Annotated[int, "number of images", Range(1)] = 32,
    columns: Annotated[int, "images in a row", Range(1)] = 8,
    rest: Annotated[Rest, "where the other latents come from: codes of images, or the prior"] = "aggregate",
    seed: Annotated[int, "which codes are drawn", Range(0)] = 0,
    out: Annotated[
        str | None, "file to write: .png, .svg or .pdf [figures/composition.png in the run's folder]"
    ] = None,
) -> None:
    """`unweave compose RUN --set WHAT`."""
    from unweave.base.picture import form_of
    from unweave.run.run import Run
    from unweave.show.figures.composition import Composition

    place = Path(run, "figures", "composition.png") if out is None else Path(out)
    form_of(place)
    if not wishes(set_):
        raise InputError(f"set must name a latent or a factor with its value, as in scale=small, got {set_!r}")
    picture = Composition(set_, samples, columns, rest, seed)(Run(run))
    saved = picture.save(place)
    print(picture.alt)
    print(saved)
