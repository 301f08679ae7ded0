"""One run in memory: optimiser steps of a model and its critic, whatever the method."""

from __future__ import annotations

import contextlib
import math
import os
import shutil
import time
from collections.abc import Generator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from unweave.base.records import Images, Pass, Terms
from unweave.base.schedules import warmup_cosine
from unweave.base.seeds import numpy_generator
from unweave.engine.curriculum import blur_at, blurred, ease_at, eased
from unweave.engine.device import check_there
from unweave.engine.spec import Spec, Training
from unweave.engine.standardise import check_standardisable, standardise
from unweave.engine.state import State, adam

LOOKED_AT = 2_000  # images whose codes say what is to be standardised
COMPILE_FROM = 20_000  # steps: shorter runs never earn back the half minute that compiling takes


class Loop:
    """One training run in memory: `step()` until `state.step` reaches the number of steps."""

    def __init__(self, spec: Spec) -> None:
        check_there(spec.training.device)
        self.spec, self.objective, self.data = spec, spec.objective, spec.dataset
        self.state = State.start(spec)
        self.device = spec.training.torch_device
        self.base_rates = [
            [group["lr"] for group in optimiser.param_groups]
            for optimiser in (self.state.optimiser, self.state.critic_optimiser)
            if optimiser is not None
        ]
        self.rate = 0.0
        if spec.training.standardise_every:
            check_standardisable(self.state.vae, self._any_images(2), net=spec.net.name, prior=spec.prior.name)
        if _wants_compile(spec.training, self.device):
            self.state.vae.encoder.compile()
            self.state.vae.decoder.compile()

    def fetch(self, batches: Any) -> Images:
        """The next images, blurred if it is early, on the device and in the layout convolutions like best."""
        return self._images(next(batches))

    def _images(self, indices: np.ndarray) -> Images:
        images = self.data.images(indices).to(self.device)
        images = blurred(images, blur_at(self.spec.training, self.state.step))
        return images.contiguous(memory_format=torch.channels_last)

    def _any_images(self, n: int) -> Images:
        """`n` images that depend on nothing but the seed and the step, so that a resumed run takes the same ones."""
        rng = numpy_generator(self.spec.training.seed, f"standardise {self.state.step}")
        seen = len(self.data) if self.spec.kept is None else self.spec.kept
        return self._images(rng.choice(seen, min(n, self.spec.images), replace=False))

    def step(self) -> tuple[Tensor, Terms, Pass, Terms]:
        """One step of the VAE and those of its critic: loss, terms, pass, and the critic's terms."""
        state, training = self.state, self.spec.training
        if self.objective.restarts(state.step):
            state.optimiser = adam(state.vae, self.spec.adam)
        schedule = warmup_cosine(state.step, training.steps, training.lr_warmup, training.lr_final)
        self._set_rates(schedule * self.objective.rate_factor(state.step))
        x = self.fetch(state.batches)
        with _frozen(state.critic_net):
            at = Pass(
                **vars(
                    state.vae(
                        x,
                        state.rng,
                        discrete=self.objective.discrete(state.step),
                        drawn_from=self.objective.drawn_from,
                    )
                ),
                data_size=self.spec.images,
                rng=state.rng,
                step=state.step,
                total_steps=training.steps,
                critic=state.critic_net,
                memory=state.memory,
            )
            terms = eased(self.objective(at), ease_at(training, state.step))
            loss = terms.loss
            state.optimiser.zero_grad(set_to_none=True)
            loss.backward()
        if training.clip is not None:
            nn.utils.clip_grad_norm_(state.vae.parameters(), training.clip)
        state.optimiser.step()
        critic_terms = self._train_critic(at.z.detach())
        state.step += 1
        if training.standardise_every and state.step % training.standardise_every == 0:
            standardise(state.vae, self._any_images(LOOKED_AT))
        return loss, terms, at, critic_terms

    def _train_critic(self, z: Tensor) -> Terms:
        state = self.state
        critic, net, optimiser = state.critic, state.critic_net, state.critic_optimiser
        if critic is None or net is None or optimiser is None:
            return Terms()
        terms = Terms()
        for number in range(critic.steps):
            if number > 0:
                z = self._codes_of_second_batch()
            z2 = self._codes_of_second_batch() if critic.second_batch else z
            terms = critic.loss(net, z, critic.reference(z2, state.vae.prior, state.rng))
            optimiser.zero_grad(set_to_none=True)
            terms.loss.backward()
            optimiser.step()
        return terms

    @torch.no_grad()
    def _codes_of_second_batch(self) -> Tensor:
        x = self.fetch(self.state.second_batches)
        return self.state.vae.encode(x).posterior.rsample(self.state.rng["second-batch noise"])

    def _set_rates(self, factor: float) -> None:
        optimisers = [o for o in (self.state.optimiser, self.state.critic_optimiser) if o is not None]
        for optimiser, rates in zip(optimisers, self.base_rates, strict=True):
            for group, rate in zip(optimiser.param_groups, rates, strict=True):
                group["lr"] = rate * factor
        self.rate = self.base_rates[0][0] * factor


@contextlib.contextmanager
def _frozen(net: nn.Module | None) -> Generator[None]:
    """No gradient is kept for the net's weights inside; gradients pass through it."""
    if net is None:
        yield
        return
    net.requires_grad_(False)
    try:
        yield
    finally:
        net.requires_grad_(True)


def _wants_compile(training: Training, device: torch.device) -> bool:
    if training.compile != "auto":
        return training.compile == "on"
    compiler = shutil.which(os.environ.get("CXX", "c++")) is not None
    return device.type == "cuda" and training.steps >= COMPILE_FROM and compiler


def steps_in(spec: Spec, seconds: float, timed: int = 40) -> int:
    """How many steps of `spec` this machine does in about `seconds`, by timing a few of them; at least 1.

    The fastest of five stretches counts: other programs slow some of them down, and nothing makes one too fast.
    """
    loop = Loop(spec)
    loop.state.vae.train()
    for _ in range(20):  # the first ones are slow: pages, caches and threads are still cold
        loop.step()
    length, fastest = max(1, timed // 5), math.inf
    for _ in range(5):
        began = time.perf_counter()
        for _ in range(length):
            loop.step()
        fastest = min(fastest, time.perf_counter() - began)
    return max(1, int(seconds * length / fastest))
