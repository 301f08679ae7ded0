"""Samples of the prior, in blocks by category."""

import numpy as np
import pytest

import unweave
from unweave.base.errors import InputError
from unweave.show.figures.base import as_rgb
from unweave.show.figures.samples import Samples
from unweave.show.figures.sheet import Sheet

TINY = {
    "data": "dsprites", "data.size": 32, "data.hold": "lazy", "net": "conv", "net.channels": (4, 4, 4), "net.hidden": 8,
    "batch": 4, "latents": 2, "steps": 1, "threads": 1, "callbacks": [],
}  # fmt: skip


@pytest.fixture
def sheet(monkeypatch):
    """The sheet drawn last."""
    kept = {}
    usual = Sheet.figure
    monkeypatch.setattr(Sheet, "figure", lambda self: (kept.update(sheet=self), usual(self))[1])
    return lambda: kept["sheet"]


def test_without_categories_they_stand_in_rows(tmp_path, sheet):
    run = unweave.train("vae", out=tmp_path / "v", **TINY)
    picture = run.draw("samples", images=10, columns=4)
    assert [len(row) for row in sheet().rows] == [4, 4, 2]
    assert sheet().labels == ["0 to 3", "4 to 7", "8 to 9"]
    assert not sheet().heads
    assert picture.alt == "10 images of vae on dsprites, seed 0, decoded from codes drawn from the prior."
    again = unweave.codes.sample(run, 10)
    assert np.array_equal(np.concatenate(sheet().rows), as_rgb(again.images))
    assert np.array_equal(np.concatenate(sheet().rows), as_rgb(run.decode(again.codes)))


def test_each_combination_of_categories_has_a_block(tmp_path, sheet):
    run = unweave.train("joint-vae", categories=(2, 2), out=tmp_path / "j", **TINY)
    picture = Samples(images=9, columns=2)(run)
    assert [len(row) for row in sheet().rows] == [2, 1, 2, 2, 2]
    assert sheet().heads == {0: "categories 0, 0", 2: "categories 0, 1", 3: "categories 1, 0", 4: "categories 1, 1"}
    assert "in 4 blocks by category" in picture.alt
    drawn = unweave.codes.sample(run, 9)
    assert drawn.categories[7:].tolist() == [[1, 1], [1, 1]]
    assert np.array_equal(sheet().rows[4], as_rgb(run.decode(drawn.codes, drawn.categories))[7:])


def test_what_has_no_model_is_refused(subject):
    with pytest.raises(InputError, match="samples needs a trained model"):
        Samples()(subject)
