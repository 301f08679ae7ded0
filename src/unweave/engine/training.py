"""A run trained into its folder: log, scores, checkpoints and weights, stopped and resumed at any step."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from torch import nn

from unweave.base.errors import CannotWrite, Diverged, Interrupted
from unweave.base.files import FORMAT, append_to, cut_after, write_json, write_line
from unweave.base.records import Terms
from unweave.engine import checkpoint, folder
from unweave.engine.allocator import keep_freed_memory
from unweave.engine.callbacks import Callback, StopTraining, with_watchers
from unweave.engine.device import computing
from unweave.engine.log import LogWindow, rates_per_latent
from unweave.engine.log import read_log as read_log  # unweave.engine.train, its former place, leads here
from unweave.engine.loop import Loop
from unweave.engine.scoring import check_metrics, metrics_named, score_now
from unweave.engine.signals import stop_requested
from unweave.engine.spec import Spec
from unweave.engine.warm import start_from
from unweave.engine.watch import LaterLoss
from unweave.models.trained import write_weights


def train(
    spec: Spec,
    out: Path,
    *,
    resume: bool = False,
    overwrite: bool = False,
    callbacks: Sequence[Callback] = (),
    watchers: Sequence[Callback] | None = None,
) -> Path:
    """Train the run `spec` into the folder `out` and return the folder.

    Writes settings.json, log.jsonl, checkpoints while running, weights.safetensors and done.json at the end. With
    `resume` goes on from the newest readable checkpoint (or from the start, if the run never got to one) and ends
    with the same weights, byte for byte, as a run that was never stopped. A finished run is left as it is.
    `watchers` is the old name of `callbacks`.

    Raises InputError for a folder that may not be written or that another process works in, CannotWrite for a full
    disk, Diverged for a loss that is not a number, and Interrupted after saving when Ctrl-C, SIGTERM or SIGHUP arrives.
    """
    callbacks = with_watchers(callbacks, watchers)

    def say(sentence: str) -> None:
        for callback in callbacks:
            callback.on_message(sentence)

    folder.check(out, resume=resume, overwrite=overwrite)
    if resume and (out / folder.DONE).exists():
        if not spec.training.keep_checkpoints:
            checkpoint.remove(out)  # where it was killed before it could
        say(f"{out} is finished; nothing to do")
        return out
    keep_freed_memory()
    threads = spec.training.threads or torch.get_num_threads()
    torch.set_num_threads(threads)
    training = spec.training
    with computing(training.torch_device, precision=training.precision, deterministic=training.deterministic):
        return _trained(spec, out, callbacks, say, resume=resume, overwrite=overwrite)


def _trained(
    spec: Spec, out: Path, callbacks: Sequence[Callback], say: Callable[[str], None], *, resume: bool, overwrite: bool
) -> Path:
    """Make the loop, take the folder, and train."""
    loop = Loop(spec)
    loop.say = say
    state = loop.state
    state.vae.train()
    if spec.training.score_every:
        check_metrics(state.vae, loop.data, metrics_named(spec.training.score_metrics))
    try:
        with folder.alone(out):  # now that data and settings are known to do
            _begun(loop, out, callbacks, say, resume=resume, overwrite=overwrite)
    except CannotWrite as wrong:
        if folder.is_run(out):
            raise CannotWrite(f"{wrong}; {checkpoint.kept(out)}") from wrong
        raise
    return out


def _begun(
    loop: Loop,
    out: Path,
    callbacks: Sequence[Callback],
    say: Callable[[str], None],
    *,
    resume: bool,
    overwrite: bool,
) -> None:
    """Prepare the folder, or read where the run stands, and go on to the end."""
    spec, state = loop.spec, loop.state
    folder.prepare(out, resume=resume, overwrite=overwrite)
    if resume:
        checkpoint.read_newest(out, state, say, spec.hash)
    else:
        stored = {
            **spec.plain(),
            "hash": spec.hash,
            "command": spec.command,
            "made_with": folder.made_with(torch.get_num_threads()),
        }
        write_json(out / folder.SETTINGS, stored)
    begins = spec.help.start_from is not None and state.step == 0
    warm = start_from(state.vae, str(spec.help.start_from), spec.help.start_digest) if begins else None
    for name in (folder.LOG, folder.SCORES):
        cut_after(out / name, state.step)
    for callback in callbacks:
        callback.on_train_start(state.vae, spec, out, state.step)
    for line in (*spec.account, *([] if warm is None else [warm])):
        say(line)
    try:
        _run(loop, out, callbacks)
    finally:
        for callback in callbacks:
            callback.on_train_end()


def _run(loop: Loop, out: Path, callbacks: Sequence[Callback]) -> None:
    state, training = loop.state, loop.spec.training
    window, began = LogWindow(training.batch), time.perf_counter() - state.seconds
    if loop.tally is None:
        window.go_on(state)
    saved = state.step if state.step else None
    last: dict[str, Any] = {}
    stopped: str | None = None
    with append_to(out / folder.LOG) as log, stop_requested() as interrupted:
        while state.step < training.steps and stopped is None:
            loss = _stepped(loop, window, out, saved, wanted=bool(callbacks))
            stopped = _stopped_by(callbacks, state.step, loss)
            final = state.step == training.steps or stopped is not None
            if state.step % training.log_every == 0 or final:
                if log.tell() == 0:
                    write_line(log, {"format": FORMAT, "units": window.units})
                _check_finite(loop, out, saved)
                last = window.record(state.step, loop.rate, loop.tally)
                write_line(log, last)
                for callback in callbacks:
                    callback.on_log(last)
                window.reset()
            state.seconds = time.perf_counter() - began
            if training.score_every and (state.step % training.score_every == 0 or final):
                spent = _score(loop, out)
                began, window.since = began + spent, window.since + spent  # not of the time that training takes
            if interrupted():
                _check_finite(loop, out, saved)
                path = _save(out, loop, window)
                raise Interrupted(f"stopped after step {state.step}; state kept in {path}; --resume goes on")
            if state.step % training.checkpoint_every == 0 and not final:
                _check_finite(loop, out, saved)
                _check_weights(state.vae, out, state.step, saved)
                _save(out, loop, window)
                saved = state.step
    _check_weights(state.vae, out, state.step, saved)
    write_weights(out / folder.WEIGHTS, state.vae)
    done = {"steps": state.step, "images": state.step * training.batch, "seconds": round(state.seconds, 2)}
    finished = datetime.now(UTC).isoformat(timespec="seconds")
    early = {} if stopped is None else {"stopped": stopped}
    folder.seal(out, {**done, "finished": finished, "last": last, **early})
    if not training.keep_checkpoints:
        checkpoint.remove(out)


def _stepped(loop: Loop, window: LogWindow, out: Path, saved: int | None, *, wanted: bool) -> Any:
    """One step, taken in by the log; its loss, which is a number, or becomes one when somebody asks for it."""
    loss, terms, at, critic_terms = loop.step()
    if loop.tally is not None:
        window.count(loop.tally)
        return LaterLoss(loss.detach().clone()) if wanted else None
    value = loss.item()
    if not math.isfinite(value):
        bad = {name: term.mean.item() for name, term in terms.items() if not torch.isfinite(term.mean)}
        raise Diverged(_what_broke(out, loop.state.step, bad, saved))
    window.add(loss, Terms({**terms, **critic_terms}), rates_per_latent(at))
    return value


def _check_finite(loop: Loop, out: Path, saved: int | None) -> None:
    """Refuse to go on after a step that was not finite, where that was not looked at after every step."""
    found = None if loop.tally is None else loop.tally.found()
    if found is not None:
        raise Diverged(_what_broke(out, found[0] + 1, found[1], saved))


def _save(out: Path, loop: Loop, window: LogWindow) -> Path:
    """Write a checkpoint."""
    window.keep(loop.state)
    return checkpoint.write(out, loop.state, of=loop.spec.hash)


def _score(loop: Loop, out: Path) -> float:
    """Append what the model scores by now to scores.jsonl; returns the seconds that took."""
    state, training = loop.state, loop.spec.training
    metrics = metrics_named(training.score_metrics)
    discrete = loop.objective.discrete(state.step - 1)  # as in the step that was just done
    found, spent = score_now(state.vae, loop.data, metrics, discrete, images=training.score_images, seed=training.seed)
    about = {"step": state.step, "images": state.step * training.batch, "seconds": round(state.seconds, 2)}
    with append_to(out / folder.SCORES) as file:
        write_line(file, {**about, "scoring_seconds": round(spent, 2), **found})
    return spent


def _stopped_by(callbacks: Sequence[Callback], step: int, loss: float) -> str | None:
    """Call every callback after a step; why it is to be the last one, if one of them stops training."""
    reasons: list[str] = []
    for callback in callbacks:
        try:
            callback.on_step_end(step, loss)
        except StopTraining as stop:
            reasons.append(str(stop))
    return "; ".join(reasons) or None


def _last_good(out: Path, saved: int | None) -> str:
    return f"the last good checkpoint is that of step {saved} in {out}" if saved else f"{out} has no checkpoint yet"


def _what_broke(out: Path, step: int, bad: Mapping[str, float], saved: int | None) -> str:
    shown = " and ".join(f"{name} became {value}" for name, value in bad.items()) or "the loss became infinite"
    return f"{shown} at step {step}; {_last_good(out, saved)}"


def _check_weights(vae: nn.Module, out: Path, step: int, saved: int | None) -> None:
    for name, parameter in vae.named_parameters():
        if not bool(torch.isfinite(parameter).all()):
            raise Diverged(f"weights of {name} are not finite after step {step}; {_last_good(out, saved)}")
