"""All that changes while a run is trained, and how it is saved and restored to the bit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from unweave.base.seeds import Generators
from unweave.data.batches import Batches
from unweave.data.leave_out import Among
from unweave.data.pairs import PairBatches
from unweave.engine.spec import Spec
from unweave.models.objectives import AdamSettings, RatioCritic
from unweave.models.vae import VAE


def adam(net: nn.Module, settings: AdamSettings) -> torch.optim.Adam:
    """Adam over the net's parameters; coupled L2 on weights only.

    It is fused. On a CUDA card its rate lies there, too, so that a captured step sees it change.
    """
    device = next(net.parameters()).device
    weights = [p for p in net.parameters() if p.ndim > 1]
    others = [p for p in net.parameters() if p.ndim <= 1]
    groups = [{"params": weights, "weight_decay": settings.l2}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.Adam(
        groups,
        lr=torch.tensor(settings.lr, device=device) if device.type == "cuda" else settings.lr,
        betas=settings.betas,
        amsgrad=settings.amsgrad,
        fused=device.type in ("cpu", "cuda"),
    )


def _flat(name: str, optimiser: torch.optim.Optimizer) -> Iterator[tuple[str, Tensor]]:
    for number, values in optimiser.state_dict()["state"].items():
        for key, tensor in values.items():
            yield f"{name}/{number}/{key}", tensor


def _restore_optimiser(name: str, optimiser: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    state: dict[int, dict[str, Tensor]] = {}
    for path, tensor in tensors.items():
        owner, _, rest = path.partition("/")
        if owner == name:
            number, _, key = rest.partition("/")
            state.setdefault(int(number), {})[key] = tensor
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})
    for parameter, values in optimiser.state.items():
        for key, tensor in values.items():
            if tensor.shape == parameter.shape:  # the fused kernel walks memory: moments must lie as their weights do
                values[key] = torch.empty_like(parameter, requires_grad=False).copy_(tensor)


def _batches(spec: Spec, order: torch.Generator) -> Batches | Among:
    """Batches of the images that the run may see."""
    batches = Batches(spec.images, spec.training.batch, order)
    return batches if spec.kept is None else Among(batches, spec.kept)


@dataclass
class State:
    """Model, critic, their optimisers, generators, batch orders, and how far the run has come."""

    vae: VAE
    optimiser: torch.optim.Adam
    critic: RatioCritic | None
    critic_net: nn.Module | None
    critic_optimiser: torch.optim.Adam | None
    rng: Generators
    batches: Batches | Among | PairBatches
    second_batches: Batches | Among
    memory: dict[str, Tensor] = field(default_factory=dict[str, Tensor])  # what the objective keeps between steps
    step: int = 0
    seconds: float = 0.0
    window: dict[str, Tensor] = field(default_factory=dict[str, Tensor])  # sums since the last line of the log
    window_steps: int = 0
    window_seconds: float = 0.0

    @classmethod
    def start(cls, spec: Spec) -> State:
        """The state before the first step."""
        device = spec.training.torch_device
        rng = Generators(spec.training.seed, device)
        vae = spec.build_vae(rng).to(device=device, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        critic = spec.objective.critic()
        net = None if critic is None else critic.build(spec.training.latents, rng["critic-init"]).to(device)
        batch = spec.training.batch
        paired = spec.help.partners(spec.dataset) if spec.objective.paired else None
        return cls(
            vae=vae,
            optimiser=adam(vae, spec.adam),
            critic=critic,
            critic_net=net,
            critic_optimiser=adam(net, critic.adam) if critic is not None and net is not None else None,
            rng=rng,
            batches=_batches(spec, rng["data order"])
            if paired is None
            else PairBatches(paired, batch, rng["data order"], rng["pairs"]),
            second_batches=_batches(spec, rng["second-batch order"]),
        )

    def tensors(self) -> dict[str, Tensor]:
        """Everything that is a tensor, by path."""
        saved = {f"vae/{name}": t for name, t in self.vae.state_dict().items()}
        saved |= dict(_flat("optimiser", self.optimiser))
        if self.critic_net is not None and self.critic_optimiser is not None:
            saved |= {f"critic/{name}": t for name, t in self.critic_net.state_dict().items()}
            saved |= dict(_flat("critic-optimiser", self.critic_optimiser))
        saved |= {f"rng/{name}": t for name, t in self.rng.state().items()}
        saved |= {f"batches/{name}": t for name, t in self.batches.state().items()}
        saved |= {f"second-batches/{name}": t for name, t in self.second_batches.state().items()}
        saved |= {f"memory/{name}": t for name, t in self.memory.items()}
        saved |= {f"window/{name}": t for name, t in self.window.items()}
        return {name: tensor.detach().cpu().contiguous() for name, tensor in saved.items()}

    def counters(self) -> dict[str, Any]:
        """Everything else."""
        window = {"steps": self.window_steps, "seconds": round(self.window_seconds, 3), "names": list(self.window)}
        return {"step": self.step, "seconds": self.seconds, "window": window}

    def restore(self, tensors: dict[str, Tensor], counters: dict[str, Any]) -> None:
        """Go back to a saved state; the result trains on exactly as the saved one would have."""

        def under(owner: str) -> dict[str, Tensor]:
            return {name.partition("/")[2]: t for name, t in tensors.items() if name.partition("/")[0] == owner}

        self.vae.load_state_dict(under("vae"))
        _restore_optimiser("optimiser", self.optimiser, tensors)
        if self.critic_net is not None and self.critic_optimiser is not None:
            self.critic_net.load_state_dict(under("critic"))
            _restore_optimiser("critic-optimiser", self.critic_optimiser, tensors)
        self.rng.restore(under("rng"))
        self.batches.restore(under("batches"))
        self.second_batches.restore(under("second-batches"))
        device = next(self.vae.parameters()).device
        self.memory = {name: tensor.to(device) for name, tensor in under("memory").items()}
        about = counters.get("window") or {}  # checkpoints of before did not hold it
        sums = under("window") if about else {}  # in the order of their names
        self.window = {name: sums[name].to(device) for name in about.get("names", sums)}
        self.window_steps, self.window_seconds = int(about.get("steps", 0)), float(about.get("seconds", 0.0))
        self.step, self.seconds = int(counters["step"]), float(counters["seconds"])
