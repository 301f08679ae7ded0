"""Rules that settings must keep, with one wording for every refusal."""

import difflib
import math
from collections.abc import Iterable, Mapping

from unweave.base.errors import InputError


def finite(**values: float) -> None:
    """Refuse infinities and NaN.

    >>> finite(beta=4.0)
    >>> finite(beta=float("nan"))
    Traceback (most recent call last):
        ...
    unweave.base.errors.InputError: beta must be a finite number, got nan
    """
    for name, value in values.items():
        if not math.isfinite(value):
            raise InputError(f"{name} must be a finite number, got {value}")


def nonnegative(**values: float) -> None:
    """Refuse numbers below 0.

    >>> nonnegative(beta=-1)
    Traceback (most recent call last):
        ...
    unweave.base.errors.InputError: beta must be 0 or more, got -1
    """
    finite(**values)
    for name, value in values.items():
        if value < 0:
            raise InputError(f"{name} must be 0 or more, got {value}")


def positive(**values: float) -> None:
    """Refuse 0 and numbers below it."""
    finite(**values)
    for name, value in values.items():
        if value <= 0:
            raise InputError(f"{name} must be more than 0, got {value}")


def at_least(minimum: float, **values: float) -> None:
    """Refuse numbers below `minimum`."""
    finite(**values)
    for name, value in values.items():
        if value < minimum:
            raise InputError(f"{name} must be {minimum} or more, got {value}")


def fraction(**values: float) -> None:
    """Refuse numbers outside [0, 1]."""
    finite(**values)
    for name, value in values.items():
        if not 0 <= value <= 1:
            raise InputError(f"{name} must lie between 0 and 1, got {value}")


def betas(**values: tuple[float, float]) -> None:
    """Refuse decay rates that Adam cannot use: each must lie in [0, 1)."""
    for name, pair in values.items():
        if len(pair) != 2 or not all(0 <= rate < 1 for rate in pair):
            raise InputError(f"{name} must be two numbers from 0 up to but not 1, got {pair}")


def one_of(choices: Iterable[object], **values: object) -> None:
    """Refuse values that are not among `choices`; the nearest one is suggested."""
    allowed = list(choices)
    for name, value in values.items():
        if value not in allowed:
            raise InputError(f"{name} must be one of {', '.join(map(str, allowed))}, got {value}")


def known(kind: str, name: str, names: Iterable[str]) -> None:
    """Refuse a name that is not among `names`, and say which one was probably meant.

    >>> known("method", "faktor-vae", ["vae", "factor-vae"])
    Traceback (most recent call last):
        ...
    unweave.base.errors.InputError: unknown method 'faktor-vae'; did you mean 'factor-vae'? Known: factor-vae, vae
    """
    allowed = sorted(names)
    if name in allowed:
        return
    near = difflib.get_close_matches(name, allowed, n=1, cutoff=0.5)
    hint = f"; did you mean '{near[0]}'?" if near else "."
    raise InputError(f"unknown {kind} '{name}'{hint} Known: {', '.join(allowed)}")


def differing(given: Mapping[str, object], stored: Mapping[str, object]) -> list[str]:
    """Say, one sentence part each, where two flat tables disagree.

    >>> differing({"lr": 0.1, "seed": 1}, {"lr": 0.2, "seed": 1})
    ['lr (given 0.1, stored 0.2)']
    """
    names = sorted(given.keys() | stored.keys())
    missing = object()
    parts: list[str] = []
    for name in names:
        new, old = given.get(name, missing), stored.get(name, missing)
        if new != old:
            shown = ["absent" if v is missing else v for v in (new, old)]
            parts.append(f"{name} (given {shown[0]}, stored {shown[1]})")
    return parts
