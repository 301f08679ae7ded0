"""Ways from one image to another: ends, middle, categories, refusals."""

import numpy as np
import pytest
import torch

from unweave.base.errors import InputError
from unweave.show.figures.base import as_rgb
from unweave.show.figures.interpolation import Interpolation


def test_rows_go_from_image_to_image_through_the_mean_of_their_codes(fake, sheets):
    picture = Interpolation(pairs=2, steps=3)(fake)
    images = fake.reference_images(4)
    codes = fake.encode(images)
    for row, (a, b) in zip(sheets[-1].rows, ((0, 1), (2, 3)), strict=True):
        way = fake.decode(torch.stack([codes[a], (codes[a] + codes[b]) / 2, codes[b]]))
        expected = np.concatenate([as_rgb(images[[a]]), as_rgb(way), as_rgb(images[[b]])])
        np.testing.assert_allclose(row, expected, atol=1e-6)
    assert [words for _, words in sheets[-1].foot] == ["image", "0", "0.5", "1", "image"]
    assert fake.title in picture.alt


def test_two_images_can_be_named(fake, sheets):
    Interpolation(images=(5, 2), steps=2)(fake)
    images = fake.reference_images(6)
    assert len(sheets[-1].rows) == 1
    assert (sheets[-1].rows[0][0] == as_rgb(images[[5]])[0]).all()
    assert (sheets[-1].rows[0][-1] == as_rgb(images[[2]])[0]).all()


def test_categories_change_after_the_middle(fake):
    seen = []
    usual = fake.decode
    fake.categories = lambda images: torch.arange(len(images))[:, None]
    fake.decode = lambda codes, categories=None: (seen.append(categories), usual(codes))[1]
    Interpolation(images=(3, 1), steps=5)(fake)
    assert seen[-1].flatten().tolist() == [3, 3, 3, 1, 1]


def test_pairs_beyond_the_images_are_left_out_and_named_ones_refused(fake, sheets):
    Interpolation(pairs=40)(fake)
    assert len(sheets[-1].rows) == 25  # of 50 images
    with pytest.raises(InputError, match="images must be less than the 50"):
        Interpolation(images=(0, 60))(fake)
