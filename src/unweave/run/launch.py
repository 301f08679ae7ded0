"""A run from its settings: resolved, trained, gone on with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from unweave.base import checks, registry
from unweave.base.errors import InputError
from unweave.base.settings import names_of
from unweave.data.own.locate import located
from unweave.engine import Spec, folder
from unweave.engine import train as train_spec
from unweave.engine.callbacks import Callback, with_watchers
from unweave.engine.device import check_there
from unweave.engine.progress import ProgressBar
from unweave.run.recipes import load as load_recipe
from unweave.run.run import Run


def resolve(method: str, *, recipe: str | None = None, **settings: Any) -> Spec:
    """The spec of a run; `recipe` names settings to start from, which `settings` override and `steps` cuts short."""
    if recipe is None:
        return Spec.make(method, **settings)
    base = load_recipe(recipe)
    base.check(method)
    return Spec.make(method, recipe=recipe, **base.with_settings(settings))


def default_out(spec: Spec) -> Path:
    """Where a run goes if no folder is given: runs/METHOD-DATA-HASH8."""
    return Path("runs") / f"{spec.method.name}-{spec.data.name}-{spec.hash}"


def train(
    method: str,
    *,
    out: str | Path | None = None,
    recipe: str | None = None,
    resume: bool = False,
    overwrite: bool = False,
    callbacks: Sequence[Callback] | None = None,
    watchers: Sequence[Callback] | None = None,
    **settings: Any,
) -> Run:
    """Train `method` and return the run.

    Settings of the method and of training are given by name, the others as data="dsprites", net="conv",
    **{"net.channels": (32, 64)}, likelihood=Bernoulli(distortion_weight=4). With `resume` the settings in the folder
    count, and those given must agree with them. `out` defaults to runs/METHOD-DATA-HASH8. `callbacks` take the place of
    the progress bar; `watchers` is their old name.

    Raises InputError for what is wrong in the settings or the folder, Diverged for a loss that is not a number.

    >>> import unweave
    >>> run = unweave.train("vae", data="dsprites", steps=500, out="runs/first")  # doctest: +SKIP
    >>> run.evaluate(["mig"])  # doctest: +SKIP
    """
    check_there(str(settings.get("device")))  # before the data are looked at, which may take long
    if resume and out is None and "data" not in settings and recipe is None:
        raise InputError("resume needs out, the folder of the run to go on with, or its data, got neither")
    if resume and out is not None:
        folder.check(Path(out), resume=True, overwrite=overwrite)
        spec = folder.read_spec(Path(out))[0]
        check_resumed(spec, {"method": method, **({"recipe": recipe} if recipe else {}), **settings}, Path(out))
    else:
        spec = resolve(method, recipe=recipe, **settings)
    place = default_out(spec) if out is None else Path(out)
    shown = [ProgressBar()] if callbacks is None and watchers is None else with_watchers(callbacks or (), watchers)
    return Run(train_spec(spec, place, resume=resume, overwrite=overwrite, callbacks=shown))


def check_resumed(stored: Spec, given: Mapping[str, Any], path: Path) -> None:
    """Refuse to go on with a run under other settings; the message names every field that differs."""
    method, recipe = str(given["method"]), given.get("recipe")
    explicit = {k.replace("-", "_"): v for k, v in given.items() if k not in ("method", "recipe")}
    flat = stored.flat()
    if method == flat["method"]:
        asked = resolve(method, recipe=recipe, **{**_kept_data(flat, explicit), **explicit}).flat()
        now = names_of(registry.methods.get(method))
        names = ["method", *(now.get(name, name) for name in explicit)] if recipe is None else list(asked)
        wrong = checks.differing({k: asked.get(k) for k in names}, {k: flat.get(k) for k in names})
    else:
        wrong = checks.differing({"method": method}, {"method": flat["method"]})
    if wrong:
        raise InputError(f"resume must keep the settings of {path}, got others: {'; '.join(wrong)}")


def _kept_data(flat: Mapping[str, Any], explicit: Mapping[str, Any]) -> dict[str, Any]:
    """The stored settings of the data, unless other data are named; a path that is named comes first."""
    named = explicit.get("data")
    found = {} if named is None else located(named)
    if named is not None and found["name"] != flat["data"]:
        return {}
    kept = {k: v for k, v in flat.items() if k == "data" or k.startswith("data.")}
    return {k: v for k, v in kept.items() if k != "data.path" or "path" not in found}
