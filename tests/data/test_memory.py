"""Data made in Python: into the cache under their content, and back as they were."""

import importlib
import sys

import numpy as np
import pytest
import torch
from PIL import Image
from tests.conftest import missing
from torch.utils.data import Dataset, IterableDataset, TensorDataset

from unweave.base.cache import cache_folder, cached
from unweave.base.errors import InputError
from unweave.data import load
from unweave.data.own.memory import kept
from unweave.data.readers import limits


@pytest.fixture(autouse=True)
def _own(own_cache):
    return own_cache


def needed(module):
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError:
        missing(f"{module} is not installed")


X = np.random.default_rng(0).normal(size=(12, 5))


def rows(value):
    data = load(value).resolved()
    return data.images(np.arange(len(data)))[:, 0, 0].numpy()


@pytest.mark.parametrize(
    "value",
    [X, torch.tensor(X), X.tolist(), np.asfortranarray(X), X.astype(">f4"), torch.tensor(X).float().requires_grad_()],
    ids=["numpy", "torch", "list", "columns first", "big-endian", "with gradient"],
)
def test_arrays_come_back_as_they_were(value):
    np.testing.assert_array_equal(rows(value), X.astype(np.float32))


def test_half_precision_tensors_too():
    x = torch.tensor(X).bfloat16()
    np.testing.assert_array_equal(rows(x), x.float().numpy())


def test_the_same_content_is_kept_once():
    first = kept(X)
    assert first["name"] == "array"
    assert kept(X.copy()) == first == kept(X.tolist())
    assert kept(X + 1)["path"] != first["path"]
    assert len(list(cache_folder().iterdir())) == 2
    np.testing.assert_array_equal(np.load(first["path"], allow_pickle=False), X)


def test_large_arrays_are_written_in_pieces(monkeypatch):
    monkeypatch.setattr(limits, "BLOCK", 100)
    whole = kept(X)
    np.testing.assert_array_equal(np.load(whole["path"], allow_pickle=False), X)


class Pictures(Dataset):
    def __init__(self, labels=True, count=600):
        self.images = np.random.default_rng(0).integers(0, 256, (count, 16, 17, 3), dtype=np.uint8)
        self.asked, self.labels = [], labels

    def __len__(self):
        return len(self.images)

    def __getitem__(self, k):
        self.asked.append(k)
        image = torch.from_numpy(self.images[k]).permute(2, 0, 1)
        return (image, torch.tensor(k % 4)) if self.labels else image


def test_a_torch_dataset_is_read_once_and_its_pairs_have_labels():
    pictures = Pictures()
    data = load(pictures).resolved()
    assert pictures.asked == [0, *range(600)]
    assert data.image_shape == (3, 16, 17)
    assert data.labels.tolist() == [k % 4 for k in range(600)]
    np.testing.assert_array_equal(data.raw, pictures.images.transpose(0, 3, 1, 2))
    plain = load(Pictures(labels=False, count=9)).resolved()
    assert (len(plain), plain.labels) == (9, None)
    np.testing.assert_array_equal(rows(TensorDataset(torch.tensor(X), torch.arange(12))), X.astype(np.float32))


@pytest.mark.parametrize(
    ("items", "sentence"),
    [
        ([np.zeros(3), np.zeros(4)], r"items that are all float64 \(3,\), got float64 \(4,\) at 1"),
        ([np.zeros(3), (np.zeros(3), 1)], "all items have labels or none, got 1 unlike"),
        ([(np.zeros(3), 0.5), (np.zeros(3), 1)], "labels are whole numbers, got 0.5"),
        ([(np.zeros(3), "a"), (np.zeros(3), "b")], "labels are whole numbers, got str"),
        ([{"x": 1}, {"x": 2}], "a Dataset of arrays, tensors or images, got items of dict"),
        ([np.array([None]), np.array([None])], "must hold plain numbers, got pickled"),
        ([np.zeros(3)], "a Dataset of 2 items or more, got 1"),
    ],
)
def test_datasets_that_are_no_data_are_refused_and_leave_nothing(items, sentence, own_cache):
    class Listed(Dataset):
        def __len__(self):
            return len(items)

        def __getitem__(self, k):
            return items[k]

    with pytest.raises(InputError, match=sentence):
        kept(Listed())
    assert not own_cache.exists() or not list(own_cache.iterdir())


def test_a_dataset_may_give_pictures():
    class Opened(Pictures):
        def __getitem__(self, k):
            return Image.fromarray(self.images[k]), k % 2

    data = load(Opened(count=5)).resolved()
    assert (data.image_shape, data.labels.tolist()) == ((3, 16, 17), [0, 1, 0, 1, 0])
    np.testing.assert_array_equal(data.raw, Opened(count=5).images)


def test_a_dataset_without_length_is_refused():
    class Endless(IterableDataset):
        def __iter__(self):
            return iter([])

    with pytest.raises(InputError, match="a Dataset with a length"):
        kept(Endless())


@pytest.mark.parametrize("arrow", [True, False])
def test_pandas_frames_become_tables(arrow, monkeypatch):
    pd = needed("pandas")
    if arrow:
        needed("pyarrow")
    else:
        monkeypatch.setitem(sys.modules, "pyarrow", None)
    frame = pd.DataFrame({"size": [1.5, 2.25, 0.1], "kind": ["a", "b", "a"]}, index=[7, 8, 9])
    assert kept(frame) == kept(frame.copy())
    assert kept(frame)["path"].endswith(".parquet" if arrow else ".csv")
    data = load(frame).resolved()
    assert data.columns == ("size", "kind=a", "kind=b")
    np.testing.assert_array_equal(
        data.images(np.arange(3))[:, 0, 0], np.float32([[1.5, 1, 0], [2.25, 0, 1], [0.1, 1, 0]])
    )


def test_frames_that_cannot_be_kept_are_refused():
    pd = needed("pandas")
    needed("pyarrow")
    with pytest.raises(InputError, match="a frame of numbers and texts, got one that cannot be kept"):
        kept(pd.DataFrame({"a": [1, "x", {}]}))
    with pytest.raises(InputError, match="a frame of numbers and texts, got one that cannot be kept"):
        kept(pd.DataFrame([[1, 2]], columns=["a", "a"]))


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ((X, np.arange(12)), "data must be one thing, .* got a tuple of 2; labels go into a Dataset"),
        (12, "data must be a name, a path"),
        ({"x": X}, "got dict"),
        (object(), "got object"),
        ([[1.0, 2.0], [3.0]], "a nested list of equal lengths, got one of several lengths"),
        (np.array([None, 1]), "must hold plain numbers, got pickled"),
        ([["a", "b"]], "must hold real numbers of 8 bytes or fewer"),
        (np.ones(3, complex), "must hold real numbers"),
    ],
    ids=range(8),
)
def test_what_is_no_data_is_refused(value, sentence):
    with pytest.raises(InputError, match=sentence):
        kept(value)


def test_a_cache_that_cannot_be_written_is_named(monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("UNWEAVE_CACHE", str(tmp_path / "file" / "below"))
    with pytest.raises(InputError, match=r"data in memory must be kept in the cache, .* set UNWEAVE_CACHE"):
        kept(X)


def test_kept_files_are_the_caches_own():
    from pathlib import Path

    assert Path(kept(X)["path"]).parent == cached("x").parent
    assert Path(kept(X)["path"]).name.startswith("unweave-memory-")
