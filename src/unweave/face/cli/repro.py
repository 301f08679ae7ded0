"""Make a table or figure of the founding texts again, beside the published numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from unweave.base import checks
from unweave.base.errors import InputError
from unweave.face.cli.options import argument, option
from unweave.face.cli.options import signed as with_options
from unweave.face.cli.study import conduct_options, engine_options, run, words_of

if TYPE_CHECKING:
    from unweave.studies.spec import Study
    from unweave.studies.table import Row


def signed(tokens: list[str]) -> Callable[..., Any]:
    """`unweave repro NAME` with the engine's options."""
    options = [
        argument("name", "what to make again; without a name all are listed", optional=True),
        option(
            "scale", "smoke (minutes), laptop (hours on 2 cores) or paper (the published protocol) [smoke]", "Study"
        ),
        option("out", "folder of the study [studies/NAME-SCALE]", "Study"),
        option("dry_run", "only say what would be run, and how long it takes", "Study", kind=bool),
        option("retry_failed", "try failed runs again", "Study", kind=bool),
        *engine_options(),
    ]
    return with_options(_repro, options)


def _repro(words: tuple[str | None, ...], given: dict[str, Any]) -> None:
    from unweave.studies.reading import find, names

    if not words or words[0] is None:
        for name in names():
            print(f"{name:<24}{find(name).about}")
        return
    checks.known("study", words[0], names())
    study = find(words[0], scale=given.pop("scale", None), out=given.pop("out", None))
    if study.computes is not None:
        conduct_options(given)
        from unweave.studies import table as tables
        from unweave.studies.computed import compute

        results = compute(study)
        study.keep()
        tables.keep(study, results)
        print(f"{study.name}: computed without runs; every number lies in {study.path(tables.RESULTS)}")
        show(study, results)
        return
    run(study, given)
    if given.get("dry_run"):
        return
    from unweave.studies.expansion import expand
    from unweave.studies.report import write
    from unweave.studies.table import rows

    trials = expand(study)
    results = list(rows(study, trials))
    if not results:
        raise InputError(f"{study.name} must have a finished run for a table, got none; see the failures above")
    show(study, results)
    print(f"all pictures in {write(study, trials)}")


def show(study: Study, results: Sequence[Row]) -> None:
    """Print our rows beside the published ones and what differs, and keep them as a page of text."""
    from unweave.base.files import write_atomic
    from unweave.studies import table as tables

    names = tables.main_metrics(study) if study.computes is None else list(dict.fromkeys(r.metric for r in results))
    found = tables.cells(results)
    ours = words_of(study, results, names, "md", None) if study.computes is None else tables.written(found, "md")
    beside = "" if study.computes is None else tables.published_table(study, found)
    differs = "".join(f"- {each}\n" for each in study.differs)
    parts = [f"# {study.name}\n\n{study.about}\n", ours, beside]
    text = "\n".join(
        [
            *(part for part in parts if part),
            *([f"What differs from the published protocol:\n\n{differs}"] if differs else []),
        ]
    )
    path = study.path("table.md")
    write_atomic(path, lambda file: file.write(text.encode()))
    print(text)
    print(f"written to {path}")
