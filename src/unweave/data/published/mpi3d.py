"""MPI3D: an object on a robot's arm, drawn simply (toy) or realistically, or photographed (real); seven factors."""

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
from unweave.data.readers.containers import Held, opened


def _source(part: str) -> Source:
    name = f"mpi3d_{part}.npz"
    return Source(
        name=f"mpi3d-{part}",
        files=(Remote(name, f"https://huggingface.co/datasets/waleedgondal/mpi3d/resolve/main/{name}"),),
        licence="CC BY 4.0",
        free=True,
        citation="Gondal et al.: On the Transfer of Inductive Bias from Simulation to the Real World, NeurIPS 2019",
        page="https://github.com/rr-learning/disentanglement_dataset",
        note="12.7 GB; its images are used right where they lie",
    )


@dataclass(frozen=True)
class MPI3D(StoredFactors):
    """Colour pictures (3, 64, 64) in [0, 1] of 6 x 6 x 2 x 3 x 3 x 40 x 40 = 1,036,800 states of a robot's arm.

    Index and factors are the published file's: object colour, object shape, object size, camera height, background
    colour, horizontal and vertical axis, the last fastest. Files of 460,800 images have four colours and four shapes
    instead of six, as the first published ones of toy and realistic. Uncompressed, as published, the images are mapped
    from the npz file itself; compressed ones are unpacked once into the cache. Any other array raises InputError.
    Source: Gondal et al. 2019, https://arxiv.org/abs/1906.03292.
    """

    folder: Annotated[str | None, "your folder with the published npz"] = None

    image_shape = (3, 64, 64)
    source: ClassVar[Source]
    kinds: ClassVar = (6, 4)  # how many colours there may be, and as many shapes
    axis: ClassVar = 40  # steps of the two axes

    @cached_property
    def _path(self) -> Path:
        return self.source.path(self.source.files[0], self.folder)

    @cached_property
    def _held(self) -> Held:
        return array_of(self._path, "images")

    @cached_property
    def factors(self) -> tuple[Factor, ...]:  # pyright: ignore
        """The seven factors; how many colours and shapes there are follows from the number of images."""
        rest = 2 * 3 * 3 * self.axis**2
        known: dict[tuple[int, ...], int] = {(kinds**2 * rest, 64, 64, 3): kinds for kinds in self.kinds}
        if self._held.dtype != BYTES or (kinds := known.get(self._held.shape)) is None:
            allowed = " or ".join(map(str, known))
            found = f"{self._held.dtype} {self._held.shape}"
            raise InputError(f"images in {self._path} must be uint8 {allowed}, got {found}")
        return (
            Factor.spaced("object_color", kinds, 0, kinds - 1),
            Factor.spaced("object_shape", kinds, 0, kinds - 1),
            Factor.spaced("object_size", 2, 0, 1),
            Factor.spaced("camera_height", 3, 0, 2),
            Factor.spaced("background_color", 3, 0, 2),
            Factor.spaced("horizontal_axis", self.axis, 0, self.axis - 1),
            Factor.spaced("vertical_axis", self.axis, 0, self.axis - 1),
        )

    @cached_property
    def stored(self) -> np.ndarray:
        """All images, uint8 (len, 64, 64, 3)."""
        return opened(self._path, self._held, identity(self._path), most=len(self) * 64 * 64 * 3)


@dataclass(frozen=True)
class MPI3DToy(MPI3D):
    """The simply drawn images."""

    source: ClassVar = _source("toy")


@dataclass(frozen=True)
class MPI3DRealistic(MPI3D):
    """The realistically drawn images."""

    source: ClassVar = _source("realistic")


@dataclass(frozen=True)
class MPI3DReal(MPI3D):
    """The photographs."""

    source: ClassVar = _source("real")
