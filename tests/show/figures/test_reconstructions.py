"""Originals over reconstructions over their difference."""

import pytest

from unweave.show.figures.base import as_rgb
from unweave.show.figures.reconstructions import Reconstructions
from unweave.show.figures.sheet import Sheet


@pytest.fixture
def rows(monkeypatch):
    """The rows of the sheet drawn last."""
    kept = {}
    usual = Sheet.figure
    monkeypatch.setattr(Sheet, "figure", lambda self: (kept.update(sheet=self), usual(self))[1])
    return lambda: kept["sheet"].rows


def test_rows(fake, rows):
    Reconstructions(images=5)(fake)
    before, after, apart = rows()
    images = fake.reference_images(5)
    assert (before == as_rgb(images)).all()
    assert (after == as_rgb(fake.decode(fake.encode(images)))).all()
    assert (apart == abs(before - after)).all()
    assert apart.max() > 0.1


def test_a_perfect_model_has_a_black_third_row(fake, rows):
    fake.encode = lambda images: fake.codes(len(images))
    alt = Reconstructions()(fake).alt
    assert (rows()[2] == 0).all()
    assert "differ by 0.000" in alt


def test_random_images_and_no_difference(fake, rows):
    Reconstructions(random=True, difference=False)(fake)
    assert len(rows()) == 2
    assert (rows()[0] == as_rgb(fake.random_images(8))).all()
