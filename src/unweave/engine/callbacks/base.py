"""The watcher of a run: told when it starts, after every step, at every log line, and when it ends."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from unweave.engine.spec import Spec


class Watcher:
    """Does nothing; override what you care about. Watchers see numbers, never tensors, and change nothing."""

    def started(self, spec: Spec, run: Path, step: int) -> None:
        """Training begins, or goes on after `step` steps."""

    def stepped(self, step: int, loss: float) -> None:
        """One optimiser step is done."""

    def logged(self, record: Mapping[str, Any]) -> None:
        """A line was written to log.jsonl."""

    def said(self, sentence: str) -> None:
        """Something the user should know, in words."""

    def ended(self) -> None:
        """Training is over, for whatever reason."""
