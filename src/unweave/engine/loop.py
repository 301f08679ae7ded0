"""The one loop that trains every method."""

from __future__ import annotations

import contextlib
import math
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable, Generator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save
from torch import Tensor, nn

from unweave.base.errors import Diverged, Interrupted
from unweave.base.files import FORMAT, cut_after, read_lines, write_atomic, write_json, write_line
from unweave.base.records import NATS, Images, Pass, Terms
from unweave.base.schedules import warmup_cosine
from unweave.base.seeds import numpy_generator
from unweave.engine import checkpoint, folder
from unweave.engine.allocator import keep_freed_memory
from unweave.engine.callbacks import Enough, Watcher
from unweave.engine.curriculum import blur_at, blurred, ease_at, eased
from unweave.engine.scoring import check_metrics, metrics_named, score_now
from unweave.engine.spec import Spec, Training
from unweave.engine.standardise import check_standardisable, standardise
from unweave.engine.state import State, adam

LOOKED_AT = 2_000  # images whose codes say what is to be standardised
COMPILE_FROM = 20_000  # steps: shorter runs never earn back the half minute that compiling takes


@contextlib.contextmanager
def told_to_stop() -> Generator[Callable[[], bool]]:
    """Whether Ctrl-C or SIGTERM has come; the step in progress is finished first. A second Ctrl-C stops at once."""
    asked = threading.Event()

    def note(number: int, _frame: object) -> None:
        if asked.is_set() and number == signal.SIGINT:
            raise KeyboardInterrupt
        asked.set()

    if threading.current_thread() is not threading.main_thread():
        yield asked.is_set
        return
    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked.is_set
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class LogWindow:
    """Means of every term since the last log line, and the speed."""

    def __init__(self, batch: int) -> None:
        self.batch, self.units = batch, {"loss": NATS, "kl_per_latent": NATS}
        self.reset()

    def reset(self) -> None:
        """Start a new window."""
        self.sums: dict[str, Tensor] = {}
        self.steps, self.since = 0, time.perf_counter()

    def add(self, loss: Tensor, terms: Terms, rates: Tensor | None) -> None:
        """Take in one step."""
        values = {name: term.mean.detach() for name, term in terms.items()}
        self.units |= {name: term.unit for name, term in terms.items()}
        values["loss"] = loss.detach()
        if rates is not None:
            values["kl_per_latent"] = rates
        for name, value in values.items():
            self.sums[name] = self.sums[name] + value if name in self.sums else value
        self.steps += 1

    def record(self, step: int, lr: float) -> dict[str, Any]:
        """The line for log.jsonl."""
        means = {name: (total / self.steps).tolist() for name, total in self.sums.items()}
        seconds = time.perf_counter() - self.since
        speed = round(self.steps * self.batch / seconds, 1)
        return {"step": step, "images": step * self.batch, **means, "lr": lr, "images_per_second": speed}


@torch.no_grad()
def rates_per_latent(at: Pass) -> Tensor | None:
    """Mean KL of every latent (d,), nats; None where it has no closed form."""
    each = at.prior.kl_each(at.posterior)
    return None if each is None else each.mean(0)


class Loop:
    """One training run in memory: `step()` until `state.step` reaches the number of steps."""

    def __init__(self, spec: Spec) -> None:
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
        return self._images(rng.choice(len(self.data), min(n, len(self.data)), replace=False))

    def step(self) -> tuple[Tensor, Terms, Pass, Terms]:
        """One step of the VAE and those of its critic: loss, terms, pass, and the critic's terms."""
        state, training = self.state, self.spec.training
        if self.objective.restarts(state.step):
            state.optimiser = adam(state.vae, self.spec.adam)
        schedule = warmup_cosine(state.step, training.steps, training.lr_warmup, training.lr_final)
        self._set_rates(schedule * self.objective.rate_factor(state.step))
        x = self.fetch(state.batches)
        with _frozen(state.critic_net):
            at = state.vae(
                x,
                state.rng,
                data_size=len(self.data),
                discrete=self.objective.discrete(state.step),
                critic=state.critic_net,
                memory=state.memory,
                step=state.step,
                total_steps=training.steps,
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


def train(
    spec: Spec,
    out: Path,
    *,
    resume: bool = False,
    overwrite: bool = False,
    watchers: Sequence[Watcher] = (),
) -> Path:
    """Train the run `spec` into the folder `out` and return the folder.

    Writes settings.json, log.jsonl, checkpoints while running, weights.safetensors and done.json at the end. With
    `resume` goes on from the newest readable checkpoint (or from the start, if the run never got to one) and ends
    with the same weights, byte for byte, as a run that was never stopped. A finished run is left as it is.

    Raises InputError for a folder that may not be written, Diverged for a loss that is not a number, and Interrupted
    after saving when Ctrl-C or SIGTERM arrives.
    """

    def say(sentence: str) -> None:
        for watcher in watchers:
            watcher.said(sentence)

    folder.check(out, resume=resume, overwrite=overwrite)
    if resume and (out / folder.DONE).exists():
        say(f"{out} is finished; nothing to do")
        return out
    keep_freed_memory()
    threads = spec.training.threads or torch.get_num_threads()
    torch.set_num_threads(threads)
    if spec.training.deterministic:
        torch.use_deterministic_algorithms(True)
    loop = Loop(spec)
    state = loop.state
    state.vae.train()
    if spec.training.score_every:
        check_metrics(state.vae, loop.data, metrics_named(spec.training.score_metrics))
    folder.prepare(out, resume=resume, overwrite=overwrite)  # now that data and settings are known to do
    if resume:
        checkpoint.read_newest(out, state, say)
    else:
        stored = {
            **spec.plain(),
            "hash": spec.hash,
            "command": spec.command,
            "made_with": folder.made_with(threads),
        }
        write_json(out / folder.SETTINGS, stored)
    for name in (folder.LOG, folder.SCORES):
        cut_after(out / name, state.step)
    for watcher in watchers:
        watcher.given(state.vae)
        watcher.started(spec, out, state.step)
    for line in spec.account:
        say(line)
    try:
        _run(loop, out, watchers)
    finally:
        for watcher in watchers:
            watcher.ended()
    return out


def _run(loop: Loop, out: Path, watchers: Sequence[Watcher]) -> None:
    state, training = loop.state, loop.spec.training
    window, began = LogWindow(training.batch), time.perf_counter() - state.seconds
    saved = state.step if state.step else None
    last: dict[str, Any] = {}
    enough: str | None = None
    with (out / folder.LOG).open("a", encoding="utf-8") as log, told_to_stop() as stop:
        while state.step < training.steps and enough is None:
            loss, terms, at, critic_terms = loop.step()
            value = loss.item()
            if not math.isfinite(value):
                raise Diverged(_what_broke(out, state.step, terms, saved))
            window.add(loss, Terms({**terms, **critic_terms}), rates_per_latent(at))
            enough = _told(watchers, state.step, value)
            final = state.step == training.steps or enough is not None
            if state.step % training.log_every == 0 or final:
                if log.tell() == 0:
                    write_line(log, {"format": FORMAT, "units": window.units})
                last = window.record(state.step, loop.rate)
                write_line(log, last)
                for watcher in watchers:
                    watcher.logged(last)
                window.reset()
            state.seconds = time.perf_counter() - began
            if training.score_every and (state.step % training.score_every == 0 or final):
                spent = _score(loop, out)
                began, window.since = began + spent, window.since + spent  # not of the time that training takes
            if stop():
                path = checkpoint.write(out, state)
                raise Interrupted(f"stopped after step {state.step}; state kept in {path}; --resume goes on")
            if state.step % training.checkpoint_every == 0 and not final:
                _check_weights(state.vae, out, state.step, saved)
                checkpoint.write(out, state)
                saved = state.step
    _check_weights(state.vae, out, state.step, saved)
    write_weights(out / folder.WEIGHTS, state.vae)
    done = {"steps": state.step, "images": state.step * training.batch, "seconds": round(state.seconds, 2)}
    finished = datetime.now(UTC).isoformat(timespec="seconds")
    early = {} if enough is None else {"stopped": enough}
    write_json(out / folder.DONE, {**done, "finished": finished, "last": last, **early})
    if not training.keep_checkpoints:
        for path in checkpoint.stored(out):
            path.unlink()
        with contextlib.suppress(OSError):
            (out / checkpoint.FOLDER).rmdir()


def _score(loop: Loop, out: Path) -> float:
    """Append what the model scores by now to scores.jsonl; returns the seconds that took."""
    state, training = loop.state, loop.spec.training
    metrics = metrics_named(training.score_metrics)
    told = loop.objective.discrete(state.step - 1)  # as in the step that was just done
    found, spent = score_now(state.vae, loop.data, metrics, told, images=training.score_images, seed=training.seed)
    about = {"step": state.step, "images": state.step * training.batch, "seconds": round(state.seconds, 2)}
    with (out / folder.SCORES).open("a", encoding="utf-8") as file:
        write_line(file, {**about, "scoring_seconds": round(spent, 2), **found})
    return spent


def _told(watchers: Sequence[Watcher], step: int, loss: float) -> str | None:
    """Tell every watcher of a step; why it is to be the last one, if one of them says so."""
    reasons: list[str] = []
    for watcher in watchers:
        try:
            watcher.stepped(step, loss)
        except Enough as enough:
            reasons.append(str(enough))
    return "; ".join(reasons) or None


def write_weights(path: Path, vae: nn.Module) -> None:
    """Write the model's weights as safetensors; same weights, same bytes."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in vae.state_dict().items()}
    data = save(tensors, metadata={"format": str(FORMAT)})
    write_atomic(path, lambda file: file.write(data))


def _last_good(out: Path, saved: int | None) -> str:
    return f"the last good checkpoint is that of step {saved} in {out}" if saved else f"{out} has no checkpoint yet"


def _what_broke(out: Path, step: int, terms: Terms, saved: int | None) -> str:
    bad = {name: term.mean.item() for name, term in terms.items() if not torch.isfinite(term.mean)}
    shown = " and ".join(f"{name} became {value}" for name, value in bad.items()) or "the loss became infinite"
    return f"{shown} at step {step}; {_last_good(out, saved)}"


def _check_weights(vae: nn.Module, out: Path, step: int, saved: int | None) -> None:
    for name, parameter in vae.named_parameters():
        if not bool(torch.isfinite(parameter).all()):
            raise Diverged(f"weights of {name} are not finite after step {step}; {_last_good(out, saved)}")


def read_log(path: Path) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """The records of a log.jsonl and the unit of each term; a torn last line is left out."""
    lines = read_lines(path)
    units: dict[str, str] = {}
    for line in lines:
        units |= line.get("units", {})
    return [line for line in lines if "units" not in line], units
