"""Write codes, widths, rates and categories of images to a file: npz, csv or parquet."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unweave.base import registry
from unweave.base.errors import InputError
from unweave.data.own.locate import located
from unweave.face.cli.options import Options, argument, option, options_of, value_of
from unweave.face.cli.options import signed as with_options

if TYPE_CHECKING:
    from unweave.models.trained import Model
    from unweave.run.run import Run

EVERY = 10.0  # seconds between lines of progress where there is no terminal


def signed(tokens: list[str]) -> Callable[..., Any]:
    """The command with the settings of the data set that `tokens` name."""
    options: Options = [
        argument("run", "folder of the run, or of an exported model"),
        option("data", "what to encode, as for train [the data of the run]", "Codes"),
        option("out", "file to write, ending in .npz, .csv or .parquet", "Codes"),
        option("limit", "encode only the first images, so many", "Codes"),
        option("overwrite", "replace the file", "Codes", kind=bool),
    ]
    if data := value_of("--data", tokens):
        name = located(data)["name"]
        options += options_of(registry.datasets.get(name), f"Settings of {name}", "data.")
    return with_options(_encode, options)


def opened(path: str) -> Run | Model:
    """The run or the exported model in a folder."""
    from unweave.run.run import Run
    from unweave.show.export import is_exported, load_model

    return load_model(path) if is_exported(path) else Run(path)


def whole(value: str | None, name: str, default: int) -> int:
    """A whole number that was given as text."""
    try:
        return default if value is None else int(value)
    except ValueError:
        raise InputError(f"{name} must be a whole number, got {value!r}") from None


def _encode(words: tuple[str, ...], given: dict[str, Any]) -> None:
    from unweave.show import codes

    out, data = given.pop("out", None), given.pop("data", None)
    limit, overwrite = given.pop("limit", None), given.pop("overwrite", False)
    if out is None:
        raise InputError("encode needs --out, a file that ends in .npz, .csv or .parquet, got none")
    most = None if limit is None else whole(limit, "limit", 0)
    own = {name.removeprefix("data."): value for name, value in given.items()}
    source = opened(words[0])
    codes.checked_out(Path(out), codes.FORMS, overwrite=overwrite)
    images = None if data is None else codes.opened(data, own, like=source)
    for line in () if images is None else images.account:
        print(line, file=sys.stderr)
    with counting("encoding") as counted:
        path = codes.encode_to(source, out, images, limit=most, overwrite=overwrite, counted=counted)
    print(path)


@contextmanager
def counting(what: str) -> Generator[Callable[[int, int], None]]:
    """Show how many images are done, how fast and for how long yet: a bar on a terminal, a line now and then else."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True, highlight=False)
    began = told = time.monotonic()
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
        nonlocal told
        now = time.monotonic()
        speed = f"{done / max(now - began, 1e-9):,.0f} images/s"
        bar.update(task, completed=done, total=of, description=f"{what}, {speed}")
        if not console.is_terminal and now - told >= EVERY:
            told = now
            console.print(f"{what}: {done:,} of {of:,} images, {speed}", soft_wrap=True)

    with bar:
        yield counted
