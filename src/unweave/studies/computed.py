"""Tables of the catalogue that need no training: estimators on a toy with a known answer, metrics on made-up codes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from unweave.base import checks
from unweave.base.errors import InputError
from unweave.base.registry import datasets
from unweave.base.seeds import numpy_generator
from unweave.base.settings import build
from unweave.data.base import FactorData
from unweave.metrics.arrays import Reals
from unweave.metrics.probe import Probe
from unweave.metrics.scores.factor_vae_score import FactorVAEScore
from unweave.metrics.scores.mig import MIG
from unweave.models.distributions import DiagonalNormal
from unweave.models.distributions.isotropic import IsotropicPrior
from unweave.models.distributions.normal import log_normal
from unweave.models.divergences.minibatch import exact_split, log_weights
from unweave.run.rows import Row
from unweave.studies.spec import Study

PARTS = ("mutual-information", "total-correlation", "dimension-kl")
CORRELATION, WIDTH = 0.8, 0.292  # of one pair of means, and the posterior's standard deviation: the rate is 4.92 nats


def _row(cell: str, seed: int, metric: str, value: float) -> Row:
    return Row("", cell, seed=seed, metric=metric, value=value)


def toy(n: int, seed: int) -> DiagonalNormal:
    """Posteriors (n, 4) of equal width whose codes are about N(0, 1) each, one pair of them correlated."""
    cover = np.eye(4) * (1 - WIDTH**2)
    cover[0, 1] = cover[1, 0] = CORRELATION * (1 - WIDTH**2)
    means = numpy_generator(seed, "toy").multivariate_normal(np.zeros(4), cover, size=n)
    return DiagonalNormal(torch.from_numpy(means), torch.full((n, 4), 2 * math.log(WIDTH), dtype=torch.float64))


def minibatch_estimators(study: Study) -> Iterator[Row]:
    """Mutual information, total correlation and dimension-wise KL of a toy: exact, and estimated from minibatches.

    Settings: `points` (images), `batches` (their sizes), `repeats` (minibatches each). `mean` weighs all of a
    minibatch alike; `published matrix` and `weights once a latent` are two known mistakes, kept for comparison.
    """
    points, repeats = int(study.settings["points"]), int(study.settings["repeats"])  # type: ignore[arg-type]
    for seed in study.seeds:
        every, prior = toy(points, seed), IsotropicPrior(4)
        exact = exact_split(every, prior, torch.Generator().manual_seed(seed), samples=points)
        for part, value in zip(PARTS, exact[:3], strict=True):
            yield _row("exact", seed * repeats, part, value)
        yield _row("exact", seed * repeats, "sum", exact.kl)
        for batch in _numbers(study.settings["batches"]):
            for repeat in range(repeats):
                yield from _estimates(every, prior, batch, seed * repeats + repeat)


def _numbers(value: Any) -> list[int]:
    return [int(each) for each in (value if isinstance(value, list) else [value])]  # pyright: ignore[reportUnknownVariableType]


def _estimates(every: DiagonalNormal, prior: IsotropicPrior, batch: int, repeat: int) -> Iterator[Row]:
    rng = numpy_generator(repeat, f"minibatch of {batch}")
    points = len(every.mean)
    chosen = torch.from_numpy(rng.choice(points, size=batch, replace=False))
    q = DiagonalNormal(every.mean[chosen], every.log_variance[chosen])
    z = q.mean + q.std * torch.from_numpy(rng.standard_normal(q.mean.shape))
    pairs = log_normal(z[:, None], q.mean[None], q.log_variance[None])  # (B, B, 4)
    own, outside = q.log_prob(z).mean(), prior.log_prob(z).mean()
    parts: dict[str, list[float]] = {}
    for name, weights, each_latent in _weightings(batch, points):
        joint_pairs = (pairs + weights[..., None]).sum(-1) if each_latent else pairs.sum(-1) + weights
        joint = torch.logsumexp(joint_pairs, dim=1).mean()
        product = torch.logsumexp(pairs + weights[..., None], dim=1).sum(-1).mean()
        parts[name] = [(own - joint).item(), (joint - product).item(), (product - outside).item()]
        for part, value in zip(PARTS, parts[name], strict=True):
            yield _row(f"batch {batch}, {name}", repeat, part, value)
        yield _row(f"batch {batch}, {name}", repeat, "sum", sum(parts[name]))
    for part, weighted, naive in zip(PARTS, parts["mws"], parts["mean"], strict=True):
        yield _row(f"batch {batch}, mws minus mean", repeat, part, weighted - naive)


def _weightings(batch: int, points: int) -> Iterator[tuple[str, Tensor, bool]]:
    """Name, log weights (B, B), and whether they wrongly go in once for every latent of the joint density."""
    symmetric = log_weights("mss-symmetric", batch, points).double()
    yield "mws", log_weights("mws", batch, points).double(), False
    yield "mean", torch.full((batch, batch), -math.log(batch), dtype=torch.float64), False
    yield "mss", log_weights("mss", batch, points).double(), False
    yield "mss-symmetric", symmetric, False
    yield "published matrix", published_matrix(batch, points).log(), False
    yield "weights once a latent", published_matrix(batch, points).log(), True


def published_matrix(batch: int, points: int) -> Tensor:
    """Weights as first released: filled with a stride of B where B + 1 would meet the diagonal.

    >>> published_matrix(4, 100)[3].sum().item()
    1.313...
    """
    m = batch - 1
    weights = torch.full((batch * batch,), 1 / m, dtype=torch.float64)
    weights[:: m + 1] = 1 / points
    weights[1 :: m + 1] = (points - m) / (points * m)
    weights[m * (m + 1)] = (points - m) / (points * m)
    return weights.reshape(batch, batch)


def metric_calibration(study: Study) -> Iterator[Row]:
    """FactorVAE score and MIG of codes whose quality is known, over the factors of a data set.

    Settings: `data` (one with known factors) and its settings, `rows`, `votes` and `held_out`.
    """
    name = str(study.settings["data"])
    given = {key.removeprefix("data."): value for key, value in study.settings.items() if key.startswith("data.")}
    data = build(datasets.get(name), given, of=name, prefix="data.")
    if not isinstance(data, FactorData):
        raise InputError(f"settings.data: must be a data set with known factors, got {name}")
    votes, held_out, rows = (int(study.settings[name]) for name in ("votes", "held_out", "rows"))  # type: ignore[arg-type]
    for seed in study.seeds:
        rng = numpy_generator(seed, "calibration table")
        numbers = rng.integers(len(data), size=rows)
        factors = data.factors_at(numbers)
        for cell, codes in made_up(factors, data.names, rng).items():
            probe = Probe(codes, factors, factor_names=data.names, factor_sizes=data.sizes, seed=seed)
            for metric, asked in {
                "factor-vae-score": FactorVAEScore(votes=votes, held_out=held_out),
                "factor-vae-score unpruned": FactorVAEScore(preset="infogan-cr", samples=64, votes=votes),
                "mig": MIG(n=rows),
                "mig of 40 bins": MIG(n=rows, bins=40),
            }.items():
                yield _row(cell, seed, metric, asked(probe).value)


def made_up(factors: np.ndarray, names: tuple[str, ...], rng: np.random.Generator) -> dict[str, Reals]:
    """Codes of known quality for factors (n, K) with these names."""
    true = (factors - factors.mean(0)) / factors.std(0)
    k = len(names)
    shapeless = true[:, [j for j, name in enumerate(names) if name != "shape"]]
    neither = true[:, [j for j, name in enumerate(names) if name not in ("shape", "orientation")]]
    turn = np.linalg.qr(rng.normal(size=(k, k)))[0]

    def dead(count: int) -> Reals:
        return 0.01 * rng.normal(size=(len(factors), count))

    return {
        "one latent a factor": true,
        "without shape": shapeless,
        "without shape, 6 dead latents": np.concatenate([shapeless, dead(6)], axis=1),
        "without shape and orientation, 7 dead latents": np.concatenate([neither, dead(7)], axis=1),
        "rotated at random": true @ turn,
        "10 latents of noise": rng.normal(size=(len(factors), 10)),
    }


TABLES: Mapping[str, Callable[[Study], Iterator[Row]]] = {
    "minibatch-estimators": minibatch_estimators,
    "metric-calibration": metric_calibration,
}


def compute(study: Study) -> list[Row]:
    """The rows of a study that `computes` a table; an unknown one raises InputError."""
    checks.known("table to compute", str(study.computes), TABLES)
    return list(TABLES[str(study.computes)](study))
