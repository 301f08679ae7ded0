"""Images per second of training: plain torch, each of our changes on top of it, the engine, and the wall.

Run `python benchmarks/throughput.py [--threads 2] [--steps 30] [--rounds 5]`. All variants take turns and each figure
is the median over all steps of all rounds, so ratios hold when the machine's speed drifts. What a process asks of its
memory allocator cannot be taken back, so those that ask nothing run in one process and the others in a second one. The
wall is the net's own arithmetic (counted, not guessed) at the speed of a large matrix product. `--processes` adds two
processes of one thread each, which need the machine to themselves.
"""

import argparse
import functools
import multiprocessing
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from unweave.engine import Spec
from unweave.engine.allocator import keep_freed_memory
from unweave.engine.log import read_log
from unweave.engine.loop import Loop
from unweave.engine.training import train
from unweave.models.nets.convolution import Conv2d, ConvTranspose2d

CASES = {
    "dlib-conv 64x64, vae": ("vae", {"net": "dlib-conv"}),
    "dlib-conv 64x64, factor-vae": ("factor-vae", {"net": "dlib-conv", "critic_layers": 3, "critic_width": 256}),
    "conv 32x32, factor-vae": (
        "factor-vae", {"data.size": 32, "net": "conv", "critic_layers": 3, "critic_width": 256},
    ),
    "broadcast 32x32, beta-vae": (  # the net of the laptop recipes
        "beta-vae",
        {"data.size": 32, "net": "broadcast", "net.channels": (16, 32, 64), "net.width": 48, "net.layers": 3},
    ),
}  # fmt: skip
TORCH = {Conv2d: nn.Conv2d, ConvTranspose2d: nn.ConvTranspose2d}
# what a variant has of ours: images and weights with channels last, fused Adam, in-place ReLU, our convolutions, and
# memory that is kept from step to step
VARIANTS = {
    "plain torch, NCHW": set(),
    "channels last": {"last"},
    "+ fused Adam": {"last", "fused"},
    "+ in-place ReLU": {"last", "fused", "inplace"},
    "+ our convolutions": {"last", "fused", "inplace", "ours"},
    "+ memory kept": {"last", "fused", "inplace", "ours", "kept"},
}
ENGINE = "the engine"


def loop_with(spec: Spec, parts: set[str]) -> Callable[[torch.Tensor, torch.Tensor], float]:
    """One step of a loop that is nothing but torch, on images in memory already."""
    state = Loop(spec).state
    layout = torch.channels_last if "last" in parts else torch.contiguous_format
    vae, critic = state.vae.to(memory_format=layout).train(), state.critic_net
    for layer in vae.modules():
        if "ours" not in parts and type(layer) in TORCH:
            layer.__class__ = TORCH[type(layer)]
        if isinstance(layer, nn.ReLU):
            layer.inplace = "inplace" in parts
    adam = torch.optim.Adam(vae.parameters(), lr=1e-3, fused="fused" in parts)
    critic_adam = None if critic is None else torch.optim.Adam(critic.parameters(), lr=1e-3, fused="fused" in parts)

    def codes(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        q = vae.encode(x).posterior
        z = q.mean + (0.5 * q.log_variance).exp() * torch.randn_like(q.mean)
        return z, 0.5 * (q.mean**2 + q.log_variance.exp() - 1 - q.log_variance).sum() / len(x)

    def step(x: torch.Tensor, second: torch.Tensor) -> float:
        x, second = (images.contiguous(memory_format=layout) for images in (x, second))
        z, kl = codes(x)
        nll = nn.functional.binary_cross_entropy_with_logits(vae.decoder(z), x, reduction="sum") / len(x)
        loss = nll + kl
        if critic is not None:
            critic.requires_grad_(False)
            logits = critic(z)
            loss = loss + 10 * (logits[:, 0] - logits[:, 1]).mean()
        adam.zero_grad()
        loss.backward()
        adam.step()
        if critic is not None and critic_adam is not None:
            critic.requires_grad_(True)
            with torch.no_grad():
                z2 = codes(second)[0]
                z2 = z2.gather(0, torch.rand_like(z2).argsort(0))
            labels = torch.zeros(len(x), dtype=torch.long)
            cross = nn.functional.cross_entropy
            critic_loss = 0.5 * (cross(critic(z.detach()), labels) + cross(critic(z2), labels + 1))
            critic_adam.zero_grad()
            critic_loss.backward()
            critic_adam.step()
        return loss.item()

    return step


def timed(step: Callable[[torch.Tensor, torch.Tensor], float], images: list[torch.Tensor]) -> list[float]:
    """Seconds of each step."""
    found: list[float] = []
    for at in range(0, len(images), 2):
        began = time.perf_counter()
        step(images[at], images[at + 1])
        found.append(time.perf_counter() - began)
    return found


@functools.cache
def prepared(case: str, name: str, steps: int, threads: int) -> tuple[Callable[..., float], list[torch.Tensor]]:
    """The step of a variant, warm, and its images; once a process."""
    torch.set_num_threads(threads)
    spec = spec_of(case, steps, threads)
    loop = Loop(spec)
    images = [loop.fetch(loop.state.batches) for _ in range(2 * steps)]
    step = loop_with(spec, VARIANTS[name])
    timed(step, images[:6])
    return step, images


def turn(case: str, name: str, steps: int, threads: int) -> list[float]:
    """One round of a variant, in a process of its kind: seconds of each step, or their median for the engine."""
    if name == ENGINE:
        with tempfile.TemporaryDirectory() as place:
            return [engine(spec_of(case, steps, threads), Path(place) / "run")]
    return timed(*prepared(case, name, steps, threads))


def fetching(loop: Loop, batches: int = 100) -> float:
    """Median seconds of getting one batch."""
    found: list[float] = []
    for _ in range(batches):
        began = time.perf_counter()
        loop.fetch(loop.state.batches)
        found.append(time.perf_counter() - began)
    return statistics.median(found)


def flops_per_image(spec: Spec, images: list[torch.Tensor]) -> float:
    """Multiplications and additions of one step, an image's share."""
    step = loop_with(spec, set())
    with FlopCounterMode(display=False) as counter:
        step(images[0], images[1])
    return counter.get_total_flops() / len(images[0])


def matrix_speed(size: int = 2048) -> float:
    """Floating-point operations per second of a large matrix product, the best of ten."""
    a, b = torch.randn(size, size), torch.randn(size, size)
    best = float("inf")
    for _ in range(10):
        began = time.perf_counter()
        _ = a @ b
        best = min(best, time.perf_counter() - began)
    return 2 * size**3 / best


def engine(spec: Spec, folder: Path) -> float:
    """Seconds a step of `train`, checkpoints off, by its own log without the first line."""
    run = train(spec, folder, overwrite=True)
    lines = read_log(run / "log.jsonl")[0][1:]
    return spec.training.batch / statistics.median(line["images_per_second"] for line in lines)


def two_processes(case: str, steps: int) -> float:
    """Images per second of two engines of one thread each, side by side."""
    code = "import sys; sys.path.insert(0, {!r}); import throughput; throughput.alone({!r}, {})"
    command = [sys.executable, "-c", code.format(str(Path(__file__).parent), case, steps)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    return sum(float(each.communicate()[0].split()[-1]) for each in running)


def alone(case: str, steps: int) -> None:
    """Print the images per second of one engine with one thread."""
    with tempfile.TemporaryDirectory() as place:
        print(64 / engine(spec_of(case, steps, threads=1), Path(place) / "run"))


def spec_of(case: str, steps: int, threads: int) -> Spec:
    """A run of the case, logging often."""
    method, settings = CASES[case]
    return Spec.make(
        method, data="dsprites", steps=steps, lr=1e-3, threads=threads, log_every=10, checkpoint_every=10**9, **settings
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--processes", action="store_true")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    print(f"torch {torch.__version__}, {given.threads} threads, batch 64, {given.rounds} rounds of {given.steps} steps")
    spawn = multiprocessing.get_context("spawn")
    with spawn.Pool(1) as usual, spawn.Pool(1, keep_freed_memory) as keeping:
        for case in CASES:
            speeds = raced(case, usual, keeping, given.steps, given.rounds, given.threads)
            report(case, speeds, given.threads, given.steps if given.processes else 0)


def raced(case: str, usual: Any, keeping: Any, steps: int, rounds: int, threads: int) -> dict[str, float]:
    """Images per second of every variant and of the engine, taking turns."""
    pools = {name: keeping if "kept" in parts else usual for name, parts in VARIANTS.items()} | {ENGINE: keeping}
    spent: dict[str, list[float]] = {name: [] for name in pools}
    for _ in range(rounds):
        for name, pool in pools.items():
            spent[name] += pool.apply(turn, (case, name, steps, threads))
    return {name: 64 / statistics.median(each) for name, each in spent.items()}


def report(case: str, speeds: dict[str, float], threads: int, steps_alone: int) -> None:
    """Print the speeds beside plain torch's and the wall."""
    spec, wall, plain = spec_of(case, 1, threads), matrix_speed(), next(iter(speeds.values()))
    loop = Loop(spec)
    flops = flops_per_image(spec, [loop.fetch(loop.state.batches) for _ in range(2)])
    print(f"\n{case}: {flops / 1e6:.0f} MFLOP an image; a matrix product does {wall / 1e9:.0f} GFLOP/s")
    for name, speed in speeds.items():
        print(f"  {name:22} {speed:6.0f} images/s  {speed / plain:5.2f} x plain")
    print(f"  {'the wall':22} {wall / flops:6.0f} images/s  {wall / flops / plain:5.2f} x plain")
    batches, bare = 2 if CASES[case][0] == "factor-vae" else 1, speeds[list(VARIANTS)[-1]]
    share = batches * fetching(loop) * bare / 64
    print(f"  engine / bare loop {speeds[ENGINE] / bare:.3f}; data {share:.1%} of it")
    if steps_alone:
        both = two_processes(case, steps_alone)
        print(f"  two processes of one thread {both:6.0f} images/s  {both / plain:5.2f} x plain")


if __name__ == "__main__":
    main()
