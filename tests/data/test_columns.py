"""Sparse matrices, half floats, mapped files and .h5ad as columns, and one sentence for what cannot be read."""

import numpy as np
import pytest
from scipy import sparse

from unweave.base.errors import InputError
from unweave.data.readers import columns
from unweave.data.readers.columns import read

DENSE = np.where(np.random.default_rng(0).random((30, 12)) < 0.2, 1.5, 0.0)


@pytest.mark.parametrize("kind", ["csr", "csc", "coo"])
@pytest.mark.parametrize("make", [sparse.csr_array, sparse.csr_matrix])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
def test_what_save_npz_writes_is_read_as_it_was(tmp_path, kind, make, dtype):
    sparse.save_npz(tmp_path / "x.npz", make(DENSE.astype(dtype)).asformat(kind))
    found = read(str(tmp_path / "x.npz"), "codes").values
    assert sparse.issparse(found)
    assert found.toarray().tolist() == DENSE.astype(dtype).tolist()


def test_half_floats_in_a_sparse_file_become_floats(tmp_path):
    held = sparse.csr_array(DENSE)
    parts = {"indices": held.indices, "indptr": held.indptr, "shape": held.shape, "format": b"csr"}
    np.savez(tmp_path / "x.npz", data=held.data.astype(np.float16), **parts)
    assert read(str(tmp_path / "x.npz"), "codes").values.dtype == np.float32
    np.save(tmp_path / "x.npy", DENSE.astype(np.float16))
    assert read(str(tmp_path / "x.npy"), "codes").values.tolist() == DENSE.tolist()


def test_places_named_twice_are_added_up(tmp_path):
    sparse.save_npz(tmp_path / "x.npz", sparse.coo_array(([1.0, 2.0, 0.0], ([0, 0, 1], [3, 3, 1])), shape=(2, 4)))
    found = read(str(tmp_path / "x.npz"), "codes").values
    assert (found.nnz, found.toarray()[0, 3]) == (1, 3.0)


def test_a_large_array_stays_on_the_disk(tmp_path, monkeypatch):
    np.save(tmp_path / "x.npy", DENSE)
    assert not isinstance(read(str(tmp_path / "x.npy"), "codes").values, np.memmap)
    monkeypatch.setattr(columns, "MAPPED", 100)
    found = read(str(tmp_path / "x.npy"), "codes").values
    assert isinstance(found, np.memmap)
    assert np.array_equal(found, DENSE)
    np.save(tmp_path / "o.npy", np.array([{}] * 50, dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match="is pickled"):
        read(str(tmp_path / "o.npy"), "codes")


def wrong(tmp_path, **changed):
    held = sparse.csr_array(DENSE)
    parts = {"data": held.data, "indices": held.indices, "indptr": held.indptr, "shape": held.shape, "format": b"csr"}
    np.savez(tmp_path / "x.npz", **(parts | changed))
    return str(tmp_path / "x.npz")


@pytest.mark.parametrize(
    ("changed", "rule"),
    [
        ({"indices": np.full(1000, 99)}, "codes must be a whole sparse matrix"),
        ({"indptr": np.array([0, 5])}, "codes must be a whole sparse matrix"),
        ({"format": b"bsr"}, "must be one of scipy's formats CSR, CSC, COO, got BSR"),
        ({"format": b"coo"}, "must be one of scipy's formats CSR, CSC, COO, got COO"),
        ({"data": np.array(["a"])}, "codes must hold numbers"),
        ({"data": np.array([{}])}, "is pickled"),
    ],
)
def test_a_broken_sparse_file_gets_one_sentence(tmp_path, changed, rule):
    with pytest.raises(InputError, match=rule):
        read(wrong(tmp_path, **changed), "codes")


@pytest.mark.parametrize("kind", ["csr", "csc", "dense"])
def test_x_of_an_h5ad(tmp_path, kind):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "x.h5ad", "w") as file:
        if kind == "dense":
            file["X"] = DENSE
        else:
            held = sparse.csr_array(DENSE).asformat(kind)
            for name in ("data", "indices", "indptr"):
                file[f"X/{name}"] = getattr(held, name)
            file["X"].attrs.update({"encoding-type": f"{kind}_matrix", "shape": DENSE.shape})
    found = read(str(tmp_path / "x.h5ad"), "codes").values
    assert (found if kind == "dense" else found.toarray()).tolist() == DENSE.tolist()


def test_an_h5ad_without_an_x_of_its_own_gets_one_sentence(tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "x.h5ad", "w") as file:
        file["X"] = h5py.ExternalLink("elsewhere.h5", "/X")
    with pytest.raises(InputError, match="an X of its own"):
        read(str(tmp_path / "x.h5ad"), "codes")
    (tmp_path / "y.h5ad").write_bytes(b"no hdf")
    with pytest.raises(InputError, match=r"codes must be a readable \.h5ad"):
        read(str(tmp_path / "y.h5ad"), "codes")
