"""The device that a run is trained on: which one is meant, whether it is there, and how it computes."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Generator
from typing import Any

import torch

from unweave.base.errors import InputError

WHERE = 'the page "Start locally" of pytorch.org names the index of each build'


def torch_device(name: str) -> torch.device:
    """What `auto`, `cpu`, `cuda` or `mps` stands for on this machine.

    >>> torch_device("cpu")
    device(type='cpu')
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return torch.device(name)


def check_there(name: str) -> None:
    """Refuse a device that torch does not see, in one sentence: what it sees, which build it is, what would help."""
    if name == "cuda" and not torch.cuda.is_available():
        raise InputError(f"device must be there to train on, got cuda: {_no_cuda()}")
    if name == "mps" and not torch.backends.mps.is_available():
        raise InputError(f"device must be there to train on, got mps: {_no_mps()}")


def _no_cuda() -> str:
    build = f"torch {torch.__version__}"
    if not torch.backends.cuda.is_built():
        return f"{build} is a build without CUDA and sees the processor alone; {WHERE}, those with CUDA among them"
    made_for = f"ROCm {torch.version.hip}" if torch.version.hip else f"CUDA {torch.version.cuda}"
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES")
    if hidden is not None and not hidden.strip().strip("-1"):
        return f"{build} is built for {made_for} and sees no card, since CUDA_VISIBLE_DEVICES is {hidden!r}; unset it"
    return f"{build} is built for {made_for} and sees no card; see whether nvidia-smi does, and which driver it names"


def _no_mps() -> str:
    build = f"torch {torch.__version__}"
    if not torch.backends.mps.is_built():
        return f"{build} is a build without MPS, which there is for macOS on Apple's own processors"
    return f"{build} is built for MPS and sees none, which wants macOS 14 or later on one of Apple's own processors"


def runs_ahead(device: torch.device) -> bool:
    """Whether steps are only asked for, and computed while the processor goes on; then a step must read nothing."""
    return device.type == "cuda"


def check_precision(precision: str, device: torch.device) -> None:
    """Refuse numbers that the device does not compute in."""
    if precision == "tf32" and device.type != "cuda":
        raise InputError(f"precision must be float32 or bf16 on {device.type}, got tf32, which is of CUDA cards alone")
    if precision == "bf16" and device.type == "cuda" and not torch.cuda.is_bf16_supported(including_emulation=False):
        raise InputError(f"precision must be float32 on {torch.cuda.get_device_name(device)}, which has no bf16")


def check_graph(graph: str, device: torch.device) -> None:
    """Refuse a captured step where there are no CUDA graphs."""
    if graph == "on" and device.type != "cuda":
        raise InputError(f"graph must be auto or off on {device.type}, got on: a step is captured as a CUDA graph")


@contextlib.contextmanager
def computing(device: torch.device, *, precision: str, deterministic: bool) -> Generator[None]:
    """What torch does for the whole process while a run is trained: exact float32 on a card unless asked otherwise.

    Torch's own default lets convolutions round their inputs to TF32. Determinism stays switched on afterwards.
    """
    if deterministic:
        if device.type == "cuda":
            os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS reads it when it is first used
        torch.use_deterministic_algorithms(True)
    if device.type != "cuda":
        yield
        return
    before = _tf32(torch.backends)
    _set_tf32(torch.backends, (precision == "tf32", precision == "tf32"))
    try:
        yield
    finally:
        _set_tf32(torch.backends, before)


def _tf32(backends: Any) -> tuple[bool, bool]:
    """Whether matrix products and convolutions may round to TF32."""
    if hasattr(backends.cudnn, "conv"):
        return backends.cuda.matmul.fp32_precision == "tf32", backends.cudnn.conv.fp32_precision == "tf32"
    return backends.cuda.matmul.allow_tf32, backends.cudnn.allow_tf32


def _set_tf32(backends: Any, allowed: tuple[bool, bool]) -> None:
    if hasattr(backends.cudnn, "conv"):  # from torch 2.9 on; the older names are then not to be mixed with it
        backends.cuda.matmul.fp32_precision = "tf32" if allowed[0] else "ieee"
        backends.cudnn.conv.fp32_precision = "tf32" if allowed[1] else "ieee"
        return
    backends.cuda.matmul.allow_tf32, backends.cudnn.allow_tf32 = allowed
