"""Maximum mean discrepancy between two samples, with inverse multiquadratic kernels of several widths.

MMD^2 = sum_s [mean_{i != j} k_s(x_i, x_j) + mean_{i != j} k_s(y_i, y_j) - 2 mean_{i, j} k_s(x_i, y_j)] over scales
s, with k_s(a, b) = C / (C + |a - b|^2), C = 2 s for each latent alone and C = 2 d s for all d together. Unbiased, so
it is 0 in expectation for equal distributions and can be slightly negative; no unit. Sources: Gretton et al. 2012;
kernels and scales as in Mathieu et al. 2019, https://arxiv.org/abs/1812.02833.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from unweave.base.errors import InputError
from unweave.base.records import Codes, Scalar

SCALES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
BLOCK = (1 << 24, 1 << 18)  # pairs worked on at a time: on accelerators; on processors, whose caches hold these


class _Similarity(torch.autograd.Function):
    """Two samples (n, d) -> sum over all pairs and widths c of c / (c + (a_i - b_j)^2), for each latent alone (d,).

    Gradients are summed on the way, a few latents at a time, so that no tensor of n^2 d numbers is ever made: several
    times faster than to keep them all for a backward pass.
    """

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor, widths: tuple[float, ...]) -> Tensor:
        n, d = a.shape
        total, to_a, to_b = a.new_zeros(d), torch.zeros_like(a), torch.zeros_like(b)
        step = max(1, BLOCK[a.device.type == "cpu"] // n**2)
        for chosen in (slice(start, start + step) for start in range(0, d, step)):
            apart = a.T[chosen, :, None] - b.T[chosen, None, :]  # (step, n, n)
            squares, slope = apart.square(), torch.zeros_like(apart)
            for width in widths:
                inverse = (squares + width).reciprocal_()
                total[chosen] += width * inverse.sum((1, 2))
                if any(ctx.needs_input_grad):
                    slope.addcmul_(inverse, inverse, value=-2 * width)
            slope *= apart
            to_a[:, chosen], to_b[:, chosen] = slope.sum(2).T, -slope.sum(1).T
        ctx.save_for_backward(to_a, to_b)
        return total

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, None]:
        to_a, to_b = ctx.saved_tensors
        return grads[0] * to_a, grads[0] * to_b, None


def _similarity(a: Codes, b: Codes, widths: tuple[float, ...]) -> Tensor:
    function: Any = _Similarity.apply
    return function(a, b, widths)


def _joint_similarity(a: Codes, b: Codes, widths: tuple[float, ...]) -> Tensor:
    squares = (a.square().sum(1)[:, None] + b.square().sum(1) - 2 * a @ b.T).clamp(min=0)
    return torch.stack([(width / (width + squares)).sum() for width in widths]).sum()


def _discrepancy(xx: Tensor, yy: Tensor, xy: Tensor, n: int, widths: tuple[float, ...]) -> Tensor:
    """MMD^2 from the summed similarities of n rows; the n pairs of a row with itself, all 1, do not count."""
    return (xx + yy - 2 * n * len(widths)) / (n * (n - 1)) - 2 * xy / n**2


def _check(x: Codes, y: Codes) -> None:
    if x.shape != y.shape or len(x) < 2:
        raise InputError(
            f"samples must be two of one shape with 2 or more rows, got {tuple(x.shape)}, {tuple(y.shape)}"
        )


def mmd_per_latent(x: Codes, y: Codes, scales: tuple[float, ...] = SCALES) -> Tensor:
    """MMD^2 of every latent alone, (d,): it compares marginals and cannot see how latents hang together.

    Takes two samples (n, d) of at least 2 rows, or raises InputError. Memory is a few times n^2 floats.

    >>> mmd_per_latent(torch.tensor([[0.0], [1.0]]), torch.tensor([[0.0], [1.0]]), scales=(0.5,))
    tensor([-0.5000])
    """
    _check(x, y)
    widths = tuple(2 * s for s in scales)
    xx, yy, xy = (_similarity(a, b, widths) for a, b in ((x, x), (y, y), (x, y)))
    return _discrepancy(xx, yy, xy, len(x), widths)


def mmd_joint(x: Codes, y: Codes, scales: tuple[float, ...] = SCALES) -> Scalar:
    """MMD^2 of whole codes, (): it also sees dependence between latents. Arguments as for `mmd_per_latent`."""
    _check(x, y)
    widths = tuple(2 * x.shape[1] * s for s in scales)
    xx, yy, xy = (_joint_similarity(a, b, widths) for a, b in ((x, x), (y, y), (x, y)))
    return _discrepancy(xx, yy, xy, len(x), widths)
