"""Print BibTeX for unweave and the sources of a method, metric, data set or whole run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from unweave.base import checks
from unweave.base.errors import InputError
from unweave.base.references import bibliography, named, own
from unweave.base.registry import ALL


def cite(what: Annotated[str | None, "a name that `unweave list` shows, or the folder of a run"] = None, /) -> None:
    """Print BibTeX for unweave and the sources of a method, metric, data set or whole run."""
    docs: dict[str, str] = {}
    if what is not None:
        for name in _names_in_run(what) or [what]:
            docs |= named(name)
        if not docs:
            if Path(what).is_dir() or len(Path(what).parts) > 1:
                raise InputError(f"what to cite must be a name that `unweave list` shows or a run's folder, got {what}")
            checks.known("name", what, [name for table in ALL.values() for name in table.names()])
    print("\n\n".join(part for part in (own(), bibliography(docs)) if part))


def _names_in_run(path: str) -> list[str]:
    """Method, data, net, prior, likelihood and scores of the run in a folder; none where there is no run."""
    if not Path(path).is_dir():
        return []  # before anything heavy is imported
    from unweave.engine import folder

    if not folder.is_run(Path(path)):
        return []
    from unweave.base.codes import of_title
    from unweave.run.run import Run

    run = Run(path)
    parts = (run.spec.method, run.spec.data, run.spec.net, run.spec.prior, run.spec.likelihood)
    scores = dict.fromkeys(of_title(title)[0] for title in (run.scores if run.finished else ()))
    return [*(part.name for part in parts), *scores]
