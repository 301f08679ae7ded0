"""Progress in the terminal: a live bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from unweave.base.terminal import console
from unweave.engine.callbacks import Callback
from unweave.engine.spec import Spec
from unweave.models.vae import VAE

SHOWN = ("distortion", "kl", "total_correlation")


def summary(record: Mapping[str, Any]) -> str:
    """The main terms of a log line in words.

    >>> summary({"loss": 50.25, "distortion": 40.0, "kl": 10.25, "images_per_second": 800.4})
    'loss 50.2  distortion 40.0  kl 10.2 nats  800 images/s'
    """
    terms = "  ".join(f"{k.replace('_', ' ')} {record[k]:.1f}" for k in ("loss", *SHOWN) if k in record)
    return f"{terms} nats  {record['images_per_second']:.0f} images/s"


class ProgressBar(Callback):
    """Shows steps, loss terms in nats per image, images/s and time left on standard error."""

    def __init__(self, every_seconds: float = 10.0) -> None:
        self.console = console()
        self.every, self.last_line = every_seconds, 0.0
        self.bar: Progress | None = None
        self.task = TaskID(0)

    def on_train_start(self, vae: VAE, spec: Spec, run: Path, step: int) -> None:
        self.total = spec.training.steps
        going_on = f", going on after step {step:,}" if step else ""
        work = f"{self.total:,} steps of {spec.training.batch} images"
        self.console.print(f"{spec.title}: {work} into {run}{going_on}", soft_wrap=True)
        if self.console.is_terminal:
            columns = (BarColumn(bar_width=24), MofNCompleteColumn(), TextColumn("{task.description}"))
            self.bar = Progress(*columns, TimeRemainingColumn(), console=self.console)
            self.task = self.bar.add_task("starting", total=self.total, completed=step)
            self.bar.start()

    def on_step_end(self, step: int, loss: float) -> None:
        if self.bar is not None:
            self.bar.update(self.task, completed=step)

    def on_log(self, record: Mapping[str, Any]) -> None:
        if self.bar is not None:
            self.bar.update(self.task, description=summary(record))
        elif time.monotonic() - self.last_line >= self.every or record["step"] == self.total:
            self.last_line = time.monotonic()
            self.console.print(f"step {record['step']:,} of {self.total:,}: {summary(record)}", soft_wrap=True)

    def on_message(self, sentence: str) -> None:
        self.console.print(sentence, soft_wrap=True)

    def on_train_end(self) -> None:
        if self.bar is not None:
            self.bar.stop()
