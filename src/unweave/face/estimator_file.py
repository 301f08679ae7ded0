"""The folder of a saved estimator: that of a run, with estimator.json beside it. Plain JSON and safetensors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from unweave.base.errors import InputError
from unweave.base.files import read_json, write_atomic, write_json
from unweave.base.registry import PARTS
from unweave.base.settings import build, plain
from unweave.data.own.array import Array
from unweave.engine import folder
from unweave.models.trained import write_weights
from unweave.models.vae import VAE
from unweave.run.run import Run, hash_of
from unweave.subspaces import Subspaces

FILE = "estimator.json"


@dataclass(frozen=True)
class Fitted:
    """What an estimator is besides its run: parameters, the seed it drew, the rows it took, its looks, its planes."""

    params: Mapping[str, Any]
    seed: int
    shape: tuple[int, ...]
    flat: bool
    feature_names: list[str] | None
    validation: list[tuple[int, float]]
    subspaces: Subspaces | None


def write(
    path: Path, fitted: Fitted, vae: VAE, settings: dict[str, Any], done: dict[str, Any], log: bytes, *, overwrite: bool
) -> Path:
    """Write the folder; one that holds anything is refused unless `overwrite`."""
    about = {
        "hash": settings["hash"],
        "params": {name: _as_json(name, value) for name, value in fitted.params.items()},
        "seed": fitted.seed,
        "shape": list(fitted.shape),
        "flat": fitted.flat,
        "feature_names": fitted.feature_names,
        "validation": [list(look) for look in fitted.validation],
    }
    with folder.alone(path):
        folder.prepare(path, resume=False, overwrite=overwrite)
        write_weights(path / folder.WEIGHTS, vae)
        if fitted.subspaces is not None:
            about |= {"subspaces": fitted.subspaces.to_dict(), "weights": hash_of(path / folder.WEIGHTS)}
        write_json(path / FILE, about)
        write_atomic(path / folder.LOG, lambda file: file.write(log))
        write_json(path / folder.SETTINGS, settings)
        folder.seal(path, done)
    return path


def read(place: Path) -> tuple[Run, Fitted]:
    """The run in a folder that `write` made, and what the estimator was besides; any other raises InputError."""
    run = Run(place)
    about = read_json(place / FILE) if (place / FILE).exists() else {}
    if about.get("hash") != run.stored.get("hash") or not isinstance(run.data, Array):
        raise InputError(f"{place} must be a folder that Unweaver.save wrote, got another run; see unweave.Run")
    try:
        fitted = Fitted(
            params={name: _from_json(name, value) for name, value in about["params"].items()},
            seed=int(about["seed"]),
            shape=tuple(int(each) for each in about["shape"]),
            flat=bool(about["flat"]),
            feature_names=about["feature_names"],
            validation=[(int(step), float(value)) for step, value in about["validation"]],
            subspaces=Subspaces.from_dict(about["subspaces"]) if "subspaces" in about else None,
        )
    except (KeyError, TypeError, AttributeError) as wrong:
        raise InputError(f"{place / FILE} cannot be read: {wrong!r}") from None
    if prod(fitted.shape) != prod(run.data.image_shape):
        raise InputError(f"{place / FILE} must tell the shape of the data that the run took, got {fitted.shape}")
    if fitted.subspaces is not None and about.get("weights") != run.weights_hash:
        raise InputError(f"{place / FILE} must tell of subspaces of these weights ({run.weights_hash}), got others'")
    return run, fitted


def _as_json(name: str, value: Any) -> Any:
    """A parameter as JSON holds it; settings of a part as a table with its name."""
    if name in PARTS and value is not None and not isinstance(value, str):
        return {"name": PARTS[name].name_of(type(value)), **plain(value)}
    if isinstance(value, np.random.RandomState):
        return None  # what was drawn from it is kept as the seed
    try:
        return json.loads(json.dumps(value.item() if isinstance(value, np.generic) else value, allow_nan=False))
    except (TypeError, ValueError):
        raise InputError(f"{name} must be plain numbers, text or settings to be saved, got {value!r}") from None


def _from_json(name: str, value: Any) -> Any:
    if name in PARTS and isinstance(value, Mapping):
        settings = dict(value)  # pyright: ignore[reportUnknownVariableType]
        part = str(settings.pop("name"))
        return build(PARTS[name].get(part), settings, of=part, prefix=f"{name}.", stored=True)
    return tuple(value) if isinstance(value, list) else value
