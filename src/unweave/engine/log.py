"""The log of a run, log.jsonl: means of every term since the line before, and the speed."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from unweave.base.files import read_lines
from unweave.base.records import NATS, Pass, Terms
from unweave.engine.state import State
from unweave.engine.watch import Tally


class LogWindow:
    """Means of every term since the last log line, and the speed."""

    def __init__(self, batch: int) -> None:
        self.batch, self.units = batch, {"loss": NATS, "kl_per_latent": NATS}
        self.reset()

    def reset(self) -> None:
        """Start a new window."""
        self.sums: dict[str, Tensor] = {}
        self.steps, self.since = 0, time.perf_counter()

    def keep(self, state: State) -> None:
        """Put the sums so far into what a checkpoint holds; those that a device keeps are not."""
        state.window = {name: total.clone() for name, total in self.sums.items()}
        state.window_steps = self.steps if self.sums else 0
        state.window_seconds = time.perf_counter() - self.since if self.sums else 0.0

    def go_on(self, state: State) -> None:
        """Take up the sums that a checkpoint held, so that the next line is the mean over all of its steps."""
        self.sums, self.steps = dict(state.window), state.window_steps
        self.since = time.perf_counter() - state.window_seconds

    def add(self, loss: Tensor, terms: Terms, rates: Tensor | None) -> None:
        """Take in one step."""
        values = {name: term.mean.detach() for name, term in terms.items()}
        self.units |= {name: term.unit for name, term in terms.items()}
        values["loss"] = loss.detach()
        if rates is not None:
            values["kl_per_latent"] = rates
        for name, value in values.items():
            self.sums[name] = self.sums[name] + value if name in self.sums else value
        self.steps += 1

    def count(self, tally: Tally) -> None:
        """One step more, whose terms the device keeps."""
        self.units |= tally.units
        self.steps += 1

    def record(self, step: int, lr: float, tally: Tally | None = None) -> dict[str, Any]:
        """The line for log.jsonl, of the steps that were added here, or of those on the device."""
        if tally is None:
            means = {name: (total / self.steps).tolist() for name, total in self.sums.items()}
        else:
            means = tally.means(self.steps)
        seconds = time.perf_counter() - self.since
        speed = round(self.steps * self.batch / seconds, 1)
        return {"step": step, "images": step * self.batch, **means, "lr": lr, "images_per_second": speed}


@torch.no_grad()
def rates_per_latent(at: Pass) -> Tensor | None:
    """Mean KL of every latent (d,), nats; None where it has no closed form."""
    each = at.prior.kl_each(at.posterior)
    return None if each is None else each.mean(0)


def read_log(path: Path) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """The records of a log.jsonl and the unit of each term; a torn last line is left out."""
    lines = read_lines(path)
    units: dict[str, str] = {}
    for line in lines:
        units |= line.get("units", {})
    return [line for line in lines if "units" not in line], units
