"""Categorical codes: several of them side by side, their numbers, one-hot places, rate and relaxed samples.

A model with categories of `sizes` (S_1, ..., S_L) keeps them in one tensor (n, sum S), one block after the other.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from unweave.base.seeds import uniform

TINY = 1e-12  # keeps logarithms of 0 finite; far below what float32 probabilities can tell


def one_hot(numbers: Tensor, sizes: Sequence[int]) -> Tensor:
    """Numbers of categories (n, L) -> one-hot places (n, sum S), float32.

    >>> one_hot(torch.tensor([[2, 0], [0, 1]]), (3, 2))
    tensor([[0., 0., 1., 1., 0.],
            [1., 0., 0., 0., 1.]])
    """
    places = [F.one_hot(column, size) for column, size in zip(numbers.unbind(1), sizes, strict=True)]
    return torch.cat(places, dim=1).float()


def most_likely(probabilities: Tensor, sizes: Sequence[int]) -> Tensor:
    """The most likely category of every block of `probabilities` (n, sum S), as numbers (n, L).

    >>> most_likely(torch.tensor([[0.2, 0.7, 0.1, 0.6, 0.4]]), (3, 2)).tolist()
    [[1, 0]]
    """
    return torch.stack([block.argmax(1) for block in probabilities.split(list(sizes), dim=1)], dim=1)


def kl_to_uniform(probabilities: Tensor, sizes: Sequence[int]) -> Tensor:
    """KL(q(c_l|x) || uniform) = log S_l + sum_k a_k log a_k of every block, nats (n, L), each in [0, log S_l].

    >>> kl_to_uniform(torch.tensor([[1.0, 0.0, 0.0, 0.5, 0.5]]), (3, 2)).tolist()
    [[1.0986..., 0.0]]
    """
    blocks = probabilities.split(list(sizes), dim=1)
    negative_entropy = torch.stack([(a * (a + TINY).log()).sum(1) for a in blocks], dim=1)
    filled = [negative_entropy.new_full((), float(size)) for size in sizes]  # made on the device: nothing is copied
    return negative_entropy + torch.stack(filled).log()


def gumbel_softmax(probabilities: Tensor, sizes: Sequence[int], tau: float, rng: torch.Generator) -> Tensor:
    """One relaxed sample of every block, softmax((log a + g) / tau) with Gumbel noise g, (n, sum S), with gradient.

    Blocks sum to 1; `tau` towards 0 gives one-hot samples. Sources: Jang et al. 2017,
    https://arxiv.org/abs/1611.01144; Maddison et al. 2017, https://arxiv.org/abs/1611.00712.
    """
    gumbel = -(-(uniform(rng, probabilities.shape) + TINY).log() + TINY).log()
    scores = ((probabilities + TINY).log() + gumbel.to(probabilities.device)) / tau
    return torch.cat([block.softmax(1) for block in scores.split(list(sizes), dim=1)], dim=1)
