"""Malformed inputs of every kind: one sentence each, no traceback, no long wait, little memory.

`corpus.py` keeps those that must be refused; hypothesis changes whole ones at random, which may do no harm.
"""

import io
import json
import resource
import shutil
import sys
import time
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unweave.base.errors import InputError, Noted
from unweave.data import load
from unweave.data.readers.columns import read as read_columns
from unweave.data.readers.images import open_image
from unweave.engine import Spec, checkpoint, folder, train
from unweave.engine.loop import Loop
from unweave.run.importing import import_run
from unweave.run.run import Run
from unweave.show.export import export, load_model
from unweave.studies.expansion import expand
from unweave.studies.reading import read

from . import corpus
from .test_crash_points import SMALL

SLOWEST, LONGEST, MOST = 10, 2_000, 300  # seconds, characters of a sentence, MB that the whole corpus may take
SPECS = {"dataset": "dsprites", "img_size": [1, 64, 64], "latent_dim": 10, "model_type": "Burgess", "loss": "VAE",
         "epochs": 1, "batch_size": 64, "lr": 1e-3, "rec_dist": "bernoulli", "reg_anneal": 0}  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A finished run with its last checkpoint."""
    spec = Spec.make("vae", **SMALL, keep_checkpoints=True)
    return train(spec, tmp_path_factory.mktemp("runs") / "run")


@pytest.fixture(scope="module")
def travelled(run, tmp_path_factory):
    return export(Run(run), "safetensors", tmp_path_factory.mktemp("exports") / "t")


def whole(path):
    """The values of a JSON file without sums, which would notice every change before anything else does."""
    held = json.loads(path.read_text())
    return {name: value for name, value in held.items() if name not in ("#sum", "sums")}


def sentence(open_it):
    """What is said where it is refused, None where it opens; everything else that is raised is a fault."""
    began = time.process_time()  # a wait without work is ended by the tests' timeout
    try:
        open_it()
    except InputError as wrong:
        said = str(wrong)
        assert said.strip()
        assert len(said) < LONGEST, said[:300]
        assert "Traceback" not in said
        return said
    finally:
        assert time.process_time() - began < SLOWEST
    return None


def all_refused(cases, open_it):
    """Every case is refused in a sentence; how many there were."""
    before, count, wrong = memory(), 0, []
    for name, content in cases:
        count += 1
        try:
            if sentence(lambda content=content: open_it(content)) is None:
                wrong.append(f"{name}: opened")
        except Exception as fault:
            wrong.append(f"{name}: {type(fault).__name__}: {str(fault)[:150]}")
    assert not wrong, f"{len(wrong)} of {count}:\n" + "\n".join(wrong)
    assert memory() - before < MOST
    return count


def memory():
    """The most that this process ever had, MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 1024)


class Opened:
    """How each kind of file is opened."""

    def __init__(self, place, run, travelled):
        self.place, self.run, self.travelled = place, run, travelled

    def file(self, name, content):
        path = self.place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    def settings(self, content):
        self.file("r/settings.json", content)
        folder.read_spec(self.place / "r")

    def study(self, text):
        expand(read(text, "x", out=self.place / "study"))

    def picture(self, content):
        open_image(io.BytesIO(content), max_pixels=10**7)

    def folder_of_pictures(self, content):
        path = self.file("pictures/a.png", content)
        data = load(f"folder:{path.parent}").resolved()
        data.images(np.arange(1))

    def array(self, content, suffix=".npy"):
        path = self.file(f"array{suffix}", content)
        data = load(path).resolved()
        data.images(np.arange(1))

    def columns(self, content, suffix=".npy"):
        values = read_columns(str(self.file(f"columns{suffix}", content)), "codes").values
        if values.size == 0:
            raise InputError("codes must hold rows, got none")

    def table(self, content):
        data = load(self.file("table.csv", content)).resolved()
        data.images(np.arange(2))

    def weights(self, content):
        for name in ("settings.json", "done.json"):
            self.file(f"w/{name}", json.dumps(whole(self.run / name)).encode())
        self.file("w/weights.safetensors", content)
        assert Run(self.place / "w").vae

    def checkpoint(self, content):
        checkpoint.read(self.file("step-000000004.safetensors", content), Loop(Spec.make("vae", **SMALL)).state)

    def config(self, content):
        self.file("t/config.json", content)
        self.file("t/model.safetensors", (self.travelled / "model.safetensors").read_bytes())
        load_model(self.place / "t")

    def of_torch(self, content):
        self.file("m/specs.json", json.dumps(SPECS).encode())
        import_run(self.file("m/model.pt", content), "disvae", self.place / "out")


@pytest.fixture
def opened(tmp_path, run, travelled, own_cache):
    return Opened(tmp_path, run, travelled)


def test_settings(opened, run):
    assert all_refused(corpus.settings(whole(run / "settings.json")), opened.settings) > 120


def test_studies(opened):
    assert all_refused(corpus.YAML.items(), opened.study) > 70


def test_pictures(opened):
    assert all_refused(corpus.pictures(), opened.picture) > 40


def test_folders_with_one_picture(opened):
    few = [case for k, case in enumerate(corpus.pictures()) if k % 4 == 0]
    assert all_refused(few, opened.folder_of_pictures) > 9


@pytest.mark.parametrize("what", ["array", "columns"])
def test_arrays(what, opened):
    kinds = (".npy", ".npz", ".h5") if what == "array" else (".npy", ".npz")
    cases = [(f"{name}{suffix}", (content, suffix)) for name, suffix, content in corpus.arrays() if suffix in kinds]
    assert all_refused(cases, lambda case: getattr(opened, what)(*case)) > 60


def test_tables(opened):
    assert all_refused(corpus.TABLES.items(), opened.table) >= 16


@pytest.mark.parametrize("what", ["weights", "checkpoint"])
def test_safetensors(what, opened):
    assert all_refused(corpus.weights(), getattr(opened, what)) > 30


def test_files_of_torch(opened):
    assert all_refused(corpus.checkpoints_of_torch(), opened.of_torch) > 12
    assert not (opened.place / "out").exists()


def test_configurations(opened, travelled):
    about = whole(travelled / "config.json")
    about["training"] = {name: about["training"][name] for name in ("steps", "latents", "seed")}
    cases = list(corpus.settings(about))
    assert all_refused([case for case in cases if used(case[0])], opened.config) > 80


def used(name):
    """What load_model looks at: not the loss, the data's settings and how it was trained."""
    return not name.startswith(("batch", "log_every", "checkpoint_every", "data", "no data", "no training", "training"))


@pytest.mark.parametrize("name", ["metrics.json", "doctor.json", "subspaces.json"])
def test_what_can_be_made_again_is_set_aside(name, run, tmp_path, monkeypatch):
    """Malformed files of what was derived cost a sentence and nothing else."""
    monkeypatch.setattr("unweave.run.run.POOL", 60)
    shutil.copytree(run, tmp_path / "run")
    for how, content in corpus.DERIVED.items():
        (tmp_path / "run" / name).write_bytes(content)
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always", Noted)
            book = Run(tmp_path / "run").book()
            if name == "metrics.json":
                assert book.scores() == {}
            elif name == "subspaces.json":
                assert book.known_subspaces() is None
            else:
                assert book.findings()
        assert any(each.category is Noted for each in told), how


def mutated(data, content):
    """Bytes in which some were changed, taken away or doubled."""
    made = bytearray(content)
    for _ in range(data.draw(st.integers(1, 4))):
        at, many = data.draw(st.integers(0, max(0, len(made) - 1))), data.draw(st.integers(1, 8))
        how = data.draw(st.sampled_from(["flip", "cut", "double", "noise"]))
        if how == "flip" and made:
            made[at] ^= 1 << data.draw(st.integers(0, 7))
        elif how == "cut":
            del made[at : at + many]
        elif how == "double":
            made[at:at] = made[at : at + many]
        else:
            made[at:at] = data.draw(st.binary(min_size=1, max_size=many))
    return bytes(made)


@given(data=st.data())
def test_changed_pictures_open_or_are_refused(data):
    content = mutated(data, corpus.encoded(data.draw(st.sampled_from(["PNG", "JPEG", "WEBP", "TIFF", "GIF", "BMP"]))))
    sentence(lambda: open_image(io.BytesIO(content), max_pixels=10**7))


@given(data=st.data())
def test_changed_files_of_numbers_open_or_are_refused(data, tmp_path_factory):
    kind = data.draw(st.sampled_from([".npy", ".npz", ".csv"]))
    made = {
        ".npy": corpus.npy(corpus.about(), bytes(48)),
        ".npz": corpus.archive([("images.npy", corpus.npy(corpus.about(), bytes(48)))]),
        ".csv": b"a,b\n1,2\n3.5,4\n-5,6e3\n",
    }[kind]
    path = tmp_path_factory.mktemp("changed") / f"x{kind}"
    path.write_bytes(mutated(data, made))
    sentence(lambda: read_columns(str(path), "codes"))
    sentence(lambda: load(path).resolved().images(np.arange(1)))


@given(data=st.data())
def test_changed_weights_and_settings_open_or_are_refused(data, run, tmp_path_factory):
    place = tmp_path_factory.mktemp("changed")
    for name in ("settings.json", "done.json"):
        (place / name).write_text(json.dumps(whole(run / name)))
    (place / "weights.safetensors").write_bytes((run / "weights.safetensors").read_bytes())
    name = data.draw(st.sampled_from(["settings.json", "weights.safetensors", "done.json"]))
    (place / name).write_bytes(mutated(data, (place / name).read_bytes()))
    sentence(lambda: (Run(place).vae, Run(place).done))


@given(st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["method", "axes", "seeds", "settings", "metrics", "data", "label", "a"]), inner),
    max_leaves=8,
))  # fmt: skip
def test_any_table_is_a_study_or_refused(values):
    import yaml

    try:
        text = yaml.safe_dump(values, allow_unicode=True)
    except ValueError:  # what YAML itself cannot say
        return
    sentence(lambda: expand(read(text, "x")))
