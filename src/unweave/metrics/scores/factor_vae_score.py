"""FactorVAE score: does the latent that varies least while a factor is fixed identify the factor?"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal, TypeAlias

import numpy as np

from unweave.base import checks
from unweave.base.records import Score
from unweave.metrics.arrays import Reals, Whole, latent_names, one_hot_columns, standardised
from unweave.metrics.base import FactorMetric, scored, shares_of, undefined
from unweave.metrics.information import renumbered
from unweave.metrics.intervals import REPEATS, ROWS, other_pools, sums, wider, wilson
from unweave.metrics.probe import Groups, Probe

PresetName: TypeAlias = Literal["dlib", "cascade", "mathieu", "infogan-cr", "lecture", "workshop"]
CHUNK = 1 << 18  # rows of codes held at a time


@dataclass(frozen=True)
class Protocol:
    """How votes are cast and counted in one of the texts."""

    text: str
    samples: int  # rows in one vote
    votes: int
    held_out: int
    headline: Literal["held_out", "in_sample"]
    prunes: bool = False
    balanced: bool = False  # factors in turn, otherwise at random
    normalised: bool = True  # variances over the latent's global variance
    empty: Literal["zero", "chance"] = "zero"  # the score of a code without live latents
    ignores: tuple[str, ...] = ()
    top_k: bool = False  # also count the K best rows alone

    @property
    def sets(self) -> str:
        """The protocol in words."""
        words = [
            f"{self.samples:,} rows",
            f"{self.votes:,} votes, in-sample" if self.headline == "in_sample" else f"{self.votes:,} votes",
            f"{self.held_out:,} held out" if self.headline == "held_out" else "",
            "factors in turn" if self.balanced else "",
            "" if self.normalised else "variances not normalised",
            "dead latents pruned" if self.prunes else "dead latents kept",
            "1/K where no latent is live" if self.empty == "chance" else "",
            *(f"without {name}" for name in self.ignores),
            "also the K best rows alone (`top_k`)" if self.top_k else "",
        ]
        return ", ".join(filter(None, words))


PRESETS = {
    "dlib": Protocol("Locatello et al. 2019, disentanglement_lib", 64, 10_000, 5_000, "held_out", prunes=True),
    "cascade": Protocol(
        "Jeong and Song 2019, released code", 100, 800, 800, "in_sample", prunes=True, balanced=True, empty="chance"
    ),
    "mathieu": Protocol("Mathieu et al. 2019, released code", 1_000, 20_000, 5_000, "in_sample"),
    "infogan-cr": Protocol("Lin et al. 2020, released code", 100, 500, 500, "in_sample", balanced=True, top_k=True),
    "lecture": Protocol("lecture notes on CascadeVAE", 1_000, 10_000, 5_000, "in_sample", normalised=False),
    "workshop": Protocol("Kim and Mnih, workshop version", 64, 10_000, 5_000, "held_out", ignores=("shape",)),
}


@dataclass(frozen=True)
class FactorVAEScore(FactorMetric):
    """sum_d C[d, k(d)] / sum C, where C[d, k] counts votes and k(d) = argmax_k of d's training votes.

    One vote: hold factor k at a random value, take `samples` rows that share it, and see which live latent d
    has the smallest variance relative to its variance over all rows; categorical codes vote beside the latents, with
    their Gini variance. In [0, 1], no unit: 1/K is chance (K
    factors vary), a perfect code that ignores one of K factors gets about (K - 1)/K. `in_sample` counts the
    training votes themselves and `held_out` fresh ones; the in-sample form flatters codes with many latents.

    `PRESETS` says whose protocol each preset is; never compare across them.
    Where a text gives no count, 10,000 and 5,000 votes are taken, and 64 rows. Constant latents never vote.

    Values with one row make no vote: `groups` says how many values of each factor do, `rows_per_group` how many rows
    the smallest and the largest of them have; with fewer rows than `samples`, rows repeat. The interval (95 %)
    is of the mean over other pools of as many rows of the same model: Wilson's for the headline's votes, widened by how
    these votes would fall in 64 other pools (rows counted 1 + a normal number of times, which moves the variances that
    votes compare; no new votes are drawn). It says nothing of another training run.
    As `samples` grows, rotated codes score the number of latents that are the largest of some factor, over K.
    Source: Kim and Mnih 2018, https://arxiv.org/abs/1802.05983, section 4; counts: Locatello et al. 2019.

    >>> from unweave.metrics import factor_vae_score
    >>> grid = np.stack(np.meshgrid(range(10), range(10)), axis=-1).reshape(-1, 2)
    >>> factor_vae_score(grid * 1.0, grid, samples=10, votes=200, held_out=100).value
    1.0
    >>> both = factor_vae_score(np.ones((100, 3)), grid)
    >>> both.value, both.reason
    (0.0, 'every latent is constant, so no latent can vote')
    """

    preset: Annotated[PresetName, "protocol to follow"] = "dlib"
    samples: Annotated[int | None, "rows per vote; none: as in the preset"] = None
    votes: Annotated[int | None, "training votes; none: as in the preset"] = None
    held_out: Annotated[int | None, "held-out votes; none: as in the preset"] = None
    categorical: Annotated[bool, "let categorical codes vote too, if there are any"] = True

    measures = "modularity"
    lies_in = "about 1/K to 1"
    known = "one factor missing of K: (K - 1)/K"
    trap = (
        "unpruned collapsed latents lift it; rotated codes get anything from 0.5 to 1.0; K counts (colour adds a dead "
        "factor)"
    )
    interval = "Wilson, votes, widened by other pools"
    categories_count = "Gini variance"
    takes_categories = True
    presets = PRESETS
    version = 4

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.at_least(2, samples=self.protocol.samples)
        checks.at_least(1, votes=self.protocol.votes, held_out=self.protocol.held_out)

    @property
    def protocol(self) -> Protocol:
        """The preset with the counts that were given instead of its own."""
        own = PRESETS[self.preset]
        given = {name: getattr(self, name) for name in ("samples", "votes", "held_out")}
        return replace(own, **{name: value for name, value in given.items() if value is not None})

    def score(self, probe: Probe) -> Score:
        """Share of votes that the majority rule gets right, with both vote matrices (D x K)."""
        how = self.protocol
        chosen = self.shared(probe, how.ignores)
        latents = self.live(probe) if how.prunes else np.ptp(probe.codes, axis=0) > 0
        categories = self.categories_of(probe)
        live = np.concatenate([latents, np.ptp(categories, axis=0) > 0])
        protocol = {name: value for name, value in vars(how).items() if name != "text"}
        facts = {**protocol, **scored(chosen, live), **probe.group_facts(chosen.tolist())}
        if len(chosen) < 2:
            return undefined("votes need two factors that vary and whose values repeat", **facts)
        if not live.any():
            value = 0.0 if how.empty == "zero" else 1 / len(chosen)
            return Score(value, reason=f"{self.no_life(probe)}, so no latent can vote", settings=facts)
        columns = Columns(probe.codes[:, latents], categories[:, live[len(latents) :]], normalised=how.normalised)
        names = [probe.factor_names[k] for k in chosen]
        cast = {"in_sample": how.votes, "held_out": how.held_out}
        votes = {
            part: Votes.cast(columns, probe.groups, chosen, count, how, probe.rng(f"factor-vae-score/{part}"))
            for part, count in cast.items()
        }
        tables = {part: _spread(each.counted(), live) for part, each in votes.items()}
        rows = latent_names(len(latents), categories.shape[1])
        score = _judge(tables, how, rows, names, facts)
        labels = renumbered(probe.known_factors[:, chosen])
        sd = votes[how.headline].over_pools(columns, labels, probe.rng("factor-vae-score/interval"))
        assert score.interval is not None
        return replace(score, interval=wider(score.value, score.interval, sd))


def gini_variance(labels: Whole) -> Reals:
    """How much categorical labels (..., n) vary: sum_{i,j} 1[a_i != a_j] / (2 n (n - 1)), (...) in [0, 1/2].

    The same sum with (a_i - a_j)^2 is the variance of numbers (over n - 1). Two equal halves give 1/4 for large n.

    >>> float(gini_variance(np.repeat([0, 1], 5000)).round(3)), float(gini_variance(np.zeros(9, int)))
    (0.25, 0.0)
    """
    n = labels.shape[-1]
    same = np.zeros(labels.shape[:-1])
    for value in np.unique(labels):
        same += np.square((labels == value).sum(axis=-1))
    return (n * n - same) / (2 * n * (n - 1))


class Columns:
    """What can vote: codes (N, d) and categorical codes (N, L), with their variances over all rows."""

    def __init__(self, codes: Reals, categories: Whole, *, normalised: bool) -> None:
        self.normalised = normalised
        self.codes = standardised(codes) if normalised else codes - codes.mean(axis=0)
        self.categories = categories.T
        self.scale = gini_variance(self.categories) if normalised else np.ones(len(self.categories))

    def __len__(self) -> int:
        return self.codes.shape[1] + len(self.categories)

    def spread(self, rows: Whole) -> Reals:
        """Variance of every column over rows (m, n), relative to that over all rows, (m, d + L)."""
        numbers = self.codes[rows].var(axis=1, ddof=1)
        labels = [gini_variance(column[rows]) / all_ for column, all_ in zip(self.categories, self.scale, strict=True)]
        return np.column_stack([numbers, *labels])

    def influence(self, rows: Whole, labels: Whole) -> Reals:
        """By how much each of these rows moves the logarithm of each column's variance over the rows with its value.

        `labels` (N,) are the values 0, 1, ...; the answer, (rows, d + L), is times the number of rows of the value.
        """
        hot, of = one_hot_columns(self.categories.T[rows])
        table, value = np.concatenate([self.codes[rows], hot], axis=1), labels[rows]
        size = np.maximum(np.bincount(value), 1)[:, None]
        apart = (table - (sums(table, value) / size)[value]) ** 2
        d = self.codes.shape[1]
        if of.size:
            apart = np.concatenate([apart[:, :d], sums(apart[:, d:].T, of).T], axis=1)  # (rows, d + L)
        variance = (sums(apart, value) / size)[value]
        moved = np.divide(apart, variance, out=np.ones_like(apart), where=variance > 0) - 1
        return moved * ((size + 1) / np.maximum(size - 1, 1))[value]  # what normals with so few rows lack in kurtosis


@dataclass(frozen=True)
class Votes:
    """Votes of m groups of rows: spreads of all columns (m, D), which chosen factor was held, and a row of each."""

    spreads: Reals
    factor: Whole
    row: Whole
    factors: int

    @classmethod
    def cast(
        cls, columns: Columns, groups: Groups, chosen: Whole, count: int, how: Protocol, rng: np.random.Generator
    ) -> Votes:
        """Cast `count` of them."""
        factor = np.arange(count) % len(chosen) if how.balanced else rng.integers(len(chosen), size=count)
        step = max(1, CHUNK // how.samples)
        spreads, row = list[Reals](), list[Whole]()
        for at in range(0, count, step):
            rows = groups.sharing(chosen[factor[at : at + step]], how.samples, rng)
            spreads.append(columns.spread(rows))
            row.append(rows[:, 0])
        return cls(np.concatenate(spreads), factor, np.concatenate(row), len(chosen))

    def counted(self, by: Reals | float = 1.0) -> Whole:
        """The matrix of votes (D, K), of spreads that are multiplied by `by` (m, D)."""
        cell = (self.spreads * by).argmin(axis=1) * self.factors + self.factor
        return np.bincount(cell, minlength=self.spreads.shape[1] * self.factors).reshape(-1, self.factors)

    def over_pools(self, columns: Columns, labels: Whole, rng: np.random.Generator) -> float:
        """Standard deviation over other pools of the share of votes that go the way of the majority.

        In another pool the variance of each column over the rows of a value is another, and with it all the spreads of
        the votes about this value; `labels` (N, K) are the values of the chosen factors.
        """
        rows = rng.permutation(len(labels))[:ROWS]
        draws = rng.standard_normal((len(rows), REPEATS))
        one = np.zeros(len(labels), np.int64)
        whole = (
            other_pools(columns.influence(rows, one), one[rows], 1, len(labels), draws) if columns.normalised else 0.0
        )
        moved, group, first = list[Reals](), np.empty_like(self.factor), 0
        for k, column in enumerate(labels.T):
            values = int(column.max()) + 1
            moved.append(other_pools(columns.influence(rows, column), column[rows], values, len(labels), draws))
            at = self.factor == k
            group[at] = first + column[self.row[at]]
            first += len(moved[-1])
        by = np.exp(np.concatenate(moved) - whole)  # (values, D, B)
        right = [self.counted(by[group, :, b]).max(axis=1).sum() for b in range(REPEATS)]
        return float(np.std(right)) / len(group)


def _spread(votes: Whole, live: Any) -> Whole:
    """Give every latent and categorical a row, the dead ones without votes."""
    table = np.zeros((len(live), votes.shape[1]), np.int64)
    table[live] = votes
    return table


def _judge(tables: dict[str, Whole], how: Protocol, rows: list[str], names: list[str], facts: dict[str, Any]) -> Score:
    """Learn the majority rule on the training votes and count what it gets right in both matrices."""
    rule = tables["in_sample"].argmax(axis=1)
    right = {
        part: np.where(np.arange(len(names)) == rule[:, None], table, 0).sum(axis=0)  # per factor
        for part, table in tables.items()
    }
    cast = {part: table.sum(axis=0) for part, table in tables.items()}
    parts = {part: float(right[part].sum() / cast[part].sum()) for part in tables}
    if how.top_k:
        best = np.sort(tables["in_sample"].max(axis=1))[-len(names) :]
        parts["top_k"] = float(best.sum() / cast["in_sample"].sum())
    head = how.headline
    return Score(
        parts[head],
        parts=parts,
        per_factor=shares_of(names, right[head], cast[head]),
        interval=wilson(float(right[head].sum()), int(cast[head].sum())),
        tables={
            "votes": tables["in_sample"].tolist(),
            "held_out_votes": tables["held_out"].tolist(),
            "rows": rows,
            "columns": names,
        },
        settings=facts,
    )
