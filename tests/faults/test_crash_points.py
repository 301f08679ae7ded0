"""Every write, flush and rename fails once, in three ways; after each nothing is lost and what goes on ends byte-equal.

`make test-faults` runs all points of all commands; the fast suite a few, drawn with a seed.
"""

import contextlib
import json
import random
import shutil
import warnings

import numpy as np
import pytest
from safetensors.numpy import load_file

from unweave.base import cache, claim
from unweave.base.errors import CannotWrite
from unweave.engine import Spec, folder, train
from unweave.run.run import Run
from unweave.show.codes import encode_to
from unweave.show.export import export, load_model
from unweave.studies.expansion import expand
from unweave.studies.reading import read
from unweave.studies.trial import Job, states, work

from .disk import WAYS, Died, Disk

SMALL = {
    "data": "identity", "data.sizes": (3, 4), "net.hidden": 4, "batch": 4, "latents": 2, "steps": 4,
    "checkpoint_every": 2, "log_every": 2, "threads": 1,
}  # fmt: skip
STUDY = """
axes: {method: [vae]}
seeds: [0]
settings: {data: identity, data.sizes: [3, 4], net.hidden: 4, batch: 4, latents: 2, steps: 4, checkpoint_every: 2}
metrics: {mig: {n: 50}}
pool: 60
"""


class Train:
    """A run from its start; goes on by --resume."""

    def prepare(self, place):
        pass

    def do(self, place):
        spec = Spec.make("vae", **SMALL)
        train(spec, place / "run", resume=folder.is_run(place / "run"))

    def content(self, place):
        run = Run(place / "run")
        logged = [{k: v for k, v in line.items() if k != "images_per_second"} for line in run.log]
        return (place / "run" / "weights.safetensors").read_bytes(), logged, run.done["steps"], names(place / "run")


class Evaluate(Train):
    """Scores of a run that has some; each score is there or made again."""

    def prepare(self, place):
        super().do(place)
        Run(place / "run").evaluate(["mig"], calibrate=False)

    def do(self, place):
        run = Run(place / "run")
        assert "mig" in run.scores  # the score of before is never lost
        run.evaluate(["sap"], calibrate=False)

    def content(self, place):
        return [score.as_json() for score in Run(place / "run").scores.values()], names(place / "run")


class Encode(Evaluate):
    """Codes in a file that replaces an older one."""

    def prepare(self, place):
        super().prepare(place)
        np.savez(place / "codes.npz", codes=np.zeros(1))

    def do(self, place):
        with np.load(place / "codes.npz") as old:
            assert len(old["codes"]) in (1, 12)
        encode_to(Run(place / "run"), place / "codes.npz", overwrite=True)

    def content(self, place):
        return (place / "codes.npz").read_bytes(), names(place)


class Export(Train):
    """A model that travels."""

    def prepare(self, place):
        super().do(place)

    def do(self, place):
        export(Run(place / "run"), "safetensors", place / "out", overwrite=True)

    def content(self, place):
        load_model(place / "out")  # compares sums; the order of the header's two words is drawn by safetensors
        made = {name: values.tobytes() for name, values in load_file(place / "out" / "model.safetensors").items()}
        return made, names(place / "out"), names(place)


class OneOfAStudy:
    """A run of a study, trained and scored as a worker does it."""

    def prepare(self, place):
        pass

    def do(self, place):
        study = read(STUDY, "small", out=place / "study")
        study.keep()
        (trial,) = expand(study)
        events = []
        work(Job.of(study, trial, threads=1, owner=str(id(events))), events.append)
        if events[-1].kind != "done":
            raise CannotWrite(events[-1].text)

    def content(self, place):
        study = read(STUDY, "small", out=place / "study")
        (trial,) = expand(study)
        run = study.folder / "runs" / trial.name
        assert states(study, [trial]) == {trial.name: "done"}
        scores = json.loads((run / "trial.json").read_text())["scores"]
        return (run / "weights.safetensors").read_bytes(), scores, names(study.folder), names(run)


class CacheFill:
    """An array in the cache."""

    def prepare(self, place):
        pass

    def do(self, place):
        with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # it stays in memory
            patch.setenv("UNWEAVE_CACHE", str(place / "cache"))
            held = cache.array("a", (4, 3), np.dtype("<i8"), lambda: iter(np.arange(12).reshape(2, 2, 3)))
            assert held.sum() == 66

    def content(self, place):
        return (place / "cache" / "unweave-a.npy").read_bytes(), names(place / "cache")


COMMANDS = {
    "train": Train, "evaluate": Evaluate, "encode": Encode, "export": Export, "study": OneOfAStudy,
    "cache fill": CacheFill,
}  # fmt: skip


def names(place):
    """What lies in a folder, but for what a process that died could not tidy."""
    return sorted(path.name for path in place.iterdir() if not path.name.startswith("."))


def dead(place):
    """Claims of the process that died are those of a dead one."""
    for path in [*place.rglob(f"*{claim.OWN}"), *place.glob("study/claims/[!.]*")]:
        with contextlib.suppress(OSError, ValueError):
            path.write_text(json.dumps({**json.loads(path.read_text()), "pid": 2**22 + 1}))


def broken_at(command, start, whole, place, k, way):
    """Let the k-th operation fail, then go on; what came of it must be as if nothing had been."""
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(start, place)
    with Disk(k, way).mounted(), contextlib.suppress(CannotWrite, Died):
        command.do(place)
    if way == "dies":
        dead(place)
    command.do(place)
    assert command.content(place) == whole, (k, way)


def all_points(name, tmp_path, draw=None):
    """How many crash points were tried."""
    command = COMMANDS[name]()
    start, place = tmp_path / "start", tmp_path / "place"
    start.mkdir()
    command.prepare(start)
    shutil.copytree(start, tmp_path / "whole")
    with Disk().mounted() as disk:
        command.do(tmp_path / "whole")
    whole = command.content(tmp_path / "whole")
    points = [(k, way) for k in range(1, disk.count + 1) for way in WAYS]
    if draw is not None:
        points = random.Random(20).sample(points, min(draw, len(points)))
    for k, way in points:
        broken_at(command, start, whole, place, k, way)
    return len(points)


@pytest.fixture(autouse=True)
def small_pool(monkeypatch):
    monkeypatch.setattr("unweave.run.run.POOL", 60)


@pytest.mark.filterwarnings("ignore::unweave.base.errors.Noted")
@pytest.mark.parametrize("name", COMMANDS)
def test_a_few_crash_points_lose_nothing(name, tmp_path):
    assert all_points(name, tmp_path, draw=3)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.filterwarnings("ignore::unweave.base.errors.Noted")
@pytest.mark.parametrize("name", COMMANDS)
def test_every_crash_point_loses_nothing(name, tmp_path, capsys):
    count = all_points(name, tmp_path)
    with capsys.disabled():
        print(f"\n{name}: {count} crash points, 0 lost")
    assert count >= 9
