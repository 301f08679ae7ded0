"""Callbacks of a run: called when it starts, after every step, at every log line, and when it ends."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from unweave.engine.spec import Spec
from unweave.models.vae import VAE

__path__: list[str] = []  # modules lay below this name once, and base/moved.py still finds them


class StopTraining(Exception):
    """Raised by a callback in `on_step_end`: training ends with this step, as if it were the last one; says why."""


class Callback:
    """Does nothing; override what you care about. Callbacks see numbers, and change nothing.

    The exception is one that stops early: it may keep the model it is given, look at it after a step (in eval mode,
    with generators of its own, and back in training mode afterwards), set its weights and raise `StopTraining`.

    >>> class UntilLow(Callback):
    ...     def on_step_end(self, step, loss):
    ...         if loss < 40:
    ...             raise StopTraining("the loss is below 40 nats")
    >>> run = unweave.train("vae", data="dsprites", callbacks=[UntilLow()])  # doctest: +SKIP
    """

    def on_train_start(self, vae: VAE, spec: Spec, run: Path, step: int) -> None:
        """Training of `vae` into the folder `run` begins, or goes on after `step` steps."""

    def on_step_end(self, step: int, loss: float) -> None:
        """One optimiser step is done; raise `StopTraining` to make it the last one.

        On a CUDA card `loss` is a number that is read when it is used: a callback that does so after every step makes
        every step wait for the card, one that looks at the step alone costs nothing.
        """

    def on_log(self, record: Mapping[str, Any]) -> None:
        """A line was written to log.jsonl."""

    def on_message(self, sentence: str) -> None:
        """Something the user should know, in words."""

    def on_train_end(self) -> None:
        """Training is over, for whatever reason."""


Enough = StopTraining  # its old name
RENAMED = {"stepped": "on_step_end", "logged": "on_log", "said": "on_message", "ended": "on_train_end"}


class Watcher(Callback):
    """The old name of `Callback`, deprecated; its methods were given, started, stepped, logged, said and ended."""

    def __init_subclass__(cls) -> None:
        warnings.warn("Watcher is now Callback, and its methods are on_train_start …", DeprecationWarning, stacklevel=2)
        for old, new in RENAMED.items():
            if old in vars(cls):
                setattr(cls, new, vars(cls)[old])

    def on_train_start(self, vae: VAE, spec: Spec, run: Path, step: int) -> None:
        for name, arguments in (("given", (vae,)), ("started", (spec, run, step))):
            getattr(self, name, lambda *_: None)(*arguments)


def with_watchers(callbacks: Sequence[Callback], watchers: Sequence[Callback] | None) -> Sequence[Callback]:
    """The callbacks of a function that also takes them under their old name, `watchers`."""
    if watchers is None:
        return callbacks
    warnings.warn("watchers is now callbacks", DeprecationWarning, stacklevel=3)
    return [*callbacks, *watchers]
