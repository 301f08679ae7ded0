"""Each metric and comparison as a plain function of arrays, made from its class."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from inspect import Parameter
from typing import Any

from unweave.base import registry
from unweave.base.errors import InputError
from unweave.base.records import Score
from unweave.base.settings import build, settings_of
from unweave.metrics.base import Facts
from unweave.metrics.probe import probe_of_codes, probe_of_factors


def python_name(name: str) -> str:
    """A registered name as Python writes it.

    >>> python_name("mig-sampled")
    'mig_sampled'
    """
    return name.replace("-", "_")


def tables() -> tuple[registry.Registry[Any], ...]:
    """The registries whose things are functions of `unweave.metrics`."""
    return registry.metrics, registry.comparisons


def function_of(of: str | type[Facts]) -> Callable[..., Score]:
    """The function of arrays that a metric or comparison is, by its name or its class.

    Its arguments are those of the class's `inputs` and, by name, the settings of the class, with the class's own
    defaults; so it scores what `CLASS(settings)(probe)` scores. Arrays of the wrong shape and unknown settings raise
    InputError, and so does an unknown name.

    >>> function_of("hoyer")([[1.0, 0.0], [0.0, 2.0]]).value
    1.0
    """
    for table in tables():
        if isinstance(of, str):
            for name in table.names():
                if python_name(name) == python_name(of):
                    return _made(name, table.get(name))
        else:
            with suppress(InputError):  # of a class that is in no registry the own name will do
                return _made(table.name_of(of), of)
    return _made(of, registry.metrics.get(of)) if isinstance(of, str) else _made(of.__name__, of)


def _usual(cls: type[Any]) -> Callable[..., Any]:
    return probe_of_factors if "factors" in cls.needs else probe_of_codes


@cache
def _made(name: str, cls: type[Facts]) -> Callable[..., Score]:
    inputs, settings = cls.inputs or _usual(cls), settings_of(cls)
    arguments = inspect.signature(inputs).parameters

    def function(*args: Any, **given: Any) -> Score:
        own = {key: given.pop(key) for key in list(given) if key not in arguments}
        metric: Any = build(cls, own, of=name)
        try:
            bound = inspect.signature(inputs).bind(*args, **given)
        except TypeError as wrong:
            raise TypeError(f"{function.__name__}() {wrong}") from None
        return metric(inputs(*bound.args, **bound.kwargs))

    function.__name__ = function.__qualname__ = python_name(name)
    function.__module__ = "unweave.metrics"
    by_name = [Parameter(s.name, Parameter.KEYWORD_ONLY, default=s.default, annotation=s.type) for s in settings]
    signature = inspect.Signature([*arguments.values(), *by_name], return_annotation=Score)
    function.__signature__ = signature  # pyright: ignore[reportFunctionMemberAccess]
    lines = [f"{s.name}: {s.help} [{s.default!r}]" for s in settings]
    about = [inspect.cleandoc(each) for each in (cls.__doc__ or "", inputs.__doc__ or "")]
    function.__doc__ = "\n\n".join([*about, "\n".join(["Settings, by name:", *lines])])
    return function
