"""Sparse matrices in files: what scipy.sparse.save_npz writes, and the X of an .h5ad, whether sparse or dense."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from scipy import sparse

from unweave.base.errors import InputError

Matrix: TypeAlias = Any  # a scipy.sparse.csc_array; scipy has no types

PARTS = {
    "csr": ("data", "indices", "indptr"),
    "csc": ("data", "indices", "indptr"),
    "coo": ("data", "row", "col"),
}


def is_sparse_npz(names: list[str]) -> bool:
    """Whether an archive that holds these arrays was written by scipy.sparse.save_npz."""
    return {"format", "shape", "data"}.issubset(names)


def of_npz(held: Mapping[str, Any], path: Path, what: str) -> Matrix:
    """The matrix in an opened archive of scipy.sparse.save_npz, by columns; CSR, CSC or COO, else InputError."""
    kind = held["format"].item()
    kind = kind.decode("ascii", "replace") if isinstance(kind, bytes) else str(kind)
    if kind not in PARTS or not set(PARTS[kind]).issubset(held):
        known = ", ".join(name.upper() for name in PARTS)
        raise InputError(f"{what} must be one of scipy's formats {known}, got {kind.upper()} in {path}")
    return _made(kind, [held[name] for name in PARTS[kind]], held["shape"], path, what)


def of_h5ad(path: Path, what: str) -> Any:
    """The X of an .h5ad, an array or a matrix by columns; links and external storage are not followed."""
    try:
        import h5py  # pyright: ignore[reportMissingImports]
    except ImportError:
        raise InputError(f"{what} in .h5ad needs h5py: pip install 'unweave[data]'") from None
    try:
        with h5py.File(path, "r") as file:
            return _x(h5py, file, path, what)
    except (OSError, KeyError) as wrong:
        raise InputError(f"{what} must be a readable .h5ad, got {path}: {wrong}") from None


def _x(h5py: Any, file: Any, path: Path, what: str) -> Any:
    if not isinstance(file.get("X", getlink=True), h5py.HardLink):
        raise InputError(f"{what} must be an .h5ad with an X of its own, got {path}, which holds {', '.join(file)}")
    x = file["X"]
    if isinstance(x, h5py.Dataset):
        return _read(x, path, what)
    kind = _words(x.attrs.get("encoding-type", x.attrs.get("h5sparse_format", "")))
    kind = kind.removesuffix("_matrix").removesuffix("_array")
    shape = x.attrs.get("shape", x.attrs.get("h5sparse_shape"))
    if kind not in ("csr", "csc") or shape is None:
        raise InputError(f"{what} must have an X that is dense, CSR or CSC, got {kind or 'a group'} in {path}")
    for name in PARTS[kind]:
        if not isinstance(x.get(name, getlink=True), h5py.HardLink) or not isinstance(x[name], h5py.Dataset):
            raise InputError(f"{what} must have an X with {', '.join(PARTS[kind])}, got none called {name} in {path}")
    return _made(kind, [_read(x[name], path, what) for name in PARTS[kind]], shape, path, what)


def _read(found: Any, path: Path, what: str) -> Any:
    if found.external is not None or found.is_virtual:
        raise InputError(f"{what} must lie in {path} itself, got an X that lies in other files")
    return found[()]


def _words(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _made(kind: str, parts: list[Any], shape: Any, path: Path, what: str) -> Matrix:
    """The matrix of these arrays, by columns, each place named once; InputError where they do not fit together."""
    data, first, second = parts
    if data.dtype.kind not in "biuf":
        raise InputError(f"{what} must hold numbers, got {data.dtype} in {path}")
    if data.dtype == np.float16 or data.dtype.kind != "f":  # scipy knows no half floats
        data = data.astype(np.float32 if data.dtype.itemsize <= 2 else np.float64)
    try:
        rows, columns = (int(side) for side in shape)
        if kind == "coo":
            matrix = sparse.coo_array((data, (first, second)), shape=(rows, columns))
        else:
            make = sparse.csr_array if kind == "csr" else sparse.csc_array
            matrix = make((data, first, second), shape=(rows, columns))
            matrix.check_format(full_check=True)  # before anything follows the indices
        matrix = matrix.tocsc()
    except (ValueError, TypeError, OverflowError) as wrong:
        raise InputError(f"{what} must be a whole sparse matrix, got {path}: {wrong}") from None
    matrix.sum_duplicates()
    matrix.eliminate_zeros()
    return matrix
