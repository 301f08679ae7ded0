"""Walks along the latents of a class: which latents, from which image, in which rows."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from unweave.base.errors import InputError
from unweave.show.figures.active_dimensions import ActiveDimensions
from unweave.show.figures.base import as_rgb


def test_each_block_has_an_image_and_the_latents_of_its_class(fake, sheets):
    ActiveDimensions(dimensions=2)(fake)
    heights = fake.classes().magnitudes()
    assert sheets[-1].heads == {0: "down", 3: "up"}
    labels = [sheets[-1].labels[1:3], sheets[-1].labels[4:6]]
    for own, shown in zip(heights, labels, strict=True):
        assert shown == [f"z{d}  mean |z| {own[d]:.2f}" for d in np.argsort(-own)[:2]]


def test_blocks_start_from_the_typical_image_and_replace_one_latent(fake, sheets):
    ActiveDimensions(steps=3, reach=1.5, classes=("up",))(fake)
    found = fake.classes()
    image = found.images(np.array([found.typical(1)]))
    code = fake.encode(image)
    assert (sheets[-1].rows[0] == as_rgb(torch.cat([image, fake.decode(code)]))).all()
    strongest = int(found.magnitudes()[1].argmax())
    moved = code.repeat(3, 1)
    moved[:, strongest] = torch.tensor([-1.5, 0.0, 1.5])
    assert (sheets[-1].rows[1] == as_rgb(fake.decode(moved))).all()


def test_classes_with_the_strongest_latents_come_unless_named(fake, sheets):
    heights = fake.classes().magnitudes()
    ActiveDimensions(blocks=1)(fake)
    assert list(sheets[-1].heads.values()) == [("down", "up")[int(heights.max(1).argmax())]]
    ActiveDimensions(classes=("up", "down"))(fake)
    assert list(sheets[-1].heads.values()) == ["up", "down"]


def test_categories_stay_those_of_the_image(fake):
    seen = []
    categorical = replace(fake)
    categorical.categories = lambda images: torch.full((len(images), 1), 2)
    categorical.decode = lambda codes, categories=None: (seen.append(categories), fake.decode(codes))[1]
    categorical.classes, categorical.encode, categorical.reference_images = (
        fake.classes,
        fake.encode,
        fake.reference_images,
    )
    ActiveDimensions(dimensions=2)(categorical)
    assert [len(each) for each in seen] == [2, 7, 7, 7, 7]
    assert all((each == 2).all() for each in seen)


def test_words_name_range_classes_and_latents(fake):
    alt = ActiveDimensions()(fake).alt
    assert "from \N{MINUS SIGN}2 to 2" in alt
    assert "down: z" in alt
    assert "up: z" in alt
    assert fake.title in alt


def test_an_unknown_class_is_refused(fake):
    with pytest.raises(InputError, match="unknown class 'upp'"):
        ActiveDimensions(classes=("upp",))(fake)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"blocks": 0}, "blocks must be 1 or more, got 0"),
        ({"dimensions": 0}, "dimensions must be 1 or more, got 0"),
        ({"steps": 1}, "steps must be 2 or more, got 1"),
        ({"reach": 0.0}, "reach must be more than 0, got 0"),
        ({"classes": ()}, "classes must be one name or more, got none"),
    ],
)
def test_numbers_are_checked(wrong, message):
    with pytest.raises(InputError, match=message):
        ActiveDimensions(**wrong)
