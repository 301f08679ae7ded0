"""unweave finds the independent, clustered or sparse factors behind images, and says how far to trust them.

Names are loaded when first used, so that importing unweave is fast.
"""

import importlib
from typing import Any

from unweave.base import moved

_HOMES = {  # name -> module; "module" itself where nothing is to be taken from it
    "train": "unweave.run.launch:train",
    "runs": "unweave.run.run:runs",
    "Run": "unweave.run.run:Run",
    "load_model": "unweave.show.export:load_model",
    "Unweaver": "unweave.face.estimator:Unweaver",
    "Score": "unweave.base.records:Score",
    "InputError": "unweave.base.errors:InputError",
    "Diverged": "unweave.base.errors:Diverged",
    "codes": "unweave.show.codes",
    "data": "unweave.data",
    "metrics": "unweave.metrics",
    "nets": "unweave.models.nets",
    "objectives": "unweave.models.objectives",
}
__all__ = list(_HOMES)  # pyright: ignore[reportUnsupportedDunderAll]

moved.install()


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("unweave")
    if name not in _HOMES:
        raise AttributeError(f"module 'unweave' has no attribute '{name}'")
    module, _, attribute = _HOMES[name].partition(":")
    home = importlib.import_module(module)
    return getattr(home, attribute) if attribute else home


def __dir__() -> list[str]:
    return sorted([*_HOMES, "__version__"])
