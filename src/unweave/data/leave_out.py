"""Combinations of factor values that a run never sees: which images are left to train on."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from torch import Tensor

from unweave.base import checks
from unweave.base.errors import InputError
from unweave.data.base import FactorData, ImageData
from unweave.data.batches import Batches

Corner = dict[str, tuple[int, int]]  # a factor's first and last value, numbered from 0


def corner_of(text: str, data: ImageData, name: str = "leave_out") -> Corner:
    """The combination that `text` describes, as in "shape=2,scale=0-2": all of these at once.

    Unknown factors, values that there are not, and a combination of a single factor (its values would never be seen;
    factors named with all their values do not count) raise InputError, which calls the text `name`.
    """
    if not isinstance(data, FactorData):
        raise InputError(f"{name} must be of data with known factors on a grid, got {text!r} for others")
    found: Corner = {}
    for part in filter(None, (each.strip() for each in text.split(","))):
        factor, _, span = (each.strip() for each in part.partition("="))
        checks.known(f"factor in {name}", factor, data.names)
        low, _, high = span.partition("-")
        last = data.sizes[data.names.index(factor)] - 1
        if not (checks.digits(low) and checks.digits(high or low) and int(low) <= int(high or low) <= last):
            raise InputError(
                f"{name} must give {factor} values from 0 to {last}, as in {factor}=0-{last}, got {part!r}"
            )
        if factor in found:
            raise InputError(f"{name} must name {factor} once, got it again in {text!r}")
        found[factor] = (int(low), int(high or low))
    narrowed = [
        factor for factor, (low, high) in found.items() if high - low + 1 < data.sizes[data.names.index(factor)]
    ]
    if len(narrowed) < 2:
        rule = "combine some of the values of 2 factors or more, so that each value is still seen"
        raise InputError(f"{name} must {rule}, got {text!r}")
    return found


def inside(corner: Corner, factors: np.ndarray, names: tuple[str, ...]) -> np.ndarray:
    """Which rows of factor values (n, K) lie in the combination, bool (n,)."""
    held = np.ones(len(factors), dtype=bool)
    for name, (low, high) in corner.items():
        column = factors[:, names.index(name)]
        held &= (low <= column) & (column <= high)
    return held


def kept(text: str, data: ImageData) -> np.ndarray:
    """Numbers of the images outside of the combination, int64 in order."""
    corner = corner_of(text, data)
    assert isinstance(data, FactorData)
    return np.flatnonzero(~inside(corner, data.factors_at(np.arange(len(data))), data.names))


class Among:
    """Batches of these image `numbers` alone: the k-th stands where `batches`, whose size they have, say k.

    >>> import torch
    >>> sorted(next(Among(Batches(2, 2, torch.Generator()), np.array([3, 8]))).tolist())
    [3, 8]
    """

    def __init__(self, batches: Batches, numbers: np.ndarray) -> None:
        self.batches, self.numbers = batches, numbers

    def __iter__(self) -> Among:
        return self

    def __next__(self) -> np.ndarray:
        return self.numbers[next(self.batches)]

    def twin(self) -> Among:
        """As of `Batches`."""
        return Among(self.batches.twin(), self.numbers)

    def state(self) -> dict[str, Tensor]:
        """Where the batches stand."""
        return self.batches.state()

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Continue exactly where `state` was taken."""
        self.batches.restore(state)
