"""How a number moves with the optimiser's step."""

from __future__ import annotations

import math
from typing import Any

from torch import Tensor


def at_most(value: Any, limit: float) -> Any:
    """`value`, or `limit` where that is less; of a number on a device, too, which nobody waits for.

    >>> at_most(3, 2), at_most(1.5, 2)
    (2, 1.5)
    """
    return value.clamp(max=limit) if isinstance(value, Tensor) else min(value, limit)


def linear(step: Any, start: float, end: float, over: int) -> Any:
    """From `start` at step 0 in a straight line to `end` at step `over`, then constant.

    The step is a number, or a tensor () on a device where a captured step is replayed; then so is what comes out.

    >>> linear(50, 0.0, 4.0, over=100), linear(500, 0.0, 4.0, over=100), linear(0, 0.0, 4.0, over=0)
    (2.0, 4.0, 4.0)
    """
    if over <= 0:
        return end
    found = start + (end - start) * at_most(step / over, 1.0)
    return found.float() if isinstance(found, Tensor) else found  # a step in float64 gives what a number would


def warmup_cosine(step: int, total: int, warmup: int, final: float) -> float:
    """Learning-rate factor: rises linearly over `warmup` steps, then half a cosine from 1 down to `final`.

    The first step already moves (factor 1 / warmup). `final` = 1 gives a constant rate after the warm-up.

    >>> [round(warmup_cosine(s, 100, 10, 0.05), 3) for s in (0, 9, 10, 55, 100)]
    [0.1, 1.0, 1.0, 0.525, 0.05]
    """
    if step < warmup:
        return (step + 1) / warmup
    along = min(1.0, (step - warmup) / max(1, total - warmup))
    return final + (1 - final) * 0.5 * (1 + math.cos(math.pi * along))
