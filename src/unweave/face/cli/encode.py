"""Write codes, standard deviations, rates and categories of images to a file: npz, csv or parquet."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from unweave.base import registry
from unweave.base.checks import Range
from unweave.base.codes import Reading
from unweave.base.errors import InputError
from unweave.base.terminal import console as steady_console
from unweave.data.own.locate import located
from unweave.face.cli.options import Options, options_of, value_of

if TYPE_CHECKING:
    from unweave.models.trained import Model
    from unweave.run.run import Run

EVERY = 10.0  # seconds between lines of progress where there is no terminal


def options(tokens: list[str]) -> Options:
    """The settings of the data set that `tokens` name."""
    if (data := value_of("--data", tokens)) is None:
        return {}
    name = located(data)["name"]
    return options_of(registry.datasets.get(name), f"Settings of {name}", "data.")


def opened(path: str) -> Run | Model:
    """The run or the exported model in a folder."""
    from unweave.run.run import Run
    from unweave.show.export import is_exported, load_model

    return load_model(path) if is_exported(path) else Run(path)


def encode(
    run: Annotated[str, "folder of the run, or of an exported model"],
    /,
    *,
    data: Annotated[str | None, "data set to encode, as for train [the data of the run]"] = None,
    out: Annotated[str | None, "file to write, ending in .npz, .csv or .parquet"] = None,
    codes: Annotated[Reading, "what to write: posterior means, or their planes as well"] = "means",
    limit: Annotated[int | None, "encode only the first N images", Range(1)] = None,
    overwrite: Annotated[bool, "replace the file"] = False,
    **settings: Any,
) -> None:
    """Write what a run says of every image of a data set."""
    from unweave.show import codes as tables

    if out is None:
        raise InputError("encode needs --out, a file that ends in .npz, .csv or .parquet, got none")
    own = {name.removeprefix("data."): value for name, value in settings.items()}
    source = opened(run)
    tables.checked_out(Path(out), tables.FORMS, overwrite=overwrite)
    images = None if data is None else tables.opened(data, own, like=source)
    for line in () if images is None else images.account:
        print(line, file=sys.stderr)
    with counting("encoding") as counted:
        path = tables.encode_to(source, out, images, limit=limit, overwrite=overwrite, counted=counted, codes=codes)
    print(path)


@contextmanager
def counting(what: str) -> Generator[Callable[[int, int], None]]:
    """Show how many images are done, how fast and for how long yet: a bar on a terminal, a line now and then else."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = steady_console()
    began = printed = time.monotonic()
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
    )
    task = bar.add_task(what, total=None)

    def counted(done: int, of: int) -> None:
        nonlocal printed
        now = time.monotonic()
        speed = f"{done / max(now - began, 1e-9):,.0f} images/s"
        bar.update(task, completed=done, total=of, description=f"{what}, {speed}")
        if not console.is_terminal and now - printed >= EVERY:
            printed = now
            console.print(f"{what}: {done:,} of {of:,} images, {speed}", soft_wrap=True)

    with bar:
        yield counted
