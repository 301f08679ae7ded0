"""A run that was stopped and resumed ends as one that was not: same weights, byte for byte."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from unweave.base import registry
from unweave.base.errors import InputError, Interrupted
from unweave.engine import train
from unweave.engine.callbacks import Callback
from unweave.engine.log import read_log


class StopAfter(Callback):
    """Does to the process what Ctrl-C does, after some steps."""

    def __init__(self, step: int, number: int = signal.SIGINT) -> None:
        self.step, self.number = step, number

    def on_step_end(self, step, loss):
        if step == self.step:
            os.kill(os.getpid(), self.number)


class Crash(Callback):
    """Stops as a crash does: nothing is saved."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_step_end(self, step, loss):
        if step == self.step:
            raise RuntimeError("power cut")


def weights(folder) -> bytes:
    return (folder / "weights.safetensors").read_bytes()


@pytest.mark.parametrize("method", registry.methods.names())
@pytest.mark.parametrize("steps", [(5,), (4, 9)])
def test_interrupted_runs_end_with_the_same_bytes(method, steps, tiny, tmp_path):
    whole = train(tiny(method), tmp_path / "whole")
    for step in steps:
        with pytest.raises(Interrupted, match=f"stopped after step {step}"):
            train(tiny(method), tmp_path / "cut", resume=step != steps[0], callbacks=[StopAfter(step)])
    cut = train(tiny(method), tmp_path / "cut", resume=True)
    assert weights(cut) == weights(whole)


def test_a_crash_loses_only_what_came_after_the_last_checkpoint(tiny, tmp_path):
    whole = train(tiny(), tmp_path / "whole")
    with pytest.raises(RuntimeError, match="power cut"):
        train(tiny(), tmp_path / "cut", callbacks=[Crash(7)])
    cut = train(tiny(), tmp_path / "cut", resume=True)
    assert weights(cut) == weights(whole)
    assert [r["step"] for r in read_log(cut / "log.jsonl")[0]] == [3, 6, 9, 12]


def test_a_crash_before_the_first_checkpoint_starts_again(tiny, tmp_path):
    whole = train(tiny(), tmp_path / "whole")
    with pytest.raises(RuntimeError, match="power cut"):
        train(tiny(), tmp_path / "cut", callbacks=[Crash(2)])
    assert weights(train(tiny(), tmp_path / "cut", resume=True)) == weights(whole)


def test_across_the_end_of_an_epoch(tiny, tmp_path, monkeypatch):
    """40 images in batches of 4 are over after 10 steps."""
    from unweave.data.published.dsprites import DSprites

    monkeypatch.setattr(DSprites, "__len__", lambda self: 40)
    whole = train(tiny(steps=25), tmp_path / "whole")
    with pytest.raises(Interrupted):
        train(tiny(steps=25), tmp_path / "cut", callbacks=[StopAfter(13)])
    assert weights(train(tiny(steps=25), tmp_path / "cut", resume=True)) == weights(whole)


def test_sigterm_saves_too(tiny, tmp_path):
    with pytest.raises(Interrupted, match="state kept in"):
        train(tiny(), tmp_path / "cut", callbacks=[StopAfter(6, signal.SIGTERM)])
    assert [p.name for p in (tmp_path / "cut" / "checkpoints").iterdir()] == [
        "step-000000006.safetensors",
        "step-000000004.safetensors",
    ] or len(list((tmp_path / "cut" / "checkpoints").iterdir())) == 2


def test_a_truncated_checkpoint_is_named_and_the_one_before_is_used(tiny, tmp_path):
    whole = train(tiny(), tmp_path / "whole")
    with pytest.raises(RuntimeError):
        train(tiny(), tmp_path / "cut", callbacks=[Crash(10)])
    newest = tmp_path / "cut" / "checkpoints" / "step-000000008.safetensors"
    newest.write_bytes(newest.read_bytes()[:1000])
    said = []

    class Listen(Callback):
        def on_message(self, sentence):
            said.append(sentence)

    cut = train(tiny(), tmp_path / "cut", resume=True, callbacks=[Listen()])
    assert weights(cut) == weights(whole)
    assert "step-000000008.safetensors cannot be read" in said[0]


def test_if_no_checkpoint_can_be_read_nothing_is_lost(tiny, tmp_path):
    with pytest.raises(RuntimeError):
        train(tiny(), tmp_path / "cut", callbacks=[Crash(10)])
    for path in (tmp_path / "cut" / "checkpoints").iterdir():
        path.write_bytes(b"broken")
    before = sorted(p.name for p in (tmp_path / "cut").rglob("*"))
    with pytest.raises(InputError, match=r"no checkpoint of .* can be read"):
        train(tiny(), tmp_path / "cut", resume=True)
    assert sorted(p.name for p in (tmp_path / "cut").rglob("*")) == before


def test_killed_by_the_system_and_resumed_by_the_command_line(tmp_path):
    """One real SIGKILL: the process has no chance to save anything."""
    options = (
        "beta-vae --data dsprites --data.size 32 --data.hold lazy --net conv --net.channels 4,4,4 --net.hidden 8"
        " --batch 4 --latents 3 --steps 200 --checkpoint-every 20 --threads 1 --log-every 10"
    ).split()
    command = [sys.executable, "-m", "unweave", "train", *options]
    process = subprocess.Popen([*command, "--out", str(tmp_path / "cut")], stderr=subprocess.DEVNULL)
    log = tmp_path / "cut" / "log.jsonl"
    give_up = time.monotonic() + 90
    while time.monotonic() < give_up and process.poll() is None:
        if log.exists() and len(log.read_text().splitlines()) > 9:
            break
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not (tmp_path / "cut" / "weights.safetensors").exists()
    for out, extra in (("cut", ["--resume"]), ("whole", [])):
        done = subprocess.run(
            [*command, "--out", str(tmp_path / out), *extra], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
    assert weights(tmp_path / "cut") == weights(tmp_path / "whole")
    assert json.loads((tmp_path / "cut" / "done.json").read_text())["steps"] == 200
    assert not (tmp_path / "cut" / "checkpoints").exists()
