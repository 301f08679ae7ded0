"""Draw images from the prior of a run or an exported model: a picture, or an npz with their codes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from unweave.base import checks
from unweave.base.errors import InputError
from unweave.face.cli.encode import opened, whole
from unweave.face.cli.options import argument, option
from unweave.face.cli.options import signed as with_options

ARRAYS = ".npz"


def signed(_tokens: list[str]) -> Callable[..., Any]:
    """`unweave sample RUN`."""
    return with_options(
        _sample,
        [
            argument("run", "folder of the run, or of an exported model"),
            option("n", "images, divided among the categories where there are any [64]", "Samples"),
            option("seed", "which codes are drawn [0]", "Samples"),
            option("columns", "images in a row of the picture [8]", "Samples"),
            option(
                "out", "file to write: .png, .svg, .pdf or .npz [figures/samples.png in the run's folder]", "Samples"
            ),
            option("overwrite", "replace an npz that exists", "Samples", kind=bool),
        ],
    )


def _sample(words: tuple[str, ...], given: dict[str, Any]) -> None:
    from unweave.show.codes import sample_to
    from unweave.show.figures.samples import Samples

    n, seed = whole(given.get("n"), "n", 64), whole(given.get("seed"), "seed", 0)
    out = Path(given.get("out", Path(words[0], "figures", "samples.png")))
    checks.at_least(1, n=n)
    source = opened(words[0])
    if out.suffix.lower() != ARRAYS:
        print(Samples(n, whole(given.get("columns"), "columns", 8), seed)(source).save(out))
        return
    if "columns" in given:
        raise InputError("columns are those of a picture, got an out that ends in .npz")
    print(sample_to(source, out, n, seed, overwrite=given.get("overwrite", False)))
