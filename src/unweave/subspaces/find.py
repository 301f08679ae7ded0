"""Subspaces of codes that have no axes: which latents belong together, and codes told as radius and direction."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import combinations
from typing import Any, Literal, Self

import numpy as np

from unweave.base.errors import InputError
from unweave.base.seeds import numpy_generator
from unweave.metrics.arrays import Reals, as_codes
from unweave.subspaces.dependence import Dependence, dependence, scatter
from unweave.subspaces.turning import Decode, Turning, turning

LEAST_ROWS = 200
LEAST_VALUES = 12  # of a latent that is not a category
LEAST_SHARED = 0.02  # nats along the best axes: what normal values of correlation 0.2 share
SPEAKS_FOR_AXES = 0.01  # below this p-value the codes say axes, and the decoder is not asked
LEAST_AROUND = 1 / 3  # the emptiest sector holds this share of its due, or the angle has a gap


@dataclass(frozen=True)
class Block:
    """Latents that are read together: `(codes - centre) @ matrix` is round; its length is the radius."""

    latents: tuple[int, ...]
    centre: tuple[float, ...]
    matrix: tuple[tuple[float, ...], ...]

    def polar(self, codes: Reals) -> Reals:
        """Radius, then the direction of length 1, of codes (n, d): (n, 1 + k) for a block of k latents."""
        points = (codes[:, list(self.latents)] - np.array(self.centre)) @ np.array(self.matrix)
        radius = np.linalg.norm(points, axis=1, keepdims=True)
        first = np.eye(len(self.latents))[:1]  # the direction of the centre itself, where there is none
        return np.hstack([radius, np.where(radius > 0, points / np.where(radius > 0, radius, 1), first)])

    def inverse(self, columns: Reals) -> Reals:
        """Codes (n, k) of columns that `polar` gave; a direction of another length counts as that of length 1."""
        length = np.linalg.norm(columns[:, 1:], axis=1, keepdims=True)
        direction = columns[:, 1:] / np.where(length > 0, length, 1)
        return columns[:, :1] * direction @ np.linalg.inv(np.array(self.matrix)) + np.array(self.centre)

    @property
    def names(self) -> list[str]:
        """Of the columns of `polar`."""
        who = "+".join(map(str, self.latents))
        if len(self.latents) == 2:
            return [f"radius {who}", f"cos {who}", f"sin {who}"]
        return [f"radius {who}", *(f"direction {k} of {who}" for k in range(1, len(self.latents) + 1))]


@dataclass(frozen=True)
class Evidence:
    """What was found of one pair.

    `p_value` is that of "no plane", not yet corrected for the number of pairs. `found_by` says what made it a plane
    after Holm's correction, None where it is none.
    """

    latents: tuple[int, int]
    codes: Dependence
    decoder: Turning | None
    p_value: float
    found_by: Literal["codes", "decoder"] | None = None

    @property
    def says(self) -> str:
        """The evidence in one sentence."""
        who, codes = f"latents {self.latents[0]} and {self.latents[1]}", self.codes
        if self.found_by == "codes":
            shared = f"{codes.axes:.3f} nats that no axes remove and {codes.polar:.3f} as radius and angle"
            return f"{who} share {shared}: a plane (p {self.p_value:.1g})"
        if self.found_by == "decoder":
            return f"the image turns with the angle of {who}: a plane (p {self.p_value:.1g})"
        return f"{who}: no plane (p {self.p_value:.1g})"


@dataclass(frozen=True)
class Subspaces:
    """The blocks of latents found in codes (n, d), the evidence for every pair, and what both were found from."""

    d: int
    n: int
    seed: int
    alpha: float
    live: tuple[int, ...]
    left_out: tuple[tuple[int, str], ...]
    blocks: tuple[Block, ...]
    evidence: tuple[Evidence, ...]
    skipped: str | None = None

    @property
    def singles(self) -> list[int]:
        """The latents that stand alone, dead ones among them."""
        taken = {latent for block in self.blocks for latent in block.latents}
        return [latent for latent in range(self.d) if latent not in taken]

    def names(self) -> list[str]:
        """The names of the columns of `polar`."""
        return [*(f"latent {j}" for j in self.singles), *(name for block in self.blocks for name in block.names)]

    def polar(self, codes: Any) -> tuple[Reals, list[str]]:
        """Codes (n, d) with each block's latents told as radius and direction, and the names of the columns.

        Latents that stand alone come first, as they are; a plane of latents 3 and 7 follows as "radius 3+7", "cos 3+7",
        "sin 3+7". One row is enough.
        """
        array = self._checked(codes, self.d, "codes")
        columns = [array[:, self.singles], *(block.polar(array) for block in self.blocks)]
        return np.concatenate(columns, axis=1), self.names()

    def inverse(self, columns: Any) -> Reals:
        """The codes (n, d) of columns that `polar` gave: the same numbers again, up to rounding."""
        array = self._checked(columns, len(self.names()), "columns")
        codes, at = np.empty((len(array), self.d)), len(self.singles)
        codes[:, self.singles] = array[:, :at]
        for block in self.blocks:
            width = 1 + len(block.latents)
            codes[:, list(block.latents)] = block.inverse(array[:, at : at + width])
            at += width
        return codes

    @staticmethod
    def _checked(value: Any, width: int, name: str) -> Reals:
        array = np.asarray(value, dtype=np.float64)
        if array.ndim != 2 or array.shape[1] != width:
            raise InputError(f"{name} must have shape (n, {width}) here, got {array.shape}")
        return array

    def partition(self, least: float = LEAST_SHARED) -> list[tuple[int, ...]]:
        """The live latents in groups that share at least `least` nats with each other whatever the axes, largest first.

        Pairs are joined whose dependence along the best axes is significant (Holm, `alpha`) and `least` nats or more;
        0.02 nats are what normal values of correlation 0.2 share. Blocks stay together.
        """
        joined = [block.latents for block in self.blocks]
        strong = holm([each.codes.dependent for each in self.evidence], self.alpha)
        joined += [e.latents for e, sure in zip(self.evidence, strong, strict=True) if sure and e.codes.axes >= least]
        groups = [{latent} for latent in self.live]
        for latents in joined:
            touched = [group for group in groups if group & set(latents)]
            groups = [group for group in groups if group not in touched] + [set().union(*touched)]
        return sorted((tuple(sorted(group)) for group in groups), key=lambda group: (-len(group), group))

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Self:
        """Read back what `to_dict` wrote, also after a journey through JSON."""
        try:
            evidence: list[dict[str, Any]] = [
                {
                    **each,
                    "latents": tuple(each["latents"]),
                    "codes": Dependence(**_frozen(each["codes"])),
                    "decoder": None if each["decoder"] is None else Turning(**each["decoder"]),
                }
                for each in stored["evidence"]
            ]
            parts: dict[str, Any] = {
                **_frozen(stored),
                "blocks": tuple(Block(**_frozen(each)) for each in stored["blocks"]),
                "evidence": tuple(Evidence(**each) for each in evidence),
            }
            return cls(**parts)
        except (KeyError, TypeError, AttributeError) as error:
            raise InputError(f"stored subspaces must hold what to_dict wrote; {error} does not fit") from None


def _frozen(stored: Mapping[str, Any]) -> dict[str, Any]:
    """The entries of a table of JSON, its lists as tuples."""
    return {name: _tuples(value) for name, value in stored.items()}


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, (list, tuple)) else value


def holm(p_values: Sequence[float], alpha: float) -> list[bool]:
    """Which hypotheses fall when at most a share `alpha` of such families may lose a true one (Holm 1979).

    >>> holm([0.01, 0.04, 0.03], 0.05)
    [True, False, False]
    """
    fallen = [False] * len(p_values)
    for rank, at in enumerate(np.argsort(p_values, kind="stable")):
        if p_values[at] > alpha / (len(p_values) - rank):
            break
        fallen[at] = True
    return fallen


def find_subspaces(
    codes: Any,
    *,
    decode: Decode | None = None,
    live: Sequence[int] | None = None,
    alpha: float = 0.05,
    seed: int = 0,
) -> Subspaces:
    """The blocks of latents in codes (n, d) that have a radius and an angle rather than axes; no labels are looked at.

    A pair of latents is a plane by its codes if all of this holds: no two directions make it independent; radius and
    angle about the best centre remove more than a fifth of what the best two directions share; the radius is that of no
    mixture of round normals (codes whose spread varies are round too, without any circle); and every direction occurs.
    `p_value` is the largest of the three p-values, so that it errs on the safe side. With `decode`, codes (m, d) ->
    images, a pair whose codes do not speak for axes is also a plane if the image turns with the angle (see `turning`);
    of the two p-values the smaller counts, doubled. Holm's rule over all pairs keeps the rate of codes with any false
    plane at `alpha` or less. Planes that overlap make one block of three and more latents where each pair of them is a
    plane, else the surer one stands.

    `live` are the latents to look at, by default all. Constant ones, those with a standard deviation below a twentieth
    of the largest and those that take fewer than 12 values, as categories do, are left out, and `left_out` says why.
    Rows that repeat others count once. `seed` draws the rows to search on and the contexts to decode. InputError unless
    there are 200 different rows of finite numbers.

    >>> rng = np.random.default_rng(0)
    >>> turn = rng.uniform(0, 2 * np.pi, 2000)
    >>> codes = np.stack([np.cos(turn), rng.normal(size=2000), np.sin(turn)], axis=1)
    >>> found = find_subspaces(codes + 0.1 * rng.normal(size=codes.shape))
    >>> [block.latents for block in found.blocks], found.names()
    ([(0, 2)], ['latent 1', 'radius 0+2', 'cos 0+2', 'sin 0+2'])
    >>> columns, _ = found.polar(codes)
    >>> bool(np.allclose(found.inverse(columns), codes))
    True
    """
    array = as_codes(codes)
    if not 0 < alpha < 1:
        raise InputError(f"alpha must lie between 0 and 1, got {alpha}")
    d, rows = array.shape[1], np.unique(array, axis=0)
    if len(rows) < LEAST_ROWS:
        raise InputError(f"codes must have {LEAST_ROWS} different rows or more to find subspaces in, got {len(rows)}")
    rng = numpy_generator(seed, "subspaces")
    rows = rng.permutation(rows)
    reasons = _left_out(rows, live)
    looked_at = tuple(j for j in range(d) if j not in reasons)
    answer = Subspaces(d, len(rows), seed, alpha, looked_at, tuple(reasons.items()), (), ())
    if len(looked_at) < 2:
        few = "is one" if looked_at else "is none"
        return replace(answer, skipped=f"a subspace needs two live latents, and there {few}")
    evidence = [_evidence(rows, pair, decode, rng) for pair in combinations(looked_at, 2)]
    sure = holm([each.p_value for each in evidence], alpha)
    evidence = [each if yes else replace(each, found_by=None) for each, yes in zip(evidence, sure, strict=True)]
    planes = {each.latents: each for each in evidence if each.found_by}
    blocks = tuple(_block(rows, latents, planes) for latents in _cliques(planes))
    return replace(answer, blocks=blocks, evidence=tuple(evidence))


def _left_out(rows: Reals, live: Sequence[int] | None) -> dict[int, str]:
    """The latents that are not looked at, and why."""
    d, spread = rows.shape[1], rows.std(axis=0)
    if live is not None and not (all(0 <= j < d for j in live) and len(set(live)) == len(live)):
        raise InputError(f"live must be different latents from 0 to {d - 1}, got {list(live)}")
    reasons: dict[int, str] = {}
    for j in range(d):
        values = len(np.unique(rows[:, j]))
        if live is not None and j not in live:
            reasons[j] = "not among those to look at"
        elif values == 1:
            reasons[j] = "constant"
        elif live is None and spread[j] < spread.max() / 20:
            reasons[j] = f"a standard deviation of {spread[j]:.2g} beside {spread.max():.2g}"
        elif values < LEAST_VALUES:
            reasons[j] = f"only {values} different values"
    return reasons


def _evidence(rows: Reals, pair: tuple[int, int], decode: Decode | None, rng: np.random.Generator) -> Evidence:
    """What codes and decoder say of a pair, before the correction for many pairs."""
    told = dependence(rows[:, list(pair)], rng)
    plane = told.axes >= LEAST_SHARED and told.around >= LEAST_AROUND
    by_codes = max(told.dependent, told.polar_better, told.ring) if plane else 1.0
    if decode is None:
        return Evidence(pair, told, None, by_codes, "codes")
    if told.axes_better < SPEAKS_FOR_AXES:
        return Evidence(pair, told, None, min(1.0, 2 * by_codes), "codes")
    turned = turning(decode, rows, pair, *scatter(rows[:, list(pair)]), rng)
    found_by = "codes" if by_codes <= turned.p_value else "decoder"
    return Evidence(pair, told, turned, min(1.0, 2 * by_codes, 2 * turned.p_value), found_by)


def _cliques(planes: Mapping[tuple[int, int], Evidence]) -> Iterator[tuple[int, ...]]:
    """Blocks of latents all pairs of which are planes, the surest pair first, each latent once."""
    taken: set[int] = set()
    for pair in sorted(
        planes, key=lambda pair: (planes[pair].p_value, planes[pair].codes.polar - planes[pair].codes.axes)
    ):
        if taken & set(pair):
            continue
        block = list(pair)
        for latent in sorted({latent for other in planes for latent in other} - taken - set(pair)):
            if all(tuple(sorted((latent, member))) in planes for member in block):
                block.append(latent)
        taken |= set(block)
        yield tuple(sorted(block))


def _block(rows: Reals, latents: tuple[int, ...], planes: Mapping[tuple[int, int], Evidence]) -> Block:
    """Centre and scale of a block: a plane's as its codes told them, all others from the codes' scatter."""
    found = planes.get((latents[0], latents[1]))
    if len(latents) == 2 and found is not None and found.found_by == "codes":
        return Block(latents, found.codes.centre, found.codes.matrix)
    centre, matrix = scatter(rows[:, list(latents)])
    return Block(latents, tuple(centre.tolist()), tuple(map(tuple, matrix.tolist())))
