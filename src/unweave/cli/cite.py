"""Print what to cite as BibTeX: unweave, and the texts behind a method, metric or data set, or a whole run."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter


def cite(
    what: Annotated[str | None, Parameter(help="a name that `unweave list` shows, or the folder of a run")] = None, /
) -> None:
    """Print what to cite as BibTeX: unweave, and the texts behind a method, metric or data set, or a whole run."""
    from unweave.references import bibliography, named, own
    from unweave.registry import ALL

    docs: dict[str, str] = {}
    if what is not None:
        for name in _names_in_run(what) or [what]:
            docs |= named(name)
        if not docs:
            from unweave import checks

            checks.known("name", what, [name for table in ALL.values() for name in table.names()])
    print("\n\n".join(part for part in (own(), bibliography(docs)) if part))


def _names_in_run(path: str) -> list[str]:
    """Method, data, net, prior, likelihood and scores of the run in a folder; none where there is no run."""
    from pathlib import Path

    from unweave.engine import folder

    if not folder.is_run(Path(path)):
        return []
    from unweave.run import Run

    run = Run(path)
    parts = (run.spec.method, run.spec.data, run.spec.net, run.spec.prior, run.spec.likelihood)
    return [*(part.name for part in parts), *(run.scores if run.finished else ())]
