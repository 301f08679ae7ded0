"""Fashion-MNIST: where files are looked for, what is refused, and the real files if they are here."""

import gzip
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.conftest import missing
from tests.data.test_idx import idx

from unweave.base.errors import InputError
from unweave.data.published.fashion_mnist import SOURCE, FashionMNIST


def write(folder, images, labels, part="train"):
    folder.mkdir(exist_ok=True)
    for file, content in zip(FashionMNIST(part=part)._files, (images, labels), strict=True):
        (folder / file.name).write_bytes(gzip.compress(idx(content)))
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
    if not SOURCE.system.is_dir():
        missing("Debian's package dataset-fashion-mnist is not installed")
    return FashionMNIST(part="test")


def test_small_files_of_ones_own_are_read(small, pixels):
    data = FashionMNIST(size=28, clamp=0, **small)
    assert len(data) == 12
    assert data.image_shape == (1, 28, 28)
    assert data.labels.tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]
    np.testing.assert_array_equal(data.images(np.array([3, 7]))[:, 0].numpy(), pixels[[3, 7]].astype(np.float32) / 255)
    assert data.images(np.array([], int)).shape == (0, 1, 28, 28)


def test_pixels_keep_their_distance_from_black_and_white(small):
    images = FashionMNIST(size=28, **small).images(np.arange(12))
    assert images.min().item() == pytest.approx(1e-6, rel=1e-3)
    assert images.max().item() == pytest.approx(1 - 1e-6, abs=1e-7)


def test_files_that_do_not_fit_together_are_refused(tmp_path, pixels):
    with pytest.raises(InputError, match=r"must have shape \(11, 28, 28\)"):
        _ = FashionMNIST(folder=write(tmp_path / "a", pixels, np.zeros(11))).raw
    with pytest.raises(InputError, match="labels of train must lie between 0 and 9"):
        len(FashionMNIST(folder=write(tmp_path / "b", pixels, np.full(12, 10))))
    torn = write(tmp_path / "c", pixels, np.zeros(12))
    path = tmp_path / "c" / FashionMNIST()._files[1].name
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(InputError, match="must be a file that can be read whole"):
        len(FashionMNIST(folder=torn))
    with pytest.raises(InputError, match=r"nowhere/train-labels-idx1-ubyte\.gz, which is not there"):
        len(FashionMNIST(folder=str(tmp_path / "nowhere")))


def test_a_clamp_out_of_range_is_refused():
    with pytest.raises(InputError, match="clamp must be below"):
        FashionMNIST(clamp=0.5)


def test_the_cache_comes_first_then_the_system_and_never_the_network(own_cache, tmp_path, monkeypatch, pixels):
    """What each place gives is told apart by its content; all of it is checked against the published SHA-256."""
    monkeypatch.setattr(FashionMNIST, "source", replace(SOURCE, system=tmp_path / "system"))
    data = FashionMNIST(part="test")
    assert not data.at_hand
    with pytest.raises(InputError, match=r"t10k-labels.* is not there; run: unweave data download fashion-mnist$"):
        len(data)
    assert not own_cache.exists()

    write(tmp_path / "system", pixels, np.zeros(12), "test")
    assert data.at_hand
    with pytest.raises(InputError, match=r"system/t10k-labels.*must unpack to the published .*; remove the file"):
        len(data)
    target = own_cache / "datasets" / "fashion-mnist" / "t10k-labels-idx1-ubyte.gz"
    target.parent.mkdir(parents=True)
    target.write_bytes(gzip.compress(idx(np.ones(3))))
    with pytest.raises(InputError, match=r"datasets/fashion-mnist/t10k-labels.*must unpack to the published"):
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
    monkeypatch.setattr(FashionMNIST, "source", replace(SOURCE, system=tmp_path))
    assert not FashionMNIST(part="test").at_hand
    place = own_cache / "datasets" / "fashion-mnist"
    place.mkdir(parents=True)
    again = FashionMNIST(part="test")
    for file in again._files:
        shutil.copy(SOURCE.system / file.name, place)
    assert again.at_hand
    np.testing.assert_array_equal(again.labels, real.labels)
