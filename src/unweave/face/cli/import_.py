"""Turn weights that others trained (DISVAE, JointVAE) into a run that can be scored and drawn."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Annotated, Any

from cyclopts import Group, Parameter

from unweave.base import registry
from unweave.base.errors import InputError
from unweave.data.own.locate import located
from unweave.face.cli.options import Options, argument, option, options_of, value_of
from unweave.face.cli.options import signed as with_options

_FROM = inspect.Parameter(  # by hand, since `from` can be no name in Python
    "source",
    inspect.Parameter.KEYWORD_ONLY,
    default=None,
    annotation=Annotated[
        str | None,
        Parameter(
            name="--from", help="whose code wrote it: disvae or jointvae", group=Group("Import"), show_default=False
        ),
    ],
)


def signed(tokens: list[str]) -> Callable[..., Any]:
    """The command with the settings of the data set that `tokens` name."""
    options: Options = [
        argument("file", "model.pt, with specs.json beside it"),
        _FROM,
        option("out", "folder of the run", "Import"),
        option("data", "what to score and draw it with, as for train [what specs.json names]", "Import"),
        option("overwrite", "replace the run in --out", "Import", kind=bool),
    ]
    if data := value_of("--data", tokens):
        name = located(data)["name"]
        options += options_of(registry.datasets.get(name), f"Settings of {name}", "data.")
    return with_options(_import, options)


def _import(words: tuple[str, ...], given: dict[str, Any]) -> None:
    from unweave.run.importing import import_run

    out, source = given.pop("out", None), given.pop("source", None)
    if out is None or source is None:
        missing = "--out, a folder for the run" if out is None else "--from, disvae or jointvae"
        raise InputError(f"import needs {missing}, got none")
    data, overwrite = given.pop("data", None), given.pop("overwrite", False)
    run = import_run(words[0], source, out, data=data, given=given, overwrite=overwrite)
    at = run.path
    print(f"{run.title}: imported into {at}; next: unweave evaluate {at}, unweave traverse {at}, unweave doctor {at}")
