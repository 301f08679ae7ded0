"""Choice among trained runs without labels, and how well it agrees with a real score where there is one."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeAlias

import numpy as np

from unweave.base import checks
from unweave.base.checks import Range
from unweave.base.errors import InputError
from unweave.base.records import Score
from unweave.base.registry import comparisons
from unweave.base.settings import build
from unweave.metrics.arrays import Reals
from unweave.metrics.comparison import Comparison, living, of_models
from unweave.metrics.label_free import correlation
from unweave.metrics.probe import Probe
from unweave.run.run import Run
from unweave.studies.spec import Study, Trial
from unweave.studies.trial import RUNS, outcome

Over: TypeAlias = Literal["cell", "study"]
AGREEMENT = "agreement"


@dataclass(frozen=True)
class Agreement(Comparison):
    """a_i = mean over j != i of sum |rho(i, p(i))| / max(D_i, D_j), p the best one-to-one pairing of live latents.

    rho is Spearman's correlation of a latent of one model with one of the other, over the same images. In [0, 1], no
    unit: 1 if two models have the same latents up to order, sign and monotone scale; a latent that one model has
    and the other has not counts as 0. Models with no live latent get NaN and are passed over by the others. There is
    no interval.
    """

    n: Annotated[int, "rows that the models are compared on", Range(2)] = 1_000
    min_kl: Annotated[
        float, "leave out latents whose mean KL is at most this, nats; constant ones are always left out", Range(0)
    ] = 0.1

    def score(self, probes: Sequence[Probe]) -> Score:
        """Agreement of each model with the others and their mean, with that of every pair.

        >>> codes = np.random.default_rng(0).normal(size=(200, 3))
        >>> round(Agreement()([Probe(codes), Probe(-codes[:, ::-1] ** 3)]).value, 6)
        1.0
        """
        from scipy.stats import rankdata  # late: takes half a second

        rows = probes[0].rows_at_most(self.n, "agreement")
        tables = [probe.codes[rows][:, living(probe, self.min_kl)] for probe in probes]
        tables = [table[:, np.ptp(table, axis=0) > 0] for table in tables]
        ranks = [rankdata(table, axis=0) for table in tables]
        pairs = np.full((len(probes), len(probes)), np.nan)
        for i, a in enumerate(ranks):
            for j, b in enumerate(ranks[:i]):
                if a.shape[1] and b.shape[1]:
                    pairs[i, j] = pairs[j, i] = matched(a, b)
        known = ~np.isnan(pairs)
        each = np.array([line[seen].mean() if seen.any() else np.nan for line, seen in zip(pairs, known, strict=True)])
        dead = [i for i, table in enumerate(tables) if not table.shape[1]]
        reason = f"without a live latent: model {', '.join(map(str, dead))}" if dead else None
        return of_models(pairs, each, reason, n=len(rows), active_per_model=[t.shape[1] for t in tables])


def matched(a: Reals, b: Reals) -> float:
    """Sum of |correlation| over the best pairing of columns of `a` (n, D) and `b` (n, E), over max(D, E)."""
    from scipy.optimize import linear_sum_assignment

    strength = np.abs(correlation(np.concatenate([a, b], axis=1))[: a.shape[1], a.shape[1] :])
    return float(strength[linear_sum_assignment(-strength)].sum() / max(strength.shape))


@dataclass(frozen=True)
class Ranked:
    """One run: its label-free score and, where there is one, its real one."""

    run: str
    cell: str
    seed: int
    score: float | None
    real: float | None


@dataclass(frozen=True)
class Selection:
    """Runs from the best label-free score down, and how well that agrees with the real `metric`.

    `spearman` is the rank correlation of the two over all runs that have both; `regret` what the chosen run lacks
    to the best real score, beside `chance`, what a run drawn at random would lack on average.
    """

    by: str
    over: Over
    ranked: tuple[Ranked, ...]
    metric: str | None = None
    spearman: float | None = None
    regret: float | None = None
    chance: float | None = None

    def words(self) -> str:
        """What was chosen, and how far that can be trusted here, in a few sentences."""
        first = self.ranked[0]
        chosen = f"{self.by} chooses {first.cell}, seed {first.seed} ({first.run})"
        if self.metric is None or first.real is None or self.regret is None or self.chance is None:
            return f"{chosen}; no run has a real score to compare it with"
        agree = "cannot be had" if self.spearman is None else f"is {self.spearman:.2f}"
        return (
            f"{chosen}: its {self.metric} is {first.real:.3f}, {self.regret:.3f} from the best, where a run at random "
            f"would be {self.chance:.3f} away; the rank correlation with {self.metric} {agree}"
        )


def ways() -> list[str]:
    """What a choice can be made by."""
    return [*comparisons.names(), AGREEMENT]


def settings_class(by: str) -> type[Comparison]:
    """The settings of a way to choose; an unknown one raises InputError."""
    checks.known("way to choose", by, ways())
    return Agreement if by == AGREEMENT else comparisons.get(by)


def select(
    study: Study,
    trials: Sequence[Trial],
    by: str = "udr",
    *,
    over: Over = "cell",
    metric: str | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Selection:
    """Rank the finished runs of a study without looking at labels.

    With `over` "cell" each run is compared with those of its own cell, that is with other seeds of the same settings;
    with "study" with all, whose number of comparisons grows as the square of the runs. `metric` is the real score to
    compare with, the study's first if not given. Fewer than two finished runs to compare, runs on different data, and
    unknown names raise InputError.
    """
    comparison = build(settings_class(by), settings, of=by)
    done = [(trial, held) for trial in trials if (held := outcome(study.folder / RUNS / trial.name)) is not None]
    if len(done) < 2:
        raise InputError(f"{by} needs two finished runs or more, got {len(done)} in {study.folder}")
    named = next(iter(study.metrics), None) if metric is None else metric
    if named is not None and metric is not None:
        checks.known("metric of the study", named, {name for _, held in done for name in held["scores"]})
    scores = _scores([trial for trial, _ in done], study, comparison, over)
    real = {trial.name: _real(held, named) for trial, held in done}
    ranked = [
        Ranked(trial.name, trial.cell, trial.seed, scores[trial.name], real[trial.name]) for trial, _ in done
    ]  # fmt: skip
    ranked.sort(key=lambda each: -math.inf if each.score is None else each.score, reverse=True)
    if ranked[0].score is None:
        raise InputError(f"{by} needs runs with a live latent, got none in {study.folder}")
    return agreement_with(by, over, ranked, named, higher_is_better=_direction(done, named))


def _real(held: Mapping[str, Any], metric: str | None) -> float | None:
    return held["scores"].get(metric, {}).get("value")


def _direction(done: Sequence[tuple[Trial, Mapping[str, Any]]], metric: str | None) -> bool:
    return next((held["scores"][metric]["higher_is_better"] for _, held in done if metric in held["scores"]), True)


def agreement_with(
    by: str, over: Over, ranked: Sequence[Ranked], metric: str | None, *, higher_is_better: bool = True
) -> Selection:
    """The selection with its rank correlation and regret; both None where there is nothing to compare with.

    >>> pairs = [(0.9, 0.7), (0.5, 0.8), (0.1, 0.2)]
    >>> runs = [Ranked(str(k), "a", k, *pair) for k, pair in enumerate(pairs)]
    >>> found = agreement_with("udr", "cell", runs, "mig")
    >>> round(found.regret, 3), round(found.chance, 3), round(found.spearman, 3)
    (0.1, 0.233, 0.5)
    """
    sign = 1 if higher_is_better else -1
    both = [(each.score, sign * each.real) for each in ranked if each.score is not None and each.real is not None]
    if not both or ranked[0].real is None:
        return Selection(by, over, tuple(ranked))
    scores, real = np.array(both).T
    rank = None
    if len(both) > 2 and np.ptp(scores) > 0 and np.ptp(real) > 0:
        from scipy.stats import spearmanr

        rank = float(spearmanr(scores, real)[0])  # pyright: ignore[reportArgumentType]
    best = float(real.max())
    return Selection(
        by, over, tuple(ranked), metric, rank, best - sign * ranked[0].real, best - float(real.mean())
    )  # fmt: skip


def _scores(trials: Sequence[Trial], study: Study, comparison: Comparison, over: Over) -> dict[str, float | None]:
    """The label-free score of every run, None where it has none."""
    groups: dict[str, list[Trial]] = {}
    for trial in trials:
        groups.setdefault(trial.cell if over == "cell" else "", []).append(trial)
    lonely = [cell for cell, group in groups.items() if len(group) < 2]
    if lonely:
        raise InputError(
            f"over cell needs two finished seeds or more in every cell, got one of '{lonely[0]}'; --over study "
            "compares all runs with each other"
        )
    found: dict[str, float | None] = {}
    for group in groups.values():
        if len({repr(trial.spec.data) for trial in group}) > 1:
            raise InputError("runs must be of one data set to be compared, got several; --over cell keeps them apart")
        score = comparison([_probe(study, trial, comparison) for trial in group])
        each: list[float] = list(map(float, score.tables["per_model"]))
        found |= {t.name: v if math.isfinite(v) else None for t, v in zip(group, each, strict=True)}
    return found


def _probe(study: Study, trial: Trial, comparison: Comparison) -> Probe:
    """Codes of the same images for every run of one data set."""
    run = Run(study.folder / RUNS / trial.name)
    data = run.data.held_out or run.data
    return Probe.of_encoder(run.posterior, data, n=int(getattr(comparison, "n", 10_000)), seed=0)
