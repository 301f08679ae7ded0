"""The device that a run is trained on: which one is meant, and whether it is there."""

from __future__ import annotations

import os

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
