"""Importance-weighted bound: a lower bound on the log-likelihood of images, tighter with more samples."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import torch
from torch import Tensor

from unweave.base.checks import Range
from unweave.base.records import NATS, Images, Score
from unweave.metrics.aggregate import generator, mean_of
from unweave.metrics.base import Metric
from unweave.metrics.probe import Probe
from unweave.models.distributions.categorical import one_hot

FLOATS = 2_000_000  # pixels decoded at a time
ENUMERATED = 64  # combinations of categories up to which all are summed over


class Shown:
    """Images that are given, as a data set that shows them again."""

    def __init__(self, images: Images) -> None:
        self._images = images

    def images(self, numbers: Any) -> Images:
        """Those with these numbers."""
        return self._images[torch.as_tensor(numbers)]


def _images(model: Any, images: Images, *, seed: int = 0) -> Probe:
    """Of a `VAE` and images (n, c, h, w), two or more."""
    data: Any = Shown(images)
    return Probe(np.zeros((len(images), 1)), model=model, data=data, numbers=np.arange(len(images)), seed=seed)


@dataclass(frozen=True)
class IWAE(Metric):
    """E log (1/k) sum_i p(x, z_i) / q(z_i|x), z_i ~ q(z|x): a lower bound on E log p(x), nats per image.

    The expectation of the bound never falls with k; k = 1 is the ELBO, which `parts` gives too, from the same draws.
    The likelihood is the model's own without its distortion_weight; a density (normal, Laplace) can give positive
    values, and grey pixels under a Bernoulli are scored as if they were probabilities. Categories of a model are
    summed over with equal shares, p(x|z) = sum_c p(x|z, c) / C, if there are 64 combinations or fewer; beyond that
    those that the model tells stand alone, p(x|z) >= p(x|z, c) / C, and categories in the settings says which. The
    interval is that of sampling images (95 %). Work is n x k decodings, times C where categories are summed over; at
    most 2 million pixels are decoded at a time.
    Source: Burda et al. 2016, https://arxiv.org/abs/1509.00519.
    """

    n: Annotated[int, "number of images averaged over", Range(2)] = 64
    k: Annotated[int, "samples per image", Range(1)] = 1_000

    measures = "log-likelihood of images, nats"
    lies_in = "any"
    known = "never falls with `k`; needs a model"
    trap = "a density can be above 0; grey pixels count as probabilities"
    interval = "images"
    categories_count = "summed over"
    follows = "Burda et al. 2016; 1,000 samples as in Mathieu et al. 2019"
    to_match = "`k`"
    inputs = staticmethod(_images)
    needs = ("model", "data")
    reads = "sampled"
    takes_categories = True

    def score(self, probe: Probe) -> Score:
        """Mean bound over `n` images of the probe's data set."""
        rows, model = probe.rng("iwae").permutation(len(probe))[: self.n], probe.model
        images, rng = probe.rows(np.sort(rows)).images(), generator(probe, "iwae")
        before = model.training
        model.eval()
        weights = [log_weights(model, x[None], self.k, rng) for x in images]
        model.train(before)
        log_w = torch.stack(weights)  # (n, k)
        value, interval = mean_of(torch.logsumexp(log_w, 1) - math.log(self.k))
        how = "enumerated" if math.prod(model.category_sizes) <= ENUMERATED else "as told"
        return Score(
            value,
            parts={"elbo": log_w.mean().item()},
            interval=interval,
            unit=NATS,
            settings={"images": len(images), "categories": how if model.category_sizes else "none"},
        )


@torch.no_grad()
def log_weights(model: Any, x: Images, k: int, rng: torch.Generator) -> Tensor:
    """Log p(x, z_i) / q(z_i|x) of `k` draws for one image `x` (1, c, h, w), float64 (k,)."""
    like = next(model.parameters())
    x = x.to(like.device)
    encoding = model.encode(x)
    q = encoding.posterior
    noise = torch.randn(k, q.mean.shape[1], generator=rng).to(q.mean)
    z = q.mean + q.std * noise
    ratio = model.prior.log_prob(z).double() - q.log_prob(z).double()
    rows = max(1, FLOATS // x[0].numel())
    seen = _seen(model, x, encoding)
    log_p = torch.cat([_log_likelihood(model, part, x, seen) for part in z.split(rows)])
    return (log_p - math.log(math.prod(model.category_sizes)) + ratio).cpu()


def _log_likelihood(model: Any, z: Tensor, x: Images, seen: list[Tensor | None]) -> Tensor:
    """Log sum over `seen` of p(x|z, c) for the same image and each code, (rows,) float64."""
    same = x.expand(len(z), *x.shape[1:])
    each = [-model.nll(model.decode(z, None if c is None else c.expand(len(z), -1)), same).double() for c in seen]
    return torch.logsumexp(torch.stack(each), dim=0)


def _seen(model: Any, x: Images, encoding: Any) -> list[Tensor | None]:
    """What the decoder may see beside the code, each (1, sum S) or None: all combinations, or the one that is told."""
    sizes = model.category_sizes
    if sizes and math.prod(sizes) <= ENUMERATED:
        all_ = torch.tensor(list(itertools.product(*map(range, sizes))))
        return [row[None].to(x) for row in one_hot(all_, sizes)]
    return [model.places(model.categories(x, encoding), 1)]
