"""Identity: the observation is the factors."""

import numpy as np
import pytest
import torch

from unweave.base.errors import InputError
from unweave.data import load


def test_pixels_are_the_factors_from_0_to_1():
    data = load("identity", sizes=(2, 1, 5))
    assert data.image_shape == (1, 1, 3)
    expected = torch.tensor([[0, 0, 0], [1, 0, 1], [0, 0, 0.25]])
    assert torch.equal(data.render(np.array([[0, 0, 0], [1, 0, 4], [0, 0, 1]]))[:, 0, 0], expected)


def test_every_combination_occurs_once_and_gives_another_image():
    data = load("identity", sizes="3,4,5")
    images = data.images(np.arange(len(data))).flatten(1)
    assert len(data) == 60 == len(images.unique(dim=0))
    assert images.min() == 0
    assert images.max() == 1


def test_values_are_the_pixels():
    data = load("identity")
    assert data.sizes == (3, 6, 40, 32, 32)
    for k, factor in enumerate(data.factors):
        rows = np.zeros((factor.size, 5), np.int64)
        rows[:, k] = np.arange(factor.size)
        np.testing.assert_allclose(data.render(rows)[:, 0, 0, k], factor.values, rtol=1e-6)


@pytest.mark.parametrize(
    ("sizes", "sentence"),
    [
        ((), "sizes must name at least one factor"),
        ((3, 0), "sizes must be 1 or more"),
        ("3,x", "sizes must be"),
    ],
)
def test_refused_sizes(sizes, sentence):
    with pytest.raises(InputError, match=sentence):
        load("identity", sizes=sizes)
