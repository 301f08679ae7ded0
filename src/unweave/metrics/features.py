"""Wide codes, such as the features of sparse autoencoders: looked at in blocks, and the few that are scored chosen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import sparse

from unweave.base.errors import InputError
from unweave.base.seeds import numpy_generator
from unweave.metrics.arrays import LARGEST, Reals, Whole
from unweave.metrics.information import entropy, mutual_information, quantise
from unweave.metrics.probe import Probe

Matrix: TypeAlias = Any  # (n, D), an array or a scipy.sparse.csc_array
Choice: TypeAlias = Literal["informative", "active"]

BLOCK = 256  # columns that are dense at a time
CHOOSING = SCORED = 20_000  # rows that choose and rows that are scored, at most
BINS = 20
LEAST = 10  # rows in which a feature must be on to be live


def blocks(codes: Matrix) -> Iterator[tuple[slice, Matrix]]:
    """Columns of (n, D), `BLOCK` at a time, and where they stand."""
    for at in range(0, max(1, codes.shape[1]), BLOCK):
        yield slice(at, at + BLOCK), codes[:, at : at + BLOCK]


def dense(codes: Matrix) -> Reals:
    """As float64, whatever it was."""
    return np.asarray(codes.toarray() if sparse.issparse(codes) else codes, dtype=np.float64)


def narrow(codes: Matrix) -> npt.NDArray[Any]:
    """A matrix with few columns as an array."""
    return codes.toarray() if sparse.issparse(codes) else codes


def checked(codes: Matrix) -> Matrix:
    """Codes (n, D) that are finite numbers, half floats and whole numbers as float32 or float64, or InputError."""
    if codes.ndim != 2 or codes.shape[0] < 2 or codes.shape[1] < 1:
        raise InputError(f"codes must have shape (n, d) with 2 rows or more, got {codes.shape}")
    held = codes.data if sparse.issparse(codes) else codes
    if held.dtype not in (np.float32, np.float64):
        codes = codes.astype(np.float32 if held.dtype.itemsize <= 2 else np.float64)
        held = codes.data if sparse.issparse(codes) else codes
    if not np.isfinite(held).all():
        raise InputError(f"codes must be finite, got {int((~np.isfinite(held)).sum())} values that are not")
    largest = max(float(held.max(initial=0)), -float(held.min(initial=0)))
    if largest > LARGEST:
        raise InputError(f"codes must not exceed {LARGEST:g} in magnitude, got {largest:g}")
    return codes


def density(codes: Matrix) -> Reals:
    """Share of rows in which each feature is not 0, (D,).

    >>> density(np.array([[0.0, 2.0], [0.0, 1.0], [3.0, 1.0], [0.0, 1.0]])).tolist()
    [0.25, 1.0]
    """
    if sparse.issparse(codes):
        return np.diff(codes.indptr) / codes.shape[0]
    return np.concatenate([(block != 0).mean(axis=0) for _, block in blocks(codes)])


def varies(codes: Matrix) -> npt.NDArray[np.bool_]:
    """Which features take two values or more, (D,)."""
    if sparse.issparse(codes):
        return np.subtract(*_ends(codes)) != 0
    return np.concatenate([np.ptp(block, axis=0) > 0 for _, block in blocks(codes)])


def spread(codes: Matrix) -> Reals:
    """Standard deviation of each feature, (D,); 0 of a constant."""
    return np.concatenate([_spread(block) for _, block in blocks(codes)])


def _spread(block: Matrix) -> Reals:
    if not sparse.issparse(block):
        return np.where(np.ptp(block, axis=0) > 0, dense(block).std(axis=0), 0.0)
    (n, d), held = block.shape, np.diff(block.indptr)
    column, data = np.repeat(np.arange(d), held), block.data.astype(np.float64)
    mean = np.bincount(column, data, d) / n
    squares = np.bincount(column, (data - mean[column]) ** 2, d) + (n - held) * mean**2
    return np.where(_ends(block)[0] < _ends(block)[1], np.sqrt(squares / n), 0.0)


def _ends(block: Matrix) -> tuple[Reals, Reals]:
    """Smallest and largest value of each column of a csc_array, the zeros included."""
    low, high = (of(axis=0).toarray().ravel().astype(np.float64) for of in (block.min, block.max))
    return low, high


def shares(codes: Matrix, labels: Whole) -> Reals:
    """I(g_k; z_j) / H(g_k) of every factor (n, K) and feature (n, D), (K, D), the features cut into 20 equal bins.

    The same numbers that mig is made of. Of a sparse matrix only what is not 0 is counted, the rest follows.

    >>> codes = np.array([[0.0, 1.0], [0.0, 0.0], [3.0, 1.0], [3.0, 0.0]])
    >>> labels = np.array([[0], [0], [1], [1]])
    >>> shares(codes, labels).round(6).tolist(), shares(sparse.csc_array(codes), labels).round(6).tolist()
    ([[1.0, 0.0]], [[1.0, 0.0]])
    """
    labels = np.stack([np.unique(column, return_inverse=True)[1] for column in labels.T], axis=1)
    told = _told_sparse if sparse.issparse(codes) else _told
    found = np.concatenate([told(block, labels) for _, block in blocks(codes)], axis=1)
    return found / np.maximum(entropy(labels), 1e-12)[:, None]


def _told(block: Matrix, labels: Whole) -> Reals:
    return mutual_information(quantise(dense(block), BINS), labels)


def _told_sparse(block: Matrix, labels: Whole) -> Reals:
    """I(g_k; z_j) in nats from the entries of a csc_array (n, d), (K, d)."""
    n, d = block.shape
    data, row = block.data.astype(np.float64), block.indices
    column = np.repeat(np.arange(d), np.diff(block.indptr))
    full = np.diff(block.indptr) == n
    low, high = _ends(block)
    borders = np.linspace(low, high, BINS + 1)[1:-1]  # as in `quantise`
    cell = sum((data >= border[column]).astype(np.int64) for border in borders)
    empty = (borders <= 0).sum(axis=0)  # the cell that 0 lies in
    found = np.zeros((labels.shape[1], d))
    for k, values in enumerate(labels.T):
        height = int(values.max()) + 1
        at = (column * height + values[row]) * BINS + cell
        joint = np.bincount(at, minlength=d * height * BINS).reshape(d, height, BINS).astype(np.float64)
        rest = np.bincount(values, minlength=height) - joint.sum(axis=2)
        joint[np.arange(d), :, empty] += np.where(full[:, None], 0, rest)
        joint /= n
        apart = joint.sum(axis=2, keepdims=True) * joint.sum(axis=1, keepdims=True)
        seen = joint > 0
        ratio = np.log(np.divide(joint, apart, out=np.ones_like(joint), where=seen))
        found[k] = (joint * ratio).sum(axis=(1, 2))
    return found.clip(min=0.0)


def first_for_each(told: Reals, count: int) -> Whole:
    """The `count` columns that know most, each factor (rows of (K, D)) choosing in turn; in their order.

    >>> first_for_each(np.array([[0.9, 0.8, 0.7, 0.0], [0.0, 0.0, 0.1, 0.2]]), 2).tolist()
    [0, 3]
    """
    place = np.argsort(np.argsort(-told, axis=1, kind="stable"), axis=1, kind="stable").min(axis=0)
    return np.sort(np.lexsort((-told.max(axis=0), place))[:count])


@dataclass(frozen=True)
class Chosen:
    """The features that are scored: a probe of them with standard deviation 1, their columns, facts for settings."""

    probe: Probe
    columns: Whole
    facts: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True)
class Features:
    """Wide codes (n, D) with what is known of their rows, of which at most `limit` columns are scored.

    "informative" columns are those that tell most of a factor, each factor choosing in turn, and are chosen on rows
    that are not scored, so that choosing among thousands flatters nobody: noise chosen like this is noise. "active"
    ones vary most, which looks at no factor. Columns that are on in less than `min_density` of the rows, or in fewer
    than ten, are never chosen. At most 20,000 rows choose and 20,000 are scored, each with its share of rare positives.
    """

    codes: Matrix  # (m, D) of the rows that are used
    rows: Whole  # (m,) their numbers in the file
    held: Probe  # of those rows, with the factors and no codes
    choosing: Whole
    scoring: Whole
    limit: int
    by: Choice
    min_density: float
    seed: int

    @classmethod
    def of(
        cls,
        codes: Matrix,
        values: Any = None,
        *,
        names: tuple[str, ...] | None = None,
        limit: int = 256,
        by: Choice | None = None,
        min_density: float = 0.0,
        seed: int = 0,
    ) -> Features:
        """Of codes (n, D) and the factors (n, K) of the same rows, if known; rows that lack a factor are left out."""
        n = codes.shape[0]
        if values is not None and len(values) != n:
            raise InputError(f"factors must have as many rows as codes, got {len(values)} and {n}")
        if by == "informative" and values is None:
            raise InputError("choose must be active where no factors are known, got informative")
        numbers = np.arange(n)[:, None]
        held = Probe(numbers, values, factor_names=names, seed=seed)
        known = held.codes[:, 0].astype(np.int64)  # rows that have all factors
        by = by or ("active" if values is None else "informative")
        most = min(CHOOSING, len(held) // 2) if by == "informative" else 0
        first, second = held.spread([most, min(SCORED, len(held) - most)], "features")
        used = np.sort(np.concatenate([first, second]))
        part = checked(rows_of(codes, known[used]))
        first, second = (np.searchsorted(used, np.sort(each)) for each in (first, second))
        return cls(part, known[used], held.rows(used), first, second, limit, by, min_density, seed)

    @property
    def labels(self) -> Whole:
        """The factors (m, K), continuous ones cut into 20 bins with equally many rows."""
        columns = [
            quantise(column[:, None].astype(np.float64), BINS, "quantile")[:, 0]
            if name in self.held.continuous
            else column
            for name, column in zip(self.held.factor_names, self.held.known_factors.T, strict=True)
        ]
        return np.stack(columns, axis=1)

    def live(self, codes: Matrix) -> npt.NDArray[np.bool_]:
        """Which features vary and are on often enough to be looked at, (D,)."""
        return (density(codes) >= max(self.min_density, LEAST / codes.shape[0])) & varies(codes)

    def chosen(self, codes: Any = None) -> Chosen:
        """What is scored of these codes, or of others (m, D') in their place; InputError where no feature lives."""
        codes = self.codes if codes is None else codes
        least = max(self.min_density, LEAST / codes.shape[0])
        live = np.flatnonzero(self.live(codes))
        if not live.size:
            raise InputError(
                f"codes must have a feature that varies and is on in {least:.2g} "
                f"of the rows or more, got {codes.shape[1]} that do not"
            )
        if live.size <= self.limit:
            columns = live
        elif self.by == "active":
            columns = live[np.sort(np.argsort(-spread(codes)[live], kind="stable")[: self.limit])]
        else:
            told = shares(rows_of(codes, self.choosing), self.labels[self.choosing])
            columns = live[first_for_each(told[:, live], self.limit)]
        facts = {
            "features": columns.tolist(),
            "features_of": codes.shape[1],
            "features_live": len(live),
            "features_by": self.by if live.size > self.limit else "all live",
            "rows_that_chose": len(self.choosing),
        }
        found = dense(rows_of(codes[:, columns], self.scoring))
        std = found.std(axis=0)
        found = found / np.where(
            std > 0, std, 1.0
        )  # units mean nothing here, and a feature that is rarely on varies little
        return Chosen(self.held.rows(self.scoring).with_codes(found), columns, facts)

    def random(self, draw: int, inputs: Matrix | None = None) -> Matrix:
        """A random dictionary of these rows, (m, D): `random_dictionary` with as many live features."""
        return random_dictionary(self.codes, self.live(self.codes), self.seed + draw, inputs)


def random_dictionary(
    codes: Matrix, live: npt.NDArray[np.bool_], seed: int = 0, inputs: Matrix | None = None
) -> Matrix:
    """Codes (n, d) of as many random directions as there are live features, each on as often as one of these.

    Directions are normal in the space of `inputs` (n, p), what the codes were made from; without these in that of the
    live codes themselves, each divided by its standard deviation. A feature that is on in a share of the rows is on
    where its direction is largest, and as large as it exceeds the others there.

    >>> codes = np.random.default_rng(0).normal(size=(1000, 40)).clip(1) - 1
    >>> made = random_dictionary(codes, np.ones(40, bool))
    >>> bool(np.abs(np.sort(density(made)) - np.sort(density(codes))).max() < 0.002)
    True
    """
    rng = numpy_generator(seed, "dictionary/random")
    space = codes[:, np.flatnonzero(live)] if inputs is None else inputs
    width = spread(space)
    unit = np.where(width > 0, 1 / np.where(width > 0, width, 1.0), 0.0).astype(np.float32)
    space = sparse.csr_array(space) if sparse.issparse(space) else np.asarray(space, np.float32)
    often = np.sort(density(codes)[live])
    made = [_directions(space, unit, often[at : at + BLOCK], rng) for at in range(0, len(often), BLOCK)]
    return (
        sparse.hstack(made, format="csc") if sparse.issparse(codes) else np.concatenate(list(map(dense, made)), axis=1)
    )


def rows_of(codes: Matrix, rows: Whole) -> Matrix:
    """These rows of (n, D), an array or a csc_array."""
    if sparse.issparse(codes):
        return codes if len(rows) == codes.shape[0] else codes.tocsr()[rows].tocsc()
    return np.asarray(codes[rows])


def _directions(space: Matrix, unit: npt.NDArray[np.float32], often: Reals, rng: np.random.Generator) -> Matrix:
    """What random directions see of `space` (m, p), (m, d), on in the shares `often` (d,) of the rows."""
    drawn = rng.standard_normal((len(unit), len(often)), dtype=np.float32) * unit[:, None]
    seen = np.ascontiguousarray((space @ drawn).T)  # (d, m)
    m = seen.shape[1]
    if (often >= 1).all():
        return seen.T
    for line, share in zip(seen, often, strict=True):
        on = round(share * m)
        if on < m:
            line -= np.partition(line, m - on - 1)[m - on - 1]
            np.maximum(line, 0, out=line)
    return sparse.csc_array(seen.T)
