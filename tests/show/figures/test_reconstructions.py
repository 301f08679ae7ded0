"""Originals over reconstructions over their difference."""

from unweave.show.figures.base import as_rgb
from unweave.show.figures.reconstructions import Reconstructions


def test_rows(fake, sheets):
    Reconstructions(images=5)(fake)
    before, after, apart = sheets[-1].rows
    images = fake.reference_images(5)
    assert (before == as_rgb(images)).all()
    assert (after == as_rgb(fake.decode(fake.encode(images)))).all()
    assert (apart == abs(before - after)).all()
    assert apart.max() > 0.1


def test_a_perfect_model_has_a_black_third_row(fake, sheets):
    fake.encode = lambda images: fake.codes(len(images))
    alt = Reconstructions()(fake).alt
    assert (sheets[-1].rows[2] == 0).all()
    assert "differ by 0.000" in alt


def test_random_images_and_no_difference(fake, sheets):
    Reconstructions(random=True, difference=False)(fake)
    assert len(sheets[-1].rows) == 2
    assert (sheets[-1].rows[0] == as_rgb(fake.random_images(8))).all()
