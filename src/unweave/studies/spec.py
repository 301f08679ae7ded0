"""A study as data: its axes, settings, seeds and metrics, and the runs that these ask for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, TypeAlias

from unweave.base.checks import FINITE, POSITIVE, Range
from unweave.base.files import with_last_line, write_atomic
from unweave.base.settings import Settings

if TYPE_CHECKING:
    from unweave.engine import Spec

MOST_RUNS = 100_000
HOME, COPY = Path("studies"), "study.yaml"

Value: TypeAlias = str | int | float | bool | list[Any] | None


@dataclass(frozen=True)
class Choice:
    """One value of an axis: what the tables call it and the settings it stands for."""

    label: str
    settings: Mapping[str, Value]


@dataclass(frozen=True)
class Axis:
    """What the runs of a study differ in. `name` is a setting, or any word where several settings move together."""

    name: str
    choices: tuple[Choice, ...]


@dataclass(frozen=True)
class Budget(Settings):
    """How much one call of `study run` may spend: minutes on the clock, and runs."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    minutes: Annotated[float | None, POSITIVE] = None
    runs: Annotated[int | None, Range(1)] = None


@dataclass(frozen=True)
class Published(Settings):
    """A number to stand beside ours: mean, standard deviation, count and best, or the bounds that a text states."""

    __pydantic_config__: ClassVar = {"extra": "forbid", "str_strip_whitespace": True}

    cell: str
    metric: str
    source: str
    mean: Annotated[float | None, FINITE] = None
    sd: Annotated[float | None, FINITE] = None
    n: Annotated[int | None, FINITE] = None
    best: Annotated[float | None, FINITE] = None
    low: Annotated[float | None, FINITE] = None
    high: Annotated[float | None, FINITE] = None

    @property
    def contradicts(self) -> bool:
        """Whether no n numbers have this mean, sd and best: all lie within sd (n - 1) / sqrt(n) of their mean.

        Source: Samuelson 1968.

        >>> Published("row", "mig", "text", mean=0.8215, sd=0.0088, n=10, best=0.8825).contradicts
        True
        """
        if self.mean is None or self.sd is None or self.best is None or not self.n:
            return False
        return abs(self.best - self.mean) > 1.001 * self.sd * (self.n - 1) / self.n**0.5  # a thousandth for rounding


@dataclass(frozen=True)
class Study:
    """A study, validated: `find` reads one by name or from a file, `expand` lists its runs.

    `settings` are shared by all runs, `methods` holds those of one method alone (its `recipe` too), `metrics` maps
    names to settings. `pool` is the number of images that scores are computed on (60,000 if not given). `computes`
    names a table that needs no runs.
    """

    name: str
    about: str = ""
    axes: tuple[Axis, ...] = ()
    seeds: tuple[int, ...] = (0,)
    settings: Mapping[str, Value] = field(default_factory=dict[str, Value])
    methods: Mapping[str, Mapping[str, Value]] = field(default_factory=dict[str, Mapping[str, Value]])
    metrics: Mapping[str, Mapping[str, Value]] = field(default_factory=dict[str, Mapping[str, Value]])
    figures: tuple[str, ...] = ()
    budget: Budget = Budget()
    pool: int | None = None
    folder: Path = HOME
    computes: str | None = None
    published: tuple[Published, ...] = ()
    differs: tuple[str, ...] = ()
    source: Mapping[str, Any] = field(default_factory=dict[str, Any], repr=False, compare=False)

    def path(self, name: str) -> Path:
        """Where the study keeps the file `name`; one that shares a folder with another puts its own name first."""
        return self.folder / (name if self.source.get("folder") is None else f"{self.name}-{name}")

    def keep(self) -> None:
        """Write the study into its own folder, so that the folder alone tells what it holds."""
        import yaml

        text = yaml.safe_dump({**self.source, "name": self.name}, sort_keys=False, allow_unicode=True)
        text = with_last_line(text)
        path = self.path(COPY)
        if not path.is_file() or path.read_text("utf-8") != text:
            write_atomic(path, lambda file: file.write(text.encode()))


@dataclass(frozen=True)
class Trial:
    """One run of a study: the folder's name, the cell of the table it belongs to, its seed and its spec."""

    name: str
    cell: str
    choices: Mapping[str, str]
    seed: int
    spec: Spec
