"""Named settings with where they come from and what they reached: one YAML file a recipe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

from unweave.base import checks
from unweave.base.errors import InputError

PUBLISHED = "published"  # of any method on data of the user's own: nothing is chosen for them
LASTING = (  # settings that are numbers of steps
    "lr_warmup", "blur_steps", "ease_hold", "ease_steps", "warmup", "stage_steps", "arrival_steps", "anneal_steps",
)  # fmt: skip


@dataclass(frozen=True)
class Recipe:
    """Settings for one method on one data set.

    `method` is "" where it may be any. `settings` are flat, as on the command line, with `data` among them. `source`
    says where they come from and `reached` what they gave when last run (score, images, minutes, commit), empty if not
    run yet.
    """

    name: str
    method: str
    settings: Mapping[str, Any]
    source: str
    reached: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def check(self, method: str, place: str = "") -> None:
        """Refuse a method that the recipe is not for; `place` begins the message."""
        if self.method not in ("", method):
            raise InputError(f"{place}recipe {self.name} is for {self.method}, got method {method}")

    def with_settings(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The recipe's settings with `given` over them.

        With other `steps` the course keeps its shape: what lasts a number of steps lasts the same share of them. With
        another net (prior, likelihood, data) the settings of the recipe's own are left behind.

        >>> load("factor-vae-dsprites-laptop").with_settings({"steps": 800, "lr_warmup": 7})["blur_steps"]
        100
        """
        given = {name.replace("-", "_"): value for name, value in given.items()}
        steps, whole = str(given.get("steps", "")), self.settings.get("steps")  # the command line gives words
        cut: dict[str, int] = {}
        if steps.isdecimal() and whole:
            cut = {name: max(1, n * int(steps) // whole) for name in LASTING if (n := self.settings.get(name))}
        left = {part for part in ("data", "net", "prior", "likelihood") if part in self.settings}
        left = {part for part in left if given.get(part, self.settings[part]) != self.settings[part]}
        own = {name: value for name, value in self.settings.items() if name.partition(".")[0] not in left}
        return {**own, **cut, **given}


def names() -> list[str]:
    """All shipped recipes, those of one method and data set first."""
    own = sorted(f.name.removesuffix(".yaml") for f in files(__name__).iterdir() if f.name.endswith(".yaml"))
    return [*own, PUBLISHED]


def load(name: str) -> Recipe:
    """The recipe called `name`; an unknown one raises InputError with the nearest."""
    import yaml

    checks.known("recipe", name, names())
    if name == PUBLISHED:
        return Recipe(name, "", {}, "the method's own settings, net and learning rate, for data of your own")
    stored = yaml.safe_load(files(__name__).joinpath(f"{name}.yaml").read_text("utf-8"))
    if not isinstance(stored, dict) or not {"method", "settings", "source"} <= stored.keys():
        raise InputError(f"recipe {name} must have method, settings and source, got {stored!r}")
    return Recipe(name, stored["method"], stored["settings"], stored["source"], stored.get("reached") or {})
