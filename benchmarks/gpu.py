"""Checks, speeds and science of a CUDA card, in one script that loses nothing when it is stopped.

Run `python benchmarks/gpu.py --minutes 12 --out DIR`, and the same again to go on: what is done is in DIR/gpu.json and
is not done again. First checks: the step of every method against the processor in float64, the same bytes again and
after an interruption, memory. Then images per second, eager and captured, in float32, tf32 and bf16. Then, with what
time is left, the published protocol of FactorVAE (Kim and Mnih 2018): 300,000 steps of 64, a seed after the other.
`--device cpu --minutes 2` runs all of it on the processor, shorter, so that on the day a card is there nothing is left
to mend.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import platform
import shutil
import signal
import statistics
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch

from unweave.base import registry
from unweave.base.errors import Interrupted
from unweave.base.seeds import Draws, derive
from unweave.base.settings import settings_of
from unweave.engine import Callback, Spec, folder, train
from unweave.engine.device import computing
from unweave.engine.loop import Loop
from unweave.run.run import Run

DSPRITES: dict[str, Any] = {"data": "dsprites"}
CASES = {
    "vae, dlib-conv 64 x 64": ("vae", {**DSPRITES, "net": "dlib-conv"}),
    "factor-vae, dlib-conv 64 x 64": ("factor-vae", {**DSPRITES, "net": "dlib-conv"}),
    "beta-vae, broadcast 32 x 32": ("beta-vae", {**DSPRITES, "data.size": 32, "net": "broadcast"}),
}
SMALL = {
    "data": "dsprites", "data.size": 32, "data.hold": "lazy", "net": "conv", "net.channels": (8, 8, 8),
    "net.hidden": 16, "batch": 8, "latents": 4, "steps": 12, "lr": 1e-3, "log_every": 4, "checkpoint_every": 5,
}  # fmt: skip
CRITIC = {"critic_layers": 2, "critic_width": 16}
PUBLISHED: dict[str, Any] = {
    **DSPRITES,
    "net": "kim2018",
    "gamma": 35.0,
    "steps": 300_000,
    "batch": 64,
    "lr": 1e-4,
    "log_every": 500,
}
ENOUGH = 1e-4  # largest share by which float32 gradients may differ from those in float64
SEEDS = range(10)


class Notes:
    """What is known so far, kept in gpu.json whenever something is added."""

    def __init__(self, out: Path, device: torch.device, until: float) -> None:
        out.mkdir(parents=True, exist_ok=True)
        self.out, self.path, self.device, self.until = out, out / "gpu.json", device, until
        self.held: dict[str, Any] = json.loads(self.path.read_text()) if self.path.exists() else {}
        self.held["machine"] = about(device)

    def keep(self) -> None:
        """Write all that is known, whole or not at all."""
        draft = self.path.with_suffix(".tmp")
        draft.write_text(json.dumps(self.held, indent=1) + "\n")
        draft.replace(self.path)

    @property
    def left(self) -> float:
        """Seconds left."""
        return self.until - time.monotonic()

    def once(self, part: str, name: str, made: Callable[[], Any], needs: float = 0.0) -> None:
        """Find out one thing, unless it is known or there is no time; a failure is noted and stops nothing else."""
        table = self.held.setdefault(part, {})
        if (name in table and "failed" not in table[name]) or self.left < needs:
            return
        began = time.monotonic()
        try:
            found = made()
        except Exception as wrong:
            found = {"failed": f"{type(wrong).__name__}: {wrong}", "trace": traceback.format_exc()}
        table[name] = {**found, "took": round(time.monotonic() - began, 1)}
        self.keep()
        shown = {key: value for key, value in table[name].items() if key != "trace"}
        print(f"{part}: {name}: {json.dumps(shown)}", flush=True)


def about(device: torch.device) -> dict[str, Any]:
    """The card, or the processor, and what torch is built for."""
    card = {}
    if device.type == "cuda":
        found = torch.cuda.get_device_properties(device)
        card = {"card": found.name, "memory": found.total_memory, "capability": f"{found.major}.{found.minor}"}
    return {
        "device": device.type, **card, "torch": torch.__version__, "cuda": torch.version.cuda,
        "python": platform.python_version(), "machine": platform.machine(),
    }  # fmt: skip


def wait(device: torch.device) -> None:
    """Until all that was asked of the device is done."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def tiny(method: str, device: torch.device, **settings: Any) -> Spec:
    """A run of a second with every part of the method."""
    known = {each.name for each in settings_of(registry.methods.get(method))}
    own = {name: value for name, value in CRITIC.items() if name in known}
    return Spec.make(method, **{**SMALL, **own, "device": device.type, **settings})


class Same(dict[str, torch.Generator]):
    """Generators whose numbers are drawn in float32 on the processor, so that they are the same wherever they go."""

    def __init__(self, device: torch.device) -> None:
        super().__init__()
        self.device = device

    def __missing__(self, name: str) -> torch.Generator:
        drawn = torch.Generator().manual_seed(derive(0, name))

        def draw(kind: str, shape: tuple[int, ...], dtype: torch.dtype | None) -> torch.Tensor:
            made = torch.randn(shape, generator=drawn) if kind == "normal" else torch.rand(shape, generator=drawn)
            return made.to(self.device, dtype)

        self[name] = Draws(draw)
        return self[name]


def gradients(spec: Spec, device: torch.device, dtype: torch.dtype) -> tuple[float, torch.Tensor]:
    """Loss and gradients of a first step, with weights, images and noise that are the same wherever it is computed."""
    loop = Loop(spec)
    state = loop.state
    state.vae.train().to(device, dtype)
    if state.critic_net is not None:
        state.critic_net.to(device, dtype)
    state.rng = Same(device)  # pyright: ignore[reportAttributeAccessIssue]
    at = loop.forward(loop.fetch(state.batches).to(device, dtype), loop.now())
    terms = loop.objective(at)
    state.optimiser.zero_grad()
    terms.loss.backward()
    flat = [p.grad.detach().cpu().double().flatten() for p in state.vae.parameters() if p.grad is not None]
    return terms.loss.item(), torch.cat(flat)


def step_check(method: str, device: torch.device) -> dict[str, Any]:
    """The step in float32 on the device against float64 on the processor."""
    with computing(device, precision="float32", deterministic=False):
        loss, found = gradients(tiny(method, device), device, torch.float32)
    exact, wanted = gradients(tiny(method, torch.device("cpu")), torch.device("cpu"), torch.float64)
    apart = float((found - wanted).norm() / wanted.norm())
    return {"loss": loss, "exact": exact, "gradients apart": apart, "good": apart < ENOUGH}


class StopAfter(Callback):
    """Ends a run as Ctrl-C does, after a step."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_step_end(self, step: int, loss: float) -> None:
        if step == self.step:
            signal.raise_signal(signal.SIGINT)


def bytes_check(method: str, device: torch.device, graph: str) -> dict[str, Any]:
    """Whether a deterministic run gives the same bytes again, and after it was stopped and resumed."""
    spec = tiny(method, device, deterministic=True, graph=graph)
    with tempfile.TemporaryDirectory() as place:
        made: list[bytes] = []
        for name in ("first", "second", "cut"):
            out = Path(place) / name
            if name == "cut":
                with contextlib.suppress(Interrupted):
                    train(spec, out, callbacks=[StopAfter(7)])
            train(spec, out, resume=name == "cut")
            made.append((out / folder.WEIGHTS).read_bytes())
    return {"same again": made[0] == made[1], "same when resumed": made[0] == made[2]}


def speed(method: str, settings: dict[str, Any], device: torch.device, seconds: float) -> dict[str, Any]:
    """Images per second of the loop, the median over stretches, and the most memory that the device held."""
    spec = Spec.make(method, **{**settings, "device": device.type, "steps": 10**7, "lr": 1e-3})
    training = spec.training
    with computing(device, precision=training.precision, deterministic=False):
        said: list[str] = []
        loop = Loop(spec)
        loop.say = said.append
        loop.state.vae.train()
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
        for _ in range(3 if device.type == "cpu" else 20):
            loop.step()
        wait(device)
        began, found = time.perf_counter(), list[float]()
        stretch = 2 if device.type == "cpu" else 200
        while time.perf_counter() - began < seconds or len(found) < 3:
            since = time.perf_counter()
            for _ in range(stretch):
                loop.step()
            wait(device)
            found.append(stretch * training.batch / (time.perf_counter() - since))
    most = torch.cuda.max_memory_allocated(device) if device.type == "cuda" else None
    return {
        "images per second": round(statistics.median(found), 1),
        "stretches": len(found),
        "memory": most,
        "said": said,
    }


class UntilTime(Callback):
    """Stops a run when the time is up, so that the next call goes on with it."""

    def __init__(self, notes: Notes, spare: float) -> None:
        self.notes, self.spare = notes, spare

    def on_step_end(self, step: int, loss: float) -> None:
        if self.notes.left < self.spare:
            signal.raise_signal(signal.SIGINT)


def science(notes: Notes, seed: int, steps: int | None) -> None:
    """One seed of the published protocol, begun or gone on with; scored when it is done."""
    if "failed" not in notes.held.get("factor-vae", {}).get(str(seed), {"failed": "never tried"}):
        return
    lazy = {"data.hold": "lazy"} if notes.device.type == "cpu" else {}
    short: dict[str, Any] = (
        {} if steps is None else {"steps": steps, "batch": 16, "log_every": 5, "data.size": 32, **lazy}
    )
    asked: dict[str, Any] = {**PUBLISHED, **short, "seed": seed, "device": notes.device.type}
    spec = Spec.make("factor-vae", **asked)
    out = notes.out / f"factor-vae-{seed}"
    if out.exists() and not folder.is_run(out):
        shutil.rmtree(out)
    spare = 60.0 if steps is None else 0.0
    with contextlib.suppress(Interrupted):
        train(spec, out, resume=folder.is_run(out), callbacks=[UntilTime(notes, spare)])
    if not (out / folder.DONE).exists():
        return
    images = {} if steps is None else {"votes": 200}
    notes.once("factor-vae", str(seed), lambda: scored(Run(out), images))


def scored(run: Run, settings: dict[str, Any]) -> dict[str, Any]:
    """The published score of a run, and what it cost."""
    score = run.evaluate(["factor-vae-score"], {"factor-vae-score": settings})["factor-vae-score"]
    return {"score": score.value, "interval": score.interval, "seconds": run.done["seconds"], **run.fit(2000)}


def parts(device: torch.device) -> Iterator[tuple[str, str, Callable[[], Any], float]]:
    """Everything to find out but the science: part, name, how, and the seconds it may need."""
    for method in registry.methods.names():
        yield "steps", method, lambda method=method: step_check(method, device), 2.0
    for graph in ("off",) if device.type == "cpu" else ("off", "on"):
        for method in ("vae", "factor-vae"):
            made = lambda method=method, graph=graph: bytes_check(method, device, graph)  # noqa: E731
            yield "bytes", f"{method}, graph {graph}", made, 5.0
    ways = [{"graph": "off"}]
    if device.type == "cuda":
        ways += [{"graph": "on"}, *({"graph": "on", "precision": precision} for precision in ("tf32", "bf16"))]
        ways += [{"graph": "off", "compile": "on"}]
    for case, (method, settings) in CASES.items():
        for way in ways:
            given = {**settings, **way, **({"data.hold": "lazy"} if device.type == "cpu" else {})}
            made = lambda method=method, given=given: speed(method, given, device, 4.0)  # noqa: E731
            yield "speed", f"{case}, {' '.join(f'{k} {v}' for k, v in way.items())}", made, 8.0


def main(words: list[str] | None = None) -> int:
    """All of it, as far as the minutes go; 1 where something failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=12.0)
    parser.add_argument("--out", type=Path, default=Path("gpu-benchmark"))
    parser.add_argument("--device", choices=("auto", "cuda", "cpu"), default="auto")
    parser.add_argument("--science-steps", type=int, help="a shorter run than the published one [20 on the processor]")
    given = parser.parse_args(words)
    if given.device != "cpu" and not torch.cuda.is_available():
        print("torch sees no card, so nothing is measured; --device cpu tries the script out", file=sys.stderr)
        return 2 if given.device == "cuda" else 0
    device = torch.device("cpu" if given.device == "cpu" else "cuda")
    notes = Notes(given.out, device, time.monotonic() + 60 * given.minutes)
    notes.keep()
    for part, name, made, needs in parts(device):
        notes.once(part, name, made, needs)
    steps = given.science_steps or (20 if device.type == "cpu" else None)
    for seed in SEEDS if device.type == "cuda" else (0,):
        if notes.left > 0:
            science(notes, seed, steps)
    every = [(part, name, each) for part, table in notes.held.items() for name, each in table.items()]
    wrong = [f"{part}: {name}" for part, name, each in every if failed(each)]
    print(f"{notes.path}: " + ("; ".join(wrong) + " went wrong" if wrong else "nothing went wrong"))
    return 1 if wrong else 0


def failed(found: Any) -> bool:
    """Whether something went wrong there, or came out as it should not."""
    return isinstance(found, dict) and ("failed" in found or False in [found.get(k) for k in ("good", "same again")])


if __name__ == "__main__":
    sys.exit(main())
