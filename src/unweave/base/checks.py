"""Rules that settings must keep, with one wording for every refusal."""

import difflib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

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
        try:
            known = math.isfinite(value)
        except OverflowError:  # a whole number beyond 1e308
            raise InputError(f"{name} must be a number below 1e308 in size, got a larger one") from None
        if not known:
            raise InputError(f"{name} must be a finite number, got {value}")


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`: without `low` where `above`, without `high` where `below`. NaN is in none.

    Stands in the `Annotated` of a setting, from where help texts, the command line and `Settings` take it.

    >>> [Range(0).words, Range(0, above=True).words, Range(0, 1).words]
    ['0 or more', 'more than 0', 'between 0 and 1']
    >>> Range(-1, 1, above=True, below=True).words
    'between -1 and 1, both excluded'
    >>> Range(0).check(beta=-1)
    Traceback (most recent call last):
        ...
    unweave.base.errors.InputError: beta must be 0 or more, got -1
    """

    low: float = -math.inf
    high: float = math.inf
    above: bool = False
    below: bool = False

    @property
    def words(self) -> str:
        """As help texts and refusals say it."""
        if math.isfinite(self.high):
            ends = {(True, True): "both", (True, False): self.low, (False, True): self.high}
            without = ends.get((self.above, self.below))
            return f"between {self.low} and {self.high}" + ("" if without is None else f", {without} excluded")
        if math.isfinite(self.low):
            return f"more than {self.low}" if self.above else f"{self.low} or more"
        return "a finite number"

    def check(self, **values: float) -> None:
        """Refuse infinities, NaN and numbers outside."""
        finite(**values)
        verb = "lie" if math.isfinite(self.high) else "be"
        for name, value in values.items():
            low = self.low < value if self.above else self.low <= value
            high = value < self.high if self.below else value <= self.high
            if not (low and high):
                raise InputError(f"{name} must {verb} {self.words}, got {value}")


LONGEST = 120  # characters of a name that a refusal repeats
FINITE, POSITIVE, FRACTION = Range(), Range(0, above=True), Range(0, 1)


def nonnegative(**values: float) -> None:
    """Refuse numbers below 0."""
    Range(0).check(**values)


def positive(**values: float) -> None:
    """Refuse 0 and numbers below it."""
    POSITIVE.check(**values)


def at_least(minimum: float, **values: float) -> None:
    """Refuse numbers below `minimum`."""
    Range(minimum).check(**values)


def one_of(choices: Iterable[object], **values: object) -> None:
    """Refuse values that are not among `choices`."""
    allowed = list(choices)
    for name, value in values.items():
        if value not in allowed:
            raise InputError(f"{name} must be one of {', '.join(map(str, allowed))}, got {value}")


def digits(text: str) -> bool:
    """Whether `text` is a whole number of 0 or more, by the digits 0 to 9 alone and below 1e18, so that `int` takes it.

    >>> [digits(each) for each in ("12", "-1", "²", "٣", "")]
    [True, False, False, False, False]
    """
    return text.isascii() and text.isdigit() and len(text) <= 18


def known(kind: str, name: str, names: Iterable[str], at: str = "") -> None:
    """Refuse a name that is not among `names`, and say which one was probably meant, and `at` which place in a file.

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
    place = at and f"{at}: "
    asked = name if len(name) <= LONGEST else f"{name[: LONGEST - 3]}..."
    raise InputError(f"{place}unknown {kind} '{asked}'{hint} Known: {', '.join(allowed)}")


def shown(value: object) -> str:
    """A value as a complaint shows it, cut short."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


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
