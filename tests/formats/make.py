"""Write the files that every later version must be able to open: python tests/formats/make.py.

They lie in tests/formats/FORMAT: a study of two runs, a run that was stopped on its way, an estimator and an exported
model, with what they answered then in answers.npz. A folder is written once, when its format is new, and never again.
"""

import os
import shutil
import signal
from pathlib import Path

import numpy as np
import torch
import yaml

import unweave
from unweave.base import claim
from unweave.base.errors import InputError, Interrupted
from unweave.base.files import FORMAT
from unweave.engine import Spec
from unweave.engine.callbacks import Callback
from unweave.engine.training import train
from unweave.run.run import Run
from unweave.show.export import export
from unweave.studies import expand
from unweave.studies.reading import read
from unweave.studies.table import keep, rows
from unweave.studies.trial import RUNS, Job, work

DATA = {"data": "identity", "data.sizes": [3, 4, 5]}
STUDY = {
    "about": "Two runs that later versions must be able to open.",
    "axes": {"method": ["joint-vae", "factor-vae"]},
    "settings": {
        **DATA, "net.hidden": 8, "batch": 4, "latents": 3, "steps": 6, "log_every": 2, "score_every": 3,
        "score_metrics": ["mig bins=10"], "score_images": 50,
    },
    "methods": {"factor-vae": {"critic_layers": 2, "critic_width": 4}},
    "metrics": {"mig": {"n": 200}},
    "pool": 300,
}  # fmt: skip
STOPPED = {**STUDY["settings"], **STUDY["methods"]["factor-vae"], "checkpoint_every": 2, "threads": 1}
ESTIMATOR = {"net.hidden": (8,), "latents": 2, "steps": 10, "batch": 10, "threads": 1, "seed": 0}


class StopAfter(Callback):
    """Stops training after a step as a user would."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_step_end(self, step: int, loss: float) -> None:
        if step == self.step:
            os.kill(os.getpid(), signal.SIGINT)


def images() -> torch.Tensor:
    """All images of the data set, about which the answers are."""
    data = Spec.make("vae", **DATA).dataset
    return data.images(np.arange(len(data)))


def table() -> np.ndarray:
    """Forty rows of three numbers."""
    return np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)


def answers(run: Run) -> dict[str, np.ndarray]:
    """What a run says of the images."""
    told = run.categories(images())
    found = {"codes": run.encode(images()), "images": run.decode(run.encode(images()), told)}
    return {name: each.numpy() for name, each in ({**found, "categories": told} if told is not None else found).items()}


def main(place: Path) -> None:
    """Write everything below `place`."""
    place.mkdir()
    study = read(yaml.safe_dump(STUDY, sort_keys=False), "study", out=place / "study")
    study.keep()
    said: dict[str, np.ndarray] = {}
    for trial in expand(study):
        work(Job.of(study, trial, threads=1, owner="formats"), lambda event: print(event.kind, event.run))
        said |= {f"{trial.cell} {name}": each for name, each in answers(Run(study.folder / RUNS / trial.name)).items()}
    keep(study, rows(study, expand(study)))
    shutil.rmtree(study.folder / claim.FOLDER)  # of use to those alone who work on it
    run = Run(study.folder / RUNS / expand(study)[0].name)
    run.evaluate(["mig", "modularity"], calibrate=False)
    export(run, "safetensors", place / "exported")
    try:
        train(Spec.make("factor-vae", **STOPPED), place / "stopped", callbacks=[StopAfter(4)])
    except Interrupted as stopped:
        print(stopped)
    estimator = unweave.Unweaver("beta-tcvae", **ESTIMATOR).fit(table())
    estimator.save(place / "estimator")
    said["estimator codes"] = estimator.transform(table())
    np.savez(place / "answers.npz", allow_pickle=False, **said)


if __name__ == "__main__":
    home = Path(__file__).parent / str(FORMAT)
    if home.exists():
        raise InputError(f"{home} must be kept as it is, since later versions are tried on it")
    main(home)
