"""The nearest real images: the distance, the order, a code of one's own, refusals."""

import numpy as np
import pytest
import torch

import unweave
from unweave.base.errors import InputError
from unweave.show.figures.base import as_rgb
from unweave.show.figures.nearest import Nearest, nearest

TINY = {
    "data": "dsprites", "data.size": 32, "data.hold": "lazy", "net": "conv", "net.channels": (4, 4, 4), "net.hidden": 8,
    "batch": 4, "latents": 2, "steps": 1, "threads": 1, "callbacks": [],
}  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return unweave.train("vae", out=tmp_path_factory.mktemp("nearest") / "v", **TINY)


def test_nearest_agrees_with_all_distances_in_parts_and_in_whole(monkeypatch):
    rng = torch.Generator().manual_seed(0)
    made, real = torch.rand(3, 2, 4, 4, generator=rng), torch.rand(25, 2, 4, 4, generator=rng)
    apart = ((made[:, None] - real) ** 2).double().flatten(2).mean(2).sqrt().numpy()
    for chunk in (1_000, 7):
        monkeypatch.setattr("unweave.show.figures.nearest.CHUNK", chunk)
        rows, far = nearest(made, real, 3)
        assert (rows == np.argsort(apart, axis=1)[:, :3]).all()
        np.testing.assert_allclose(far, np.sort(apart, axis=1)[:, :3], atol=1e-6)


def test_an_image_is_nearest_to_itself():
    real = torch.eye(4)[:, None, None]
    rows, far = nearest(real[[2]], real, 1)
    assert rows.tolist() == [[2]]
    assert far.tolist() == [[0.0]]


def test_samples_stand_over_their_neighbours(run, sheets):
    picture = Nearest(images=3, neighbours=2, pool=30)(run)
    real, made = run.random_images(30), unweave.codes.sample(run, 3).images
    rows, far = nearest(made, real, 2)
    assert sheets[-1].labels == ["decoded", "nearest image", "nearest but 1"]
    assert (sheets[-1].rows[0] == as_rgb(made)).all()
    assert (sheets[-1].rows[2] == as_rgb(real[rows[:, 1]])).all()
    assert [words for _, words in sheets[-1].foot] == [f"{each:.2f}" for each in far[:, 0]]
    assert "the nearest of 30 real images" in picture.alt


def test_a_code_of_ones_own(run, sheets):
    run.draw("nearest", code=(0.5, -1.0), pool=5)
    assert (sheets[-1].rows[0] == as_rgb(run.decode(torch.tensor([[0.5, -1.0]])))).all()
    with pytest.raises(InputError, match="code must have 2 numbers"):
        run.draw("nearest", code=(0.0, 0.0, 0.0))
