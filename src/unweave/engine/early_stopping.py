"""Stops a run when the ELBO of held-out images rises no more, and puts its best weights back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from unweave.base.seeds import Generators
from unweave.engine.callbacks import Callback, StopTraining
from unweave.engine.spec import Spec
from unweave.models.bound import bound
from unweave.models.vae import VAE

AT_ONCE = 500  # images whose ELBO is taken at a time


@torch.no_grad()
def elbo(vae: VAE, images: Tensor, seed: int = 0) -> Tensor:
    """The ELBO of each image (n, C, H, W), nats (n,), float64, as `bound` says; the draws depend on `seed` alone."""
    rng, training = Generators(seed), vae.training
    device = next(vae.parameters()).device
    vae.eval()
    parts = (x.to(device, memory_format=torch.channels_last) for x in images.split(AT_ONCE))
    found = [bound(vae, x, rng).elbo for x in parts]
    vae.train(training)
    return torch.cat(found).double().cpu()


class EarlyStopping(Callback):
    """Looks at the ELBO of held-out `images` every so many steps and keeps the weights that gave the best one.

    Training ends when `patience` looks in a row have brought none better; the best weights are then put back, as they
    are at the last step. `seen` holds each look: step and mean ELBO, nats per image.
    """

    def __init__(self, images: Tensor, patience: int, every: int) -> None:
        self.images, self.patience, self.every = images, patience, every
        self.seen: list[tuple[int, float]] = []
        self.best_step, self.best = 0, -np.inf

    def on_train_start(self, vae: VAE, spec: Spec, run: Path, step: int) -> None:
        self.vae, self.last = vae, spec.training.steps

    def on_step_end(self, step: int, loss: float) -> None:
        if step % self.every and step != self.last:
            return
        found = elbo(self.vae, self.images).mean().item()
        self.seen.append((step, found))
        if found > self.best:
            self.best_step, self.best = step, found
            self.kept = {name: tensor.clone() for name, tensor in self.vae.state_dict().items()}
        worse = sum(at > self.best_step for at, _ in self.seen)
        if self.best_step and (worse >= self.patience or step == self.last):
            self.vae.load_state_dict(self.kept)
        if worse >= self.patience:
            raise StopTraining(f"held-out ELBO has not risen since step {self.best_step} ({self.best:.4g} nats)")
