"""A warm start: weights of another run, where names and shapes agree."""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor, nn

from unweave.base.errors import InputError

WEIGHTS = "weights.safetensors"
SHOWN = 4  # names of tensors that a sentence gives


def digest_of_weights(run: str | Path) -> str:
    """Eight digits of the SHA-256 of a finished run's weights; InputError where there are none."""
    return hashlib.sha256(_bytes(run)).hexdigest()[:8]


def _bytes(run: str | Path) -> bytes:
    try:
        return (Path(run) / WEIGHTS).read_bytes()
    except OSError:
        raise InputError(
            f"start_from must be the folder of a finished run, got {run}, which has no {WEIGHTS}"
        ) from None


@torch.no_grad()
def start_from(vae: nn.Module, run: str | Path, digest: str | None = None) -> str:
    """Give the model the weights of the run in the folder `run` where names and shapes agree; what was done, in words.

    Statistics that a model keeps (the units of its data, running means) go with the weights. A run without weights, one
    whose weights are not those of `digest` any more, and one of which nothing fits raise InputError.
    """
    held = _bytes(run)
    if digest not in (None, hashlib.sha256(held).hexdigest()[:8]):
        raise InputError(f"start_from must hold the weights that this run was to begin with, got others in {run}")
    try:
        theirs = load(held)
    except SafetensorError as wrong:
        raise InputError(f"start_from must hold weights that can be read, got {run}: {wrong}") from None
    own: dict[str, Tensor] = vae.state_dict(keep_vars=True)
    fits = [name for name, tensor in own.items() if name in theirs and theirs[name].shape == tensor.shape]
    if not fits:
        raise InputError(f"start_from must hold weights of this model's shapes, got none that fit in {run}")
    for name in fits:
        own[name].copy_(theirs[name])
    other = [f"{name} {_shape(own[name])}" for name in own if name not in fits]
    rest = f"; fresh are {', '.join(other[:SHOWN])}" if other else ""
    more = f" and {len(other) - SHOWN} more" if len(other) > SHOWN else ""
    return f"started from {run}: {len(fits)} of {len(own)} tensors{rest}{more}"


def _shape(tensor: Tensor) -> str:
    return " x ".join(map(str, tensor.shape)) or "(a number)"
