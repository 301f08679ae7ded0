"""Fashion-MNIST: the file format, where files are looked for, what is refused, and the real files if they are here."""

import gzip
import shutil

import numpy as np
import pytest
import torch
from PIL import Image
from tests.conftest import missing

from unweave.data import fashion_mnist
from unweave.data.fashion_mnist import FILES, SYSTEM, FashionMNIST, parse_idx
from unweave.errors import InputError


def idx(array: np.ndarray, magic: int | None = None) -> bytes:
    array = np.asarray(array, np.uint8)
    header = [{1: 2049, 3: 2051}[array.ndim] if magic is None else magic, *array.shape]
    return np.array(header, ">i4").tobytes() + array.tobytes()


def write(folder, images, labels, part="train"):
    folder.mkdir(exist_ok=True)
    for kind, content in (("images", images), ("labels", labels)):
        content = content if isinstance(content, bytes) else idx(content)
        (folder / FILES[part, kind].name).write_bytes(gzip.compress(content))
    return str(folder)


@pytest.fixture
def pixels():
    return np.random.default_rng(0).integers(0, 256, (12, 28, 28), dtype=np.uint8)


@pytest.fixture
def small(tmp_path, pixels):
    """Settings of a data set of 12 pictures in a folder of its own."""
    return {"folder": write(tmp_path / "own", pixels, np.arange(12) % 10)}


@pytest.fixture(scope="module")
def real():
    if not SYSTEM.is_dir():
        missing("Debian's package dataset-fashion-mnist is not installed")
    return FashionMNIST(part="test")


def test_small_files_of_ones_own_are_read(small, pixels):
    data = FashionMNIST(size=28, clamp=0, **small)
    assert len(data) == 12
    assert data.image_shape == (1, 28, 28)
    assert data.labels.tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]
    np.testing.assert_array_equal(data.images(np.array([3, 7]))[:, 0].numpy(), pixels[[3, 7]].astype(np.float32) / 255)
    assert data.images(np.array([], int)).shape == (0, 1, 28, 28)


def test_pictures_are_enlarged_by_the_usual_bilinear_rule(small, pixels):
    """Within the rounding of Pillow's whole grey levels."""
    mine = FashionMNIST(clamp=0, **small).images(np.arange(12))[:, 0].numpy() * 255
    theirs = [np.asarray(Image.fromarray(each).resize((32, 32), Image.Resampling.BILINEAR)) for each in pixels]
    assert np.abs(mine - np.stack(theirs)).max() < 1.01


def test_pixels_keep_their_distance_from_black_and_white(small):
    images = FashionMNIST(size=28, **small).images(np.arange(12))
    assert images.min().item() == pytest.approx(1e-6, rel=1e-3)
    assert images.max().item() == pytest.approx(1 - 1e-6, abs=1e-7)


@pytest.mark.parametrize(
    ("content", "dimensions", "sentence"),
    [
        (b"\0\0", 1, "must begin with 8 bytes of header, got 2 bytes"),
        (idx(np.zeros(3)), 3, "must begin with"),
        (idx(np.zeros((2, 2, 2)), magic=2050), 3, "must begin with the number 2051, got 2050"),
        (idx(np.zeros((2, 2, 2)))[:-1], 3, "must hold the 2 x 2 x 2 bytes it announces, got 7"),
        (idx(np.zeros(3)) + b"x", 1, "must hold the 3 bytes it announces, got 4"),
        (np.array([2049, -3], ">i4").tobytes(), 1, "must hold the -3 bytes it announces, got 0"),
        (np.array([2051, 2**30, 2**30, 2**30], ">i4").tobytes(), 3, "bytes it announces, got 0"),
    ],
)
def test_other_formats_are_refused(content, dimensions, sentence):
    with pytest.raises(InputError, match=sentence):
        parse_idx(content, dimensions)


def test_files_that_do_not_fit_together_are_refused(tmp_path, pixels):
    with pytest.raises(InputError, match=r"must have shape \(11, 28, 28\), got \(12, 28, 28\)"):
        _ = FashionMNIST(folder=write(tmp_path / "a", pixels, np.zeros(11))).raw
    with pytest.raises(InputError, match="labels of train must lie between 0 and 9, got 10"):
        len(FashionMNIST(folder=write(tmp_path / "b", pixels, np.full(12, 10))))
    torn = write(tmp_path / "c", pixels, np.zeros(12))
    path = tmp_path / "c" / FILES["train", "labels"].name
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(InputError, match=r"must be a \.gz file that can be read"):
        len(FashionMNIST(folder=torn))
    with pytest.raises(InputError, match="No such file"):
        len(FashionMNIST(folder=str(tmp_path / "nowhere")))


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"part": "valid"}, "part must be one of train, test, got valid"),
        ({"size": 16}, "size must be 28 or more, got 16"),
        ({"clamp": 0.5}, "clamp must be below 0.5, got 0.5"),
    ],
)
def test_bad_settings_are_refused(settings, sentence):
    with pytest.raises(InputError, match=sentence):
        FashionMNIST(**settings)


def test_the_cache_comes_first_then_the_system_then_the_network(own_cache, tmp_path, monkeypatch, pixels):
    """What each place gives is told apart by its content; all of it is checked against the published SHA-256."""
    asked = []
    monkeypatch.setattr(fashion_mnist, "SYSTEM", tmp_path / "system")
    monkeypatch.setattr(fashion_mnist, "fetch", lambda remote, target: asked.append((remote, target)) or 1 / 0)
    data = FashionMNIST(part="test")
    assert not data.at_hand
    with pytest.raises(ZeroDivisionError):
        len(data)
    ((remote, target),) = asked
    assert remote.url.endswith("/t10k-labels-idx1-ubyte.gz")
    assert target == own_cache / "unweave-fashion-mnist-t10k-labels-idx1-ubyte.gz"

    write(tmp_path / "system", pixels, np.zeros(12), "test")
    assert data.at_hand
    with pytest.raises(InputError, match=r"system/t10k-labels.*must unpack to the published .*; remove the file"):
        len(data)
    own_cache.mkdir(exist_ok=True)
    target.write_bytes(gzip.compress(idx(np.ones(3))))
    with pytest.raises(InputError, match="cache/unweave-fashion-mnist-t10k-labels"):
        len(data)


def test_real_files_have_the_published_content(real):
    assert len(real) == 10_000
    assert np.bincount(real.labels).tolist() == [1000] * 10
    images = real.images(np.arange(0, 10_000, 500))
    assert images.shape == (20, 1, 32, 32)
    assert images.dtype == torch.float32
    assert real.raw.mean() / 255 == pytest.approx(0.2868, abs=1e-3)
    assert real.classes[real.labels[0]] == "Ankle boot"


def test_real_files_may_lie_in_the_cache(real, own_cache, monkeypatch, tmp_path):
    own_cache.mkdir()
    monkeypatch.setattr(fashion_mnist, "SYSTEM", tmp_path)
    assert not FashionMNIST(part="test").at_hand
    for kind in ("images", "labels"):
        file = FILES["test", kind]
        shutil.copy(SYSTEM / file.name, own_cache / f"unweave-fashion-mnist-{file.name}")
    again = FashionMNIST(part="test")
    assert again.at_hand
    np.testing.assert_array_equal(again.labels, real.labels)
