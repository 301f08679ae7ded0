"""Resident memory while a run is trained: after five minutes, when all has happened once, and at the end.

Run `python benchmarks/memory.py [--minutes 10] [--method factor-vae] [--threads 1]`. The run is dsprites at the
method's defaults, but for checkpoints and scores, which come every 250 steps, so that the first five minutes hold some
of each. Every figure is the median over a minute of what the system says once a second. Exit status 1 where the last
minute's is more than 5 % above that at five minutes, or below it by as much.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

from unweave.engine import Spec
from unweave.engine.callbacks import Callback, StopTraining
from unweave.engine.training import train

EARLY, WINDOW, APART = 300.0, 60.0, 0.05  # seconds, seconds, share
FIELDS = ("VmRSS", "RssAnon")  # all that is resident, and what no file or other process shares


def resident() -> dict[str, float]:
    """MB of this process, by the system's names."""
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    parts = dict(line.split(":", 1) for line in lines)
    return {name: int(parts[name].split()[0]) / 1024 for name in FIELDS}


class Watch(Callback):
    """Takes a sample a second, says one a minute, and stops when the time is up."""

    def __init__(self, minutes: float) -> None:
        self.seconds, self.began = 60 * minutes, time.monotonic()
        self.samples: list[tuple[float, dict[str, float]]] = []
        self.said = 0.0

    def on_step_end(self, step: int, loss: float) -> None:
        now = time.monotonic() - self.began
        if not self.samples or now - self.samples[-1][0] >= 1:
            self.samples.append((now, resident()))
        if now - self.said >= 60:
            self.said = now
            shown = ", ".join(f"{name} {value:.1f} MB" for name, value in self.samples[-1][1].items())
            print(f"minute {now / 60:4.0f}, step {step:6,}: {shown}", flush=True)
        if now >= self.seconds:
            raise StopTraining("the time is up")

    def median(self, name: str, until: float) -> float:
        """Of the minute before `until` seconds."""
        return statistics.median(held[name] for at, held in self.samples if until - WINDOW <= at <= until)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--method", default="factor-vae")
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    if given.minutes * 60 < EARLY + WINDOW:
        parser.error(f"--minutes must be at least {(EARLY + WINDOW) / 60:.0f}, got {given.minutes:g}")
    settings = {"steps": 10**7, "checkpoint_every": 250, "score_every": 250, "threads": given.threads}
    watch = Watch(given.minutes)
    with tempfile.TemporaryDirectory() as place:
        train(Spec.make(given.method, data="dsprites", **settings), Path(place) / "run", callbacks=[watch])
    flat = True
    for name in FIELDS:
        early, late = watch.median(name, EARLY), watch.median(name, given.minutes * 60)
        flat &= abs(late / early - 1) <= APART
        print(f"{name}: {early:.1f} MB at 5 minutes, {late:.1f} MB at {given.minutes:g}, {late / early - 1:+.2%}")
    return 0 if flat else 1


if __name__ == "__main__":
    raise SystemExit(main())
