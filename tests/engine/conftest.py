"""Tiny runs that train in a second."""

import pytest

from unweave.base import registry
from unweave.base.settings import settings_of
from unweave.engine import Spec

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
