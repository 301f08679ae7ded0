"""Sampled mutual information gap: the gap with I(g; z) of codes sampled from the posteriors, without bins."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import torch

from unweave.base.checks import Range
from unweave.base.records import Score
from unweave.metrics.aggregate import generator, posterior_of
from unweave.metrics.arrays import Reals, Whole, latent_names
from unweave.metrics.base import FactorMetric, Preset, scored, undefined
from unweave.metrics.information import entropy, renumbered
from unweave.metrics.intervals import around
from unweave.metrics.probe import Probe
from unweave.models.distributions import DiagonalNormal
from unweave.models.divergences.minibatch import exact_density

PresetName: TypeAlias = Literal["default", "chen"]
PRESETS = {
    "default": Preset("Chen et al. 2018 on a stratified subset", "10,000 images, 1,000 codes"),
    "chen": Preset(
        "Chen et al. 2018, released code",
        "all images of the pool, 10,000 codes, without shape",
        {"samples": 10_000, "max_components": 1_000_000, "exclude_factors": ("shape",)},
    ),
}


def _posteriors(
    codes: Any,
    scale: Any,
    factors: Any,
    *,
    kl_per_latent: Any = None,
    factor_names: Iterable[str] | None = None,
    seed: int = 0,
) -> Probe:
    """Of posteriors N(codes, scale^2), both (n, d), and whole-numbered factors (n, K).

    `kl_per_latent` (d,) in nats says which latents are dead. A scale that is not positive raises InputError.
    """
    return Probe(codes, factors, scale=scale, factor_names=factor_names, kl_per_latent=kl_per_latent, seed=seed)


@dataclass(frozen=True)
class SampledMIG(FactorMetric):
    """mean_k (I(g_k; z_1) - I(g_k; z_2)) / H(g_k), z drawn from q(z|x), z_1 and z_2 the two that know most of g_k.

    I(g_k; z_j) = mean over draws of log q(z_j | g_k = v) - log q(z_j), v the value at the image that z was drawn for;
    q(z_j) is the average of q(z_j|x) over the images, q(z_j | v) that over those with the value v. Negative estimates
    count as 0. In [0, 1] up to the error of sampling, no unit. A collapsed latent has I near 0 by itself, and no bin
    bounds a perfect code, so the two forms of MIG are not to be compared.

    Averages run over all rows of the pool, or over `max_components` of them, evenly spaced in the order of their
    factors. q(z_j | v) is then an average over few images, a draw's own among them, which makes I(g_k; z_j) too large,
    the more so the fewer there are: `components_per_value` says how many. Time grows as samples x components x d. The
    interval is that of the draws (95 %), with the two latents and the components as given.

    `PRESETS` says whose protocol each preset is; a setting that differs from its default wins over the preset. Chen et
    al. draw 10,000 codes for each value of a factor, here they are drawn over all of them.
    Source: Chen et al. 2018, https://arxiv.org/abs/1802.04942, section 4.1; there the factors are uniform, so that
    H(g_k) is the log of their number of values.

    >>> from unweave.metrics import mig_sampled
    >>> grid = np.stack(np.meshgrid(range(10), range(10)), axis=-1).reshape(-1, 2)
    >>> round(mig_sampled(grid * 1.0, np.full((100, 2), 0.01), grid).value, 6)
    1.0
    """

    samples: Annotated[int, "codes sampled, one per image", Range(2)] = 1_000
    max_components: Annotated[int, "maximum number of images over which densities are averaged", Range(2)] = 10_000
    min_std: Annotated[
        float, "without a KL: a latent is dead if its codes' standard deviation is below this", Range(0)
    ] = 0.0
    preset: Annotated[PresetName, "protocol to follow"] = "default"

    measures = "compactness"
    known = "not comparable with mig"
    trap = "few images a value overstate information"
    interval = "sampled codes"
    inputs = staticmethod(_posteriors)
    needs = ("factors", "scale")
    reads = "sampled"
    presets = PRESETS

    def score(self, probe: Probe) -> Score:
        """Gap of each factor and their mean, with the matrix of I(g_k; z_j) in nats."""
        how, named = self.followed()
        away = tuple(name for name in how.exclude_factors if name in (*probe.factor_names, *self.exclude_factors))
        score = replace(how, preset="default", exclude_factors=away)._score(probe)
        return score.with_settings(**{**named, "exclude_factors": list(away)})

    def _score(self, probe: Probe) -> Score:
        """The same, once the preset's settings are these."""
        rows = stratified(probe.known_factors, self.max_components, probe.rng("mig-sampled"))
        factors = probe.known_factors[rows]
        chosen = [k for k in self.chosen(probe) if np.ptp(factors[:, k]) > 0]
        live = self.live(probe)
        drawn = probe.rng("mig-sampled/draws").permutation(len(rows))[: self.samples]
        facts: dict[str, Any] = {
            **scored(chosen, live),
            "components": len(rows),
            "drawn": len(drawn),
        }
        if not chosen:
            return undefined("no factor varies", **facts)
        if len(live) < 2:
            return undefined("a gap needs two latents, and there is one", **facts)
        labels, names = renumbered(factors[:, chosen]), [probe.factor_names[k] for k in chosen]
        each = {name: float(np.bincount(c).mean()) for name, c in zip(names, labels.T, strict=True)}
        log_ratios = np.zeros((len(chosen), len(drawn), len(live)))
        if live.any():
            log_ratios[:, :, live] = self._log_ratios(probe, rows, labels, drawn, live)
        reason = None if live.any() else f"{self.no_life(probe)}, so no latent tells a factor"
        return _gaps(log_ratios, entropy(labels), names, {**facts, "components_per_value": each}, reason)

    def _log_ratios(self, probe: Probe, rows: Whole, labels: Whole, drawn: Whole, live: npt.NDArray[np.bool_]) -> Reals:
        """Log q(z_j | g_k) - log q(z_j) of a code of each of the `drawn` rows (m,), (K, m, live)."""
        every = posterior_of(probe, rows)
        of = torch.from_numpy(np.flatnonzero(live))
        posterior = DiagonalNormal(every.mean.index_select(1, of), every.log_variance.index_select(1, of))
        own = _those(posterior, drawn)
        z = own.rsample(generator(probe, "mig-sampled"))
        marginal = exact_density(posterior, z).each.numpy()
        found = np.empty((labels.shape[1], *marginal.shape))
        for k, column in enumerate(labels.T):
            for v in np.unique(column[drawn]):
                at = np.flatnonzero(column[drawn] == v)
                same = _those(posterior, np.flatnonzero(column == v))
                found[k, at] = exact_density(same, z[torch.from_numpy(at)]).each.numpy()
        return found - marginal


def _those(posterior: DiagonalNormal, rows: Whole) -> DiagonalNormal:
    at = torch.from_numpy(rows)
    return DiagonalNormal(posterior.mean[at], posterior.log_variance[at])


def stratified(factors: Whole, n: int, rng: np.random.Generator) -> Whole:
    """Numbers of `n` rows evenly spaced in the order of their factors (N, K), the finest factor first; of all if fewer.

    So the values of the finest factor keep their shares up to one row, and those of the others nearly.

    >>> rows = stratified(np.array([[0], [1], [0], [1], [0], [1]]), 2, np.random.default_rng(0))
    >>> sorted((rows % 2).tolist())
    [0, 1]
    """
    if n >= len(factors):
        return np.arange(len(factors))
    keys = sorted(factors.T, key=lambda column: len(np.unique(column)))
    order = np.lexsort((rng.random(len(factors)), *keys))
    return order[((np.arange(n) + rng.random()) * len(factors) / n).astype(np.int64)]


def _gaps(log_ratios: Reals, heights: Reals, names: list[str], facts: dict[str, Any], reason: str | None) -> Score:
    """Value, interval, gaps per factor and matrices of log ratios (K, m, D) and entropies (K,)."""
    information = log_ratios.mean(axis=1).clip(min=0.0)
    best, second = np.argsort(-information, axis=1, kind="stable")[:, :2].T
    at = np.arange(len(names))
    gaps = (information[at, best] - information[at, second]) / heights
    counted = log_ratios * (information > 0)[:, None, :]
    each = ((counted[at, :, best] - counted[at, :, second]) / heights[:, None]).mean(axis=0)  # (m,)
    value = float(gaps.mean())
    return Score(
        value,
        interval=around(value, each, -math.inf, math.inf),
        per_factor=dict(zip(names, gaps.tolist(), strict=True)),
        tables={
            "mutual_information": information.tolist(),
            "normalised": (information / heights[:, None]).tolist(),
            "rows": names,
            "columns": latent_names(log_ratios.shape[2]),
        },
        reason=reason,
        settings=facts,
    )
