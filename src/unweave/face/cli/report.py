"""Write a self-contained HTML report about one run or several."""

from pathlib import Path
from typing import Annotated

from unweave.base.errors import InputError


def report(
    *run: Annotated[str, "folders of the runs"],
    out: Annotated[str | None, "file to write [report.html in the run's folder]"] = None,
) -> None:
    """Write a self-contained HTML report about one run or several."""
    from unweave.run.run import Run
    from unweave.show.reports import write

    if not run:
        raise InputError("report needs the folder of a run, got none")
    opened = [Run(path) for path in run]
    print(write(opened, Path(out) if out is not None else opened[0].path / "report.html"))
