"""SIGKILL at random moments, SIGTERM, SIGHUP, Ctrl-C twice, SIGSTOP: what is there stays readable, goes on byte-equal.

The moments are drawn with a seed. The fast suite tries a few of each command, forked from one process that has
imported everything; `make test-faults` tries 50 kills and prints what they met. What a study's workers go through needs
processes of their own and is slow.
"""

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load_file

from unweave.base.files import check_sum, read_json
from unweave.engine import checkpoint, folder
from unweave.engine.signals import HANGUP
from unweave.run.run import Run
from unweave.show.export import load_model

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no signals, no fork")

TRAIN = (
    "train vae --data identity --data.sizes 3,4 --net.hidden 4 --batch 4 --latents 2 --checkpoint-every 10"
    " --log-every 5 --threads 1 --out"
).split()
SCORES = "--score-every 40 --score-metrics mig --score-images 50".split()
PATIENCE = 60  # seconds that a command may take on a busy machine


class Nursery:
    """Commands as children of one warm process."""

    def __init__(self):
        self.process = subprocess.Popen(
            [sys.executable, Path(__file__).with_name("nursery.py")],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"},
        )  # fmt: skip
        assert json.loads(self.process.stdout.readline()) == "ready"

    def ask(self, **asked):
        self.process.stdin.write(json.dumps(asked) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def start(self, words, place, terminal=None):
        return Child(self, self.ask(do=words, cwd=str(place), said=str(place / "said.txt"), terminal=terminal))

    def do(self, words, place, status=0):
        """A command to its end; its status must be the one named."""
        found = self.start(words, place).wait()
        assert found == status, said(place)


class Child:
    def __init__(self, nursery, pid):
        self.nursery, self.pid = nursery, pid

    def send(self, number):
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def wait(self, seconds=PATIENCE):
        return self.nursery.ask(wait=self.pid, seconds=seconds)

    def after(self, seconds, number):
        """Send a signal after so long, unless it has ended by then; its exit status, None while it goes on."""
        status = self.wait(seconds)
        if status is None:
            self.send(number)
        return status


@pytest.fixture(scope="module")
def nursery():
    made = Nursery()
    yield made
    made.process.kill()
    made.process.communicate()


def said(place):
    return (place / "said.txt").read_text() if (place / "said.txt").exists() else ""


def train(steps, *more, out="run"):
    return [*TRAIN, out, "--steps", str(steps), *more]


def names(place):
    """All that lies in a folder and below, hidden files too, but for what the tests put there."""
    found = [path.relative_to(place).as_posix() for path in place.rglob("*") if path.is_file()]
    return sorted(name for name in found if name != "said.txt")


def without(lines, *keys):
    return [{name: value for name, value in line.items() if name not in keys} for line in lines]


def of_run(path):
    """What a run ended with, but for the time it took."""
    run = Run(path)
    log = without(run.log, "images_per_second")
    return run.weights_hash, log, without(run.progress, "seconds", "scoring_seconds"), names(path)


class Train:
    """A run of 120 steps; goes on by --resume."""

    more = ()

    def prepare(self, nursery, place):
        place.mkdir()

    def words(self, place):
        return train(120, *self.more, *(["--resume"] if folder.is_run(place / "run") else []))

    def readable(self, place):
        """Whatever lies there whole is as it was written."""
        if folder.is_run(place / "run"):
            folder.read_spec(place / "run")
        for path in checkpoint.stored(place / "run"):
            check_sum(path.read_bytes(), path)
        if (place / "run" / folder.DONE).exists():
            Run(place / "run")

    def content(self, place):
        return of_run(place / "run")


class Export(Train):
    """A model that replaces an older one: at every moment one of them can be loaded."""

    def prepare(self, nursery, place):
        super().prepare(nursery, place)
        nursery.do(train(2, out="older"), place)
        nursery.do("export older --to safetensors --out out".split(), place)
        nursery.do(train(4), place)

    def words(self, place):
        return "export run --to safetensors --out out --overwrite".split()

    def readable(self, place):
        load_model(place / "out")

    def content(self, place):
        load_model(place / "out")  # compares sums; the order of the header's two words is drawn by safetensors
        about = read_json(place / "out" / "config.json")
        del about["sums"]
        made = load_file(place / "out" / "model.safetensors")
        return about, {name: values.tobytes() for name, values in made.items()}, names(place)


class Report(Train):
    """The page of a run, with its scores and findings."""

    def prepare(self, nursery, place):
        super().prepare(nursery, place)
        nursery.do(train(2), place)
        (place / "run" / "report.html").write_text("an older page</html>\n")

    def words(self, place):
        return ["report", "run"]

    def readable(self, place):
        assert (place / "run" / "report.html").read_text().endswith("</html>\n")
        for name in ("metrics.json", "doctor.json", "subspaces.json"):
            if (place / "run" / name).exists():
                read_json(place / "run" / name)

    def content(self, place):
        assert len((place / "run" / "report.html").read_text()) > 10_000
        findings = read_json(place / "run" / "doctor.json")
        return findings, names(place)


class CacheFill(Train):
    """Pictures that are decoded into the cache, then trained on."""

    def prepare(self, nursery, place):
        super().prepare(nursery, place)
        (place / "pictures").mkdir()
        rng = np.random.default_rng(0)
        for k in range(60):
            pixels = rng.integers(0, 256, (64, 64, 3)).astype(np.uint8)
            Image.fromarray(pixels).save(place / "pictures" / f"{k}.png")

    def words(self, place):
        given = "train vae --data folder:pictures --net conv --net.channels 4,4,4 --net.hidden 4 --batch 4 --latents 2"
        return [*given.split(), *"--steps 2 --threads 1 --out run --overwrite".split()]

    def readable(self, place):
        if (place / "run" / folder.DONE).exists():
            Run(place / "run")

    def content(self, place):
        return of_run(place / "run")


COMMANDS = {"train": Train, "export": Export, "report": Report, "cache fill": CacheFill}
KILLS = {"train": 20, "export": 8, "report": 8, "cache fill": 8}  # and those of studies, below: 50 or more in all
FEW = {"train": 3, "export": 2, "cache fill": 1}


def killed(name, nursery, tmp_path, count, seed=20, more=()):
    """How many of `count` kills met the command at work; after each all is readable, and in the end all is whole."""
    rng, command = random.Random(f"{seed} {name}"), COMMANDS[name]()
    command.more = more
    whole = tmp_path / "whole"
    command.prepare(nursery, whole)
    began = time.monotonic()
    nursery.do(command.words(whole), whole)
    lasts, truth = time.monotonic() - began, command.content(whole)
    met = kills = 0
    while kills < count:
        place = tmp_path / f"killed {kills}"
        command.prepare(nursery, place)
        for _ in range(rng.randint(1, 3)):  # what goes on is killed, too
            child = nursery.start(command.words(place), place)
            at_work = child.after(rng.uniform(0, lasts), signal.SIGKILL) is None and child.wait() == -signal.SIGKILL
            met, kills = met + at_work, kills + 1
            command.readable(place)
        if not (name == "train" and (place / "run" / folder.DONE).exists()):
            nursery.do(command.words(place), place)
        assert command.content(place) == truth
        assert "Traceback" not in said(place)
    return met, kills


@pytest.fixture(autouse=True)
def own(own_cache):
    """The cache of the test's own processes; that of the nursery's children is the suite's."""


@pytest.mark.parametrize("name", FEW)
def test_a_few_kills_lose_nothing(name, nursery, tmp_path):
    assert killed(name, nursery, tmp_path, FEW[name])[1] >= FEW[name]


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", COMMANDS)
def test_many_kills_lose_nothing(name, nursery, tmp_path, capsys):
    met, kills = killed(name, nursery, tmp_path, KILLS[name], seed=21, more=SCORES)
    with capsys.disabled():
        print(f"\n{name}: {kills} SIGKILLs, {met} of them at work, 0 lost")
    assert met > kills / 4


def begun(child, place, lines=1):
    """Wait until training has logged something."""
    log, until = place / "run" / folder.LOG, time.monotonic() + PATIENCE
    while not log.exists() or log.read_bytes().count(b"\n") <= lines:
        assert time.monotonic() < until, said(place)
        time.sleep(0.002)


@pytest.fixture(scope="module")
def truth(nursery, tmp_path_factory):
    """What a run ends with that nobody disturbs."""
    place = tmp_path_factory.mktemp("whole")
    nursery.do(train(120), place)
    return of_run(place / "run")


def ends_alike(nursery, place, truth):
    nursery.do(Train().words(place), place)
    assert of_run(place / "run") == truth
    assert "Traceback" not in said(place)


@pytest.mark.parametrize(
    "number",
    [pytest.param(signal.SIGINT, marks=pytest.mark.slow), pytest.param(signal.SIGTERM, marks=pytest.mark.slow), HANGUP],
    ids=["SIGINT", "SIGTERM", "SIGHUP"],
)
def test_a_signal_saves_the_run_which_goes_on(number, nursery, tmp_path, truth):
    child = nursery.start(train(120), tmp_path)
    begun(child, tmp_path)
    child.send(number)
    assert child.wait() == 130
    assert "--resume goes on" in said(tmp_path)
    assert checkpoint.stored(tmp_path / "run")
    ends_alike(nursery, tmp_path, truth)


def test_ctrl_c_twice_ends_at_once_without_a_traceback(nursery, tmp_path, truth):
    child = nursery.start(train(120), tmp_path)
    begun(child, tmp_path)
    child.send(signal.SIGINT)
    child.send(signal.SIGINT)
    assert child.wait() == 130
    ends_alike(nursery, tmp_path, truth)


@pytest.mark.slow
def test_a_stopped_process_goes_on_as_if_nothing_had_been(nursery, tmp_path, truth):
    child = nursery.start(train(120), tmp_path)
    begun(child, tmp_path)
    child.send(signal.SIGSTOP)
    time.sleep(0.2)
    child.send(signal.SIGCONT)
    assert child.wait() == 0
    assert of_run(tmp_path / "run") == truth


def test_a_terminal_that_is_closed_costs_only_the_display(nursery, tmp_path, truth):
    ours, theirs = os.openpty()
    child = nursery.start(train(120), tmp_path, terminal=os.ttyname(theirs))
    begun(child, tmp_path)
    os.close(theirs)
    os.close(ours)  # the system tells the session by SIGHUP, and every write to the terminal fails from now on
    assert child.wait() == 130
    assert checkpoint.stored(tmp_path / "run")
    ends_alike(nursery, tmp_path, truth)


STUDY = """
axes: {method: [vae, beta-vae]}
seeds: [0, 1]
settings: {data: identity, data.sizes: [3, 4], net.hidden: 4, batch: 4, latents: 2, steps: 800, checkpoint_every: 40}
metrics: {mig: {n: 50}}
pool: 60
"""
STUDY_RUN = "study run small.yaml --workers 2 --out study".split()


def of_study(place):
    """What a study ended with: of every run the weights, scores and names of files; and no claim is left."""
    runs = sorted((place / "study" / "runs").iterdir())
    scores = {run.name: read_json(run / "trial.json")["scores"] for run in runs}
    left = [path.name for path in (place / "study" / "claims").iterdir()]
    assert not left
    with (place / "study" / "results.csv").open(encoding="utf-8") as file:
        count = sum(1 for _ in file)
    return {run.name: (of_run(run)[0], names(run)) for run in runs}, scores, count


@contextlib.contextmanager
def study(place):
    """`unweave study run` in a process group of its own, of which nothing is left in the end."""
    place.mkdir(exist_ok=True)
    (place / "small.yaml").write_text(STUDY)
    with (place / "said.txt").open("a") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "unweave", *STUDY_RUN],
            cwd=place, stdout=file, stderr=file, start_new_session=True, env={**os.environ, "OMP_NUM_THREADS": "1"},
        )  # fmt: skip
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def ended(process, seconds=10 * PATIENCE):
    with contextlib.suppress(subprocess.TimeoutExpired):
        return process.wait(seconds)
    return None


STUDIES = 2
WAYS = ("HUP", "all", "TERM", "conductor", "INT twice", "all", "STOP")  # the last lets it end


def logged(place):
    """Bytes of all logs of the study: they grow while a run is at work."""
    return sum(path.stat().st_size for path in place.glob("study/runs/*/log.jsonl"))


def at_work(process, place):
    """Wait until some run has gone on; False where the study ended before."""
    before, until = logged(place), time.monotonic() + 10 * PATIENCE
    while logged(place) == before:
        assert time.monotonic() < until, said(place)
        if ended(process, 0.01) is not None:
            return False
    return True


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_a_study_with_two_workers_survives_every_signal(tmp_path, capsys):
    rng, met = random.Random(22), Counter()
    with study(tmp_path / "whole") as process:
        assert ended(process) == 0, said(tmp_path / "whole")
    truth = of_study(tmp_path / "whole")
    for k in range(STUDIES):
        place = tmp_path / str(k)
        for way in WAYS:
            with study(place) as process:
                if at_work(process, place):
                    time.sleep(rng.uniform(0, 0.3))
                    met[way] += 1
                    disturb(process, way)
            assert "Traceback" not in said(place)
        with study(place) as process:
            assert ended(process) == 0, said(place)
        assert of_study(place) == truth
    with capsys.disabled():
        print(f"\nstudy: {', '.join(f'{way} {count}' for way, count in met.items())} at work, 0 lost")
    assert sum(met.values()) > STUDIES


def disturb(process, way):
    """Do to the study, or to its whole group, what the way says, and see how it ends."""
    if way in ("all", "conductor"):
        (os.killpg if way == "all" else os.kill)(process.pid, signal.SIGKILL)
        assert ended(process) in (0, -signal.SIGKILL)
        time.sleep(1)  # workers without a conductor save their runs and end
    elif way == "STOP":
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGSTOP)
            time.sleep(1)
            os.killpg(process.pid, signal.SIGCONT)
        assert ended(process) == 0
    else:
        os.killpg(process.pid, getattr(signal, f"SIG{way.split()[0]}"))
        if way == "INT twice":
            time.sleep(0.1)
            os.killpg(process.pid, signal.SIGINT)
        assert ended(process) in (0, 130, -getattr(signal, f"SIG{way.split()[0]}"))
