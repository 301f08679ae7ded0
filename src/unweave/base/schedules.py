"""How a number moves with the optimiser's step."""

import math


def linear(step: int, start: float, end: float, over: int) -> float:
    """From `start` at step 0 in a straight line to `end` at step `over`, then constant.

    >>> linear(50, 0.0, 4.0, over=100), linear(500, 0.0, 4.0, over=100), linear(0, 0.0, 4.0, over=0)
    (2.0, 4.0, 4.0)
    """
    if over <= 0:
        return end
    return start + (end - start) * min(1.0, step / over)


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
