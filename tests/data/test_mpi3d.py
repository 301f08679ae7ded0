"""MPI3D: small files of its format, read in place or unpacked, and what is refused."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from tests.data.contract import keep

from unweave.base.errors import InputError
from unweave.data.published.mpi3d import MPI3DReal, MPI3DToy
from unweave.data.readers.containers import Held


@dataclass(frozen=True)
class Small(MPI3DToy):
    kinds = (2, 1)
    axis = 2


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).integers(0, 256, (288, 64, 64, 3), dtype=np.uint8)


def write(folder, save=np.savez, **content):
    folder.mkdir(exist_ok=True)
    save(folder / "mpi3d_toy.npz", **content)
    return str(folder)


@pytest.mark.parametrize(
    ("count", "strides"),
    [
        (1_036_800, [172800, 28800, 14400, 4800, 1600, 40, 1]),
        (460_800, [115200, 28800, 14400, 4800, 1600, 40, 1]),
    ],
)
def test_the_number_of_images_tells_the_factors(count, strides):
    data = MPI3DReal()
    data.__dict__.update(_held=Held("images", (count, 64, 64, 3)), _path=Path("a.npz"))
    assert data.strides.tolist() == strides
    assert len(data) == count
    assert data.names[0] == "object_color"
    assert data.names[-2:] == ("horizontal_axis", "vertical_axis")


def test_uncompressed_images_are_used_where_they_lie(tmp_path, own_cache, images):
    data = Small(folder=write(tmp_path / "own", images=images))
    keep(data)
    assert data.sizes == (2, 2, 2, 3, 3, 2, 2)
    np.testing.assert_array_equal(data.stored, images)
    assert not data.stored.flags.writeable
    assert not own_cache.exists()


def test_compressed_images_are_unpacked_into_the_cache(tmp_path, own_cache, images):
    data = Small(folder=write(tmp_path / "own", np.savez_compressed, images=images))
    np.testing.assert_array_equal(data.stored, images)
    assert sum(path.stat().st_size for path in own_cache.iterdir()) > images.nbytes


def test_the_older_files_have_fewer_colours_and_shapes(tmp_path, images):
    data = Small(folder=write(tmp_path / "own", images=images[:72]))
    assert data.sizes == (1, 1, 2, 3, 3, 2, 2)
    assert len(data) == 72


class Mine:
    def __reduce__(self):
        return (pytest.fail, ("unpickled",))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ({"imgs": np.zeros(3)}, "must hold the array images"),
        ({"images": np.zeros((73, 64, 64, 3), np.uint8)}, "must be uint8"),
        ({"images": np.zeros((72, 64, 64, 3), np.float32)}, "must be uint8"),
        ({"images": np.array([Mine()])}, "must be uint8 .*, got object"),
    ],
)
def test_other_arrays_are_refused(tmp_path, content, sentence):
    with pytest.raises(InputError, match=sentence):
        len(Small(folder=write(tmp_path / "own", **content)))


def test_damaged_and_absent_files_are_refused(tmp_path, own_cache, images):
    with pytest.raises(InputError, match="run: unweave data download mpi3d-toy"):
        len(Small())
    folder = write(tmp_path / "own", images=images)
    path = tmp_path / "own" / "mpi3d_toy.npz"
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(InputError, match=r"must be a whole \.npz file"):
        len(Small(folder=folder))
