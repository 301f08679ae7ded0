"""Samples of the prior, in blocks by category."""

import numpy as np

import unweave
from unweave.show.figures.base import as_rgb
from unweave.show.figures.samples import Samples

TINY = {
    "data": "dsprites", "data.size": 32, "data.hold": "lazy", "net": "conv", "net.channels": (4, 4, 4), "net.hidden": 8,
    "batch": 4, "latents": 2, "steps": 1, "threads": 1, "callbacks": [],
}  # fmt: skip


def test_without_categories_they_stand_in_rows(tmp_path, sheets):
    run = unweave.train("vae", out=tmp_path / "v", **TINY)
    picture = run.draw("samples", images=10, columns=4)
    assert [len(row) for row in sheets[-1].rows] == [4, 4, 2]
    assert sheets[-1].labels == ["0 to 3", "4 to 7", "8 to 9"]
    assert not sheets[-1].heads
    assert picture.alt == "10 images of vae on dsprites, seed 0, decoded from codes drawn from the prior."
    again = unweave.codes.sample(run, 10)
    assert np.array_equal(np.concatenate(sheets[-1].rows), as_rgb(again.images))
    assert np.array_equal(np.concatenate(sheets[-1].rows), as_rgb(run.decode(again.codes)))


def test_each_combination_of_categories_has_a_block(tmp_path, sheets):
    run = unweave.train("joint-vae", categories=(2, 2), out=tmp_path / "j", **TINY)
    picture = Samples(images=9, columns=2)(run)
    assert [len(row) for row in sheets[-1].rows] == [2, 1, 2, 2, 2]
    assert sheets[-1].heads == {0: "categories 0, 0", 2: "categories 0, 1", 3: "categories 1, 0", 4: "categories 1, 1"}
    assert "in 4 blocks by category" in picture.alt
    drawn = unweave.codes.sample(run, 9)
    assert drawn.categories[7:].tolist() == [[1, 1], [1, 1]]
    assert np.array_equal(sheets[-1].rows[4], as_rgb(run.decode(drawn.codes, drawn.categories))[7:])
