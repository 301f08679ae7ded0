"""Choose among the trained runs of a study without labels."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from unweave.base import checks
from unweave.face.cli.options import argument, first_word, option, options_of, value_of
from unweave.face.cli.options import signed as with_options


def signed(tokens: list[str]) -> Callable[..., Any]:
    """`unweave select STUDY` with the settings of the way that `tokens` name."""
    from unweave.base.registry import comparisons

    by = value_of("--by", tokens) or "udr"
    ways = [*comparisons.names(), "agreement"]
    checks.known("way to choose", by, ways)
    if (study := first_word(tokens)) is not None:
        from unweave.studies.reading import find

        find(study, scale=value_of("--scale", tokens), out=value_of("--out", tokens))  # before anything heavy
    from unweave.studies.select import settings_class

    options = [
        argument("study", "a YAML file, the folder of a study, or a shipped one's name"),
        option("by", f"what runs are ranked by: {', '.join(ways)} [udr]", "Choice"),
        option("over", "cell: compare seeds of the same settings; study: all runs with all others [cell]", "Choice"),
        option("metric", "the real score to compare the choice with [the study's first]", "Choice"),
        option("out", "folder of the study [studies/NAME]", "Choice"),
        option("scale", "which of the study's scales, where there are any [smoke]", "Choice"),
        option("json", "print strict JSON", "Choice", kind=bool),
        *options_of(settings_class(by), f"Settings of {by}"),
    ]
    return with_options(_select, options)


def _select(words: tuple[str, ...], given: dict[str, Any]) -> None:
    from unweave.studies.expansion import expand
    from unweave.studies.reading import find
    from unweave.studies.select import select
    from unweave.studies.table import grid, number

    study = find(words[0], scale=given.pop("scale", None), out=given.pop("out", None))
    by, over, as_json = given.pop("by", "udr"), given.pop("over", "cell"), given.pop("json", False)
    checks.one_of(("cell", "study"), over=over)
    found = select(study, expand(study), by, over=over, metric=given.pop("metric", None), settings=given)
    if as_json:
        print(json.dumps(asdict(found), indent=1, allow_nan=False))
        return
    heads = ["cell", "seed", by, found.metric or "real score", "run"]
    print(grid(heads, [[e.cell, str(e.seed), number(e.score), number(e.real), e.run] for e in found.ranked], "md"))
    print(found.words())
