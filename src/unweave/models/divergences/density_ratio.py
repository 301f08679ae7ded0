"""KL between two distributions known only by samples: a classifier's logits (the density-ratio trick).

A classifier with two logits, trained on equal shares of samples of p1 (class 0) and p0 (class 1), has
logit_0 - logit_1 -> log p1(z) / p0(z), so the mean of that difference over p1 estimates KL(p1 || p0). It is neither
an upper nor a lower bound and may be negative. Source: Kim and Mnih 2018, https://arxiv.org/abs/1802.05983.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from unweave.base.records import Codes, PerImage
from unweave.base.seeds import uniform


def log_ratio(logits: Tensor) -> PerImage:
    """Log p1(z) / p0(z) from the two logits (n, 2), in nats (n,); never through a sigmoid, which saturates.

    >>> log_ratio(torch.tensor([[1.5, -0.5]]))
    tensor([2.])
    """
    return logits[:, 0] - logits[:, 1]


def classification_loss(first: Tensor, second: Tensor) -> Tensor:
    """Mean of the cross-entropies of logits on samples of p1 (`first`) and of p0 (`second`), nats."""
    zeros = torch.zeros(len(first), dtype=torch.long, device=first.device)
    ones = torch.ones(len(second), dtype=torch.long, device=second.device)
    return 0.5 * (F.cross_entropy(first, zeros) + F.cross_entropy(second, ones))


def accuracy(first: Tensor, second: Tensor) -> Tensor:
    """Share of samples the classifier puts on the right side; 0.5 when it can tell nothing."""
    return 0.5 * ((log_ratio(first) > 0).float().mean() + (log_ratio(second) <= 0).float().mean())


def permute_dims(z: Codes, rng: torch.Generator) -> Codes:
    """Samples of prod_j q(z_j) from samples `z` (n, d) of q(z): every latent gets its own permutation of the batch.

    Detached. Source: algorithm 1 of Kim and Mnih 2018.
    """
    order = uniform(rng, z.shape).argsort(0).to(z.device)
    return z.detach().gather(0, order)
