"""DCI: disentanglement, completeness, informativeness, from what a learner needs to tell each factor."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt

from unweave import checks
from unweave.errors import InputError
from unweave.metrics.base import FactorMetric, Reals, Whole, latent_names, parted, standardised, undefined
from unweave.metrics.boosting import binned, boost
from unweave.metrics.information import renumbered
from unweave.metrics.probe import Probe
from unweave.seeds import derive
from unweave.settings import build
from unweave.types import Score

TINY = 1e-11  # keeps the entropy of an all-zero row defined (and 1, so that the row scores 0)


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
    penalty `alpha`, importances |coefficients|; for it informativeness is the part informativeness_nrmse (root mean
    squared error over the held-out factor's deviation, lower is better), it takes continuous factors, reads whole
    numbers as an ordered scale, and cannot follow a periodic one. There is no interval for D and C: rows of one sample
    say nothing about how importances move with another. Informativeness has one (informativeness_low and _high, 95 %,
    over the held-out rows).
    Source: Eastwood and Williams 2018, https://openreview.net/forum?id=By-7dz-AZ (lasso, alpha = 0.02; forest);
    boosted trees and weights as in Locatello et al. 2019, https://arxiv.org/abs/1811.12359.
    """

    train: Annotated[int, "rows the learners are trained on"] = 10_000
    test: Annotated[int, "held-out rows"] = 5_000
    backend: Annotated[Literal["random-forest", "gbt", "lasso"], "what learns the factors from the codes"] = (
        "random-forest"
    )
    trees: Annotated[int, "trees a forest"] = 50
    min_samples_leaf: Annotated[int, "fewest training rows in a leaf of a forest"] = 10
    rounds: Annotated[int, "rounds of boosting (gbt), each with a tree a value"] = 100
    bins: Annotated[int, "bins a code is cut into (gbt), 256 at most"] = 64
    alpha: Annotated[float, "weight of the penalty (lasso)"] = 0.02
    threads: Annotated[int, "threads that grow a forest; the result does not depend on them"] = 1

    learns: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.at_least(1, train=self.train, test=self.test, trees=self.trees, min_samples_leaf=self.min_samples_leaf)
        checks.at_least(1, threads=self.threads)
        checks.at_least(1, rounds=self.rounds)
        checks.at_least(2, bins=self.bins)
        checks.positive(alpha=self.alpha)
        checks.one_of(("random-forest", "gbt", "lasso"), backend=self.backend)
        if self.bins > 256:
            raise InputError(f"bins must be 256 or fewer, got {self.bins}")

    def takes_continuous(self) -> bool:
        return self.backend == "lasso"

    def score(self, probe: Probe) -> Score:
        """D, C and informativeness, with the importances (D x K); a small pool is split in proportion."""
        chosen, live = self.chosen(probe), self.live(probe)
        train, test = parted(len(probe), self.train, self.test, probe.rng("dci"))
        rows, cut = np.concatenate([train, test]), len(train)
        facts: dict[str, Any] = {
            "K": len(chosen),
            "active": np.flatnonzero(live).tolist(),
            "train": cut,
            "test": len(rows) - cut,
        }
        if not chosen:
            return undefined("no factor varies", **facts)
        codes = standardised(probe.codes[:, live])[rows]
        names = [probe.factor_names[k] for k in chosen]
        importances, right = np.zeros((len(live), len(chosen))), np.zeros((len(test), len(chosen)))
        if self.backend == "lasso":
            importances[live], errors = regress(codes, probe.known_values[rows][:, chosen], cut, self.alpha)
            return self._told(_judge(importances, live, errors, names, "nrmse"), facts, probe, live)
        labels = renumbered(probe.known_factors[:, chosen])[rows]
        for k, column in enumerate(labels.T):
            seed = derive(probe.seed, f"dci/{k}")
            importances[live, k], right[:, k] = self._learn(codes, column, cut, seed)
        return self._told(_judge(importances, live, right, names, "accuracy"), facts, probe, live)

    def _told(self, score: Score, facts: dict[str, Any], probe: Probe, live: npt.NDArray[np.bool_]) -> Score:
        """`score` with its facts, and the reason if nothing lives."""
        if live.any():
            return replace(score, settings=facts)
        return replace(score, settings=facts, reason=f"{self.no_life(probe)}, so no latent tells a factor")

    def _learn(self, codes: Reals, labels: Whole, cut: int, seed: int) -> tuple[Reals, npt.NDArray[np.bool_]]:
        """Fit one factor: the importance of each live latent, and which held-out rows are told right."""
        if not codes.shape[1]:
            return np.zeros(0), labels[cut:] == np.bincount(labels[:cut]).argmax()
        if self.backend == "gbt":
            found = boost(binned(codes, self.bins), labels[:cut], cut, self.rounds)
            return found.importances, found.guesses == labels[cut:]
        from sklearn.ensemble import RandomForestClassifier  # late: takes a second

        forest = RandomForestClassifier(
            self.trees,
            max_features=None,  # pyright: ignore[reportArgumentType]  fewer would force splits on idle latents
            min_samples_leaf=self.min_samples_leaf,
            random_state=seed % 2**32,
            n_jobs=self.threads,
        )
        with warnings.catch_warnings():  # a factor of many values is still a factor
            warnings.filterwarnings("ignore", "The number of unique classes", UserWarning)
            forest.fit(codes[:cut], labels[:cut])
        return forest.feature_importances_, forest.predict(codes[cut:]) == labels[cut:]


def regress(codes: Reals, factors: Reals, cut: int, alpha: float) -> tuple[Reals, Reals]:
    """Lasso's |coefficients| (d, K), trained on the first `cut` rows, and squared errors (rows - cut, K).

    Codes and factors are standardised by the training rows, constants to 0; errors are squares over the variance of
    the held-out factor, so that the root of their mean is the normalised error; where that is constant, NaN.
    """
    from sklearn.linear_model import Lasso  # late: takes a second

    tables: list[Reals] = []
    for table in (codes, factors):
        centred = table - table[:cut].mean(axis=0)
        std = centred[:cut].std(axis=0)
        tables.append(np.where(std > 0, centred / np.where(std > 0, std, 1.0), 0.0))
    x, y = tables
    weights, guesses = np.zeros((codes.shape[1], factors.shape[1])), np.zeros_like(y[cut:])
    for k, target in enumerate(y[:cut].T if codes.shape[1] else ()):
        model = Lasso(alpha=alpha, max_iter=10_000).fit(x[:cut], target)
        weights[:, k], guesses[:, k] = model.coef_, model.predict(x[cut:])
    spread = y[cut:].var(axis=0)
    return np.abs(weights), (y[cut:] - guesses) ** 2 / np.where(spread > 0, spread, math.nan)


def disentanglement(importances: Reals) -> tuple[float, Reals]:
    """D of importances R (d, K) and 1 - H_K of each latent (d,); NaN for one factor: base 1 has no meaning.

    >>> round(disentanglement(np.eye(3))[0], 6), round(disentanglement(np.ones((2, 4)))[0], 6)
    (1.0, 0.0)
    """
    if importances.shape[1] < 2:
        return math.nan, np.full(len(importances), math.nan)
    return _concentration(importances)


def completeness(importances: Reals) -> tuple[float, Reals]:
    """C of importances R (d, K) and 1 - H_d of each factor (K,); one latent is complete for what it tells.

    >>> round(completeness(np.array([[1.0, 0.5], [0.0, 0.5]]))[0], 6)
    0.5
    """
    if len(importances) == 1:
        each = (importances[0] > 0).astype(np.float64)
        return float((each * _shares(importances[0])).sum()), each
    return _concentration(importances.T)


def _concentration(table: Reals) -> tuple[float, Reals]:
    """Of each row, 1 - entropy in base of its length; and their mean, weighted by the rows' mass."""
    shares = (table + TINY) / (table + TINY).sum(axis=1, keepdims=True)
    each = 1 + (shares * np.log(shares)).sum(axis=1) / np.log(table.shape[1])
    return float((each * _shares(table.sum(axis=1))).sum().clip(0, 1)), each


def _shares(mass: Reals) -> Reals:
    return mass / mass.sum() if mass.sum() > 0 else np.full(len(mass), 1 / len(mass))


def _judge(importances: Reals, live: npt.NDArray[np.bool_], right: Reals, names: list[str], kind: str) -> Score:
    """Score of importances (D, K) and right answers, or squared errors, (rows, K); `kind` says which of them."""
    fed = importances[live] if live.any() else importances
    (d, per_latent), (c, per_factor) = disentanglement(fed), completeness(fed)
    informativeness, low, high, each_informed = (_accuracy if kind == "accuracy" else _nrmse)(right)
    each = np.zeros(len(live))
    each[live if live.any() else slice(None)] = per_latent
    return Score(
        d,
        parts={
            "disentanglement": d,
            "completeness": c,
            f"informativeness_{kind}": informativeness,
            "informativeness_low": low,
            "informativeness_high": high,
        },
        tables={
            "importances": importances.tolist(),
            "rows": latent_names(len(live)),
            "columns": names,
            "disentanglement_per_latent": each.tolist(),
            "completeness_per_factor": per_factor.tolist(),
            f"{kind}_per_factor": each_informed.tolist(),
        },
        reason="disentanglement needs two factors that vary, and there is one" if math.isnan(d) else None,
    )


def _accuracy(right: Reals) -> tuple[float, float, float, Reals]:
    """Share of right answers (rows, K), its 95 % interval, and the share of each factor."""
    told = right.mean(axis=1)
    value = float(told.mean())
    half = 1.959964 * float(told.std(ddof=1)) / math.sqrt(len(told)) if len(told) > 1 else math.nan
    return value, max(0.0, value - half), min(1.0, value + half), right.mean(axis=0)


def _nrmse(errors: Reals) -> tuple[float, float, float, Reals]:
    """Mean over factors of the root mean squared error, from squares (rows, K), its 95 % interval, and of each."""
    each = np.sqrt(errors.mean(axis=0))
    value = float(each.mean())
    influence = (errors / np.where(each > 0, 2 * each, 1.0)).mean(axis=1)
    half = 1.959964 * float(influence.std(ddof=1)) / math.sqrt(len(errors)) if len(errors) > 1 else math.nan
    return value, max(0.0, value - half), value + half, each


def dci(
    codes: Any,
    factors: Any,
    *,
    kl_per_latent: Any = None,
    factor_names: Iterable[str] | None = None,
    seed: int = 0,
    **settings: Any,
) -> Score:
    """DCI of codes (n, d) and factors (n, K), whole-numbered ones unless `backend` is "lasso", on 15,000 rows at most.

    `settings` are those of `DCI`, by name; `kl_per_latent` (d,) in nats says which latents are dead. No
    factor that varies gives NaN with a reason, and so does D (not C) where there is one; wrong shapes and
    unknown settings raise InputError.

    >>> grid = np.stack(np.meshgrid(range(10), range(100)), axis=-1).reshape(-1, 2) % 10
    >>> round(dci(grid * 1.0, grid, trees=5).value, 6)
    1.0
    """
    probe = Probe(codes, factors, factor_names=factor_names, kl_per_latent=kl_per_latent, seed=seed)
    return build(DCI, settings, of="dci")(probe)
