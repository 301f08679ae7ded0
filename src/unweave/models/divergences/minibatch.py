"""The density of the aggregate posterior q(z), estimated from a minibatch or computed exactly from all images.

q(z) = (1/N) sum_n q(z|x_n) over the N training images. A minibatch of B gives an estimate of log q(z_i) as
logsumexp_m [log q(z_i|x_m) + log w_im], and the same per latent. The estimators differ in the weights w:

- mss-symmetric (default): 1/N for m = i, (N - 1) / (N (B - 1)) for the others. Unbiased for q(z_i) over random batches.
- mss (stratified, Chen et al. 2018): 1/N for m = i, (N - M) / (N M) for one other m, 1/M for the rest, M = B - 1.
  Unbiased too. The published matrix is wrong: filled with a stride of B instead of B + 1, it puts the first two
  weights into columns 0 and 1 of every row.
- mws (weighted): 1 / (N B) everywhere. Its gradient is that of the naive mean; its value is off by constants of
  log N and must never be read as nats of total correlation.

The logarithm makes the estimates biased (Jensen): a small batch can give a negative total correlation. Source:
Chen et al. 2018, https://arxiv.org/abs/1802.04942, appendix C.
"""

import functools
import math
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from unweave.base.errors import InputError
from unweave.base.records import Codes, PerImage, PerLatent, Posterior, Prior
from unweave.models.distributions.normal import DiagonalNormal, log_normal

Estimator = Literal["mss-symmetric", "mss", "mws"]


def log_weights(estimator: Estimator, batch: int, data_size: int) -> Tensor:
    """Log w, (B, B), row i for the code z_i; rows of mss and mss-symmetric sum to 1.

    >>> log_weights("mss", 4, 100).exp()[0]
    tensor([0.0100, 0.3233, 0.3333, 0.3333])
    """
    n, m = data_size, batch - 1
    if batch < 2:
        raise InputError(f"batch must be 2 or more to estimate the aggregate posterior, got {batch}")
    if n < batch:
        raise InputError(f"data_size must be at least the batch ({batch}), got {n}")
    eye = torch.eye(batch, dtype=torch.bool)
    if estimator == "mws":
        weights = torch.full((batch, batch), 1 / (n * batch))
    elif estimator == "mss-symmetric":
        weights = torch.full((batch, batch), (n - 1) / (n * m))
        weights[eye] = 1 / n
    else:
        weights = torch.full((batch, batch), 1 / m)
        weights[eye.roll(1, dims=1)] = (n - m) / (n * m)  # one other image; the batch is in random order already
        weights[eye] = 1 / n
    return weights.log()


@functools.lru_cache(maxsize=64)
def _weights_on(estimator: Estimator, batch: int, data_size: int, device: torch.device, dtype: torch.dtype) -> Tensor:
    """The weights where the codes are, copied there once."""
    return log_weights(estimator, batch, data_size).to(device, dtype)


class AggregateDensity(NamedTuple):
    """Log densities of q(z), nats: `joint` (n,) and of each latent alone, `each` (n, d)."""

    joint: PerImage
    each: PerLatent


def aggregate_density(
    posterior: Posterior, z: Codes, data_size: int, estimator: Estimator = "mss-symmetric"
) -> AggregateDensity:
    """Minibatch estimate of log q(z_i) and log q(z_ij) for the codes `z` (n, d) drawn from `posterior`."""
    pairs = log_normal(z[:, None], posterior.mean[None], posterior.log_variance[None])  # (n, n, d)
    weights = _weights_on(estimator, len(z), data_size, z.device, z.dtype)
    return AggregateDensity(
        torch.logsumexp(pairs.sum(-1) + weights, dim=1),  # the weights once, not once per latent
        torch.logsumexp(pairs + weights[..., None], dim=1),
    )


class KLSplit(NamedTuple):
    """Sample-wise parts (n,) of log q(z|x) - log p(z), nats: they always add up to it, whatever the estimator."""

    mutual_information: PerImage
    total_correlation: PerImage
    dimension_kl: PerImage


def split_kl(
    posterior: Posterior, z: Codes, prior: Prior, data_size: int, estimator: Estimator = "mss-symmetric"
) -> KLSplit:
    """Index-code mutual information, total correlation and dimension-wise KL of the codes `z`.

    [log q(z|x) - log q(z)] + [log q(z) - sum_j log q(z_j)] + [sum_j log q(z_j) - log p(z)]. The last part is a sum
    of KLs only where the prior factorises.
    """
    q = aggregate_density(posterior, z, data_size, estimator)
    product = q.each.sum(-1)
    return KLSplit(posterior.log_prob(z) - q.joint, q.joint - product, product - prior.log_prob(z))


def exact_density(posterior: Posterior, z: Codes, max_bytes: int = 64_000_000) -> AggregateDensity:
    """Log q(z_i) and log q(z_ij) of codes `z` (m, d), with q(z) taken over all N images of `posterior` (N, d).

    In float64. Work grows as m x N x d; memory stays below about `max_bytes`.
    """
    mean, log_variance, points = posterior.mean.double(), posterior.log_variance.double(), z.double()
    n, d = mean.shape
    rows = max(1, max_bytes // (8 * n * d * 4))
    joint = torch.empty(len(z), dtype=torch.float64)
    each = torch.empty(len(z), d, dtype=torch.float64)
    for start in range(0, len(z), rows):
        pairs = log_normal(points[start : start + rows, None], mean[None], log_variance[None])
        joint[start : start + rows] = torch.logsumexp(pairs.sum(-1), dim=1) - math.log(n)
        each[start : start + rows] = torch.logsumexp(pairs, dim=1) - math.log(n)
    return AggregateDensity(joint, each)


class ExactSplit(NamedTuple):
    """Parts of the mean KL over a whole data set, nats per image, and the entropies they are made of."""

    mutual_information: float
    total_correlation: float
    dimension_kl: float
    kl: float
    joint_entropy: float
    marginal_entropies: Tensor  # (d,)


def exact_split(
    posterior: Posterior,
    prior: Prior,
    rng: torch.Generator,
    samples: int = 10_000,
    max_bytes: int = 64_000_000,
) -> ExactSplit:
    """MI, TC and dimension-wise KL with q(z) taken over all N images of `posterior` (N, d).

    Draws one z for each of `samples` images (all, if there are fewer). H(z) = -E log q(z) and so on; the conditional
    entropy is in closed form, and so is E log p(z) where the rate is (else it is the mean over the drawn points): then
    the three parts add up to the mean closed-form KL of the chosen images exactly. The mutual information is at most
    log N, and its estimate may exceed that a little by chance, since H(z) is of drawn points. Work grows as samples x N
    x d; memory stays below about `max_bytes`. Source: Chen et al. 2018, appendix C.
    """
    mean, log_variance = posterior.mean.double(), posterior.log_variance.double()
    n, d = mean.shape
    chosen = torch.randperm(n, generator=rng)[: min(samples, n)]
    noise = torch.randn(len(chosen), d, generator=rng, dtype=torch.float64)
    z = mean[chosen] + (0.5 * log_variance[chosen]).exp() * noise
    joint, each = exact_density(posterior, z, max_bytes)
    own = DiagonalNormal(mean[chosen], log_variance[chosen])
    conditional_entropy = own.entropy_each().sum(-1).mean()
    rate = prior.kl_each(own)
    log_prior = prior.log_prob(z).double().mean() if rate is None else -rate.sum(-1).mean() - conditional_entropy
    entropy, marginal = -joint.mean(), -each.mean(0)
    return ExactSplit(
        mutual_information=(entropy - conditional_entropy).item(),
        total_correlation=(marginal.sum() - entropy).item(),
        dimension_kl=(-marginal.sum() - log_prior).item(),
        kl=(-conditional_entropy - log_prior).item(),
        joint_entropy=entropy.item(),
        marginal_entropies=marginal,
    )
