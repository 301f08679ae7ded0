"""Cars3D: 183 car models from 24 sides and 4 heights (Reed et al. 2015)."""

from __future__ import annotations

import io
import tarfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Annotated, ClassVar, Literal

import numpy as np

from unweave.base.errors import InputError
from unweave.data.base import Factor, square
from unweave.data.published.download import Remote, Source
from unweave.data.published.stored import StoredFactors, kept, resized
from unweave.data.readers.archives import tar_members, whole

SOURCE = Source(
    name="cars3d",
    files=(Remote("nips2015-analogy-data.tar.gz"),),
    licence="not stated by its authors",
    free=False,
    citation="Reed et al.: Deep Visual Analogy-Making, NeurIPS 2015",
    page="http://www.scottreed.info/files/nips2015-analogy-data.tar.gz",
    note="offered without https, so it is not fetched from here; others name its MD5 4e866a7919c1beedf53964e6f7a23686",
)
_VIEWS = (128, 128, 3, 24, 4)  # rows, columns, colours, azimuths, elevations of a car's file


def _wanted(name: PurePosixPath) -> bool:
    """Whether a member of the archive belongs to the cars; it holds other data, too."""
    return name.parent.name == "cars" and (name.name == "list.txt" or name.suffix == ".mat") and name.name[0] != "."


@dataclass(frozen=True)
class Cars3D(StoredFactors):
    """Colour pictures (3, size, size) in [0, 1]: 4 x 24 x 183 = 17,568.

    Factors are elevation, azimuth and object, the last fastest, as in the study of Locatello et al. Objects follow the
    published list.txt; that study took the files as its machine listed them, so its numbers of objects are others. The
    pictures are 128 x 128; smaller ones come from Lanczos's filter. They are read once from the archive, of which
    nothing is extracted, into the cache (216 MB at size 64); as much memory is needed while that is done. Anything else
    raises InputError. Source: Reed et al. 2015.
    """

    size: Annotated[Literal[64, 128], "edge length in pixels: 64, or 128 as published"] = 64
    folder: Annotated[str | None, "your folder with nips2015-analogy-data.tar.gz"] = None

    factors = (
        Factor.spaced("elevation", 4, 0, 3),
        Factor.spaced("azimuth", 24, 0, 345, cyclic=True),  # degrees
        Factor.spaced("object", 183, 0, 182),
    )
    image_shape = square(3)
    source: ClassVar = SOURCE

    @cached_property
    def stored(self) -> np.ndarray:
        """All pictures, uint8 (17568, size, size, 3)."""
        path = SOURCE.path(SOURCE.files[0], self.folder)
        shape = (len(self), self.size, self.size, 3)
        return kept("cars3d", [path], shape, lambda: [self._read(path)], work="reading")

    def _read(self, path: Path) -> np.ndarray:
        views: dict[str, np.ndarray] = {}
        listed: list[str] = []
        with whole(path, "tar.gz archive"), tarfile.open(path, "r:gz") as archive:
            for member in tar_members(archive, _wanted):
                file = archive.extractfile(member)
                assert file is not None  # it is a plain file
                name = PurePosixPath(member.name)
                if name.suffix == ".mat":
                    views[name.stem] = self._car(file.read(), path, name.name)
                else:
                    listed = file.read().decode("utf-8", "replace").split()
        objects = self.factors[2].size
        if len(set(listed)) != objects or (lacking := [each for each in listed if each not in views]):
            found = f"{len(set(listed))} names" if len(set(listed)) != objects else f"no {lacking[0]}.mat"  # pyright: ignore
            raise InputError(f"{path} must hold data/cars/list.txt with {objects} names and a .mat each, got {found}")
        return np.stack([views[name] for name in listed], axis=2).reshape(len(self), self.size, self.size, 3)

    def _car(self, content: bytes, path: Path, name: str) -> np.ndarray:
        """All views of a car, (elevations, azimuths, size, size, 3)."""
        from scipy.io import loadmat, whosmat

        try:
            about = {each[0]: each[1:] for each in whosmat(io.BytesIO(content))}
            if about.get("im") != (_VIEWS, "uint8"):
                raise InputError(f"{name} in {path} must hold im, uint8 {_VIEWS}, got {about.get('im', 'none')}")
            views: np.ndarray = loadmat(io.BytesIO(content), variable_names=["im"])["im"]
        except InputError:
            raise
        except Exception as wrong:  # scipy raises many kinds for what is no MATLAB file
            raise InputError(f"{name} in {path} must be a MATLAB file, got one that cannot be read ({wrong})") from None
        flat = np.ascontiguousarray(views.transpose(4, 3, 0, 1, 2)).reshape(-1, 128, 128, 3)
        return resized(flat, self.size).reshape(4, 24, self.size, self.size, 3)
