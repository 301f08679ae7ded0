"""Which data set a name, a path or an object in memory stands for."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

from unweave.base import checks, registry
from unweave.base.errors import InputError

FOLDER = "folder"  # the names under which the user's own data are registered
PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff")  # those of `readers.images`
SUFFIXES = {
    "array": (".npz", ".npy", ".h5", ".hdf5"),
    "table": (".csv", ".tsv", ".parquet"),
}


def located(data: Any) -> dict[str, Any]:
    """Name and first settings of a data set: {"name": "folder", "path": "pictures"}.

    `data` is a registered name, `folder:DIR`, an existing folder, a file whose suffix tells what it is (a picture may
    be a stack of pages or an animation), a registered data set's own settings, or arrays and tables in memory, which
    are kept in the cache. A registered name comes before a path of that name; ./NAME is always a path. Anything else
    raises InputError.

    >>> located("dsprites"), located("folder:my:pictures")
    ({'name': 'dsprites'}, {'name': 'folder', 'path': 'my:pictures'})
    """
    if isinstance(data, Path):
        return _at(data)
    if isinstance(data, str):
        return _named(data)
    if data is None:
        raise InputError(f"data must name a data set, got none; {_known()}")
    from unweave.base.settings import plain
    from unweave.data.own.memory import kept

    for cls in type(data).__mro__:
        with suppress(InputError):
            return {"name": registry.datasets.name_of(cls), **plain(data)}
    return kept(data)


def _named(text: str) -> dict[str, Any]:
    if text in registry.datasets.names():
        return {"name": text}
    head, colon, rest = text.partition(":")
    if colon and head == FOLDER:
        if not rest:
            raise InputError("data must say which folder, as in folder:pictures, got folder: alone")
        return {"name": FOLDER, "path": rest}
    path = Path(text)
    if path.exists() or path.suffix.lower() in _every_suffix() or "/" in text:
        return _at(path)
    checks.known(f"{registry.datasets.kind}, and no path,", text, registry.datasets.names())
    raise AssertionError("known() has raised")


def _at(path: Path) -> dict[str, Any]:
    """The data set in a folder or file."""
    if path.is_dir() or (path.is_file() and path.suffix.lower() in PICTURES):
        return {"name": FOLDER, "path": str(path)}
    for name, suffixes in SUFFIXES.items():
        if path.suffix.lower() in suffixes:
            if not path.is_file():
                raise InputError(f"data must be an existing file, got {path}, which is none")
            return {"name": name, "path": str(path)}
    if not path.exists():
        raise InputError(f"data must be an existing folder or file, got {path}, which is none; {_known()}")
    raise InputError(f"data must be a folder of images or end in {', '.join(_every_suffix())}, got {path}")


def _every_suffix() -> tuple[str, ...]:
    return (*(suffix for suffixes in SUFFIXES.values() for suffix in suffixes), *PICTURES)


def _known() -> str:
    return f"known: {', '.join(registry.datasets.names())}, folder:DIR or a file"
