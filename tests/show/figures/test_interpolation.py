"""Ways from one image to another: ends, middle, categories, refusals."""

import numpy as np
import pytest
import torch

from unweave.base.errors import InputError
from unweave.show.figures.base import as_rgb
from unweave.show.figures.interpolation import Interpolation
from unweave.show.figures.sheet import Sheet


@pytest.fixture
def sheet(monkeypatch):
    """The sheet drawn last."""
    kept = {}
    usual = Sheet.figure
    monkeypatch.setattr(Sheet, "figure", lambda self: (kept.update(sheet=self), usual(self))[1])
    return lambda: kept["sheet"]


def test_rows_go_from_image_to_image_through_the_mean_of_their_codes(subject, sheet):
    picture = Interpolation(pairs=2, steps=3)(subject)
    images = subject.reference_images(4)
    codes = subject.encode(images)
    for row, (a, b) in zip(sheet().rows, ((0, 1), (2, 3)), strict=True):
        way = subject.decode(torch.stack([codes[a], (codes[a] + codes[b]) / 2, codes[b]]))
        expected = np.concatenate([as_rgb(images[[a]]), as_rgb(way), as_rgb(images[[b]])])
        np.testing.assert_allclose(row, expected, atol=1e-6)
    assert [words for _, words in sheet().foot] == ["image", "0", "0.5", "1", "image"]
    assert subject.title in picture.alt


def test_two_images_can_be_named(subject, sheet):
    Interpolation(images=(5, 2), steps=2)(subject)
    images = subject.reference_images(6)
    assert len(sheet().rows) == 1
    assert (sheet().rows[0][0] == as_rgb(images[[5]])[0]).all()
    assert (sheet().rows[0][-1] == as_rgb(images[[2]])[0]).all()


def test_categories_change_after_the_middle(subject):
    seen = []
    usual = subject.decode
    subject.categories = lambda images: torch.arange(len(images))[:, None]
    subject.decode = lambda codes, categories=None: (seen.append(categories), usual(codes))[1]
    Interpolation(images=(3, 1), steps=5)(subject)
    assert seen[-1].flatten().tolist() == [3, 3, 3, 1, 1]


def test_pairs_beyond_the_images_are_left_out_and_named_ones_refused(subject, sheet):
    Interpolation(pairs=40)(subject)
    assert len(sheet().rows) == 25  # of 50 images
    with pytest.raises(InputError, match="images must be less than the 50 reference images, got 60"):
        Interpolation(images=(0, 60))(subject)
