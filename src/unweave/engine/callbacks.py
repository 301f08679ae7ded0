"""The watcher of a run: told when it starts, after every step, at every log line, and when it ends."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from unweave.engine.spec import Spec
from unweave.models.vae import VAE


class Enough(Exception):
    """Raised by a watcher in `stepped`: training ends with this step, as if it were the last one; says why."""


class Watcher:
    """Does nothing; override what you care about. Watchers see numbers, and change nothing.

    The exception is one that stops early: it may keep the model it is given, look at it after a step (in eval mode,
    with generators of its own, and back in training mode afterwards), set its weights and raise `Enough`.
    """

    def given(self, vae: VAE) -> None:
        """The model that is about to be trained."""

    def started(self, spec: Spec, run: Path, step: int) -> None:
        """Training begins, or goes on after `step` steps."""

    def stepped(self, step: int, loss: float) -> None:
        """One optimiser step is done; raise `Enough` to make it the last one."""

    def logged(self, record: Mapping[str, Any]) -> None:
        """A line was written to log.jsonl."""

    def said(self, sentence: str) -> None:
        """Something the user should know, in words."""

    def ended(self) -> None:
        """Training is over, for whatever reason."""
