"""What a step is told, and what it comes to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from torch import Tensor

from unweave.base.records import Discrete, Pass, Terms


@dataclass(frozen=True)
class Now:
    """Where training stands, as a step needs to know it; numbers, or tensors () that lie on the device."""

    step: Any
    ease: float | Tensor
    discrete: Discrete | None


class Done(NamedTuple):
    """What a step comes to: loss, terms, pass, and the critic's terms."""

    loss: Tensor
    terms: Terms
    at: Pass
    critic_terms: Terms
