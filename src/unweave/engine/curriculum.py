"""What makes the first steps of a run easier: blurred images, and weights that are small at first.

A small object that moves by more than its own width shares no pixel with its former self, so nothing tells a fresh
encoder which places are neighbours: it folds positions, and no penalty undoes that. Blurred images do tell. And what
is hard to see at all (orientation, a fine texture) is learned sooner while codes are cheap, and taken apart later.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from unweave.base.records import Images, Terms
from unweave.base.schedules import linear
from unweave.engine.spec import Training

SHARP = 0.2  # pixels: narrower Gaussians leave an image as it is


def blur_at(training: Training, step: int) -> float:
    """Standard deviation of the blur at this step, pixels: from `blur` in a straight line to 0."""
    return linear(step, training.blur, 0.0, training.blur_steps)


def ease_at(training: Training, step: int) -> float:
    """What the weights of all terms but the distortion are multiplied by at this step: `ease`, then rising to 1."""
    if step < training.ease_hold:
        return training.ease
    return linear(step - training.ease_hold, training.ease, 1.0, training.ease_steps)


def _smoothing(side: int, sigma: float, like: Tensor) -> Tensor:
    """The matrix (side, side) that blurs a row of pixels; what would come from beyond the edge is left out."""
    at = torch.arange(side, dtype=like.dtype, device=like.device)
    weights = (-((at[:, None] - at) ** 2) / (2 * sigma**2)).exp()
    return weights / weights.sum(1, keepdim=True)


def blurred(x: Images, sigma: float) -> Images:
    """Images (n, C, H, W) under a Gaussian of standard deviation `sigma`, pixels, cut at the edges.

    Values stay within the range they had, and a constant image stays as it is.

    >>> row = blurred(torch.tensor([[[[0.0, 0.0, 4.0, 0.0, 0.0]]]]), 1.0)
    >>> [round(value, 1) for value in row.flatten().tolist()]
    [0.3, 1.0, 1.6, 1.0, 0.3]
    """
    if sigma < SHARP:
        return x
    height, width = x.shape[-2:]
    across = x.contiguous() @ _smoothing(width, sigma, x).T
    return _smoothing(height, sigma, x) @ across


def eased(terms: Terms, share: float | Tensor) -> Terms:
    """The terms with the weights of all but the distortion multiplied by `share`, a number or a tensor ()."""
    if not isinstance(share, Tensor) and share == 1.0:
        return terms
    parts = {
        name: replace(term, weight=term.weight * share)
        for name, term in terms.items()
        if name != "distortion" and term.active
    }
    return Terms({**terms, **parts})
