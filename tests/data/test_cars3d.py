"""Cars3D: an archive of its form, the order of list.txt, and what is refused."""

import gzip
import io
import tarfile
from dataclasses import dataclass

import numpy as np
import pytest
from scipy.io import savemat
from tests.data.contract import keep

from unweave.base.errors import InputError
from unweave.data.base import Factor
from unweave.data.published.cars3d import Cars3D

LISTED = ("car_020_mesh", "car_003_mesh", "car_011_mesh")  # neither sorted nor in the archive's order


@dataclass(frozen=True)
class Small(Cars3D):
    factors = (*Cars3D.factors[:2], Factor.spaced("object", 3, 0, 2))


def mat(array, name="im"):
    content = io.BytesIO()
    savemat(content, {name: array, "mask": np.zeros((2, 2))}, do_compression=True)
    return content.getvalue()


def views(k):
    """Every view of one colour, which tells car, azimuth and elevation."""
    colour = np.array(np.broadcast_arrays(80 * k, 10 * np.arange(24)[:, None], 60 * np.arange(4)), np.uint8)
    return np.broadcast_to(colour, (128, 128, 3, 24, 4))


@pytest.fixture(scope="module")
def content():
    made = {f"data/cars/{name}.mat": mat(views(LISTED.index(name))) for name in sorted(LISTED)}
    return {
        **made,
        "data/cars/list.txt": "\n".join(LISTED).encode(),
        "data/sprites/a.mat": b"other",
        "data/cars/._a.mat": b"x",
    }


def write(folder, content, extra=()):
    folder.mkdir(exist_ok=True)
    with tarfile.open(folder / "nips2015-analogy-data.tar.gz", "w:gz", compresslevel=1) as archive:
        for name, data in content.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
        for member in extra:
            archive.addfile(member)
    return str(folder)


def test_the_published_order():
    data = Cars3D()
    assert data.names == ("elevation", "azimuth", "object")
    assert data.strides.tolist() == [24 * 183, 183, 1]
    assert len(data) == 17_568
    assert data.factors[1].values[1] == 15


def test_cars_follow_the_list_and_views_the_factors(tmp_path, own_cache, content):
    data = Small(folder=write(tmp_path / "own", content))
    factors = np.array([[0, 0, 0], [3, 23, 2], [1, 5, 1]])
    colours = data.render(factors)[:, :, 10, 20] * 255
    np.testing.assert_allclose(colours.numpy(), factors[:, ::-1] * [80, 10, 60], atol=1e-4)
    keep(data)
    (kept,) = own_cache.iterdir()
    assert not (tmp_path / "own" / "data").exists()
    full = Small(folder=data.folder, size=128)
    assert full.image_shape == (3, 128, 128)
    assert kept.stat().st_size > 288 * 64 * 64 * 3


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"data/cars/list.txt": b"car_020_mesh car_003_mesh"}, "with 3 names and a .mat each, got 2 names"),
        ({"data/cars/list.txt": b"car_020_mesh car_003_mesh other"}, r"got no other\.mat"),
        ({"data/cars/car_003_mesh.mat": mat(np.zeros((128, 128, 3)))}, r"must hold im, uint8 \(128, 128, 3, 24, 4\)"),
        ({"data/cars/car_003_mesh.mat": mat(np.zeros(3), "pixels")}, "must hold im, "),
        ({"data/cars/car_003_mesh.mat": b"no matlab file"}, "car_003_mesh.mat in .* must be a MATLAB file"),
    ],
)
def test_archives_of_another_form_are_refused(tmp_path, own_cache, content, change, sentence):
    with pytest.raises(InputError, match=sentence) as refusal:
        _ = Small(folder=write(tmp_path / "own", {**content, **change})).stored
    assert "\n" not in str(refusal.value)


def test_hostile_archives_are_refused(tmp_path, own_cache, content):
    with pytest.raises(InputError, match="nothing that leads out of it"):
        _ = Small(folder=write(tmp_path / "a", {"../data/cars/list.txt": b"x", **content})).stored
    link = tarfile.TarInfo("data/cars/car_099_mesh.mat")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    with pytest.raises(InputError, match="nothing that leads out of it"):
        _ = Small(folder=write(tmp_path / "b", content, [link])).stored


def test_a_member_that_announces_too_much_is_refused(tmp_path, own_cache):
    bomb = tarfile.TarInfo("data/cars/car_099_mesh.mat")
    bomb.size = 1 << 30
    with gzip.open(tmp_path / "nips2015-analogy-data.tar.gz", "wb") as file:
        file.write(bomb.tobuf())
    with pytest.raises(InputError, match="must hold members of 268435456 bytes or fewer"):
        _ = Small(folder=str(tmp_path)).stored


def test_half_and_absent_archives_are_told(tmp_path, own_cache, content):
    folder = write(tmp_path / "own", content)
    path = tmp_path / "own" / "nips2015-analogy-data.tar.gz"
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(InputError, match=r"must be a complete tar\.gz archive"):
        _ = Small(folder=folder).stored
    with pytest.raises(InputError, match=r"which is not there; fetch it by hand from http://www\.scottreed"):
        _ = Small().stored
