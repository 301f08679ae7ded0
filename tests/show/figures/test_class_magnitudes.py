"""Magnitudes of latents by class: their numbers, the bars, which classes are shown."""

from dataclasses import replace

import numpy as np
import pytest

from unweave.base.errors import InputError
from unweave.show.figures import Classes
from unweave.show.figures.class_magnitudes import ClassMagnitudes, evenly


def rows_of(picture):
    return [[bar.get_height() for bar in axes.patches] for axes in picture.figure.axes]


def with_classes(fake, classes):
    other = replace(fake)
    other.classes = lambda factor=None: classes
    return other


def test_magnitudes_are_means_of_absolute_codes_by_class():
    codes = np.array([[1.0, -2.0], [-3.0, 0.0], [0.5, 0.5]])
    found = Classes(codes, np.array([4, 4, 1]), tuple("abcde"), lambda rows: rows)
    assert found.names == ("b", "e")  # classes without rows are left out
    assert found.magnitudes().tolist() == [[0.5, 0.5], [2.0, 1.0]]


def test_the_typical_row_is_nearest_to_the_mean_of_its_own_class():
    codes = np.array([[0.0], [10.0], [4.0], [5.0]])
    found = Classes(codes, np.array([0, 0, 0, 1]), ("a", "b"), lambda rows: rows)
    assert (found.typical(0), found.typical(1)) == (2, 3)


def test_a_row_a_class_and_a_bar_a_latent_in_the_models_order(fake):
    picture = ClassMagnitudes()(fake)
    found = fake.classes()
    assert [axes.get_ylabel() for axes in picture.figure.axes] == ["down", "up"]
    np.testing.assert_allclose(rows_of(picture), found.magnitudes())
    assert len({axes.get_ylim() for axes in picture.figure.axes}) == 1


def test_the_highest_bars_are_named_and_coloured(fake):
    heights = fake.classes().magnitudes()
    for axes, own in zip(ClassMagnitudes(named=2)(fake).figure.axes, heights, strict=True):
        top = np.argsort(-own)[:2].tolist()
        assert [int(text.get_text()) for text in axes.texts] == top
        colours = [bar.get_facecolor() for bar in axes.patches]
        assert {k for k, colour in enumerate(colours) if colours.count(colour) == 2} == set(top)


def test_many_classes_are_thinned_evenly(fake):
    codes = np.arange(40.0)[:, None] * np.ones((1, 2))
    many = with_classes(fake, Classes(codes, np.arange(40), tuple(f"c{k}" for k in range(40)), lambda rows: rows))
    picture = ClassMagnitudes(rows=4)(many)
    assert [axes.get_ylabel() for axes in picture.figure.axes] == ["c0", "c13", "c26", "c39"]
    assert evenly(1, 12).tolist() == [0]


def test_codes_that_are_all_zero_are_drawn(fake):
    zeros = with_classes(fake, Classes(np.zeros((4, 3)), np.array([0, 1, 0, 1]), ("a", "b"), lambda rows: rows))
    assert rows_of(ClassMagnitudes()(zeros)) == [[0, 0, 0]] * 2


def test_words_give_each_class_its_highest_latents(fake):
    heights = fake.classes().magnitudes()
    first = int(heights[0].argmax())
    alt = ClassMagnitudes()(fake).alt
    assert f"down: z{first} {heights[0, first]:.2f}" in alt
    assert fake.title in alt


@pytest.mark.parametrize(("wrong", "message"), [({"rows": 0}, "rows must be 1"), ({"named": -1}, "named must be 0")])
def test_numbers_are_checked(wrong, message):
    with pytest.raises(InputError, match=message):
        ClassMagnitudes(**wrong)
