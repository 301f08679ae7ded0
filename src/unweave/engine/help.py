"""What a run is told besides its images: settings of the run, absent from its files and hash where not asked for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, ClassVar

from unweave.base.checks import Range
from unweave.base.errors import InputError
from unweave.base.settings import Settings, changed, settings_of
from unweave.data.base import FactorData, ImageData
from unweave.data.leave_out import kept
from unweave.data.pairs import FACTORS, NEIGHBOURS, ByFactors, Listed, Neighbours, Partners, digest_of, read_pairs
from unweave.engine.warm import digest_of_weights
from unweave.models.objectives import Objective


@dataclass(frozen=True)
class Help(Settings):
    """Weak supervision of a run; flat options of `unweave train`. The defaults are none."""

    pairs: Annotated[
        str | None,
        "source of pairs, for methods that use them: factors, neighbours, or a .csv with two columns of image numbers",
    ] = None
    pairs_differ: Annotated[
        int | None, "number of factors in which a pair differs; none draws the number for each pair", Range(1)
    ] = 1
    pairs_within: Annotated[int, "maximum distance between neighbours, frames", Range(1)] = 1
    pairs_digest: Annotated[str | None, "what the table of pairs said"] = None
    leave_out: Annotated[
        str | None, "combination of factor values that training never sees, as in shape=2,scale=0-2,x=0-15"
    ] = None
    start_from: Annotated[str | None, "folder of a run whose weights to begin with, where shapes agree"] = None
    start_digest: Annotated[str | None, "which weights these were"] = None

    found: ClassVar[tuple[str, ...]] = (
        "pairs_digest",
        "start_digest",
    )  # no options: only the files themselves can tell

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, default, kind in (("pairs_differ", 1, FACTORS), ("pairs_within", 1, NEIGHBOURS)):
            if (value := getattr(self, name)) != default and self.pairs not in (None, kind):
                raise InputError(f"{name} must be left out unless pairs are {kind}, got {value} for {self.pairs}")

    def resolved(self, method: str, objective: Objective, data: ImageData) -> Help:
        """The same with what was found written down; help that the method or the data cannot take raises InputError."""
        if self.leave_out is not None:
            if objective.paired:
                raise InputError(
                    f"leave_out must be left out for {method}, whose pairs would show it, got {self.leave_out}"
                )
            kept(self.leave_out, data)
        if self.start_from is not None:
            self = replace(self, start_digest=digest_of_weights(self.start_from))
        return self._with_pairs(method, objective, data)

    def _with_pairs(self, method: str, objective: Objective, data: ImageData) -> Help:
        if not objective.paired:
            if self.pairs is not None or self.pairs_differ != 1 or self.pairs_within != 1:
                raise InputError(f"pairs must be given to a method that learns from pairs, got them for {method}")
            return self
        pairs = self.pairs
        if pairs is None:
            if not isinstance(data, FactorData):
                raise InputError(
                    f"pairs must be {NEIGHBOURS} or a .csv of image numbers where no factors are known, got none; "
                    f"{method} learns from pairs of images"
                )
            pairs = FACTORS
        named = replace(self, pairs=pairs)
        partners = named.partners(data)
        return replace(named, pairs_digest=digest_of(partners.table)) if isinstance(partners, Listed) else named

    def partners(self, data: ImageData) -> Partners:
        """Where pairs of these data come from; a table that is not the one the run began with raises InputError."""
        if self.pairs == FACTORS:
            if not isinstance(data, FactorData):
                raise InputError(f"pairs must be {NEIGHBOURS} or a .csv where no factors are known, got {FACTORS}")
            return ByFactors(data, self.pairs_differ)
        if self.pairs == NEIGHBOURS:
            return Neighbours.of(data, self.pairs_within)
        table = read_pairs(str(self.pairs), len(data))
        if self.pairs_digest not in (None, digest_of(table)):
            raise InputError(f"pairs must be those the run began with, got others in {self.pairs}")
        return Listed(table)

    def telling(self) -> dict[str, object]:
        """What counts for the run's hash: settings unlike their defaults, and what files say instead of their paths."""
        files = {"pairs": self.pairs_digest, "start_from": self.start_digest}
        skipped = [name for name, digest in files.items() if digest is not None]
        return {name: value for name, value in changed(self).items() if name not in skipped}

    @property
    def words(self) -> str:
        """What the run saw besides images, as scores, tables and cards say it; "" for nothing.

        >>> Help().words, Help(pairs="factors").words, Help(pairs="neighbours").words
        ('', 'saw pairs that differ in 1 factor', 'saw pairs of neighbours')
        """
        said = {"saw": self._pairs(), "never saw": self.leave_out, "started from": Path(self.start_from or "").name}
        return "; ".join(f"{verb} {each}" for verb, each in said.items() if each)

    def _pairs(self) -> str:
        if self.pairs is None:
            return ""
        if self.pairs == FACTORS:
            k = self.pairs_differ
            return f"pairs that differ in {'some factors' if k is None else '1 factor' if k == 1 else f'{k} factors'}"
        return "pairs of neighbours" if self.pairs == NEIGHBOURS else "pairs of a table"


HELP_FIELDS = tuple(setting.name for setting in settings_of(Help))
