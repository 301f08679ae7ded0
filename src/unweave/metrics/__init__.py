"""Scores of codes: each metric and comparison by name as a pure function of arrays, and what goes with them."""

import sys
from types import ModuleType
from typing import Any

from unweave.base.records import Score as Score
from unweave.metrics.calibration import calibrated as calibrated
from unweave.metrics.calibration import verdict as verdict
from unweave.metrics.comparison import Comparison as Comparison
from unweave.metrics.functions import function_of as function_of
from unweave.metrics.functions import python_name, tables
from unweave.metrics.probe import Encoded as Encoded
from unweave.metrics.probe import Probe as Probe


def __getattr__(name: str) -> Any:
    """The function of a registered metric or comparison, those of other packages included."""
    if name not in __dir__():
        raise AttributeError(f"module 'unweave.metrics' has no attribute '{name}'")
    return function_of(name)


def __dir__() -> list[str]:
    return sorted({*globals(), *(python_name(name) for table in tables() for name in table.names())})


class _Face(ModuleType):
    """A function stays what its name means after a module of that name was imported, as base/moved.py lets one do."""

    def __setattr__(self, name: str, value: object) -> None:
        if not (isinstance(value, ModuleType) and value.__name__ == f"{__name__}.scores.{name}"):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Face
