"""The runs that a study asks for: every combination of its axes, with every seed."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from unweave.base.codes import of_title
from unweave.base.errors import InputError
from unweave.base.registry import metrics
from unweave.base.settings import build, short_hash
from unweave.run import recipes
from unweave.studies.spec import MOST_RUNS, Choice, Study, Trial, Value

if TYPE_CHECKING:
    from unweave.engine import Spec


def cells(study: Study) -> list[tuple[Choice, ...]]:
    """Every combination of the axes' values, the last axis fastest."""
    return list(itertools.product(*(axis.choices for axis in study.axes)))


def cell_name(cell: Sequence[Choice]) -> str:
    """What the tables call a combination."""
    return ", ".join(choice.label for choice in cell)


def expand(study: Study) -> list[Trial]:
    """All runs of a study: every cell with the first seed, then with the second, and so on.

    A setting that a method does not have, a bad value, and two cells that make the same run raise InputError that
    names the field.
    """
    combined = cells(study)
    if (count := len(combined) * len(study.seeds)) > MOST_RUNS:
        raise InputError(f"axes: must make at most {MOST_RUNS:,} runs with all seeds, got {count:,}")
    _check_metrics(study)
    specs = [_spec(study, cell) for cell in combined]
    trials: list[Trial] = []
    seen: dict[str, int] = {}
    for seed in study.seeds:
        for cell, first in zip(combined, specs, strict=True):
            spec = dataclasses.replace(first, training=dataclasses.replace(first.training, seed=seed))
            choices = {axis.name: choice.label for axis, choice in zip(study.axes, cell, strict=True)}
            name = f"{spec.method.name}-{spec.data.name}-{spec.hash}"
            trial = Trial(name, cell_name(cell) or spec.method.name, choices, seed, spec)
            if name in seen:
                before = trials[seen[name]]
                if _whole(before.spec) == _whole(spec):
                    raise InputError(
                        f"axes: must make every run once, got '{trial.cell}' and '{before.cell}' with the same "
                        "settings (those that change no result do not count)"
                    )
                trials[seen[name]] = dataclasses.replace(before, name=f"{name}-{short_hash(_whole(before.spec))}")
                trial = dataclasses.replace(trial, name=f"{name}-{short_hash(_whole(spec))}")  # eight digits met
            seen[name] = len(trials)
            trials.append(trial)
    return trials


def _check_metrics(study: Study) -> None:
    """Refuse settings that a metric does not have before anything is trained."""
    for name, given in study.metrics.items():
        try:
            build(metrics.get(of_title(name)[0]), given, of=name)
        except InputError as wrong:
            raise InputError(f"metrics.{name}: {wrong}") from None


def _whole(spec: Spec) -> dict[str, Any]:
    """All settings that change results, at their defaults or not."""
    return {name: value for name, value in spec.flat().items() if name not in spec.training.bookkeeping}


def _spec(study: Study, cell: Sequence[Choice]) -> Spec:
    """The run of a cell with the first seed: recipe, shared settings, the method's own, then the axes'."""
    from unweave.engine import Spec

    given: dict[str, Value] = dict(study.settings)
    paths = {name: f"settings.{name}" for name in given}
    own = {name: value for choice in cell for name, value in choice.settings.items()}
    method = str(own.get("method", given.get("method")))
    if method == "None":
        raise InputError(f"axes: every run must have a method, got none for '{cell_name(cell)}'")
    for name, value in study.methods.get(method, {}).items():
        given[name], paths[name] = value, f"methods.{method}.{name}"
    for axis, choice in zip(study.axes, cell, strict=True):
        number = axis.choices.index(choice)
        for name, value in choice.settings.items():
            one = set(choice.settings) == {axis.name.replace("-", "_")}
            given[name], paths[name] = value, f"axes.{axis.name}[{number}]" + ("" if one else f".{name}")
    recipe = given.pop("recipe", None)
    given.pop("method", None)
    base: recipes.Recipe | None = None
    if recipe is not None:
        base = recipes.load(str(recipe))
        base.check(method, f"{paths['recipe']}: ")

    def make(without: str | None = None) -> Spec:
        kept = {name: value for name, value in given.items() if name != without}
        whole = kept if base is None else base.with_settings(kept)
        return Spec.make(method, recipe=recipe, **{**whole, "seed": study.seeds[0]})  # type: ignore[arg-type]

    try:
        return make()
    except InputError as wrong:
        reason = str(wrong)
    for name in reversed(given):  # the setting without which the complaint goes away
        try:
            make(without=name)
        except InputError as other:
            if str(other) == reason:
                continue
        raise InputError(f"{paths[name]}: {reason}")
    raise InputError(f"settings: {reason}")
