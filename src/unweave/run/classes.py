"""Codes of images by the class that each belongs to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from unweave.base import checks
from unweave.base.errors import InputError
from unweave.base.records import Images
from unweave.data.base import FactorData, ImageData
from unweave.metrics.probe import Probe


@dataclass(frozen=True)
class Classes:
    """Codes (n, d) with the class of each row (n,), which `names` names; `images` gives those of some rows.

    A class that no row belongs to has no magnitude: it is left out, and the others are numbered anew.

    >>> Classes(np.array([[1.0, 0.0], [-3.0, 2.0]]), np.array([2, 2]), ("a", "b", "c"), lambda rows: None).magnitudes()
    array([[2., 1.]])
    """

    codes: np.ndarray
    labels: np.ndarray
    names: tuple[str, ...]
    images: Callable[[np.ndarray], Images]

    def __post_init__(self) -> None:
        present, labels = np.unique(self.labels, return_inverse=True)
        object.__setattr__(self, "labels", labels)
        object.__setattr__(self, "names", tuple(self.names[int(k)] for k in present))

    @classmethod
    def of(cls, probe: Probe, data: ImageData, factor: str | None, name: str) -> Classes | None:
        """The rows of `probe` by label, or by the value of `factor`, the first one where there are no labels.

        None where the data set has neither; a factor that it does not have raises InputError, which calls it `name`.
        """
        if factor is None and probe.labels is not None:
            names = data.classes or tuple(f"class {k}" for k in range(int(probe.labels.max()) + 1))
            return cls(probe.codes, probe.labels, names, lambda rows: probe.rows(rows).images())
        if not isinstance(data, FactorData):
            if factor is None:
                return None
            raise InputError(f"factor must be one that {name} has, got {factor}, and it has none")
        wanted = data.names[0] if factor is None else factor
        checks.known("factor", wanted, data.names)
        column = data.names.index(wanted)
        names = tuple(f"{wanted} {value:.3g}" for value in data.factors[column].values)
        return cls(probe.codes, probe.known_factors[:, column], names, lambda rows: probe.rows(rows).images())

    def magnitudes(self) -> np.ndarray:
        """Mean |z_d| over the rows of each class, (classes, d)."""
        return np.stack([np.abs(self.codes[self.labels == k]).mean(0) for k in range(len(self.names))])

    def typical(self, k: int) -> int:
        """The row of class `k` whose code is nearest to the mean code of the class."""
        rows = np.flatnonzero(self.labels == k)
        own = self.codes[rows]
        return int(rows[((own - own.mean(0)) ** 2).sum(1).argmin()])
