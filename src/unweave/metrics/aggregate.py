"""Codes drawn from the aggregate posterior of a probe, with their exact log densities."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import torch
from torch import Tensor

from unweave.base.checks import Range
from unweave.base.errors import InputError
from unweave.base.seeds import derive
from unweave.metrics.arrays import as_codes
from unweave.metrics.base import Metric
from unweave.metrics.intervals import Z95
from unweave.metrics.probe import Probe
from unweave.models.distributions import DiagonalNormal
from unweave.models.distributions.isotropic import IsotropicPrior
from unweave.models.divergences.minibatch import AggregateDensity, exact_density


@dataclass(frozen=True)
class AggregateMetric(Metric):
    """A metric of the aggregate posterior q(z), which is taken over some images at codes of some of these."""

    max_points: Annotated[int, "images that make up the aggregate posterior", Range(2)] = 20_000
    samples: Annotated[int, "codes at which the densities are compared, one per image", Range(2)] = 1_000

    higher_is_better: ClassVar[bool] = False


@dataclass(frozen=True)
class PriorOnly:
    """Stands in for a model of which nothing but the prior is known."""

    prior: Any


@dataclass(frozen=True)
class Sampled:
    """One code of each of some images, `z` (m, d), from their posteriors (m, d), float64.

    `density` holds log q(z) and log q(z_j) in nats, with q(z) the average over the posteriors of `points` images,
    the m among them. So log q(z|x) - log q(z) is log `points` at most, for every code.
    """

    posterior: DiagonalNormal
    z: Tensor
    density: AggregateDensity
    points: int

    @property
    def log_posterior(self) -> Tensor:
        """Log q(z|x) of every code given its own image, (m,)."""
        return self.posterior.log_prob(self.z)

    @property
    def information(self) -> Tensor:
        """Log q(z|x) - log q(z), (m,); its mean is I(x;z)."""
        return self.log_posterior - self.density.joint

    def log_prior(self, prior: Any) -> Tensor:
        """Log p(z) of every code, (m,)."""
        return on(prior.log_prob, self.z, prior)

    @property
    def facts(self) -> dict[str, Any]:
        """What a score must record of these codes: how many, over how many images, and the most that I(x;z) can be."""
        return {"points": self.points, "drawn": len(self.z), "most_information": math.log(self.points)}


def on(density: Any, z: Tensor, module: Any) -> Tensor:
    """`density(z)` computed where the module's tensors are, given back as float64 on the processor."""
    tensors = module.state_dict().values() if isinstance(module, torch.nn.Module) else ()
    with torch.no_grad():
        return density(z.to(next(iter(tensors), z).device)).double().cpu()


def with_prior(codes: Any, scale: Any, prior: Any = None, *, seed: int = 0) -> Probe:
    """Of posteriors N(codes, scale^2), both (n, d), and a prior, N(0, I) if none is given.

    A scale that is not positive raises InputError.
    """
    model = PriorOnly(IsotropicPrior(as_codes(codes).shape[1]) if prior is None else prior)
    return Probe(codes, scale=scale, seed=seed, model=model)


def generator(probe: Probe, name: str) -> torch.Generator:
    """Torch generator, of this probe's seed for the draws called `name`."""
    return torch.Generator().manual_seed(derive(probe.seed, f"evaluation/{name}"))


def posterior_of(probe: Probe, rows: Any) -> DiagonalNormal:
    """q(z|x) of these rows, float64; standard deviations that are not positive raise InputError."""
    if probe.scale is None:
        raise InputError("scale is needed here, and this probe has none")
    codes, scale = probe.codes[rows], probe.scale[rows]
    if scale.min() <= 0:
        raise InputError(f"scale must be more than 0 everywhere, got {scale.min()}")
    return DiagonalNormal(torch.from_numpy(codes), 2 * torch.from_numpy(scale).log())


def sampled(probe: Probe, points: int, samples: int) -> Sampled:
    """One code of each of `samples` out of at most `points` images, with q(z) taken over all of these.

    The probe keeps the answer, so that metrics with the same counts share it. Work grows as samples x points x d.
    """
    key = ("aggregate", points, samples)
    if key not in probe.kept:
        probe.kept[key] = _sampled(probe, points, samples)
    return probe.kept[key]


def _sampled(probe: Probe, points: int, samples: int) -> Sampled:
    rows = probe.rng("aggregate").permutation(len(probe))[:points]
    all_ = posterior_of(probe, rows)
    own = DiagonalNormal(all_.mean[:samples], all_.log_variance[:samples])
    z = own.rsample(generator(probe, "aggregate"))
    return Sampled(own, z, exact_density(all_, z), len(rows))


def mean_of(values: Tensor) -> tuple[float, tuple[float, float]]:
    """Mean and its 95 % interval from independent values (n,), n at least 2.

    >>> mean_of(torch.tensor([0.0, 2.0]))
    (1.0, (-0.959..., 2.959...))
    """
    mean = values.mean().item()
    half = Z95 * values.std().item() / math.sqrt(len(values))
    return mean, (mean - half, mean + half)
