"""A tiny run of each kind, and its explorer as a client sees it."""

import shutil

import pytest

import unweave
from unweave.run.run import Run

TINY = {"batch": 4, "latents": 3, "steps": 2, "threads": 1, "callbacks": []}
SPRITES = {
    "data": "dsprites", "data.size": 32, "data.hold": "lazy", "net": "conv", "net.channels": (4, 4, 4), "net.hidden": 8,
}  # fmt: skip


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """A run of images whose model tells two categories."""
    out = tmp_path_factory.mktemp("runs") / "j"
    return unweave.train("joint-vae", categories=(3, 2), out=out, **TINY, **SPRITES)


@pytest.fixture
def run(trained, tmp_path):
    """The same in a folder of its own."""
    return Run(shutil.copytree(trained.path, tmp_path / "run"))


@pytest.fixture(scope="session")
def table(tmp_path_factory):
    """A run of a table with numbers and a category."""
    place = tmp_path_factory.mktemp("table")
    rows = [f"{k % 7},{1000 + k % 5},{'abc'[k % 3]}" for k in range(60)]
    (place / "t.csv").write_text("a,<b>,kind\n" + "\n".join(rows) + "\n")
    return unweave.train("vae", data=str(place / "t.csv"), out=place / "run", **TINY)
