"""Choose among the runs of a study without labels."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated, Any, Literal

from unweave.base import checks
from unweave.base.registry import comparisons
from unweave.face.cli.options import Options, options_of, value_of, word
from unweave.studies.reading import find

WAYS = [*comparisons.names(), "agreement"]


def options(tokens: list[str]) -> Options:
    """The settings of the way to choose that `tokens` name."""
    by = value_of("--by", tokens) or "udr"
    checks.known("way to choose", by, WAYS)
    if (study := word(tokens, 1)) is not None:
        find(study, scale=value_of("--scale", tokens), out=value_of("--out", tokens))  # before anything heavy
    from unweave.studies.select import settings_class

    return options_of(settings_class(by), f"Settings of {by}")


def select(
    study: Annotated[str, "a YAML file, the folder of a study, or a shipped one's name"],
    /,
    *,
    by: Annotated[str, f"what runs are ranked by: {', '.join(WAYS)}"] = "udr",
    over: Annotated[
        Literal["cell", "study"], "cell: compare seeds of the same settings; study: compare all runs"
    ] = "cell",
    metric: Annotated[str | None, "score against factors to compare the choice with [the study's first]"] = None,
    out: Annotated[str | None, "folder of the study [studies/NAME]"] = None,
    scale: Annotated[str | None, "scale of the study, if it has any [smoke]"] = None,
    json_: Annotated[bool, "print strict JSON"] = False,
    **settings: Any,
) -> None:
    """`unweave select STUDY`."""
    from unweave.studies.expansion import expand
    from unweave.studies.select import select
    from unweave.studies.table import grid, number

    found_study = find(study, scale=scale, out=out)
    found = select(found_study, expand(found_study), by, over=over, metric=metric, settings=settings)
    if json_:
        print(json.dumps(asdict(found), indent=1, allow_nan=False))
        return
    heads = ["cell", "seed", by, found.metric or "real score", "run"]
    print(grid(heads, [[e.cell, str(e.seed), number(e.score), number(e.real), e.run] for e in found.ranked], "md"))
    print(found.words())
