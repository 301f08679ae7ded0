"""Sample images from the prior of a run or exported model: a picture, or an npz with their codes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from unweave.base.checks import Range
from unweave.base.errors import InputError
from unweave.face.cli.encode import opened

ARRAYS = ".npz"
OUT = "file to write: .png, .svg, .pdf or .npz [figures/samples.png in the run's folder]"


def sample(
    run: Annotated[str, "folder of the run, or of an exported model"],
    /,
    *,
    n: Annotated[int, "number of images, divided among the categories if there are any", Range(1)] = 64,
    seed: Annotated[int, "which codes to decode", Range(0)] = 0,
    columns: Annotated[int | None, "images per row of the picture [8]", Range(1)] = None,
    out: Annotated[str | None, OUT] = None,
    overwrite: Annotated[bool, "replace an npz that exists"] = False,
) -> None:
    """`unweave sample RUN`."""
    from unweave.show.codes import sample_to
    from unweave.show.figures.samples import Samples

    place = Path(run, "figures", "samples.png") if out is None else Path(out)
    source = opened(run)
    if place.suffix.lower() != ARRAYS:
        print(Samples(n, 8 if columns is None else columns, seed)(source).save(place))
        return
    if columns is not None:
        raise InputError("columns are those of a picture, got an out that ends in .npz")
    print(sample_to(source, place, n, seed, overwrite=overwrite))
