"""Report in words which latents are live, which factors each carries, and what is shared, missing or rotated."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

if TYPE_CHECKING:
    from unweave.metrics.doctor import Finding

MARKS = {True: "good", False: "look", None: "    "}


def doctor(
    run: Annotated[str, "folder of the run"],
    /,
    *,
    json_: Annotated[bool, "print strict JSON with all numbers"] = False,
) -> None:
    """Report in words which latents are live, which factors each carries, and what is shared, missing or rotated."""
    from unweave.run.run import Run
    from unweave.show.figures.columns import column_sentences

    opened = Run(run)
    if json_:
        print(json.dumps([finding.as_json() for finding in opened.findings], indent=1, allow_nan=False))
        return
    print(f"{opened.title}\n")
    print_findings(opened.findings)
    if moves := column_sentences(opened):
        print("\nwhich columns move when a latent goes from -2 to 2:")
    for line in moves:
        print(textwrap.fill(line, 110, initial_indent="      ", subsequent_indent="        "))


def print_findings(findings: Iterable[Finding]) -> None:
    """Print one sentence a finding, marked good, look, or neither."""
    for finding in findings:
        mark = f"{MARKS[finding.good]}  "
        print(textwrap.fill(finding.sentence, 110, initial_indent=mark, subsequent_indent=" " * len(mark)))
