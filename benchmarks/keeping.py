"""What it costs to lose nothing: time of checkpoints, sums, log lines and claims as a share of training.

Run `python benchmarks/keeping.py [--method vae] [--steps 60] [--threads 1]`. The run is dsprites at the method's
defaults: a checkpoint every 1,000 steps, a log line every 50, a sign of life of the claim every 20 seconds. Seconds are
of the clock, and of the processor, which other programs on the machine disturb less.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import save

from unweave.base import claim
from unweave.base.files import append_to, sum_of, with_sum, write_line
from unweave.engine import Spec, checkpoint
from unweave.engine.allocator import keep_freed_memory
from unweave.engine.loop import Loop

Seconds = tuple[float, float]  # by the clock, of the processor


def seconds(call: Callable[[], object], times: int) -> Seconds:
    """Medians over that many calls, after one that does not count."""
    call()
    found: list[Seconds] = []
    for _ in range(times):
        clock, used = time.perf_counter(), time.process_time()
        call()
        found.append((time.perf_counter() - clock, time.process_time() - used))
    return statistics.median(each[0] for each in found), statistics.median(each[1] for each in found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--method", default="vae")
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    keep_freed_memory()
    spec = Spec.make(given.method, data="dsprites")
    loop, training = Loop(spec), spec.training
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        step = seconds(loop.step, given.steps)
        state, record = loop.state, {"step": 1, **{f"term {k}": 0.123456789 * k for k in range(12)}}
        data = save(state.tensors(), metadata={"format": "1"})
        with append_to(place / "log.jsonl") as log:
            line = seconds(lambda: write_line(log, record), 50)
        with claim.alone(place / "run"):
            beat = seconds(claim.Claim(place / "run" / claim.OWN, {}).beat, 50)
            whole = seconds(lambda: checkpoint.write(place / "run", state, of=spec.hash), 20)
        summed, hashed = seconds(lambda: with_sum(data), 20), seconds(lambda: sum_of(data), 20)
    print(
        f"{spec.title}, {given.threads} threads: a step {step[0] * 1e3:.1f} ms ({step[1] * 1e3:.1f} of the processor)"
    )
    print(f"a checkpoint of {len(data) / 1e6:.1f} MB: {whole[0] * 1e3:.1f} ms ({whole[1] * 1e3:.1f}), its sum "
          f"{summed[0] * 1e3:.1f} ms ({summed[1] * 1e3:.1f}), of which hashing {hashed[1] * 1e3:.1f}")  # fmt: skip
    print(f"a log line {line[0] * 1e6:.0f} us, a sign of life {beat[0] * 1e6:.0f} us")
    for which, kind in enumerate(("clock", "processor")):
        every = training.checkpoint_every * step[which]
        lines = training.checkpoint_every / training.log_every * line[which]
        beats = every / claim.BEATS_EVERY * beat[which]
        sums, all_ = (summed[which] + lines + beats) / every, (whole[which] + lines + beats) / every
        print(f"by the {kind}: sums, lines and claims {sums:.3%} of training; with whole checkpoints {all_:.3%}")


if __name__ == "__main__":
    main()
