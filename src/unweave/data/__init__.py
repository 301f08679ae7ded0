"""Data sets by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from unweave.data.base import ImageData


def load(name: Any, **settings: object) -> ImageData:
    """The data set called `name` with the given settings, as on the command line.

    `name` may be a path, too, or an array, a table or a torch Dataset in memory. An unknown name or setting, or a value
    that the data set refuses, raises InputError.

    >>> data = load("dsprites", hold="lazy")
    >>> len(data), data.image_shape
    (737280, (1, 64, 64))
    """
    # late, so that `import unweave.data` alone costs nothing
    from unweave.base.registry import datasets
    from unweave.base.settings import build
    from unweave.data.own.locate import located

    found = located(name)
    kind = found.pop("name")
    return build(datasets.get(kind), {**found, **settings}, of=kind)
