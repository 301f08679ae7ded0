"""located: which data set a name, a path or an object stands for."""

from pathlib import Path

import numpy as np
import pytest

from unweave.base.errors import InputError
from unweave.data.own.locate import PICTURES, located
from unweave.data.published.pinwheel import Pinwheel
from unweave.data.readers.images import SUFFIXES


@pytest.fixture
def place(tmp_path, monkeypatch, own_cache):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pictures").mkdir()
    (tmp_path / "dsprites").mkdir()
    for name in ("a.npz", "a.npy", "a.h5", "a.HDF5", "a.csv", "a.tsv", "a.parquet", "a.txt", "a.tif", "a.GIF"):
        (tmp_path / name).touch()
    return tmp_path


@pytest.mark.parametrize(
    ("given", "name", "path"),
    [
        ("pictures", "folder", "pictures"),
        ("folder:pictures", "folder", "pictures"),
        ("folder:my:pictures", "folder", "my:pictures"),
        ("./dsprites", "folder", "dsprites"),
        ("a.npz", "array", "a.npz"),
        ("a.npy", "array", "a.npy"),
        ("a.h5", "array", "a.h5"),
        ("a.HDF5", "array", "a.HDF5"),
        ("a.csv", "table", "a.csv"),
        ("a.tsv", "table", "a.tsv"),
        (Path("a.parquet"), "table", "a.parquet"),
        (Path("pictures"), "folder", "pictures"),
        ("a.tif", "folder", "a.tif"),
        ("a.GIF", "folder", "a.GIF"),
    ],
)
def test_paths_tell_by_what_they_are(place, given, name, path):
    assert located(given) == {"name": name, "path": path}


def test_pictures_are_those_that_are_read():
    assert PICTURES == SUFFIXES


def test_a_registered_name_comes_before_a_folder_of_that_name(place):
    assert located("dsprites") == {"name": "dsprites"}


def test_settings_of_a_registered_data_set_keep_their_values():
    found = located(Pinwheel(arms=3))
    assert (found["name"], found["arms"], found["per_class"]) == ("pinwheel", 3, 100)


def test_arrays_in_memory_are_kept(place, own_cache):
    found = located(np.eye(3))
    assert found["name"] == "array"
    assert Path(found["path"]).parent == own_cache


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (None, "data must name a data set, got none; known: dsprites, .*, folder:DIR or a file"),
        ("folder:", "data must say which folder, as in folder:pictures, got folder: alone"),
        ("nowhere.npz", "data must be an existing file"),
        ("some/where", "data must be an existing folder or file"),
        ("a.txt", "data must be a folder of images or end in .npz, .npy, .h5, .hdf5, .csv, .tsv, .parquet"),
        ("dspirtes", "unknown data set, and no path, 'dspirtes'; did you mean 'dsprites'"),
        (3.5, "data must be a name, a path"),
    ],
)
def test_what_is_nothing_is_refused(place, given, sentence):
    with pytest.raises(InputError, match=sentence):
        located(given)
