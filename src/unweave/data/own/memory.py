"""Arrays and tables that were made in Python, kept in the cache so that a run can find them again."""

from __future__ import annotations

import hashlib
import io
import secrets
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.lib import format as npy

from unweave.base.cache import cached
from unweave.base.errors import InputError
from unweave.base.files import write_atomic
from unweave.data.readers.limits import blocks, numeric

KINDS = "a NumPy array, a torch tensor, a nested list of numbers, a pandas DataFrame or a torch Dataset"
PICTURES = "images"  # the array of a Dataset's images, beside its labels
STACK = 256  # items of a Dataset written together


def kept(value: Any) -> dict[str, str]:
    """Name and path of the data set that `value` becomes: {"name": "array", "path": "...npy"}.

    Arrays, tensors and nested lists of numbers become .npy files, pandas frames tables, torch Datasets, which are read
    once from first to last, .npz files; where their items are pairs, the second one is a label. The file is named by
    its content, so the same data are kept once. Anything else raises InputError.
    """
    if _comes_from(value, "pandas") and hasattr(value, "columns"):
        return {"name": "table", "path": str(_framed(value))}
    if _is_dataset(value):
        return {"name": "array", "path": str(_iterated(value))}
    if isinstance(value, tuple):
        raise InputError(f"data must be one thing, {KINDS}, got a tuple of {len(value)}; labels go into a Dataset")
    array = _as_array(value)
    if array is None:
        raise InputError(f"data must be a name, a path, {KINDS}, got {type(value).__name__}")
    numeric(array.dtype, "data")
    return {"name": "array", "path": str(_named("npy", lambda sink: _write(sink, array)))}


def _comes_from(value: Any, package: str) -> bool:
    return any(cls.__module__.partition(".")[0] == package for cls in type(value).__mro__)


def _is_dataset(value: Any) -> bool:
    from torch.utils.data import Dataset

    return isinstance(value, Dataset)


def _as_array(value: Any) -> np.ndarray | None:
    """Numbers as an array, or None for what is none."""
    if hasattr(value, "detach"):  # a tensor, whatever its device
        value = value.detach().cpu()
        return (value.float() if value.is_floating_point() and value.element_size() == 2 else value).numpy()
    if isinstance(value, list):
        try:
            return np.asarray(value)
        except ValueError:
            raise InputError("data must be a nested list of equal lengths, got one of several lengths") from None
    known = hasattr(value, "__array__") or hasattr(value, "__array_interface__")  # the latter Pillow's images
    return np.asarray(value) if known and not isinstance(value, type) else None


def _named(suffix: str, writer: Callable[[_Digesting], object]) -> Path:
    """What `writer` writes, in the cache under the digest of its bytes."""
    passing = cached(f"memory-{secrets.token_hex(8)}.{suffix}")
    found: list[str] = []

    def digested(sink: BinaryIO) -> None:
        watched = _Digesting(sink)
        writer(watched)
        found.append(watched.digest.hexdigest()[:16])

    try:
        write_atomic(passing, digested)
        return passing.replace(cached(f"memory-{found[0]}.{suffix}"))
    except OSError as wrong:
        raise InputError(
            f"data in memory must be kept in the cache, got {passing.parent}, which cannot be written "
            f"({wrong.strerror}); set UNWEAVE_CACHE to a folder with room, or give a file"
        ) from None


class _Digesting(io.RawIOBase):
    """A file that is written from first byte to last, and the SHA-256 of what went into it."""

    def __init__(self, sink: BinaryIO) -> None:
        self.sink, self.digest, self.count = sink, hashlib.sha256(), 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.digest.update(data)
        self.count += self.sink.write(data)
        return len(data)

    def tell(self) -> int:
        return self.count


def _write(sink: Any, array: np.ndarray) -> None:
    """An array in NumPy's format, a piece at a time."""
    _announce(sink, array.shape, array.dtype)
    for block in blocks(array) if array.ndim and array.size else [array]:
        sink.write(np.ascontiguousarray(block).tobytes())


def _announce(sink: Any, shape: tuple[int, ...], dtype: np.dtype) -> None:
    header = {"descr": npy.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    npy.write_array_header_1_0(sink, header)


def _framed(frame: Any) -> Path:
    """A pandas frame as a file: parquet where pyarrow is there, which keeps its types, else csv."""
    try:
        import pyarrow as _  # pyright: ignore[reportMissingImports]  # noqa: F401
    except ModuleNotFoundError:
        text = frame.to_csv(index=False).encode()
        return _named("csv", lambda sink: sink.write(text))
    content = io.BytesIO()
    try:
        frame.to_parquet(content, index=False)
    except (ValueError, TypeError) as wrong:
        raise InputError(f"data must be a frame of numbers and texts, got one that cannot be kept: {wrong}") from None
    return _named("parquet", lambda sink: sink.write(content.getbuffer()))


def _iterated(dataset: Any) -> Path:
    """A torch Dataset's items, one after the other, and their labels if they come in pairs."""
    try:
        count = len(dataset)
    except TypeError:
        raise InputError("data must be a Dataset with a length, got one that only iterates") from None
    if count < 2:
        raise InputError(f"data must be a Dataset of 2 items or more, got {count}")
    first, label = _item(dataset[0])
    labels = None if label is None else np.zeros(count, np.int64)

    def arrays() -> Iterator[np.ndarray]:
        for at in range(0, count, STACK):
            items = [_item(dataset[k]) for k in range(at, min(at + STACK, count))]
            for k, (item, found) in enumerate(items, at):
                if item.shape != first.shape or item.dtype != first.dtype:
                    raise InputError(
                        f"data must be a Dataset of items that are all {first.dtype} {first.shape}, got "
                        f"{item.dtype} {item.shape} at {k}"
                    )
                if (found is None) != (labels is None):
                    raise InputError(f"data must be a Dataset in which all items have labels or none, got {k} unlike")
                if labels is not None and found is not None:
                    labels[k] = found
            yield np.stack([item for item, _ in items])

    def write(sink: Any) -> None:
        with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as archive:
            with archive.open(zipfile.ZipInfo(f"{PICTURES}.npy"), "w", force_zip64=True) as member:
                _announce(member, (count, *first.shape), first.dtype)
                for block in arrays():
                    member.write(block.tobytes())
            if labels is not None:
                with archive.open(zipfile.ZipInfo("labels.npy"), "w", force_zip64=True) as member:
                    _write(member, labels)

    return _named("npz", write)


def _item(item: Any) -> tuple[np.ndarray, int | None]:
    """Image and label of one item."""
    pair = isinstance(item, (tuple, list)) and len(item) == 2
    image, label = item if pair else (item, None)
    array = _as_array(image)
    if array is None:
        raise InputError(f"data must be a Dataset of arrays, tensors or images, got items of {type(image).__name__}")
    numeric(array.dtype, "data")
    if label is None:
        return array, None
    try:
        number = float(label)
    except (TypeError, ValueError, RuntimeError):
        raise InputError(f"data must be a Dataset whose labels are whole numbers, got {type(label).__name__}") from None
    if number != int(number):
        raise InputError(f"data must be a Dataset whose labels are whole numbers, got {number}")
    return array, int(number)
