"""DCI: disentanglement, completeness and informativeness, from which latents a learner uses to predict each factor."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from unweave.base.checks import POSITIVE, Range
from unweave.base.errors import InputError
from unweave.base.records import Score
from unweave.base.seeds import derive
from unweave.metrics.arrays import Reals, Whole, latent_names, one_hot_columns, standardised
from unweave.metrics.base import FactorMetric, Preset, scored, undefined
from unweave.metrics.boosting import binned, boost
from unweave.metrics.information import renumbered
from unweave.metrics.intervals import around
from unweave.metrics.probe import Probe

TINY = 1e-11  # keeps the entropy of an all-zero row defined (and 1, so that the row scores 0)
CHANCE = 0.05  # probability that shuffling makes latents that know nothing seem to know something
THRIFTY_ROWS, FEWEST_TREES = 1_000, 3  # floors and ceilings on more rows are made with fewer trees, but these at least
DEPTHS = (2, 4, 6, 8, 10, 12)  # of a tuned forest
NO_INTERVAL = "disentanglement and completeness: only learners fitted again to other rows say how importances move"

Backend: TypeAlias = Literal["random-forest", "gbt", "lasso", "tuned-forest"]
PresetName: TypeAlias = Literal["default", "dlib", "qedr-lasso", "qedr-forest"]
PRESETS = {
    "default": Preset("none: fast and without leaks", "forest that looks at every latent at every split"),
    "dlib": Preset("Locatello et al. 2019", "`backend=gbt`, 100 rounds of depth 3, accuracy", {"backend": "gbt"}),
    "qedr-lasso": Preset(
        "Eastwood and Williams 2018",
        "`backend=lasso`, alpha 0.02, factors alike in C, NRMSE; they split 80 : 10 : 10",
        {"backend": "lasso", "weights": "equal"},
    ),
    "qedr-forest": Preset(
        "Eastwood and Williams 2018",
        "`backend=tuned-forest`, 10 trees, depth from 2 to 12 by held-out rows, factors alike in C, NRMSE",
        {"backend": "tuned-forest", "weights": "equal", "trees": 10},
    ),
}


@dataclass(frozen=True)
class DCI(FactorMetric):
    """Disentanglement D = sum_i rho_i (1 - H_K(P_i.)); completeness C = sum_j w_j (1 - H_d(Q_.j)).

    R (latents x factors) holds the importance of each latent for telling each factor; P_ij = R_ij / sum_k
    R_ik with entropy in base K (factors), Q_ij = R_ij / sum_i R_ij with entropy in base d (live latents), rho
    and w the shares of R's rows and columns in its sum. All in [0, 1], no unit; the value is D, and C and
    informativeness_accuracy (share of held-out rows whose factor the forest tells, averaged over factors;
    higher is better) are parts. Only live latents are fed and counted, so that dead ones neither lower nor
    raise C; their rows of R are 0. One live latent gives C = 1 if it tells anything. An all-zero R gives D =
    C = 0.

    The learner is part of the score, so it is named in every result. backend "random-forest": a forest that looks at
    every latent at every split; leaves below `min_samples_leaf` rows fit noise and leak importance to latents that know
    nothing. "gbt": boosted trees as in dlib, 100 rounds of depth 3, on codes cut into `bins` (see `boosting`); with
    many values and few rows its late rounds fit noise too. "lasso": linear regression of the standardised factor with
    penalty `alpha`, importances |coefficients|. "tuned-forest": a forest that regresses the factor, its depth chosen
    from 2, 4, ..., 12 on the last ninth of the training rows. For these two informativeness is the part
    informativeness_nrmse (root mean squared error over the held-out factor's deviation, lower is better); they take
    continuous factors and read whole numbers as an ordered scale, and the lasso cannot follow a periodic one. A
    categorical code is fed as columns of 0 and 1, whose importances add up to its row of R.

    importance "impurity" is the learner's own (impurity taken away by splits, or |coefficients|), had on the training
    rows. It favours latents of many values, whose splits fit noise, over those of few, such as argmax codes.
    "permutation": R_ij is what the learner of factor j loses on the held-out rows once their codes of latent i are
    shuffled, in the share of right answers or in squared error over the factor's variance, and 0 where chance explains
    it: below as many standard errors as one of all d K entries exceeds by chance in 5 %. Take it where latents differ
    in their number of values or know little (an identity with noise of deviation 0.3 gets D = 0.4 by impurity, 1.0 by
    permutation); not where latents copy each other, since a learner that uses both loses little by either.

    `PRESETS` says whose protocol each preset is; a setting that differs from its default wins over the preset.

    D and C have no interval, and `no_interval` says so: how importances move with other rows is not to be had from one
    fit. The spread of a forest's trees is two to three times that of the forest, and a lasso's coefficients of 0, held
    at 0, leave an interval that misses where D is near 1. Informativeness has one, in `intervals` (95 %): held-out rows
    drawn again, with the learner as given.
    With m latents of no importance left in (`prune` off), 1 - C shrinks to (1 - C) log d / log(d + m), since the base
    of the logarithm is the number of latents; D does not change.
    Source: Eastwood and Williams 2018, https://openreview.net/forum?id=By-7dz-AZ (lasso, alpha = 0.02; forest);
    boosted trees and weights as in Locatello et al. 2019, https://arxiv.org/abs/1811.12359; permutation as in Breiman
    2001, https://doi.org/10.1023/A:1010933404324, what impurity favours as in Strobl et al. 2007,
    https://doi.org/10.1186/1471-2105-8-25.

    >>> from unweave.metrics import dci
    >>> grid = np.stack(np.meshgrid(range(10), range(100)), axis=-1).reshape(-1, 2) % 10
    >>> round(dci(grid * 1.0, grid, trees=5).value, 6)
    1.0
    """

    preset: Annotated[PresetName, "protocol to follow"] = "default"
    train: Annotated[int, "rows that the learners are trained on", Range(1)] = 10_000
    test: Annotated[int, "held-out rows", Range(1)] = 5_000
    backend: Annotated[Backend, "learner that predicts the factors from the codes"] = "random-forest"
    importance: Annotated[
        Literal["impurity", "permutation"],
        "importances of the learner itself, or its loss of accuracy on held-out rows with shuffled codes",
    ] = "impurity"
    trees: Annotated[int, "trees per forest", Range(1)] = 50
    min_samples_leaf: Annotated[int, "minimum training rows in a leaf of a forest", Range(1)] = 10
    rounds: Annotated[int, "rounds of boosting (gbt), each with one tree per value", Range(1)] = 100
    bins: Annotated[int, "number of bins per code (gbt), at most 256", Range(2)] = 64
    alpha: Annotated[float, "weight of the penalty (lasso)", POSITIVE] = 0.02
    weights: Annotated[Literal["mass", "equal"], "weight factors in completeness by importance, or equally"] = "mass"
    threads: Annotated[int, "threads for growing a forest; they do not change the result", Range(1)] = 1
    categorical: Annotated[bool, "use categorical codes too, if there are any"] = True

    measures = "modularity (value), compactness and explicitness (parts)"
    known = "the learner is part of the score"
    trap = "noise in the codes leaks importance, but for `importance=permutation`; never compare learners"
    interval = "none: importances would need other fits; informativeness: held-out rows"
    categories_count = "columns of 0 and 1, importances added up"
    learns = True
    takes_categories = True
    presets = PRESETS
    version = 3

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.bins > 256:
            raise InputError(f"bins must be 256 or fewer, got {self.bins}")

    def dear(self) -> bool:
        return self.followed()[0].backend != "lasso"

    def thrifty(self, rows: int) -> DCI:
        """Forests of fewer trees on more than 1,000 rows, 3 at least (25 of 50 on 2,000)."""
        how = self.followed()[0]
        if how.backend not in ("random-forest", "tuned-forest") or rows <= THRIFTY_ROWS:
            return self
        return replace(self, trees=max(min(FEWEST_TREES, how.trees), how.trees * THRIFTY_ROWS // rows))

    def takes_continuous(self) -> bool:
        return self.followed()[0].backend in ("lasso", "tuned-forest")

    def score(self, probe: Probe) -> Score:
        """D, C and informativeness, with the importances (D x K); a small pool is split in proportion."""
        (how, named), categories = self.followed(), self.categories_of(probe)
        chosen, numbers, live = self.chosen(probe), self.live(probe), self.live_with(probe, categories)
        train, test = probe.parted(self.train, self.test, "dci")
        rows, cut = np.concatenate([train, test]), len(train)
        facts: dict[str, Any] = {**named, **scored(chosen, live), "train": cut, "test": len(rows) - cut}
        if not chosen:
            return undefined("no factor varies", **facts)
        hot, of = one_hot_columns(categories[:, live[len(numbers) :]])
        fed = np.concatenate([standardised(probe.codes[:, numbers])[rows], hot[rows]], axis=1)
        owner = np.concatenate([np.arange(numbers.sum()), numbers.sum() + of])  # which live latent each column is of
        if how.backend == "gbt" and live.any():
            fed = binned(fed, how.bins)
        targets = how._targets(probe, chosen)[rows]
        if how.importance == "permutation":
            asked = shuffled(len(rows) - cut, owner, probe.rng("dci/permutation")) + cut  # (1 + d, held-out, p)
            fed = np.concatenate([fed[:cut], np.take_along_axis(fed, asked.reshape(-1, fed.shape[1]), axis=0)])
            targets = np.concatenate([targets[:cut], np.tile(targets[cut:], (len(asked), 1))])
        fits: list[Fit] = []
        for k, column in enumerate(targets.T):
            fit = how._learn(fed, column, cut, derive(probe.seed, f"dci/{k}"))
            own = how.importance == "impurity"
            fits.append(
                fit.of_latents(owner, int(live.sum())) if own else fit.of_shuffled(len(rows) - cut, len(chosen))
            )
        names = [probe.factor_names[k] for k in chosen]
        score = _judge(fits, live, names, latent_names(len(numbers), categories.shape[1]), how)
        reason = score.reason if live.any() else f"{self.no_life(probe)}, so no latent tells a factor"
        return replace(score, settings={**facts, **score.settings}, reason=reason)

    def _targets(self, probe: Probe, chosen: list[int]) -> Reals | Whole:
        """What is learnt of the factors, (n, K): their values for a regression, else the numbers of these."""
        if self.backend in ("lasso", "tuned-forest"):
            return probe.known_values[:, chosen]
        return renumbered(probe.known_factors[:, chosen])

    def _learn(self, codes: npt.NDArray[Any], target: Reals | Whole, cut: int, seed: int) -> Fit:
        """Fit one factor on the first `cut` rows of codes (n, p), of bins for "gbt", and judge it on the others."""
        if self.backend == "lasso":
            return regress(codes, target.astype(np.float64), cut, self.alpha)
        if self.backend == "tuned-forest":
            return self._tuned(codes, target.astype(np.float64), cut, seed)
        labels = target.astype(np.int64)
        if not codes.shape[1]:
            return Fit(np.zeros(0), labels[cut:] == np.bincount(labels[:cut]).argmax())
        if self.backend == "gbt":
            found = boost(codes, labels[:cut], cut, self.rounds)
            return Fit(found.importances, found.guesses == labels[cut:])
        grown = forest(codes[:cut], labels[:cut], self.trees, self.min_samples_leaf, seed, self.threads)
        return Fit(grown.feature_importances_, grown.predict(codes[cut:]) == labels[cut:])

    def _tuned(self, codes: Reals, target: Reals, cut: int, seed: int) -> Fit:
        """A regressing forest whose depth the last ninth of the training rows choose."""
        from sklearn.ensemble import RandomForestRegressor  # late: takes a second

        y = _scaled(target[:, None], cut)[:, 0]
        if not codes.shape[1]:
            return Fit(np.zeros(0), _errors(y[cut:], 0.0))
        fit = max(1, cut - cut // 9)
        tried: list[tuple[float, Any]] = []
        for depth in DEPTHS:
            forest = RandomForestRegressor(
                self.trees,
                max_depth=depth,
                min_samples_leaf=self.min_samples_leaf,
                random_state=seed % 2**32,
                n_jobs=self.threads,
            ).fit(codes[:fit], y[:fit])
            tried.append((float(((forest.predict(codes[fit:cut]) - y[fit:cut]) ** 2).sum()), forest))
        forest = min(tried, key=lambda each: each[0])[1]
        return Fit(forest.feature_importances_, _errors(y[cut:], forest.predict(codes[cut:])))


def forest(codes: Reals, labels: Whole, trees: int, leaf: int, seed: int, threads: int = 1) -> Any:
    """scikit-learn's random forest that looks at every code (n, p) at every split, grown on labels (n,)."""
    from sklearn.ensemble import RandomForestClassifier  # late: takes a second

    grown = RandomForestClassifier(
        trees,
        max_features=None,  # pyright: ignore[reportArgumentType]  fewer would force splits on idle latents
        min_samples_leaf=leaf,
        random_state=seed % 2**32,
        n_jobs=threads,
    )
    with warnings.catch_warnings():  # a factor of many values is still a factor
        warnings.filterwarnings("ignore", "The number of unique classes", UserWarning)
        return grown.fit(codes, labels)


@dataclass(frozen=True)
class Fit:
    """What was learnt of one factor: importances (p,) and answers to the held-out rows (m,).

    `answers` are right or wrong, or squared errors of a regression.
    """

    importances: Reals
    answers: npt.NDArray[Any]

    def of_latents(self, owner: Whole, live: int) -> Fit:
        """The same with the importances of columns that belong to one latent added up, (live,)."""
        sums = np.zeros((len(owner), live))
        sums[np.arange(len(owner)), owner] = 1.0
        return replace(self, importances=self.importances @ sums)

    def of_shuffled(self, held: int, factors: int) -> Fit:
        """Answers to `held` rows, and how much worse than chance explains are those to the d copies after these, (d,).

        Chance is what one of the d entries of each of so many `factors` exceeds with probability `CHANCE`.
        """
        answers = self.answers.reshape(-1, held).astype(np.float64)
        worse = answers[0] - answers[1:] if self.answers.dtype == bool else answers[1:] - answers[0]
        worse = np.nan_to_num(worse)  # of errors over a variance of 0, which nothing explains
        mean, limit = worse.mean(axis=1), ndtri(1 - CHANCE / max(1, len(worse) * factors))
        return Fit(np.where(mean > limit * worse.std(axis=1) / math.sqrt(held), mean, 0.0), self.answers[:held])


def shuffled(rows: int, owner: Whole, rng: np.random.Generator) -> Whole:
    """Which row each entry of a table (rows, p) is taken from, (1 + d, rows, p): as it is, then each latent shuffled.

    >>> found = shuffled(4, np.array([0, 1, 1]), np.random.default_rng(0))
    >>> found[0].T.tolist(), found[1, :, 1:].T.tolist(), bool((found[2, :, 1] == found[2, :, 2]).all())
    ([[0, 1, 2, 3], [0, 1, 2, 3], [0, 1, 2, 3]], [[0, 1, 2, 3], [0, 1, 2, 3]], True)
    """
    latents = int(owner.max(initial=-1)) + 1
    found = np.tile(np.arange(rows)[:, None], (1 + latents, 1, len(owner)))
    for i in range(latents):
        found[1 + i, :, owner == i] = rng.permutation(rows)
    return found


def regress(codes: Reals, target: Reals, cut: int, alpha: float) -> Fit:
    """Lasso of a factor (n,), trained on the first `cut` rows of codes (n, p); importances are |coefficients|.

    Codes and factor are standardised by the training rows, constants to 0.
    """
    from sklearn.linear_model import Lasso  # late: takes a second

    x, y = _scaled(codes, cut), _scaled(target[:, None], cut)[:, 0]
    if not codes.shape[1]:
        return Fit(np.zeros(0), _errors(y[cut:], 0.0))
    model = Lasso(alpha=alpha, max_iter=10_000).fit(x[:cut], y[:cut])
    return Fit(np.abs(model.coef_), _errors(y[cut:], model.predict(x[cut:])))


def _scaled(table: Reals, cut: int) -> Reals:
    """Columns with mean 0 and deviation 1 over the first `cut` rows; constants to 0."""
    centred = table - table[:cut].mean(axis=0)
    std = centred[:cut].std(axis=0)
    return np.where(std > 0, centred / np.where(std > 0, std, 1.0), 0.0)


def _errors(target: Reals, guesses: Reals | float) -> Reals:
    """Squared errors over the variance of the held-out target, (m,); NaN where that is constant."""
    spread = target.var()
    return (target - guesses) ** 2 / (spread if spread > 0 else math.nan)


def disentanglement(importances: Reals) -> tuple[float, Reals]:
    """D of importances R (d, K) and 1 - H_K of each latent (d,); NaN for one factor: base 1 has no meaning.

    >>> round(disentanglement(np.eye(3))[0], 6), round(disentanglement(np.ones((2, 4)))[0], 6)
    (1.0, 0.0)
    """
    if importances.shape[1] < 2:
        return math.nan, np.full(len(importances), math.nan)
    return _concentration(importances)


def completeness(importances: Reals, *, equal: bool = False) -> tuple[float, Reals]:
    """C of importances R (d, K) and 1 - H_d of each factor (K,); one latent is complete for what it tells.

    Factors count by their mass in R, or all `equal`.

    >>> round(completeness(np.array([[1.0, 0.5], [0.0, 0.5]]))[0], 6)
    0.5
    """
    if len(importances) == 1:
        each = (importances[0] > 0).astype(np.float64)
        return float(each.mean() if equal else (each * _shares(importances[0])).sum()), each
    return _concentration(importances.T, equal=equal)


def _concentration(table: Reals, *, equal: bool = False) -> tuple[float, Reals]:
    """Of each row, 1 - entropy in base of its length; and their mean, by the rows' mass or with `equal` weights."""
    each = 1 + (_within_rows(table) * np.log(_within_rows(table))).sum(axis=1) / np.log(table.shape[1])
    weights = np.full(len(table), 1 / len(table)) if equal else _shares(table.sum(axis=1))
    return float((each * weights).sum().clip(0, 1)), each


def _within_rows(table: Reals) -> Reals:
    return (table + TINY) / (table + TINY).sum(axis=1, keepdims=True)


def _shares(mass: Reals) -> Reals:
    return mass / mass.sum() if mass.sum() > 0 else np.full(len(mass), 1 / len(mass))


def _judge(fits: list[Fit], live: npt.NDArray[np.bool_], names: list[str], latents: list[str], how: DCI) -> Score:
    """Score of what was learnt of every factor; table rows are all latents, dead ones with 0."""
    kind, equal = "nrmse" if how.takes_continuous() else "accuracy", how.weights == "equal"
    fed = np.stack([fit.importances for fit in fits], axis=1) if live.any() else np.zeros((len(live), len(fits)))
    importances = np.zeros((len(live), len(fits)))
    importances[live if live.any() else slice(None)] = fed
    (d, per_latent), (c, per_factor) = disentanglement(fed), completeness(fed, equal=equal)
    answers = np.stack([fit.answers for fit in fits], axis=1).astype(np.float64)
    informed, each_informed, bounds = (_accuracy if kind == "accuracy" else _nrmse)(answers)
    each = np.zeros(len(live))
    each[live if live.any() else slice(None)] = per_latent
    return Score(
        d,
        parts={"disentanglement": d, "completeness": c, f"informativeness_{kind}": informed},
        tables={
            "importances": importances.tolist(),
            "rows": latents,
            "columns": names,
            "disentanglement_per_latent": each.tolist(),
            "completeness_per_factor": per_factor.tolist(),
            f"{kind}_per_factor": each_informed.tolist(),
        },
        reason="disentanglement needs two factors that vary, and there is one" if math.isnan(d) else None,
        settings={
            "intervals": {} if bounds is None else {f"informativeness_{kind}": list(bounds)},
            "no_interval": NO_INTERVAL,
        },
    )


def _accuracy(right: Reals) -> tuple[float, Reals, tuple[float, float] | None]:
    """Share of right answers (rows, K), that of each factor, and its 95 % interval."""
    value = float(right.mean())
    return value, right.mean(axis=0), around(value, right.mean(axis=1))


def _nrmse(errors: Reals) -> tuple[float, Reals, tuple[float, float] | None]:
    """Mean over factors of the root mean squared error, from squares (rows, K), that of each, and its interval."""
    each = np.sqrt(errors.mean(axis=0))
    value = float(each.mean())
    return value, each, around(value, (errors / np.where(each > 0, 2 * each, 1.0)).mean(axis=1), most=math.inf)
