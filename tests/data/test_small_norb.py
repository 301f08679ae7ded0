"""SmallNORB: its matrix format, the order of its files, and what is refused."""

import gzip
from dataclasses import dataclass

import numpy as np
import pytest
from tests.data.contract import keep

from unweave.base.errors import InputError
from unweave.data.base import Factor
from unweave.data.published.small_norb import SOURCE, SmallNORB, matrix

SIZES = (2, 2, 2, 3, 2)
HALF = 24


@dataclass(frozen=True)
class Small(SmallNORB):
    factors = tuple(
        Factor.spaced(factor.name, size, 0, size - 1) for factor, size in zip(SmallNORB.factors, SIZES, strict=True)
    )


def encoded(array):
    """An array in NORB's format: three lengths at least in the header, little-endian."""
    magic = {"uint8": 0x1E3D4C55, "int32": 0x1E3D4C54}[str(array.dtype)]
    lengths = [*array.shape, 1, 1][: max(3, array.ndim)]
    return np.array([magic, array.ndim, *lengths], "<i4").tobytes() + array.astype(array.dtype, order="C").tobytes()


@pytest.fixture
def parts():
    """Both parts in an order of their own; each has its own instances, and azimuths are stored doubled."""
    rng = np.random.default_rng(0)
    made = []
    for instance in (1, 0):
        grid = np.meshgrid(*map(np.arange, (2, 1, 2, 3, 2)), indexing="ij")
        values = rng.permutation(np.stack([each.ravel() for each in grid], axis=1))
        values[:, 1] = instance
        pairs = rng.integers(0, 256, (HALF, 2, 96, 96), dtype=np.uint8)
        made.append((values, pairs))
    return made


def files(parts):
    for values, pairs in parts:
        yield pairs
        yield values[:, 0].astype(np.int32)
        yield (values[:, 1:] * [1, 1, 2, 1]).astype(np.int32)


def write(folder, arrays, pack=True):
    folder.mkdir(exist_ok=True)
    for file, array in zip(SOURCE.files, arrays, strict=True):
        content = array if isinstance(array, bytes) else encoded(array)
        name = file.name if pack else file.name.removesuffix(".gz")
        (folder / name).write_bytes(gzip.compress(content, 1) if pack else content)
    return str(folder)


def test_the_published_order():
    data = SmallNORB()
    assert data.sizes == (5, 10, 9, 18, 6)
    assert len(data) == 48_600
    assert data.factors[3].values[:3] == (0, 20, 40)
    assert data.factors[2].values[-1] == 70
    assert [file.name for file in SOURCE.files][3] == "smallnorb-5x01235x9x18x6x2x96x96-testing-dat.mat.gz"


@pytest.mark.parametrize("pack", [True, False])
def test_photographs_of_the_first_camera_come_in_the_order_of_the_factors(tmp_path, own_cache, parts, pack):
    data = Small(size=96, folder=write(tmp_path / "own", files(parts), pack))
    for values, pairs in parts:
        shown = data.render(values)[:, 0].numpy() * 255
        np.testing.assert_array_equal(shown.round().astype(np.uint8), pairs[:, 0])


def test_smaller_photographs_keep_the_contract(tmp_path, own_cache, parts):
    data = Small(folder=write(tmp_path / "own", files(parts)))
    assert data.image_shape == (1, 64, 64)
    keep(data)
    bright = [(values, np.full_like(pairs, 200)) for values, pairs in parts]  # no negative numbers beyond 127
    data = Small(folder=write(tmp_path / "bright", files(bright)))
    assert data.images(np.arange(3)).numpy() == pytest.approx(200 / 255)


@pytest.mark.parametrize(
    ("at", "change", "sentence"),
    [
        (0, lambda a: encoded(a)[:-1], "training-dat.* must be complete, got: it ends too early"),
        (0, lambda a: encoded(a) + b"x", r"must end with its matrix \(24, 2, 96, 96\)"),
        (0, lambda a: encoded(a[:-1]), r"must hold a matrix \(24, 2, 96, 96\)"),
        (1, lambda a: a.astype(np.uint8), "must hold type 0x1e3d4c54 with 1 dimensions"),
        (1, lambda a: b"", "must be complete, got: it ends too early"),
        (2, lambda a: a + 1, "azimuths in .* must be even"),
        (2, lambda a: a * 0, "must show every combination once"),
        (4, lambda a: a + 7, "factor category must lie between 0 and 1"),
    ],
)
def test_files_of_another_form_are_refused(tmp_path, own_cache, parts, at, change, sentence):
    arrays = list(files(parts))
    arrays[at] = change(arrays[at])
    with pytest.raises(InputError, match=sentence):
        _ = Small(folder=write(tmp_path / "own", arrays)).stored


def test_damage_is_told(tmp_path, own_cache, parts):
    folder = write(tmp_path / "own", files(parts))
    path = tmp_path / "own" / SOURCE.files[0].name
    path.write_bytes(path.read_bytes()[:-5000])
    with pytest.raises(InputError, match=r"training-dat\.mat\.gz must be complete, got"):
        _ = Small(folder=folder).stored


def test_a_header_alone_opens_no_matrix(tmp_path):
    (tmp_path / "a.mat").write_bytes(encoded(np.zeros((3, 4), np.int32)))
    with matrix(tmp_path / "a.mat", (3, 4), np.dtype("<i4")) as file:
        assert file.read() == bytes(48)
