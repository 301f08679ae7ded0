"""Weights that others trained, DISVAE's and JointVAE's, as a finished run that can be scored and drawn."""

from __future__ import annotations

import hashlib
import json
import math
import pickle
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median_low
from typing import Any, cast

import torch
from torch import Tensor, nn

from unweave.base import checks
from unweave.base.errors import InputError
from unweave.base.files import write_json
from unweave.base.seeds import Generators
from unweave.engine import folder
from unweave.engine.spec import Spec
from unweave.models.trained import write_weights
from unweave.run.run import Run

SPECS = "specs.json"
LARGEST = 1 << 20  # bytes of a specs.json; theirs have less than a thousand
# Their data sets: ours, the shape of images, and how many were trained on.
DATA = {
    "dsprites": ("dsprites", (1, 64, 64), 737_280),
    "mnist": ("mnist", (1, 32, 32), 60_000),
    "fashion": ("fashion-mnist", (1, 32, 32), 60_000),
    "fashion_mnist": ("fashion-mnist", (1, 32, 32), 60_000),
    "chairs": ("chairs3d", (1, 64, 64), 86_366),
    "celeba": ("celeba", (3, 64, 64), 202_599),
}
State = Mapping[str, Tensor]


@dataclass(frozen=True)
class Imported:
    """Weights and what is known of them: layers in our order, heads by name, and the settings of a run like theirs.

    `encoder` and `decoder` name the layers in the order in which images and codes pass through them; `heads` gives
    weight and bias of each head. `settings` are those of `unweave.train`.
    """

    net: str
    image_shape: tuple[int, int, int]
    encoder: tuple[str, ...]
    decoder: tuple[str, ...]
    heads: dict[str, tuple[Tensor, Tensor]]
    method: str
    settings: dict[str, Any]


def import_run(
    file: str | Path,
    source: str,
    out: str | Path,
    *,
    data: Any = None,
    given: Mapping[str, Any] | None = None,
    overwrite: bool = False,
) -> Run:
    """Turn weights of another code base into a finished run in the folder `out` and open it.

    `source` is disvae (model.pt of github.com/YannDubs/disentangling-vae) or jointvae (model.pt of
    github.com/Schlumberger/joint-vae); the specs.json that these write lies beside the file and is needed. `data` is
    what the run is scored and drawn with, as for `train`; that which specs.json names where it is not given, with its
    settings in `given`.

    Files are read with torch.load(weights_only=True), and what is anything but plain tensors is refused. What does not
    fit the architecture or has values that are not finite raises InputError; then nothing is written.

    >>> import unweave
    >>> import_run("results/btcvae_dsprites/model.pt", "disvae", "runs/theirs")  # doctest: +SKIP
    """
    checks.one_of(READERS, source=source)
    path, began = Path(file), time.perf_counter()
    state, specs = read_state(path), read_specs(path.parent / SPECS)
    found = READERS[source](state, specs)
    spec = _spec(found, specs, data, given or {})
    vae = spec.build_vae(Generators(0), fresh=False)
    _fill(vae.encoder, found.encoder, state, path)
    _fill(vae.decoder, found.decoder, state, path)
    used = {f"{layer}.{part}" for layer in (*found.encoder, *found.decoder) for part in ("weight", "bias")}
    _check_all_used(state, used, path)
    named = dict(vae.encoder.named_modules())
    for name, (weight, bias) in found.heads.items():
        _copy(cast(nn.Linear, named[f"heads.{name}"]), weight, bias, f"head {name}", path)
    origin = {
        "code": source,
        "file": path.name,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "specs": specs,
    }
    place = Path(out)
    about = {"hash": spec.hash, "command": f"unweave import {path.name} --from {source}", "origin": origin}
    made_with = {"unweave": version("unweave"), "torch": torch.__version__, "imported_from": source}
    done = {
        "steps": spec.training.steps,
        "images": spec.training.steps * spec.training.batch,
        "seconds": round(time.perf_counter() - began, 2),  # of importing; how long training took is not known
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "last": {},
        "imported": True,
    }
    with folder.alone(place):
        folder.prepare(place, resume=False, overwrite=overwrite)
        write_json(place / folder.SETTINGS, {**spec.plain(), **about, "made_with": made_with})
        write_weights(place / folder.WEIGHTS, vae)
        folder.seal(place, done)
    return Run(place)


def read_state(path: Path) -> dict[str, Tensor]:
    """The tensors in a file of torch.save, by name; pickled objects and anything but finite numbers are refused."""
    if not path.is_file():
        raise InputError(f"file must be an existing file of weights, got {path}, which is none")
    try:
        loaded: Any = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise InputError(
            f"file must hold tensors alone, got {path}, which holds pickled objects that could run code and are "
            "never loaded, or is none of torch's"
        ) from None
    except (RuntimeError, OSError, EOFError, ValueError, KeyError, AttributeError, TypeError, IndexError) as wrong:
        reason = str(wrong).strip().split("\n")[0] if isinstance(wrong, (RuntimeError, OSError)) else ""
        raise InputError(f"file must be one that torch.save wrote, got {path}{reason and ': '}{reason}") from None
    if not isinstance(loaded, Mapping) or not loaded:
        raise InputError(f"file must hold tensors by name, got {path}, which holds {type(loaded).__name__}")
    state: dict[str, Tensor] = {}
    for name, value in cast(Mapping[Any, Any], loaded).items():
        if not isinstance(name, str) or not isinstance(value, Tensor):
            raise InputError(f"file must hold tensors by name, got {type(value).__name__} under {name!r} in {path}")
        if not value.is_floating_point() or not bool(torch.isfinite(value).all()):
            raise InputError(f"file must hold finite numbers, got others in {name} of {path}")
        state[name] = value.detach().float()
    return state


def read_specs(path: Path) -> dict[str, Any]:
    """The specs.json that lies beside the weights."""
    try:
        if path.stat().st_size > LARGEST:
            raise InputError(f"{path} must be a short file of settings, got more than {LARGEST:,} bytes")
        found = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise InputError(
            f"{path.name} must lie beside the weights, since it tells their architecture; got no {path}"
        ) from None
    except (OSError, ValueError, RecursionError) as wrong:
        raise InputError(f"{path} cannot be read as JSON: {wrong}") from None
    if not isinstance(found, dict):
        raise InputError(f"{path} must hold a table of settings, got {type(found).__name__}")
    return cast(dict[str, Any], found)


def _disvae(state: State, specs: Mapping[str, Any]) -> Imported:
    """DISVAE: Burgess' net; one head whose rows are mean and log variance of each latent in turn.

    Its losses stand for these likelihoods, up to constants: Bernoulli; "gaussian", 255 squared errors, one of
    deviation 510^-0.5; "laplace", three absolute errors, one of scale 1/3. Means pass through a sigmoid.
    """
    kind = specs.get("model_type", "Burgess")
    if str(kind).lower() != "burgess":
        raise InputError(f"model_type of specs.json must be Burgess, got {kind!r}")
    shape = _shape(specs.get("img_size"), specs)
    large = shape[1] == 64
    packed = [_needed(state, f"encoder.mu_logvar_gen.{part}") for part in ("weight", "bias")]
    (means, mean_biases), (spreads, spread_biases) = [(packed[0][k::2], packed[1][k::2]) for k in (0, 1)]
    loss = str(specs.get("loss", "VAE"))
    methods: dict[str, tuple[str, dict[str, str]]] = {
        "VAE": ("vae", {}),
        "betaH": ("beta-vae", {"beta": "betaH_B"}),
        "betaB": (
            "annealed-vae",
            {
                "gamma": "betaB_G",
                "capacity_min": "betaB_initC",
                "capacity_max": "betaB_finC",
                "anneal_steps": "reg_anneal",
            },
        ),
        "factor": ("factor-vae", {"gamma": "factor_G"}),
        "btcvae": ("beta-tcvae", {"alpha": "btcvae_A", "beta": "btcvae_B", "gamma": "btcvae_G"}),
    }
    checks.one_of(methods, loss=loss)
    method, names = methods[loss]
    pixels = str(specs.get("rec_dist", "bernoulli"))
    likelihoods: dict[str, dict[str, Any]] = {
        "bernoulli": {"likelihood": "bernoulli"},
        "gaussian": {"likelihood": "gaussian", "likelihood.scale": 510**-0.5},
        "laplace": {"likelihood": "laplace", "likelihood.scale": 1 / 3},
    }
    checks.one_of(likelihoods, rec_dist=pixels)
    return Imported(
        net="burgess",
        image_shape=shape,
        encoder=tuple(f"encoder.{name}" for name in ("conv1", "conv2", "conv3", *["conv_64"] * large, "lin1", "lin2")),
        decoder=tuple(
            f"decoder.{name}" for name in ("lin1", "lin2", "lin3", *["convT_64"] * large, "convT1", "convT2", "convT3")
        ),
        heads={"mean": (means, mean_biases), "log_variance": (spreads, spread_biases)},
        method=method,
        settings={
            "latents": len(means),
            **likelihoods[pixels],
            **{ours: specs[theirs] for ours, theirs in names.items() if specs.get(theirs) is not None},
        },
    )


def _jointvae(state: State, specs: Mapping[str, Any]) -> Imported:
    """JointVAE: its own net; heads for means, log variances and each categorical latent, in the order of specs.json."""
    latents = specs.get("latent_spec")
    if not isinstance(latents, Mapping) or not isinstance(latents.get("cont"), int):
        raise InputError(f"latent_spec of specs.json must tell how many continuous latents there are, got {latents!r}")
    sizes = latents.get("disc", [])
    if not isinstance(sizes, Sequence) or not all(isinstance(size, int) for size in sizes):
        raise InputError(f"latent_spec of specs.json must list sizes of categorical latents, got {sizes!r}")
    shape = _shape(None, specs)
    large = shape[1] == 64
    tables = {name: _capacity(specs.get(f"{name}_capacity")) for name in ("cont", "disc")}
    heads = {"mean": _layer(state, "fc_mean"), "log_variance": _layer(state, "fc_log_var")}
    if sizes:
        each = [_layer(state, f"fc_alphas.{k}") for k in range(len(sizes))]
        heads["categories"] = (torch.cat([weight for weight, _ in each]), torch.cat([bias for _, bias in each]))
    known: dict[str, Any] = {}
    if tables["cont"]:
        low, high, steps, gamma = tables["cont"]
        known |= {"capacity_min": low, "capacity_max": high, "anneal_steps": int(steps), "gamma": gamma}
    if tables["disc"] and sizes:
        low, high, _, gamma = tables["disc"]
        known |= {"capacity_discrete_min": low, "capacity_discrete_max": high, "gamma_discrete": gamma}
    convolutions = range(0, 8 if large else 6, 2)
    return Imported(
        net="jointvae",
        image_shape=shape,
        encoder=(*(f"img_to_features.{k}" for k in convolutions), "features_to_hidden.0"),
        decoder=("latent_to_features.0", "latent_to_features.2", *(f"features_to_img.{k}" for k in convolutions)),
        heads=heads,
        method="joint-vae",
        settings={"latents": latents["cont"], "categories": tuple(sizes), "likelihood": "bernoulli", **known},
    )


READERS: dict[str, Callable[[State, Mapping[str, Any]], Imported]] = {"disvae": _disvae, "jointvae": _jointvae}


def _spec(found: Imported, specs: Mapping[str, Any], data: Any, given: Mapping[str, Any]) -> Spec:
    """The run that would train a model like this one, on its own data or on `data`."""
    known = DATA.get(str(specs.get("dataset")))
    if data is None:
        if known is None:
            raise InputError(
                f"data must be given, since specs.json names none that is known, got {specs.get('dataset')!r}"
            )
        data = known[0]
    batch = _number(specs.get("batch_size")) or 64
    epochs = _number(specs.get("epochs"))
    steps = 1 if known is None or epochs is None else epochs * math.ceil(known[2] / batch)
    rate, seed = specs.get("lr"), specs.get("seed", 0)
    rate = rate[0] if isinstance(rate, list) and rate else rate
    spec = Spec.make(
        found.method,
        suited_to_own=False,
        data=data,
        net=found.net,
        steps=max(1, steps),
        batch=max(2, batch),
        seed=seed if isinstance(seed, int) and seed >= 0 else 0,
        lr=rate if isinstance(rate, float) and rate > 0 else None,
        **{**found.settings, **given},
    )
    shape = tuple(spec.dataset.image_shape)
    if shape != found.image_shape:
        raise InputError(f"data must hold images of shape {found.image_shape}, which these weights take, got {shape}")
    return spec


def _number(value: Any) -> int | None:
    """A whole number above 0; of a list, which is of several runs, the middle one; None for anything else."""
    if isinstance(value, list) and value and all(isinstance(each, int) for each in value):
        value = median_low(cast(list[int], value))
    return value if isinstance(value, int) and value > 0 else None


def _shape(size: Any, specs: Mapping[str, Any]) -> tuple[int, int, int]:
    """The shape of images: `size`, or else that of the data set."""
    known = DATA.get(str(specs.get("dataset")))
    if size is None and known is not None:
        return known[1]
    if not isinstance(size, list) or len(size) != 3 or size[1] != size[2] or size[1] not in (32, 64):
        raise InputError(f"img_size of specs.json must be [channels, 64, 64] or [channels, 32, 32], got {size!r}")
    return int(size[0]), int(size[1]), int(size[2])


def _capacity(value: Any) -> list[float] | None:
    """Least, largest, steps and weight of a capacity; None where it is not given."""
    if value is None:
        return None
    if not isinstance(value, list) or len(value) != 4 or not all(isinstance(each, (int, float)) for each in value):
        raise InputError(f"a capacity of specs.json must be four numbers, got {value!r}")
    return value


def _needed(state: State, name: str) -> Tensor:
    if name not in state:
        raise InputError(f"file must hold {name}, as this architecture does, got {', '.join(list(state)[:3])} ...")
    return state[name]


def _layer(state: State, name: str) -> tuple[Tensor, Tensor]:
    return _needed(state, f"{name}.weight"), _needed(state, f"{name}.bias")


def _layers(module: nn.Module) -> Iterator[Any]:
    """Layers with weights in the order they are passed, heads left out."""
    for name, layer in module.named_modules():
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)) and "heads." not in name:
            yield layer


def _fill(module: nn.Module, names: Sequence[str], state: State, path: Path) -> None:
    """Copy the layers called `names` into those of `module`, one after the other."""
    for layer, name in zip(_layers(module), names, strict=True):
        _copy(layer, *_layer(state, name), name, path)


def _copy(layer: Any, weight: Tensor, bias: Tensor, name: str, path: Path) -> None:
    for own, value in ((layer.weight, weight), (layer.bias, bias)):
        if own.shape != value.shape:
            raise InputError(
                f"file must hold {name} with shape {tuple(own.shape)}, as its specs.json tells, "
                f"got {tuple(value.shape)} in {path}"
            )
        with torch.no_grad():
            own.copy_(value)


def _check_all_used(state: State, used: set[str], path: Path) -> None:
    heads = ("encoder.mu_logvar_gen.", "fc_mean.", "fc_log_var.", "fc_alphas.")
    if extra := sorted(name for name in state if name not in used and not name.startswith(heads)):
        raise InputError(f"file must hold nothing but this architecture's weights, got {extra[0]} in {path}")
