"""List methods, data, metrics, nets, priors, likelihoods, figures or recipes."""

from typing import Annotated

from cyclopts import Parameter

from unweave import checks, recipes
from unweave.registry import ALL


def listing(kind: Annotated[str, Parameter(help=", ".join([*ALL, "recipes"]))], /) -> None:
    """List what there is of one kind, each with a line about it."""
    checks.known("list", kind, [*ALL, "recipes"])
    if kind == "recipes":
        lines = {name: recipes.load(name).source for name in recipes.names()}
    else:
        lines = {name: ALL[kind].summary(name) for name in ALL[kind].names()}
    width = max(map(len, lines))
    for name, line in lines.items():
        print(f"{name:<{width}}  {line}")
