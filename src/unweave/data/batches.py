"""Shuffled batches of image numbers without end, whose order is a small state that can be resumed."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from unweave.base import checks
from unweave.base.errors import InputError


class Batches:
    """Endless full batches of the numbers 0 to `size` - 1; every epoch is a fresh permutation.

    `batch` numbers at a time, int64 (batch,); an epoch's last `size` mod `batch` numbers are left out. Only
    `generator` decides the order. A batch larger than the data raises InputError.

    >>> batches = Batches(5, batch=2, generator=torch.Generator().manual_seed(0))
    >>> kept = batches.state()
    >>> first = [next(batches).tolist() for _ in range(3)]
    >>> batches.restore(kept)
    >>> first == [next(batches).tolist() for _ in range(3)]
    True
    """

    def __init__(self, size: int, batch: int, generator: torch.Generator) -> None:
        checks.at_least(1, size=size, batch=batch)
        if batch > size:
            raise InputError(f"batch must be {size} or less, the number of images, got {batch}")
        self.size, self.batch, self.generator = size, batch, generator
        self._begin_epoch()

    def __iter__(self) -> Batches:
        return self

    def __next__(self) -> np.ndarray:
        if self._position + self.batch > self.size:
            self._begin_epoch()
        begin = self._position
        self._position += self.batch
        return self._order[begin : self._position]

    @property
    def place(self) -> tuple[np.ndarray, int]:
        """The order of this epoch, and how many of its numbers were given: those before that are the last batch's."""
        return self._order, self._position

    def twin(self) -> Batches:
        """A second order that stands where this one does, with a generator of its own."""
        twin = Batches(self.size, self.batch, torch.Generator())
        twin.restore(self.state())
        return twin

    def state(self) -> dict[str, Tensor]:
        """The generator as it was when the epoch began (bytes), and how many numbers it gave since."""
        return {"generator": self._start.clone(), "position": torch.tensor(self._position)}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Continue exactly where `state` was taken, with the same numbers in every later epoch too."""
        position = int(state["position"])
        if not 0 <= position <= self.size:
            raise InputError(f"position must lie between 0 and {self.size}, the number of images, got {position}")
        self.generator.set_state(state["generator"])
        self._begin_epoch()
        self._position = position

    def _begin_epoch(self) -> None:
        self._start = self.generator.get_state()
        order = torch.randperm(self.size, generator=self.generator, device=self.generator.device)
        self._order, self._position = order.cpu().numpy(), 0
