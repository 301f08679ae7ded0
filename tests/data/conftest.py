"""Rendered data that the tests of this folder share."""

import pytest

from unweave.data import load


@pytest.fixture(scope="session")
def dsprites(tmp_path_factory):
    """All of dSprites, drawn once a session into a cache of the tests' own and mapped from there."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UNWEAVE_CACHE", str(folder))
        data = load("dsprites")
        assert data.packed.shape == (737_280, 64)
    (file,) = folder.iterdir()
    yield data
    file.unlink()
