"""How a study is coming along: all runs live on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from unweave.base.terminal import console
from unweave.studies.trial import Event

EVERY = 30.0  # seconds between two plain lines about runs that are under way
STEPS_OF_SCORING = 0.03  # share of a run that scoring counts for in the bar over all


class Board:
    """Shows what the workers say; `names` are what people call the runs."""

    def __init__(self, total: int, done: int, names: dict[str, str]) -> None:
        self.console = console()
        self.names, self.total, self.done, self.failed = names, total, done, 0
        self.tasks: dict[str, TaskID] = {}
        self.steps: dict[str, tuple[int, int]] = {}
        self.shares: dict[str, float] = {}
        self.last = time.monotonic()
        self.bars: Progress | None = None
        if self.console.is_terminal:
            columns = (TextColumn("{task.description}"), BarColumn(bar_width=24), MofNCompleteColumn())
            self.bars = Progress(
                *columns, TimeRemainingColumn(), TextColumn("{task.fields[now]}"), console=self.console
            )
            self.whole = self.bars.add_task("all runs", total=total, completed=done, now="")
            self.bars.start()

    def say(self, sentence: str) -> None:
        """A line that stays."""
        self.console.print(sentence, soft_wrap=True, markup=False)

    def heard(self, event: Event) -> None:
        """Show one event."""
        name = self.names.get(event.run, event.run)
        if event.kind in ("began", "step"):
            self._under_way(event, name)
        elif event.kind == "scoring":
            if self.bars is not None and event.run in self.tasks:
                self.bars.update(self.tasks[event.run], now="scoring")
        else:
            self._over(event, name)

    def _under_way(self, event: Event, name: str) -> None:
        self.steps[event.run] = event.step, event.steps
        if event.kind == "began" and event.step:
            self.say(f"{name}: going on after step {event.step:,}")
        if self.bars is not None:
            if event.run not in self.tasks:
                self.tasks[event.run] = self.bars.add_task(name, total=event.steps, now="")
            self.bars.update(self.tasks[event.run], completed=event.step, total=event.steps, now="")
            begun = sum(at / steps for at, steps in self.steps.values()) * (1 - STEPS_OF_SCORING)
            self.bars.update(self.whole, completed=self.done + begun)

    def _over(self, event: Event, name: str) -> None:
        self.steps.pop(event.run, None)
        if self.bars is not None and event.run in self.tasks:
            self.bars.remove_task(self.tasks.pop(event.run))
        if event.kind == "done":
            self.done += 1
            self.say(f"{self.done} of {self.total} runs done: {name}: {event.text}")
        elif event.kind == "failed":
            self.failed += 1
            self.say(f"failed: {name}: {event.text}")
        elif event.kind == "lost":
            self.say(f"{name}: {event.text}")
        elif event.kind == "note":
            self.say(event.text)
        if self.bars is not None:
            self.bars.update(self.whole, completed=self.done)

    def tick(self) -> None:
        """Time has passed: now and then say where things stand, where there is no live display."""
        if self.bars is None and self.steps and time.monotonic() - self.last >= EVERY:
            self.last = time.monotonic()
            going = ", ".join(f"{self.names.get(run, run)} {at:,}/{steps:,}" for run, (at, steps) in self.steps.items())
            self.say(f"{self.done} of {self.total} runs done; under way: {going}")

    def close(self) -> None:
        """Take the live display away."""
        if self.bars is not None:
            self.bars.stop()
            self.bars = None
