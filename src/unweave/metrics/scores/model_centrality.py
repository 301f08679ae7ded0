"""Model centrality: how well do a model's latents predict those of the other models? Needs no factors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np

from unweave.base.checks import Range
from unweave.base.records import Score
from unweave.metrics.arrays import Reals, Whole
from unweave.metrics.comparison import Comparison, living, of_models
from unweave.metrics.information import quantise
from unweave.metrics.probe import Probe
from unweave.metrics.scores.factor_vae_score import FactorVAEScore


@dataclass(frozen=True)
class ModelCentrality(Comparison):
    """s_i = mean over j != i of (B_ij + B_ji) / 2, B_ij the FactorVAE score of i's codes with j's as the factors.

    In [0, 1], no unit: well disentangled models are alike, bad ones are bad each in its way. The paper draws images
    from model j's decoder with one latent fixed; here the rows stand in for them, j's live codes cut into `bins` with
    equally many rows, so that no decoder is needed. That makes it another number than the paper's, and one that does
    not see what a model's decoder makes of codes that no image has. Models with no live latent get NaN and are
    passed over by the others. There is no interval.
    Source: Lin et al. 2020, https://arxiv.org/abs/1906.06034, section 4.

    >>> from unweave.metrics import model_centrality
    >>> codes = np.random.default_rng(0).normal(size=(500, 3))
    >>> model_centrality([codes, -codes[:, ::-1]], votes=100).value > 0.95
    True
    """

    n: Annotated[int, "rows that the models are compared on", Range(2)] = 10_000
    bins: Annotated[int, "number of values of each latent when used as a factor", Range(2)] = 10
    samples: Annotated[int, "rows per vote", Range(2)] = 64
    votes: Annotated[int, "votes for the majorities, and again as many that are counted", Range(1)] = 800
    min_kl: Annotated[
        float, "leave out latents whose mean KL is at most this, nats; constant ones are always left out", Range(0)
    ] = 0.1

    measures = "agreement of several runs"
    trap = "runs that agree on one mistake agree; not the paper's number, which needs the decoders"
    follows = "Lin et al. 2020, with rows in place of decoded images"

    def score(self, probes: Sequence[Probe]) -> Score:
        """Centrality of each model and their mean, with B of every pair (codes of, factors of)."""
        rows = probes[0].rows_at_most(self.n, "model-centrality")
        live = [living(probe, self.min_kl) for probe in probes]
        codes = [probe.codes[rows][:, each] for probe, each in zip(probes, live, strict=True)]
        factors = [quantise(table, self.bins, "quantile") if table.shape[1] else None for table in codes]
        pairs = np.full((len(probes), len(probes)), np.nan)
        for i, table in enumerate(codes):
            for j, truth in enumerate(factors):
                if i != j and table.shape[1] and truth is not None:
                    pairs[i, j] = self._factor_vae_score(table, truth, probes[0].seed)
        both = (pairs + pairs.T) / 2
        known = ~np.isnan(both)
        each = np.array([line[seen].mean() if seen.any() else np.nan for line, seen in zip(both, known, strict=True)])
        return of_models(pairs, each, _why(codes, each), n=len(rows), active_per_model=[t.shape[1] for t in codes])

    def _factor_vae_score(self, codes: Reals, factors: Whole, seed: int) -> float:
        """FactorVAE score, held-out, of one model's codes with the binned codes of another as factors."""
        metric = FactorVAEScore(samples=self.samples, votes=self.votes, held_out=self.votes, prune=False)
        return metric(Probe(codes, factors, seed=seed)).value


def _why(codes: list[Reals], each: Reals) -> str | None:
    dead = [i for i, table in enumerate(codes) if not table.shape[1]]
    if dead:
        return f"without a live latent: model {', '.join(map(str, dead))}"
    return "no latent of a model takes values that repeat" if np.isnan(each).any() else None
