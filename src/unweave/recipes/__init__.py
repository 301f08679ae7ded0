"""Named settings with where they come from and what they reached: one YAML file a recipe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

from unweave import checks
from unweave.errors import InputError


@dataclass(frozen=True)
class Recipe:
    """Settings for one method on one data set.

    `settings` are flat, as on the command line, with `data` among them. `source` says where they come from and
    `reached` what they gave when last run (score, images, minutes, commit), empty if not run yet.
    """

    name: str
    method: str
    settings: Mapping[str, Any]
    source: str
    reached: Mapping[str, Any] = field(default_factory=dict[str, Any])


def names() -> list[str]:
    """All shipped recipes."""
    return sorted(f.name.removesuffix(".yaml") for f in files(__name__).iterdir() if f.name.endswith(".yaml"))


def load(name: str) -> Recipe:
    """The recipe called `name`; an unknown one raises InputError with the nearest."""
    import yaml

    checks.known("recipe", name, names())
    stored = yaml.safe_load(files(__name__).joinpath(f"{name}.yaml").read_text("utf-8"))
    if not isinstance(stored, dict) or not {"method", "settings", "source"} <= stored.keys():
        raise InputError(f"recipe {name} must have method, settings and source, got {stored!r}")
    return Recipe(name, stored["method"], stored["settings"], stored["source"], stored.get("reached") or {})
