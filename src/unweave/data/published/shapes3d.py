"""3D Shapes: one of four solids in a room, with six factors (Burgess & Kim 2018)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, ClassVar

import numpy as np

from unweave.base.errors import InputError
from unweave.data.base import Factor
from unweave.data.published.download import Remote, Source
from unweave.data.published.stored import BYTES, StoredFactors, array_of, identity
from unweave.data.readers.containers import opened

SOURCE = Source(
    name="shapes3d",
    files=(
        Remote(
            "3dshapes.h5",
            "https://storage.googleapis.com/3d-shapes/3dshapes.h5",
            267_573_662,
            "0a0f6ed98baff276a50f3a081a7434d788da63cb135a98189b2a5b5769be1785",
        ),
    ),
    licence="Apache-2.0",
    free=True,
    citation="Burgess and Kim: 3D Shapes Dataset, 2018",
    page="https://github.com/google-deepmind/3d-shapes",
)
VALUES = np.dtype(np.float64)


@dataclass(frozen=True)
class Shapes3D(StoredFactors):
    """Colour pictures (3, 64, 64) in [0, 1] of 10 x 10 x 10 x 8 x 4 x 15 = 480,000 rooms.

    Index and factors are the published file's: floor hue, wall hue, object hue, scale, shape, orientation, the last
    fastest. Its compressed images are unpacked once into the cache (5.9 GB) and mapped from there, so that little is
    held in memory. A file of another form raises InputError. Source: https://github.com/google-deepmind/3d-shapes.
    """

    folder: Annotated[str | None, "your folder with 3dshapes.h5"] = None

    factors = (
        Factor.spaced("floor_hue", 10, 0, 0.9, cyclic=True),
        Factor.spaced("wall_hue", 10, 0, 0.9, cyclic=True),
        Factor.spaced("object_hue", 10, 0, 0.9, cyclic=True),
        Factor.spaced("scale", 8, 0.75, 1.25),
        Factor.spaced("shape", 4, 0, 3),
        Factor.spaced("orientation", 15, -30, 30),  # degrees
    )
    image_shape = (3, 64, 64)
    source: ClassVar = SOURCE

    @cached_property
    def stored(self) -> np.ndarray:
        """All images, uint8 (480000, 64, 64, 3)."""
        path = SOURCE.path(SOURCE.files[0], self.folder)
        wanted = {"images": (BYTES, (len(self), 64, 64, 3)), "labels": (VALUES, (len(self), len(self.factors)))}
        held = {name: array_of(path, name) for name in wanted}
        for name, (dtype, shape) in wanted.items():
            if (held[name].dtype, held[name].shape) != (dtype, shape):
                found = f"{held[name].dtype} {held[name].shape}"
                raise InputError(f"{name} in {path} must be {dtype} {shape}, got {found}")
        self._check(opened(path, held["labels"], identity(path), most=len(self) * len(self.factors) * 8), path)
        return opened(path, held["images"], identity(path), most=len(self) * 64 * 64 * 3)

    def _check(self, labels: np.ndarray, path: Path) -> None:
        """Refuse a file whose images come in another order."""
        expected = self.factors_at(np.arange(len(self)))
        for k, factor in enumerate(self.factors):
            if not np.allclose(labels[:, k], np.array(factor.values)[expected[:, k]], atol=1e-6):
                raise InputError(f"labels in {path} must count up {factor.name} in the published order, got another")
