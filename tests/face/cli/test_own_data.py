"""A folder of one's own from the command line: the example's pictures, trained, and all that may be wrong."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from unweave.data import load
from unweave.face.cli.app import main
from unweave.run.run import Run

EXAMPLE = Path(__file__).parents[3] / "examples" / "own_pictures.py"
TINY = "--net conv --net.channels 4,4 --net.hidden 8 --latents 3 --steps 4 --batch 8 --threads 1".split()


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    monkeypatch.setenv("UNWEAVE_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """The example's folder, with fewer pictures."""
    spec = importlib.util.spec_from_file_location("own_pictures", EXAMPLE)
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    folder = tmp_path_factory.mktemp("example") / "pictures"
    example.main(["--out", str(folder), "--count", "40"])
    return folder


def test_the_example_names_its_damaged_file_and_trains_without_it(pictures, tmp_path, refused):
    words = ["train", "beta-vae", "--data", f"folder:{pictures}", *TINY, "--out", str(tmp_path / "run")]
    line = refused(words, "1 of 40 that cannot be: second/0003.png (image file is truncated)")
    assert "--skip-bad" in line
    assert not (tmp_path / "run").exists()
    assert main([*words, "--skip-bad"]) == 0
    stored = json.loads((tmp_path / "run" / "settings.json").read_text())
    assert stored["data"]["size"] == [48, 60]
    assert stored["data"]["low"] == 0
    assert stored["data"]["high"] == 255
    assert stored["likelihood"]["name"] == "gaussian"
    run = Run(tmp_path / "run")
    assert run.data.image_shape == (3, 48, 60)
    assert run.encode(run.data.images(np.arange(5))).shape == (5, 3)
    assert run.data.factor_table.names == ("x", "y", "radius", "hue", "class")


def test_the_pictures_are_what_the_example_says(pictures):
    data = load(f"folder:{pictures}", skip_bad=True)
    assert len(data) == 39
    table = data.factor_table
    large = table.values[:, 2] > 7
    assert [data.classes[k] for k in data.labels] == ["large" if each else "small" for each in large]
    number = data.files.index("first/0010.png")
    x, y = table.values[number, :2]
    bright = data.images(np.array([number]))[0].amax(0).numpy() > 0.6
    down, across = np.nonzero(bright)
    np.testing.assert_allclose([across.mean(), down.mean()], [x, y], atol=1)


@pytest.mark.parametrize(
    ("files", "words", "rule"),
    [
        ({}, "", "path must hold pictures"),
        ({"a.png": "a letter"}, "", "a.png (it is no PNG"),
        ({"a.png": 9, "b.png": 9}, "", "pictures must differ"),
        ({"a.png": 9, "b.png": 8}, "--data.channels 4", "channels must be 1 or 3 for a.png"),
        ({"a.png": 9, "b.png": 8}, "--data.size 300", "data.size must be one or two sides"),
        ({"a.png": 9, "b.png": 8}, "--data.scale log", "data.scale must be one of"),
        ({"a.png": 9, "b.png": 8}, "--data.tile 200", "tile must fit into every picture"),
        ({"a.png": 9, "b.png": 8}, "--data.skipbad", "--data.skip"),
        ({"a.png": 9, "b.png": 8}, "--batch 64", "batch must be 2 or less"),
    ],
)
def test_wrong_folders_get_one_line_and_status_2(files, words, rule, tmp_path, refused):
    folder = tmp_path / "own"
    folder.mkdir()
    for name, content in files.items():
        if isinstance(content, str):
            (folder / name).write_text(content)
        else:
            Image.fromarray(np.full((32, 32), content, np.uint8)).save(folder / name)
    words = ["train", "vae", "--data", f"folder:{folder}", *TINY[:8], *words.split(), "--out", str(tmp_path / "run")]
    refused(words, rule)


@pytest.mark.parametrize("data", ["folder:", "folder:nowhere", "./nowhere", "folder"])
def test_a_folder_that_is_none_is_refused(data, tmp_path, refused, monkeypatch):
    monkeypatch.chdir(tmp_path)
    refused(["train", "vae", "--data", data, *TINY, "--out", "run"], "folder")
