"""Tiny runs that train in a second, and what stops them."""

import os
import signal

import pytest

from unweave.base import registry
from unweave.base.errors import Interrupted
from unweave.base.settings import settings_of
from unweave.engine import Callback, Spec, train

TINY = {
    "data": "dsprites", "data.size": 32, "data.hold": "lazy", "net": "conv", "net.channels": (4, 4, 4), "net.hidden": 8,
    "batch": 4, "latents": 3, "steps": 12, "lr": 1e-3, "checkpoint_every": 4, "log_every": 3,
}  # fmt: skip
CRITIC = {"critic_layers": 1, "critic_width": 8}


@pytest.fixture
def tiny():
    """`tiny(method, **settings)` is the spec of a run that takes a second."""

    def make(method: str = "factor-vae", **settings) -> Spec:
        known = {setting.name for setting in settings_of(registry.methods.get(method))}
        own = {name: value for name, value in CRITIC.items() if name in known}
        return Spec.make(method, **{**TINY, **own, **settings})

    return make


class StopAfter(Callback):
    """Does to the process what Ctrl-C or a signal does, after some steps; with None what a crash does."""

    def __init__(self, step: int, number: int | None = signal.SIGINT) -> None:
        self.step, self.number = step, number

    def on_step_end(self, step, loss):
        if step == self.step:
            if self.number is None:
                raise RuntimeError("power cut")
            os.kill(os.getpid(), self.number)


@pytest.fixture
def stop_after():
    """`stop_after(step)` is a callback that interrupts; `stop_after(step, None)` one that crashes."""
    return StopAfter


@pytest.fixture
def ends_alike(tmp_path):
    """`ends_alike(spec, *steps)` trains whole, and stopped after each of `steps`; both end with the same bytes.

    Returns the folder of the whole run. With `crash` nothing is saved at the stop.
    """

    def check(spec: Spec, *steps: int, crash: bool = False):
        whole, cut = train(spec, tmp_path / "whole"), tmp_path / "cut"
        for step in steps:
            with pytest.raises(RuntimeError if crash else Interrupted):
                train(spec, cut, resume=step != steps[0], callbacks=[StopAfter(step, None if crash else signal.SIGINT)])
        train(spec, cut, resume=True)
        assert (whole / "weights.safetensors").read_bytes() == (cut / "weights.safetensors").read_bytes()
        return whole

    return check
