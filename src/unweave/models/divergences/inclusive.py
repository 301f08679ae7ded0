"""KL between the prior and the aggregate posterior q(z), in both directions, estimated on a minibatch."""

from __future__ import annotations

import math

import torch

from unweave.base.records import Codes, PerImage, Posterior, Prior
from unweave.models.distributions.normal import log_normal
from unweave.models.divergences.minibatch import Estimator, aggregate_density


def inclusive_kl(posterior: Posterior, prior: Prior, rng: torch.Generator) -> PerImage:
    """Terms (n,) whose mean estimates KL(p(z) || q(z)), nats: log p(z_i) - log q(z_i) for n draws z_i of the prior.

    q(z) is the average of q(z|x) over the batch: exact where the batch is the whole data set, else too narrow, which
    biases the mean upwards. It asks for some code wherever the prior has mass. The prior gets no gradient.
    Source: Mathieu et al. 2019, https://arxiv.org/abs/1812.02833.
    """
    with torch.no_grad():
        z = prior.sample(len(posterior.mean), rng).to(posterior.mean)
        log_prior = prior.log_prob(z)
    return log_prior - batch_density(posterior, z)


def batch_density(posterior: Posterior, z: Codes) -> PerImage:
    """Log of (1/B) sum_m q(z_i|x_m) for any points `z` (n, d) and the B posteriors of a batch, nats (n,).

    >>> from unweave.models.distributions import DiagonalNormal
    >>> batch_density(DiagonalNormal(torch.zeros(3, 1), torch.zeros(3, 1)), torch.zeros(1, 1))
    tensor([-0.9189])
    """
    pairs = log_normal(z[:, None], posterior.mean, posterior.log_variance)  # (n, B, d)
    return torch.logsumexp(pairs.sum(-1), dim=1) - math.log(len(posterior.mean))


def exclusive_kl(
    posterior: Posterior, z: Codes, prior: Prior, data_size: int, estimator: Estimator = "mss-symmetric"
) -> PerImage:
    """Terms (n,) whose mean estimates KL(q(z) || p(z)), nats: log q(z_i) - log p(z_i) for the codes `z` (n, d).

    It asks for prior mass wherever there are codes. log q(z) comes from the minibatch, see `minibatch`.
    """
    return aggregate_density(posterior, z, data_size, estimator).joint - prior.log_prob(z)
