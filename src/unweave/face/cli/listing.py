"""List methods, data, metrics, comparisons, nets, priors, likelihoods, figures, recipes or studies."""

from typing import Annotated

from unweave.base import checks
from unweave.base.registry import ALL
from unweave.run import recipes
from unweave.studies import reading as studies

KINDS = [*ALL, "recipes", "studies"]


def listing(kind: Annotated[str, ", ".join(KINDS)], /) -> None:
    """List what there is of one kind, each with a line about it."""
    checks.known("list", kind, KINDS)
    if kind == "recipes":
        lines = {name: recipes.load(name).source for name in recipes.names()}
    elif kind == "studies":
        lines = {name: studies.find(name).about for name in studies.names()}
    else:
        table = ALL[kind]
        lines = {name: table.summary(name) + _from(table.origin(name)) for name in table.names()}
    width = max(map(len, lines))
    for name, line in lines.items():
        print(f"{name:<{width}}  {line}")


def _from(origin: str | None) -> str:
    return f" ({origin})" if origin else ""
