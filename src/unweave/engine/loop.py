"""One run in memory: optimiser steps of a model and its critic, whatever the method."""

from __future__ import annotations

import contextlib
import math
import os
import shutil
import time
from collections.abc import Callable, Generator

import torch
from torch import Tensor, nn

from unweave.base.records import Images, Pass, Terms
from unweave.base.schedules import warmup_cosine
from unweave.base.seeds import numpy_generator
from unweave.engine.curriculum import blur_at, blurred, ease_at, eased
from unweave.engine.device import check_graph, check_precision, check_there, runs_ahead
from unweave.engine.feed import Order, feed_of
from unweave.engine.graph import Captured, captures
from unweave.engine.log import rates_per_latent
from unweave.engine.spec import Spec, Training
from unweave.engine.standardise import check_standardisable, standardise
from unweave.engine.state import State, adam
from unweave.engine.step import Done, Now
from unweave.engine.watch import Tally
from unweave.models.objectives import RatioCritic

LOOKED_AT = 2_000  # images whose codes say what is to be standardised
COMPILE_FROM = 20_000  # steps: shorter runs never earn back the half minute that compiling takes


class Loop:
    """One training run in memory: `step()` until `state.step` reaches the number of steps."""

    def __init__(self, spec: Spec) -> None:
        training = spec.training
        check_there(training.device)
        self.spec, self.objective, self.data = spec, spec.objective, spec.dataset
        self.device = training.torch_device
        check_precision(training.precision, self.device)
        check_graph(training.graph, self.device)
        self.state = State.start(spec)
        self.base_rates = [spec.adam.lr, *([] if self.state.critic is None else [self.state.critic.adam.lr])]
        self.rate = 0.0
        if training.standardise_every:
            check_standardisable(self.state.vae, self._any_images(2), net=spec.net.name, prior=spec.prior.name)
        self.state.vae.numbers = torch.bfloat16 if training.precision == "bf16" else None  # too coarse for that check
        self.seconds = seconds_of(self.state.critic)
        self.feed = feed_of(self.data, self.device, training, 1 + self.seconds)
        self.tally = Tally() if runs_ahead(self.device) else None
        self.captured = Captured(self) if captures(training, self.device) else None
        self.say: Callable[[str], None] = lambda sentence: None
        if _wants_compile(training, self.device):
            self.state.vae.encoder.compile()
            self.state.vae.decoder.compile()

    def fetch(self, batches: Order) -> Images:
        """The next images, blurred if it is early, on the device and in the layout convolutions like best."""
        return self._prepared(self.feed(batches))

    def _prepared(self, images: Images) -> Images:
        images = blurred(images, blur_at(self.spec.training, self.state.step))
        return images.contiguous(memory_format=torch.channels_last)

    def _any_images(self, n: int) -> Images:
        """`n` images that depend on nothing but the seed and the step, so that a resumed run takes the same ones."""
        rng = numpy_generator(self.spec.training.seed, f"standardise {self.state.step}")
        seen = len(self.data) if self.spec.kept is None else self.spec.kept
        chosen = rng.choice(seen, min(n, self.spec.images), replace=False)
        return self._prepared(self.data.images(chosen).to(self.device))

    def step(self) -> Done:
        """One step of the VAE and those of its critic."""
        state, training = self.state, self.spec.training
        if self.objective.restarts(state.step):
            state.optimiser = adam(state.vae, self.spec.adam)
        schedule = warmup_cosine(state.step, training.steps, training.lr_warmup, training.lr_final)
        self._set_rates(schedule * self.objective.rate_factor(state.step))
        now = self.now()
        if self.captured is None:
            done = self.compute(self.fetch(state.batches), lambda: self.fetch(state.second_batches), now)
        else:
            done = self.captured(now)
        state.step += 1
        if training.standardise_every and state.step % training.standardise_every == 0:
            standardise(state.vae, self._any_images(LOOKED_AT))
        return done

    def now(self) -> Now:
        """Where training stands before the next step."""
        step = self.state.step
        return Now(step, ease_at(self.spec.training, step), self.objective.discrete(step))

    def forward(self, x: Images, now: Now) -> Pass:
        """What the model makes of a batch."""
        state = self.state
        return Pass(
            **vars(state.vae(x, state.rng, discrete=now.discrete, drawn_from=self.objective.drawn_from)),
            data_size=self.spec.images,
            rng=state.rng,
            step=now.step,
            total_steps=self.spec.training.steps,
            critic=state.critic_net,
            memory=state.memory,
        )

    def compute(self, x: Images, second: Callable[[], Images], now: Now) -> Done:
        """All that a step computes: with a pass the VAE's step, then the critic's; `second` gives further batches."""
        state, training = self.state, self.spec.training
        with _frozen(state.critic_net):
            at = self.forward(x, now)
            terms = eased(self.objective(at), now.ease)
            loss = terms.loss
            state.optimiser.zero_grad(set_to_none=True)
            loss.backward()
        if training.clip is not None:
            nn.utils.clip_grad_norm_(state.vae.parameters(), training.clip)
        state.optimiser.step()
        critic_terms = self._train_critic(at.z.detach(), second)
        if self.tally is not None:
            self.tally.see(now.step, loss, Terms({**terms, **critic_terms}), rates_per_latent(at))
        return Done(loss, terms, at, critic_terms)

    def _train_critic(self, z: Tensor, second: Callable[[], Images]) -> Terms:
        state = self.state
        critic, net, optimiser = state.critic, state.critic_net, state.critic_optimiser
        if critic is None or net is None or optimiser is None:
            return Terms()
        terms = Terms()
        for number in range(critic.steps):
            if number > 0:
                z = self._codes_of(second())
            z2 = self._codes_of(second()) if critic.second_batch else z
            terms = critic.loss(net, z, critic.reference(z2, state.vae.prior, state.rng))
            optimiser.zero_grad(set_to_none=True)
            terms.loss.backward()
            optimiser.step()
        return terms

    @torch.no_grad()
    def _codes_of(self, x: Images) -> Tensor:
        return self.state.vae.encode(x).posterior.rsample(self.state.rng["second-batch noise"])

    def _set_rates(self, factor: float) -> None:
        optimisers = [o for o in (self.state.optimiser, self.state.critic_optimiser) if o is not None]
        for optimiser, rate in zip(optimisers, self.base_rates, strict=True):
            for group in optimiser.param_groups:
                if not isinstance(group["lr"], Tensor):
                    group["lr"] = rate * factor
                elif group.get("filled") != rate * factor:
                    group["lr"].fill_(rate * factor)
                    group["filled"] = rate * factor
        self.rate = self.base_rates[0] * factor


def seconds_of(critic: RatioCritic | None) -> int:
    """How many further batches a step takes for its critic."""
    return 0 if critic is None else critic.steps - 1 + critic.steps * critic.second_batch


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
    alone = device.type == "cuda" and not captures(training, device)  # a captured step has no launches to save
    return alone and training.steps >= COMPILE_FROM and compiler


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
        if loop.tally is not None:
            loop.tally.found()  # waits until the steps are done
        fastest = min(fastest, time.perf_counter() - began)
    return max(1, int(seconds * length / fastest))
