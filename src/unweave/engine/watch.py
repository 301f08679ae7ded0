"""What a step says of itself where nobody waits for it: whether it was finite, and its loss for those who ask."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from unweave.base.records import Terms


class Tally:
    """Sums of every term since the last log line, and the first step whose loss was not finite, kept on the device.

    All of it lies in three tensors that are changed in place, so that a captured step keeps it, too; reading waits.
    """

    def __init__(self) -> None:
        self.names: list[str] = []
        self.units: dict[str, str] = {}
        self.rates = 0  # how many of the values are rates of single latents

    def see(self, step: Any, loss: Tensor, terms: Terms, rates: Tensor | None) -> None:
        """Take in one step: its number (or a tensor with it), loss and terms, and the rate of every latent."""
        single = [loss.detach(), *(term.mean.detach() for term in terms.values())]
        values = torch.stack([each.float() for each in single])
        values = values if rates is None else torch.cat([values, rates])
        names = ["loss", *terms]
        if names != self.names or len(values) != len(self.sums):
            self.names, self.rates = names, 0 if rates is None else len(rates)
            self.units = {name: term.unit for name, term in terms.items()}
            self.sums, self.worst = torch.zeros_like(values), torch.zeros_like(values)
            self.when = loss.new_full((), -1.0, dtype=torch.float64)
        self.sums.add_(values)
        first = ~torch.isfinite(values[0]) & (self.when < 0)
        self.when.copy_(torch.where(first, step, self.when))
        self.worst.copy_(torch.where(first, values, self.worst))

    def means(self, steps: int) -> dict[str, Any]:
        """Means over the `steps` since it was read before, which starts it anew."""
        found = (self.sums / steps).tolist()
        self.sums.zero_()
        loss, *terms = zip(self.names, found, strict=False)
        means: dict[str, Any] = dict([*terms, loss])
        return {**means, "kl_per_latent": found[len(self.names) :]} if self.rates else means

    def found(self) -> tuple[int, dict[str, float]] | None:
        """The first step that was not finite, with those of its terms that were not; None so far."""
        if not self.names or (step := int(self.when.item())) < 0:
            return None
        terms = dict(zip(self.names, self.worst.tolist(), strict=False))
        return step, {name: value for name, value in terms.items() if name != "loss" and not math.isfinite(value)}


class LaterLoss:
    """A loss that is still being computed: behaves as a number, and waits for the device when it is first used as one.

    >>> loss = LaterLoss(torch.tensor(2.5))
    >>> loss < 3, f"{loss:.1f}", loss + 1, math.isfinite(loss), round(loss)
    (True, '2.5', 3.5, True, 2)
    """

    def __init__(self, value: Tensor) -> None:
        self._value: Tensor | float = value

    def __float__(self) -> float:
        if isinstance(self._value, Tensor):
            self._value = float(self._value.item())
        return self._value

    def __repr__(self) -> str:
        return repr(float(self))

    def __hash__(self) -> int:
        return hash(float(self))


def _as_number(name: str) -> Any:
    def method(self: LaterLoss, *others: Any) -> Any:
        return getattr(float(self), name)(*(float(each) if isinstance(each, LaterLoss) else each for each in others))

    return method


for _name in (
    *("lt", "le", "eq", "ne", "gt", "ge", "add", "radd", "sub", "rsub", "mul", "rmul", "truediv", "rtruediv", "pow"),
    *(
        "rpow",
        "floordiv",
        "mod",
        "neg",
        "pos",
        "abs",
        "bool",
        "int",
        "round",
        "trunc",
        "floor",
        "ceil",
        "format",
        "str",
    ),
):
    setattr(LaterLoss, f"__{_name}__", _as_number(f"__{_name}__"))
