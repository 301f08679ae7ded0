"""Tiny studies that are done in seconds."""

import contextlib
import copy
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from unweave.studies.expansion import expand
from unweave.studies.reading import read
from unweave.studies.spec import Study
from unweave.studies.trial import Job, work

TINY = {
    "axes": {"method": ["vae", "beta-vae"]},
    "seeds": [0, 1],
    "settings": {
        "data": "identity", "data.sizes": [3, 4, 5], "net.hidden": 8, "batch": 4, "latents": 3, "steps": 6,
        "checkpoint_every": 2, "log_every": 2,
    },
    "metrics": {"mig": {"n": 200}},
    "pool": 300,
}  # fmt: skip


@pytest.fixture
def tiny(tmp_path):
    """`tiny(**changes)` is a study in a folder of its own; `changes` are laid over its YAML."""

    def make(out=None, **changes) -> Study:
        values = {**copy.deepcopy(TINY), **changes}
        return read(yaml.safe_dump(values, sort_keys=False), "tiny", out=out or tmp_path / "study")

    return make


def in_process(jobs, **_):
    """An engine that does all runs here, one after the other."""
    for job in jobs:
        events = []
        work(job, events.append)
        yield from events
        yield None


@pytest.fixture
def here(monkeypatch):
    """Studies are run in this process: no worker has to start."""
    monkeypatch.setattr("unweave.studies.local.run", in_process)


@pytest.fixture
def done(tiny, here):
    """A study all of whose runs are done, and its trials."""
    from unweave.studies.conduct import conduct

    study = tiny()
    trials = expand(study)
    conduct(study, trials)
    return study, trials


def weights(study: Study) -> dict[str, bytes]:
    """The bytes of every run's weights."""
    return {path.parent.name: path.read_bytes() for path in sorted(study.folder.glob("runs/*/weights.safetensors"))}


def job(study: Study, trial, **changes) -> Job:
    """The job of one run."""
    return Job.of(study, trial, threads=1, owner=changes.pop("owner", "test"), **changes)


PLUGIN = """
import os, signal, time
from dataclasses import dataclass
from pathlib import Path

from unweave import registry
from unweave.data.published.identity import Identity

HERE, CALLS = Path(__file__).parent, []

@dataclass(frozen=True)
class Deadly(Identity):
    \"\"\"Kills the process that asks for images the ninth time, once; slow unless told to hurry.\"\"\"

    def images(self, indices):
        CALLS.append(1)
        if len(CALLS) == 9 and (HERE / "deadly").exists():
            (HERE / "deadly").unlink()
            os.kill(os.getpid(), signal.SIGKILL)
        if len(CALLS) == 9 and (HERE / "stuck").exists():
            (HERE / "stuck").unlink()
            os.kill(os.getpid(), signal.SIGSTOP)
        if (HERE / "slow").exists():
            time.sleep(0.02)
        return super().images(indices)

registry.datasets.add("deadly", Deadly)
"""


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    """A file that registers the data set `deadly`, which is registered here too."""
    from unweave.base import registry

    file = tmp_path / "plugin.py"
    file.write_text(PLUGIN)
    monkeypatch.setattr(registry.datasets, "_added", {})
    monkeypatch.setattr("unweave.studies.trial._LOADED", {str(file)})
    registry.load_file(file)
    return file


@contextlib.contextmanager
def unweave(*words: str, cwd: Path):
    """`unweave WORDS` in a process group of its own, which is killed if it is still there at the end."""
    process = subprocess.Popen(
        [sys.executable, "-m", "unweave", *words],
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, 9)
        process.communicate()
