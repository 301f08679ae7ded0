"""MNIST: small files of its format, packed and unpacked."""

import gzip
import pickle

import numpy as np
import pytest
from tests.data.contract import keep
from tests.data.test_idx import idx

from unweave.base.errors import InputError
from unweave.data import load
from unweave.data.published.mnist import SOURCE


def write(folder, images, labels, part=0, pack=True):
    folder.mkdir(exist_ok=True)
    for file, content in zip(SOURCE.files[2 * part : 2 * part + 2], (images, labels), strict=True):
        name = file.name if pack else file.name.removesuffix(".gz")
        (folder / name).write_bytes(gzip.compress(idx(content)) if pack else idx(content))
    return str(folder)


@pytest.fixture
def digits():
    return np.random.default_rng(0).integers(0, 256, (20, 28, 28), dtype=np.uint8)


@pytest.mark.parametrize("pack", [True, False])
def test_both_parts_are_read(tmp_path, digits, pack):
    write(tmp_path / "own", digits, np.arange(20) % 10, 0, pack)
    folder = write(tmp_path / "own", digits[:10], np.arange(10), 1, pack)
    data = load("mnist", folder=folder, size="28")
    assert len(data) == 20
    assert data.labels.tolist() == [*range(10), *range(10)]
    np.testing.assert_array_equal(data.images(np.array([3, 7]))[:, 0].numpy(), digits[[3, 7]] / np.float32(255))
    assert len(data.held_out) == 10
    assert data.held_out.held_out is None


def test_it_keeps_the_contract_and_travels_light(tmp_path, digits):
    data = load("mnist", folder=write(tmp_path / "own", digits, np.arange(20) % 10))
    keep(data)
    assert data.image_shape == (1, 32, 32)
    again = pickle.dumps(data)
    assert len(again) < 500
    assert pickle.loads(again) == data


def test_absent_files_are_named_with_what_to_do(own_cache, tmp_path):
    data = load("mnist")
    assert not data.at_hand
    with pytest.raises(InputError) as refusal:
        len(data)
    place = own_cache / "datasets" / "mnist" / "train-labels-idx1-ubyte.gz"
    assert str(refusal.value) == f"mnist needs the file {place}, which is not there; run: unweave data download mnist"
    with pytest.raises(InputError, match=f"needs the file {tmp_path / 'x' / 'train-labels'}"):
        len(load("mnist", folder=str(tmp_path / "x")))
