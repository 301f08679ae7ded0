"""Runs: trained, opened, scored and as rows of a table; recipes, and weights that others trained."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from unweave.run.launch import resolve as resolve
    from unweave.run.launch import train as train
    from unweave.run.run import Run as Run
    from unweave.run.run import Runs as Runs
    from unweave.run.run import runs as runs

_HOMES = {"Run": "run", "Runs": "run", "runs": "run", "resolve": "launch", "train": "launch"}


def __getattr__(name: str) -> Any:  # on use, since recipes are read without torch
    if name not in _HOMES:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
