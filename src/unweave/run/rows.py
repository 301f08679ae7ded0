"""The tidy row, one number of one run: what tables of runs and of studies are made of."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from unweave.base.records import Score

COLUMNS = ["run", "method", "data", "seed", "metric", "factor", "value", "low", "high", "settings_hash", "saw"]


class Row(NamedTuple):
    """One number of one run; `factor` is empty where it is of no single one, `low` and `high` are the score's own.

    A value that cannot be had is None. A table of runs shows the columns COLUMNS, one of a study all.
    """

    run: str
    cell: str = ""
    method: str = ""
    data: str = ""
    seed: int = 0
    metric: str = ""
    factor: str = ""
    value: float | None = None
    low: float | None = None
    high: float | None = None
    higher_is_better: bool = True
    images: int = 0
    minutes: float = 0.0
    settings_hash: str = ""
    saw: str = ""  # what the run saw besides images: labels, pairs; "" for nothing

    def shown(self) -> dict[str, Any]:
        """What a table of runs shows of it."""
        return {name: getattr(self, name) for name in COLUMNS}


def rows_of(scores: Mapping[str, Score], about: Row) -> Iterator[Row]:
    """A row for each score, for each of its parts and for each factor; `about` says what is the same in all.

    >>> scores = {"mig": Score(0.5, per_factor={"scale": 0.75}, interval=(0.4, 0.6))}
    >>> [(row.metric, row.factor, row.value, row.low) for row in rows_of(scores, Row("first"))]
    [('mig', '', 0.5, 0.4), ('mig', 'scale', 0.75, None)]
    """
    for metric, score in scores.items():
        low, high = score.interval or (None, None)
        part = about._replace(higher_is_better=score.higher_is_better)
        yield part._replace(metric=metric, value=_known(score.value), low=low, high=high)
        for name, value in score.parts.items():
            yield part._replace(metric=f"{metric}.{name}", value=_known(value))
        for name, value in score.per_factor.items():
            yield part._replace(metric=metric, factor=name, value=_known(value))


def _known(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
