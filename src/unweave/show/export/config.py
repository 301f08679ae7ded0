"""config.json, all that is needed to build a model again, and model.safetensors, its weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from unweave.base import registry
from unweave.base.errors import Damaged, InputError
from unweave.base.files import is_another, read_json
from unweave.base.seeds import Generators
from unweave.base.settings import build, plain
from unweave.data.base import ImageData
from unweave.engine import folder
from unweave.engine.spec import PARTS, Part, Spec, Training
from unweave.models.trained import Model, load_weights, prepared
from unweave.run.run import Run

CONFIG, WEIGHTS = "config.json", "model.safetensors"
KIND = "unweave-vae"  # what config.json calls itself, as other libraries' do
GROUPS = ("method", *(group for group in PARTS if group != "data"))
NEXT = ".next"  # in the folder while it is replaced: the whole new export, which counts from the moment it is there
METADATA = {"format": "pt", "library": "unweave"}  # of the weights, as model hubs expect
LARGEST = 1 << 20  # bytes of a config.json; ours have a few thousand


@dataclass(frozen=True)
class Absent(ImageData):
    """The data a model was trained on, of which only its facts travelled."""

    def __len__(self) -> int:
        return 0

    def images(self, indices: np.ndarray) -> Tensor:
        """There are none: InputError."""
        raise InputError("images must be given, since an exported model comes without its data set; got none")


def config_of(run: Run) -> dict[str, Any]:
    """All that config.json says of a run's model: settings, latents and facts of its images, without local paths."""
    spec, data = run.spec, run.data
    latents = run.vae.latents
    return {
        "library_name": "unweave",
        "model_type": KIND,
        "unweave_version": version("unweave"),
        "torch_version": torch.__version__,
        "title": run.title,
        **{group: getattr(spec, group).plain() for group in GROUPS},
        "training": plain(spec.training),
        "recipe": spec.recipe,
        "plugins": spec.plugins,
        "latents": {"continuous": latents.continuous, "categories": list(run.vae.category_sizes)},
        "data": {
            "name": spec.data.name,
            "image_shape": list(data.image_shape),
            "bounded": data.bounded,
            "units": units(data),
            "standardised": data.standardised,
            "columns": list(data.columns),
            "classes": list(data.classes),
            "prepared": prepared(data),
        },
    }


def units(data: ImageData) -> str:
    """In which units images go in and come out.

    >>> from unweave.data.published.pinwheel import Pinwheel
    >>> units(Pinwheel())
    'numbers in the units of the data set'
    """
    return "pixels from 0 to 1" if data.bounded else "numbers in the units of the data set"


def is_exported(path: str | Path) -> bool:
    """Whether a folder holds an exported model."""
    return Path(path, CONFIG).is_file() and not folder.is_run(Path(path))


def load_model(path: str | Path) -> Model:
    """Open a model that `export` wrote as safetensors; its data set need not be on this machine.

    It encodes, decodes and samples as the run it came from, bit for bit. Names in config.json resolve through the
    registries, so that no file can name code to import, and weights are compared with the settings before anything
    is allocated. A folder that holds no such model, a newer format and weights that do not fit raise InputError.

    >>> import unweave
    >>> unweave.load_model("runs/first/safetensors").encode(images)  # doctest: +SKIP
    """
    place = Path(path, NEXT) if Path(path, NEXT, CONFIG).is_file() else Path(path)
    if not (place / CONFIG).is_file():
        raise InputError(f"{place} is not an exported model: it has no {CONFIG}")
    if (place / CONFIG).stat().st_size > LARGEST:
        raise InputError(f"{place / CONFIG} must be a file of settings, got one of more than {LARGEST:,} bytes")
    about = read_json(place / CONFIG)
    if about.get("model_type") != KIND:
        raise InputError(f"{place / CONFIG} must say model_type {KIND}, got {about.get('model_type')!r}")
    if not (place / WEIGHTS).is_file():
        raise InputError(f"{place} has no {WEIGHTS}; export the run with --to safetensors to load it here")
    if is_another(place / WEIGHTS, about.get("sums")):
        raise Damaged(f"{place / WEIGHTS} is not the file that was exported with {CONFIG}: it was changed or damaged")
    try:
        spec = _spec(about)
        shapes = spec.shapes()
    except InputError as wrong:
        raise InputError(f"{place / CONFIG}: {wrong}") from None
    rng = Generators(spec.training.seed)
    vae = load_weights(place / WEIGHTS, shapes, lambda: spec.build_vae(rng, fresh=False), CONFIG)
    data = spec.dataset
    return Model(vae, data.image_shape, data.bounded, str(about.get("title", "model")), about)


def _spec(about: Mapping[str, Any]) -> Spec:
    """The spec of an exported model, its data set an `Absent` one."""
    tables = {"method": registry.methods, **PARTS}
    parts: dict[str, Any] = {group: _part(group, tables[group], about.get(group)) for group in GROUPS}
    training = about.get("training")
    if not isinstance(training, Mapping):
        raise InputError(f"training must be a table, got {training!r}")
    needed = {name: training[name] for name in ("steps", "latents", "seed") if name in training}
    made = build(Training, needed, of="training")  # the rest is how it was trained, here or elsewhere
    return Spec(data=Part(str(_facts(about)["name"]), _absent(_facts(about))), training=made, **parts)


def _part(group: str, table: Any, given: Any) -> Part:
    if not isinstance(given, Mapping) or not isinstance(given.get("name"), str):
        raise InputError(f"{group} must be a table with a name, got {given!r}")
    values = dict(given)
    name = values.pop("name")
    prefix = "" if group == "method" else f"{group}."
    return Part(name, build(table.get(name), values, of=name, prefix=prefix))


def _facts(about: Mapping[str, Any]) -> Mapping[str, Any]:
    found = about.get("data")
    if not isinstance(found, Mapping) or not isinstance(found.get("name"), str):
        raise InputError(f"data must be a table with a name, got {found!r}")
    return found


def _absent(facts: Mapping[str, Any]) -> ImageData:
    """An `Absent` data set with these facts."""
    shape = facts.get("image_shape")
    if not isinstance(shape, list) or len(shape) != 3 or not all(isinstance(n, int) and n > 0 for n in shape):
        raise InputError(f"data.image_shape must be three whole numbers above 0, got {shape!r}")
    own = {
        "image_shape": tuple(shape),
        "bounded": bool(facts.get("bounded", True)),
        "standardised": int(facts.get("standardised", 0)),
        "columns": tuple(facts.get("columns", ())),
        "classes": tuple(facts.get("classes", ())),
    }
    return type("Absent", (Absent,), own)()
