"""unweave finds the independent, clustered or sparse factors behind images, and says how far to trust them.

Names are loaded when first used, so that importing unweave is fast.
"""

import importlib
from typing import Any

_HOMES = {
    "train": "unweave.run",
    "runs": "unweave.run",
    "Run": "unweave.run",
    "load_model": "unweave.export",
    "Unweaver": "unweave.estimator",
    "Score": "unweave.types",
    "InputError": "unweave.errors",
    "Diverged": "unweave.errors",
    "codes": None,
    "data": None,
    "metrics": None,
    "nets": None,
    "objectives": None,
}
__all__ = list(_HOMES)  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("unweave")
    if name not in _HOMES:
        raise AttributeError(f"module 'unweave' has no attribute '{name}'")
    home = _HOMES[name]
    return importlib.import_module(f"unweave.{name}") if home is None else getattr(importlib.import_module(home), name)


def __dir__() -> list[str]:
    return sorted([*_HOMES, "__version__"])
