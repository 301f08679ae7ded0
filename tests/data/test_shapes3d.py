"""3D Shapes: small files of its format, its order, and what is refused."""

import pickle
from dataclasses import dataclass

import numpy as np
import pytest
from tests.conftest import missing
from tests.data.contract import keep

from unweave.base.errors import InputError
from unweave.data.base import Factor
from unweave.data.published.shapes3d import Shapes3D

try:
    import h5py
except ModuleNotFoundError:
    missing("h5py is not installed")

SIZES = (2, 3, 2, 2, 2, 3)
N = 144


@dataclass(frozen=True)
class Small(Shapes3D):
    factors = tuple(
        Factor.spaced(factor.name, size, factor.values[0], factor.values[size - 1])
        for factor, size in zip(Shapes3D.factors, SIZES, strict=True)
    )


def values():
    """Labels in the published order: the last factor fastest."""
    grid = np.meshgrid(*[factor.values for factor in Small.factors], indexing="ij")
    return np.stack([each.ravel() for each in grid], axis=1)


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (N, 64, 64, 3), dtype=np.uint8)


def write(folder, **content):
    """A file as published: uint8 images and float64 labels, compressed in chunks."""
    folder.mkdir(exist_ok=True)
    with h5py.File(folder / "3dshapes.h5", "w") as file:
        for name, array in content.items():
            file.create_dataset(name, data=array, chunks=(16, *array.shape[1:]), compression="gzip")
    return str(folder)


def test_the_published_order_and_strides():
    data = Shapes3D()
    assert data.names == ("floor_hue", "wall_hue", "object_hue", "scale", "shape", "orientation")
    assert data.sizes == (10, 10, 10, 8, 4, 15)
    assert data.strides.tolist() == [48000, 4800, 480, 60, 15, 1]
    assert len(data) == 480_000
    assert data.factors[3].values[1] == pytest.approx(0.82142857)
    assert data.factors[5].values[1] == pytest.approx(-25.71428571)


def test_a_file_of_the_published_form_is_read(tmp_path, own_cache, images):
    data = Small(folder=write(tmp_path / "own", images=images, labels=values()))
    keep(data)
    np.testing.assert_array_equal(
        data.images(np.array([5, 0]))[0].numpy(), images[5].transpose(2, 0, 1) / np.float32(255)
    )
    assert data.index(np.array([[1, 2, 1, 0, 1, 2]])).tolist() == [72 + 48 + 12 + 0 + 3 + 2]
    before = {path: path.stat().st_mtime_ns for path in own_cache.iterdir()}
    again = pickle.loads(pickle.dumps(data))
    np.testing.assert_array_equal(again.stored, images)
    assert {path: path.stat().st_mtime_ns for path in own_cache.iterdir()} == before
    assert len(pickle.dumps(data)) < 500


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"images": np.zeros((N, 64, 64, 3), np.float32)}, "images in .* must be uint8"),
        ({"images": np.zeros((N, 32, 32, 3), np.uint8)}, r"must be uint8 \(144, 64, 64, 3\)"),
        ({"labels": np.zeros((N, 5))}, r"labels in .* must be float64 \(144, 6\)"),
        ({"labels": values()[::-1].copy()}, "must count up floor_hue in the published order"),
        ({"labels": np.roll(values(), 1, axis=0)}, "must count up .* in the published order"),
    ],
)
def test_files_of_another_form_are_refused(tmp_path, own_cache, images, change, sentence):
    content = {"images": images, "labels": values(), **change}
    with pytest.raises(InputError, match=sentence):
        _ = Small(folder=write(tmp_path / "own", **content)).stored


def test_links_and_outside_storage_are_refused(tmp_path, own_cache, images):
    write(tmp_path / "other", images=images)
    for link, found in (
        (h5py.ExternalLink(str(tmp_path / "other" / "3dshapes.h5"), "/images"), "a link to another file"),
        (h5py.SoftLink("/labels"), "a link to another place"),
    ):
        folder = write(tmp_path / "own", labels=values())
        with h5py.File(tmp_path / "own" / "3dshapes.h5", "a") as file:
            file["images"] = link
        with pytest.raises(InputError, match=rf"must be an array in the file itself, got {found}"):
            _ = Small(folder=folder).stored
    folder = write(tmp_path / "own", labels=values())
    with h5py.File(tmp_path / "own" / "3dshapes.h5", "a") as file:
        raw = [(str(tmp_path / "raw"), 0, images.nbytes)]
        file.create_dataset("images", images.shape, "u1", external=raw)
    with pytest.raises(InputError, match="must be an array in the file itself, got one whose numbers lie"):
        _ = Small(folder=folder).stored


def test_damaged_and_absent_files_are_refused(tmp_path, own_cache, images):
    with pytest.raises(InputError, match="run: unweave data download shapes3d"):
        _ = Small().stored
    with pytest.raises(InputError, match="must hold the array images"):
        _ = Small(folder=write(tmp_path / "own", labels=values())).stored
    folder = write(tmp_path / "own", images=images, labels=values())
    path = tmp_path / "own" / "3dshapes.h5"
    path.write_bytes(path.read_bytes()[:-100_000])
    with pytest.raises(InputError, match=r"must be a whole \.h5 file"):
        _ = Small(folder=folder).stored
