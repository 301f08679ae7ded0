"""Pairs of images that share most of what they show: by known factors, from a table, or neighbouring frames."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from unweave.base import checks
from unweave.base.errors import InputError
from unweave.data.base import FactorData, ImageData
from unweave.data.batches import Batches

FACTORS, NEIGHBOURS = "factors", "neighbours"


class Partners(Protocol):
    """Where pairs come from: `size` of them can begin, and `pairs` gives both image numbers of these, (n, 2)."""

    @property
    def size(self) -> int: ...
    def pairs(self, begins: np.ndarray, rng: torch.Generator) -> np.ndarray: ...


@dataclass(frozen=True)
class ByFactors:
    """The second image of a pair has other values of `differ` factors, which are drawn anew each time.

    Without `differ` their number is drawn uniformly from 1 to one fewer than there are factors. New values are uniform
    over the others of the factor, so that the two always differ in exactly so many. Image numbers index `data`.
    """

    data: FactorData
    differ: int | None = 1

    def __post_init__(self) -> None:
        varying = self._varying.sum()
        if varying < 2:
            raise InputError(f"pairs must come from data of 2 or more factors that vary, got {varying}")
        if self.differ is not None and self.differ >= varying:
            most = f"{varying - 1} or fewer, so that the two of a pair share something"
            raise InputError(f"pairs_differ must be {most}, got {self.differ}")

    @property
    def _varying(self) -> np.ndarray:
        return np.asarray(self.data.sizes) > 1

    @property
    def size(self) -> int:
        """Every image can begin a pair."""
        return len(self.data)

    def pairs(self, begins: np.ndarray, rng: torch.Generator) -> np.ndarray:
        """Both image numbers of `begins`, (n, 2)."""
        values, sizes = self.data.factors_at(begins), np.asarray(self.data.sizes)
        keys = torch.rand(values.shape, generator=rng, dtype=torch.float64).numpy()
        many = torch.rand(len(values), generator=rng, dtype=torch.float64).numpy()
        shifts = torch.rand(values.shape, generator=rng, dtype=torch.float64).numpy()
        most = int(self._varying.sum()) - 1
        count = 1 + np.floor(many * most).astype(np.int64) if self.differ is None else self.differ
        ranks = np.where(self._varying, keys, 2.0).argsort(1).argsort(1)
        changed = ranks < np.broadcast_to(count, len(values))[:, None]
        by = 1 + np.floor(shifts * (sizes - 1)).astype(np.int64)
        return np.stack([begins, self.data.index(np.where(changed, (values + by) % sizes, values))], axis=1)


@dataclass(frozen=True)
class Neighbours:
    """The second image is one of at most `within` frames before or after, of the same label where data have labels."""

    first: np.ndarray  # of each image, the first frame that it may be paired with
    last: np.ndarray

    @classmethod
    def of(cls, data: ImageData, within: int = 1) -> Neighbours:
        """The neighbours in the order of the data; folders, whose names are labels, are films of their own."""
        n = len(data)
        numbers = np.arange(n)
        labels = data.labels
        cuts = np.zeros(n, dtype=bool) if labels is None else np.r_[False, np.asarray(labels)[1:] != labels[:-1]]
        film = np.cumsum(cuts)
        begin, end = np.searchsorted(film, film), np.searchsorted(film, film, side="right") - 1
        first, last = np.maximum(begin, numbers - within), np.minimum(end, numbers + within)
        if len(alone := np.flatnonzero(first == last)):
            raise InputError(f"pairs of neighbours must come from films of 2 or more frames; image {alone[0]} is alone")
        return cls(first, last)

    @property
    def size(self) -> int:
        """Every image can begin a pair."""
        return len(self.first)

    def pairs(self, begins: np.ndarray, rng: torch.Generator) -> np.ndarray:
        """Both image numbers of `begins`, (n, 2)."""
        first, last = self.first[begins], self.last[begins]
        share = torch.rand(len(begins), generator=rng, dtype=torch.float64).numpy()
        chosen = first + np.floor(share * (last - first)).astype(np.int64)  # of all but the image itself
        return np.stack([begins, chosen + (chosen >= begins)], axis=1)


@dataclass(frozen=True)
class Listed:
    """Pairs that a table lists, in which every one is as likely as the next."""

    table: np.ndarray  # (N, 2) image numbers

    @property
    def size(self) -> int:
        """So many pairs."""
        return len(self.table)

    def pairs(self, begins: np.ndarray, rng: torch.Generator) -> np.ndarray:
        """The rows `begins` of the table, (n, 2); which of the two comes first is drawn."""
        turned = torch.rand(len(begins), generator=rng).numpy() < 0.5
        rows = self.table[begins]
        return np.where(turned[:, None], rows[:, ::-1], rows)


def read_pairs(path: str | Path, images: int) -> np.ndarray:
    """The pairs of a .csv: two columns of image numbers from 0, a line of names above them or not; (N, 2) int64.

    A file that cannot be read, numbers without an image and images paired with themselves raise InputError.
    """
    file = Path(path)
    try:
        lines = [line for line in file.read_text("utf-8-sig").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as wrong:
        rule = f"pairs must be {FACTORS}, {NEIGHBOURS} or a .csv that can be read"
        raise InputError(f"{rule}, got {path}: {wrong}") from None
    cells = [[cell.strip() for cell in line.split(",")] for line in lines]
    if cells and not any(_whole(cell) for cell in cells[0]):
        cells = cells[1:]
    for number, row in enumerate(cells):
        if len(row) != 2 or not all(map(_whole, row)):
            raise InputError(f"pairs must be two image numbers a line, got {','.join(row)!r} in row {number} of {path}")
    if not cells:
        raise InputError(f"pairs must be 1 or more, got none in {path}")
    table = np.array(cells, dtype=np.int64)
    if table.min() < 0 or table.max() >= images:
        raise InputError(f"pairs must name images 0 to {images - 1}, got {table.min()} to {table.max()} in {path}")
    if len(same := np.flatnonzero(table[:, 0] == table[:, 1])):
        raise InputError(f"pairs must be of two images, got {table[same[0], 0]} with itself in row {same[0]} of {path}")
    return table


def _whole(cell: str) -> bool:
    return checks.digits(cell.removeprefix("-"))


def digest_of(table: np.ndarray) -> str:
    """Eight digits that stand for what a file says, whatever it is called."""
    return hashlib.sha256(np.ascontiguousarray(table).tobytes()).hexdigest()[:8]


class PairBatches:
    """Endless batches of pairs: int64 (batch,), the first half one image of each pair and the second half the other.

    `order` decides which pairs, as in `Batches`; `drawn` what is random within them.

    >>> rng = [torch.Generator().manual_seed(seed) for seed in (0, 1)]
    >>> batches = PairBatches(Listed(np.array([[0, 1], [2, 3], [4, 5]])), 4, *rng)
    >>> numbers = next(batches)
    >>> sorted(abs(numbers[:2] - numbers[2:]).tolist())
    [1, 1]
    """

    def __init__(self, partners: Partners, batch: int, order: torch.Generator, drawn: torch.Generator) -> None:
        if batch % 2:
            raise InputError(f"batch must be an even number where images come in pairs, got {batch}")
        checks.at_least(2, batch=batch)
        if batch > 2 * partners.size:
            raise InputError(f"batch must be {2 * partners.size} or less, two images a pair, got {batch}")
        self.partners, self.drawn = partners, drawn
        self.begins = Batches(partners.size, batch // 2, order)

    def __iter__(self) -> PairBatches:
        return self

    def __next__(self) -> np.ndarray:
        return self.partners.pairs(next(self.begins), self.drawn).T.reshape(-1)

    def twin(self) -> PairBatches:
        """As of `Batches`."""
        twin = PairBatches(self.partners, 2 * self.begins.batch, torch.Generator(), torch.Generator())
        twin.restore(self.state())
        return twin

    def state(self) -> dict[str, Tensor]:
        """As of `Batches`, and the generator of what is random within pairs."""
        return {**self.begins.state(), "drawn": self.drawn.get_state()}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Continue exactly where `state` was taken."""
        self.begins.restore(state)
        self.drawn.set_state(state["drawn"])
