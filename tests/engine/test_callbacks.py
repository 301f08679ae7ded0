import json

import pytest

import unweave
from unweave.engine import Callback, StopTraining, train
from unweave.engine.callbacks import Watcher


class Noted(Callback):
    """Keeps what it is called with, and stops after step 3."""

    def __init__(self):
        self.calls = []

    def on_train_start(self, vae, spec, run, step):
        self.calls.append(("start", type(vae).__name__, spec.training.steps, run.name, step))

    def on_step_end(self, step, loss):
        self.calls.append(("step", step, loss > 0))
        if step == 3:
            raise StopTraining("seen enough")

    def on_log(self, record):
        self.calls.append(("log", record["step"]))

    def on_train_end(self):
        self.calls.append(("end",))


EXPECTED = [
    ("start", "VAE", 12, "run", 0),
    ("step", 1, True), ("step", 2, True), ("step", 3, True), ("log", 3),
    ("end",),
]  # fmt: skip


def test_every_callback_is_called_in_order_and_may_stop_training(tiny, tmp_path):
    one, other = Noted(), Noted()
    run = train(tiny(), tmp_path / "run", callbacks=[one, other])
    assert one.calls == other.calls == EXPECTED
    done = json.loads((run / "done.json").read_text())
    assert (done["steps"], done["stopped"]) == (3, "seen enough; seen enough")


def test_watchers_still_work_under_their_old_names(tiny, tmp_path):
    calls = []
    with pytest.warns(DeprecationWarning, match="Watcher is now Callback"):

        class Old(Watcher):
            def started(self, spec, run, step):
                calls.append(("start", "VAE", spec.training.steps, run.name, step))

            def stepped(self, step, loss):
                calls.append(("step", step, loss > 0))
                if step == 3:
                    raise StopTraining("seen enough")

            def logged(self, record):
                calls.append(("log", record["step"]))

            def ended(self):
                calls.append(("end",))

    with pytest.warns(DeprecationWarning, match="watchers is now callbacks"):
        train(tiny(), tmp_path / "run", watchers=[Old()])
    assert calls == EXPECTED
    with pytest.warns(DeprecationWarning, match="watchers is now callbacks"):
        unweave.train("vae", data="pinwheel", latents=2, steps=1, threads=1, out=tmp_path / "p", watchers=[])
