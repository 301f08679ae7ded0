"""A step captured once as a CUDA graph and replayed, so that none of its small kernels waits to be launched.

What a graph replays is fixed: the addresses of its inputs and every number that Python computed. So images, the step,
the easing and the learning rates lie in tensors that are filled before each replay, and objectives compute their
schedules from the step as a tensor. What changes at once (a category that arrives, a blur that ends, fresh moments)
is part of a key; where the key changes the step is captured anew. The first steps after that run eagerly, as torch's
notes on CUDA graphs ask for, and they are steps of the run like all others, through the same operations.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import torch

from unweave.base.errors import InputError
from unweave.base.records import Images
from unweave.engine.spec import Training
from unweave.engine.step import Done, Now

WARM = 3  # steps that run eagerly before a capture: lazily made state, workspaces and choices of algorithms


def captures(training: Training, device: torch.device) -> bool:
    """Whether the steps of a run are to be captured."""
    return training.graph != "off" and device.type == "cuda"


class Cuda:
    """The few calls of torch.cuda that a capture needs."""

    def __init__(self, device: torch.device) -> None:
        self.device, self.stream = device, torch.cuda.Stream(device)
        self.graph: torch.cuda.CUDAGraph | None = None

    def aside(self, compute: Any) -> Done:
        """Run it eagerly on the stream that will capture it."""
        now = torch.cuda.current_stream(self.device)
        self.stream.wait_stream(now)
        with torch.cuda.stream(self.stream):
            done = compute()
        now.wait_stream(self.stream)
        return done

    def capture(self, compute: Any, generators: list[torch.Generator]) -> Done:
        """Record it without running it; what it draws from `generators` goes on from replay to replay."""
        graph = torch.cuda.CUDAGraph()
        for generator in generators:
            graph.register_generator_state(generator)
        # other threads read data meanwhile, which is no harm
        with torch.cuda.graph(graph, stream=self.stream, capture_error_mode="thread_local"):
            done = compute()
        self.graph = graph
        return done

    def replay(self) -> None:
        """Run what was captured."""
        assert self.graph is not None
        self.graph.replay()


class Captured:
    """Takes the place of a loop's own computing: eager steps first, then a capture, then replays."""

    def __init__(self, loop: Any, cuda: Any = None) -> None:
        self.loop, self.cuda = loop, Cuda(loop.device) if cuda is None else cuda
        self.key: Hashable = None
        self.ran = 0  # steps since the key changed
        self.images: list[Images] = []
        self.step = torch.zeros((), dtype=torch.float64, device=loop.device)
        self.ease = torch.ones((), device=loop.device)
        self.done: Done | None = None
        self.refused: str | None = None

    def __call__(self, now: Now) -> Done:
        """One step, with images that are fetched here."""
        state = self.loop.state
        self._keep([state.batches, *[state.second_batches] * self.loop.seconds])
        self.step.fill_(now.step)
        eases = self.loop.spec.training.ease < 1
        if eases:
            self.ease.fill_(now.ease)
        here = Now(self.step, self.ease if eases else 1.0, now.discrete)
        if self.refused is None and self.ran >= WARM and (reason := self._reason(now)) is not None:
            self._refuse(reason)
        if self.refused is not None:
            return self._compute(here)
        key = (now.discrete, id(state.optimiser), tuple(state.memory), tuple(map(id, self.images)))
        if key != self.key:
            self.key, self.ran, self.done = key, 0, None
        if self.ran < WARM:
            self.ran += 1
            return self.cuda.aside(lambda: self._compute(here))
        if self.done is None and not self._captured(here):
            return self._compute(here)
        self.cuda.replay()
        assert self.done is not None
        return self.done

    def _keep(self, orders: list[Any]) -> None:
        """Put the step's images where the graph reads them."""
        for number, batches in enumerate(orders):
            found = self.loop.fetch(batches)
            if number == len(self.images):
                self.images.append(torch.empty_like(found))
            self.images[number].copy_(found)

    def _compute(self, now: Now) -> Done:
        """The step, with what the objective remembers written where it lies."""
        memory, further = self.loop.state.memory, iter(self.images[1:])
        before = dict(memory)
        done = self.loop.compute(self.images[0], lambda: next(further), now)
        for name, kept in before.items():
            if memory[name] is not kept:
                memory[name] = kept.copy_(memory[name])
        return done

    def _captured(self, now: Now) -> bool:
        """Capture the step; where that cannot be, say why and stay eager from here on."""
        state = self.loop.state
        kept, memory = state.rng.state(), dict(state.memory)
        optimisers = [each for each in (state.optimiser, state.critic_optimiser) if each is not None]
        for optimiser in optimisers:
            for group in optimiser.param_groups:
                group["capturable"] = True
        try:
            self.done = self.cuda.capture(lambda: self._compute(now), state.rng.on_device())
        except Exception as wrong:
            state.memory.clear()
            state.memory.update(memory)
            state.rng.renew(kept)
            for optimiser in optimisers:
                optimiser.zero_grad(set_to_none=True)
            self._refuse(_first_cause(wrong))
            return False
        finally:
            for optimiser in optimisers:
                for group in optimiser.param_groups:
                    group["capturable"] = False
        return True

    def _reason(self, now: Now) -> str | None:
        """Why it need not be tried: something in the step is computed on the processor."""
        if getattr(now.discrete, "waits", False):
            return "categories are assigned on the processor"
        state = self.loop.state
        if getattr(state.vae.prior, "waits", False) and "prior" in state.rng:
            return "the prior's samples are drawn on the processor"
        return None

    def _refuse(self, reason: str) -> None:
        """Stay eager from here on, and say so, once; where a capture was insisted on InputError."""
        if self.loop.spec.training.graph == "on":
            raise InputError(f"graph must be auto or off for this run, whose step cannot be captured: {reason}")
        if self.refused is None:
            self.refused = reason
            self.loop.say(f"the step is not captured as a CUDA graph and runs without: {reason}")


def _first_cause(wrong: BaseException) -> str:
    """The first line of what went wrong at first: ending a spoilt capture fails, too."""
    while wrong.__context__ is not None:
        wrong = wrong.__context__
    return (str(wrong).strip().splitlines() or [type(wrong).__name__])[0]
