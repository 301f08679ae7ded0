"""Reproduce a table or figure of the founding texts, beside the published numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

from unweave.base import checks
from unweave.base.errors import InputError
from unweave.face.cli.options import Options, word
from unweave.face.cli.study import engine_options, run, words_of
from unweave.studies.reading import find, names

if TYPE_CHECKING:
    from unweave.run.rows import Row
    from unweave.studies.spec import Study

SCALE = "smoke (minutes), laptop (hours on 2 cores) or paper (the published protocol) [smoke]"


def options(tokens: list[str]) -> Options:
    """The engine's options."""
    name = word(tokens, 1)
    if name is None and "--help" not in tokens:
        return {}
    if name is not None:
        checks.known("study", name, names())
    return engine_options()


def repro(
    name: Annotated[str | None, "what to reproduce; lists all if not given"] = None,
    /,
    *,
    scale: Annotated[str | None, SCALE] = None,
    out: Annotated[str | None, "folder of the study [studies/NAME-SCALE]"] = None,
    dry_run: Annotated[bool, "only list the runs, with an estimate of the time"] = False,
    **engine: Any,
) -> None:
    """`unweave repro NAME`."""
    if name is None:
        for each in names():
            print(f"{each:<24}{find(each).about}")
        return
    study = find(name, scale=scale, out=out)
    if study.computes is not None:
        from unweave.studies import table as tables
        from unweave.studies.computed import compute

        results = compute(study)
        study.keep()
        tables.keep(study, results)
        print(f"{study.name}: computed without runs; every number lies in {study.path(tables.RESULTS)}")
        show(study, results)
        return
    run(study, dry_run=dry_run, **engine)
    if dry_run:
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
