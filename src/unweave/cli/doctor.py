"""Say in plain words which latents live, what each carries, and what is shared, missing or rotated."""

from __future__ import annotations

import json
import textwrap
from typing import Annotated

from cyclopts import Parameter

MARKS = {True: "good", False: "look", None: "    "}


def doctor(
    run: Annotated[str, Parameter(help="folder of the run")],
    /,
    *,
    as_json: Annotated[bool, Parameter(name="--json", help="print strict JSON with all numbers", negative=())] = False,
) -> None:
    """Say in plain words which latents live, what each carries, and what is shared, missing or rotated."""
    from unweave.run import Run

    opened = Run(run)
    if as_json:
        print(json.dumps([finding.as_json() for finding in opened.findings], indent=1, allow_nan=False))
        return
    print(f"{opened.title}\n")
    for finding in opened.findings:
        print(
            textwrap.fill(finding.sentence, 110, initial_indent=f"{MARKS[finding.good]}  ", subsequent_indent=" " * 6)
        )
