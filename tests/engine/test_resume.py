"""A run that was stopped and resumed ends as one that was not: same weights, byte for byte."""

import json
import shutil
import signal
import subprocess
import sys
import time

import pytest

from unweave.base import registry
from unweave.base.errors import Damaged, InputError, Interrupted, Noted
from unweave.engine import checkpoint, folder, train
from unweave.engine.callbacks import Callback
from unweave.engine.log import read_log
from unweave.run.run import Run


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Where the runs of `cut_at_ten` lie."""
    return tmp_path_factory.mktemp("runs")


@pytest.fixture
def cut_at_ten(home, tiny, tmp_path, stop_after):
    """A whole run, and a copy of one that crashed after step 10."""
    if not (home / "whole").exists():
        train(tiny(), home / "whole")
        with pytest.raises(RuntimeError):
            train(tiny(), home / "cut", callbacks=[stop_after(10, None)])
    return home / "whole", shutil.copytree(home / "cut", tmp_path / "copy")


def weights(run) -> bytes:
    return (run / "weights.safetensors").read_bytes()


@pytest.mark.parametrize("method", registry.methods.names())
def test_interrupted_runs_end_with_the_same_bytes(method, tiny, ends_alike):
    ends_alike(tiny(method), 4, 9)  # at a checkpoint and between two


@pytest.mark.parametrize("step", [7, 2], ids=["after a checkpoint", "before the first"])
def test_a_crash_loses_only_what_came_after_the_last_checkpoint(step, tiny, ends_alike, tmp_path):
    ends_alike(tiny(), step, crash=True)
    assert [r["step"] for r in read_log(tmp_path / "cut" / "log.jsonl")[0]] == [3, 6, 9, 12]


def test_across_the_end_of_an_epoch(tiny, ends_alike, monkeypatch):
    """40 images in batches of 4 are over after 10 steps."""
    from unweave.data.published.dsprites import DSprites

    monkeypatch.setattr(DSprites, "__len__", lambda self: 40)
    ends_alike(tiny(steps=25), 13)


def test_lines_of_the_log_are_means_over_all_their_steps_though_a_stop_came_between(tiny, ends_alike, tmp_path):
    ends_alike(tiny(log_every=6, checkpoint_every=5), 2, 8)
    whole, cut = (read_log(tmp_path / name / "log.jsonl")[0] for name in ("whole", "cut"))
    for line in (*whole, *cut):
        del line["images_per_second"]
    assert cut == whole


def test_sigterm_saves_too(tiny, tmp_path, stop_after):
    with pytest.raises(Interrupted, match="stopped after step 6; state kept in"):
        train(tiny(), tmp_path / "cut", callbacks=[stop_after(6, signal.SIGTERM)])
    assert {p.stem for p in (tmp_path / "cut" / "checkpoints").iterdir()} == {"step-000000006", "step-000000004"}


def test_a_truncated_checkpoint_is_named_and_the_one_before_is_used(tiny, tmp_path, stop_after):
    whole = train(tiny(), tmp_path / "whole")
    with pytest.raises(RuntimeError):
        train(tiny(), tmp_path / "cut", callbacks=[stop_after(10, None)])
    newest = tmp_path / "cut" / "checkpoints" / "step-000000008.safetensors"
    newest.write_bytes(newest.read_bytes()[:1000])
    messages = []

    class Listen(Callback):
        def on_message(self, sentence):
            messages.append(sentence)

    cut = train(tiny(), tmp_path / "cut", resume=True, callbacks=[Listen()])
    assert weights(cut) == weights(whole)
    assert "step-000000008.safetensors cannot be read" in messages[0]


def test_if_no_checkpoint_can_be_read_nothing_is_lost(tiny, tmp_path, stop_after):
    with pytest.raises(RuntimeError):
        train(tiny(), tmp_path / "cut", callbacks=[stop_after(10, None)])
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
    done = subprocess.run(
        [*command, "--out", str(tmp_path / "cut"), "--resume"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    whole = train(folder.read_spec(tmp_path / "cut")[0], tmp_path / "whole")
    assert weights(tmp_path / "cut") == weights(whole)
    assert json.loads((tmp_path / "cut" / "done.json").read_text())["steps"] == 200
    assert not (tmp_path / "cut" / "checkpoints").exists()


@pytest.mark.parametrize("part", range(20))
def test_a_flipped_bit_of_a_checkpoint_is_noticed_and_the_one_before_is_taken(part, cut_at_ten, tiny):
    whole, cut = cut_at_ten
    newest = checkpoint.stored(cut)[0]
    data = bytearray(newest.read_bytes())
    data[8 + part * (len(data) - 9) // 19] ^= 1 << part % 8
    newest.write_bytes(data)
    messages = []

    class Listens(Callback):
        def on_message(self, sentence):
            messages.append(sentence)

    train(tiny(), cut, resume=True, callbacks=[Listens()])
    assert weights(cut) == weights(whole)
    assert messages[0].endswith("trying the one before")


def test_a_checkpoint_of_another_run_is_not_taken(cut_at_ten, tiny, tmp_path, stop_after):
    whole, cut = cut_at_ten
    with pytest.raises(RuntimeError):
        train(tiny(seed=1), tmp_path / "other", callbacks=[stop_after(10, None)])
    newest = checkpoint.stored(cut)[0]
    newest.write_bytes((tmp_path / "other" / "checkpoints" / newest.name).read_bytes())
    train(tiny(), cut, resume=True)
    assert weights(cut) == weights(whole)


@pytest.mark.parametrize("name", ["settings.json", "weights.safetensors"])
def test_a_finished_run_knows_its_own_files(cut_at_ten, tiny, tmp_path, name):
    whole, _ = cut_at_ten
    run = shutil.copytree(whole, tmp_path / "run")
    train(tiny(seed=1), tmp_path / "other")
    (run / name).write_bytes((tmp_path / "other" / name).read_bytes())
    with pytest.raises(Damaged, match="not the file that the run ended with"):
        _ = Run(run).vae


def test_records_of_another_run_are_told(cut_at_ten, tiny, tmp_path):
    whole, _ = cut_at_ten
    run = shutil.copytree(whole, tmp_path / "run")
    (run / "log.jsonl").write_bytes((run / "log.jsonl").read_bytes().splitlines(keepends=True)[0])
    with pytest.warns(Noted, match=r"log\.jsonl is not the file that the run ended with"):
        assert Run(run).log == []
