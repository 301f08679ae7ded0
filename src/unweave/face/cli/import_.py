"""Import weights trained with other code (DISVAE, JointVAE) as a run that you can score and draw."""

from __future__ import annotations

from typing import Annotated, Any

from unweave.base.errors import InputError
from unweave.face.cli.encode import options as options

DATA = "what to score and draw it with, as for train [what specs.json names]"


def import_(
    file: Annotated[str, "model.pt, with specs.json beside it"],
    /,
    *,
    from_: Annotated[str | None, "project that wrote it: disvae or jointvae"] = None,
    out: Annotated[str | None, "folder of the run"] = None,
    data: Annotated[str | None, DATA] = None,
    overwrite: Annotated[bool, "replace the run in --out"] = False,
    **settings: Any,
) -> None:
    """`unweave import FILE`."""
    from unweave.run.importing import import_run

    if out is None or from_ is None:
        missing = "--out, a folder for the run" if out is None else "--from, disvae or jointvae"
        raise InputError(f"import needs {missing}, got none")
    run = import_run(file, from_, out, data=data, given=settings, overwrite=overwrite)
    at = run.path
    print(f"{run.title}: imported into {at}; next: unweave evaluate {at}, unweave traverse {at}, unweave doctor {at}")
