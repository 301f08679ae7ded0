"""A model that is the truth composes what it is asked for; one that cannot show a combination is found out."""

from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from unweave.base.errors import InputError
from unweave.data.base import Factor, FactorData
from unweave.metrics.probe import Probe
from unweave.metrics.scores.composition import Composition

CORNER = "level=1-2,x=2-3"


@dataclass(frozen=True)
class Blocks(FactorData):
    """A block of one of three grey levels at one of 4 x 4 places."""

    image_shape = (1, 16, 16)
    factors = (Factor.spaced("level", 3, 1, 3), Factor.spaced("x", 4, 0, 3), Factor.spaced("y", 4, 0, 3))

    def render(self, factors):
        images = torch.zeros(len(factors), 1, 16, 16)
        for image, (level, x, y) in zip(images, self.checked(factors), strict=True):
            image[0, 4 * y : 4 * y + 4, 4 * x : 4 * x + 4] = (level + 1) / 3
        return images


DATA = Blocks()


class Truth(nn.Module):
    """Codes are the factors; `shows` may change what is drawn of them."""

    def __init__(self, shows=lambda factors: factors):
        super().__init__()
        self.shows, self.weight = shows, nn.Parameter(torch.zeros(1))

    def encode(self, x):
        flat = (x[:, 0].unfold(1, 4, 4).unfold(2, 4, 4).mean((3, 4)) * 3).round()  # (n, y, x)
        level, place = flat.flatten(1).max(1)
        codes = torch.stack([level - 1, place % 4, place // 4], dim=1).float()
        return SimpleNamespace(posterior=SimpleNamespace(mean=codes))

    def categories(self, x, encoding):
        return None

    def images(self, z, categories=None):
        return DATA.render(self.shows(z.round().long().numpy()))


def without_the_corner(factors):
    """Draws bright blocks on the right on the left instead."""
    factors = factors.copy()
    factors[(factors[:, 0] >= 1) & (factors[:, 1] >= 2), 1] = 0
    return factors


def scored(model, corner=CORNER, spoil=None, rows=None, n=150, steps=120):
    rows = np.random.default_rng(0).integers(len(DATA), size=1500) if rows is None else rows
    codes = DATA.factors_at(rows).astype(float)
    if spoil is not None:
        codes[:, spoil] = 0
    probe = Probe(codes, DATA.factors_at(rows), factor_names=DATA.names, model=model, data=DATA, numbers=rows)
    return Composition(corner, n=n, steps=steps)(probe)


def test_the_truth_composes_what_it_never_saw():
    score = scored(Truth())
    assert score.settings["latents"] == {"level": [0], "x": [1]}
    assert "no_opposite" not in score.settings
    assert score.parts["judge"] > 0.95
    assert score.value == pytest.approx(score.parts["judge"], abs=0.05)
    assert score.parts["opposite"] > 0.9
    assert score.interval[0] <= score.value <= score.interval[1]


def test_a_decoder_that_cannot_show_the_combination_is_found_out():
    score = scored(Truth(without_the_corner))
    assert score.value < 0.05
    assert score.parts["reconstructed"] < 0.05
    assert score.parts["opposite"] > 0.9


def test_a_factor_without_a_latent_is_left_to_chance():
    score = scored(Truth(), spoil=1)  # every block is on the left
    assert score.settings["latents"]["x"] == []
    assert score.value < 0.05


@pytest.mark.parametrize(
    ("corner", "rule"),
    [
        ("level=1", "2 factors or more"),
        ("level=9,x=0", "values from 0 to 2"),
        ("level=0-2,x=0-3,y=0-3", "2 factors or more"),  # the whole grid
    ],
)
def test_a_corner_that_cannot_be_is_one_sentence(corner, rule):
    with pytest.raises(InputError, match=f"corner must .*{rule}"):
        scored(Truth(), corner)
    with pytest.raises(InputError, match="needs a corner"):
        scored(Truth(), "")


def test_values_that_no_image_outside_of_the_corner_has_cannot_be_composed():
    values = DATA.factors_at(np.arange(len(DATA)))
    bright_on_the_left = (values[:, 0] == 2) & (values[:, 1] < 2)
    with pytest.raises(InputError, match=r"corner must .*level 2"):
        scored(Truth(), rows=np.flatnonzero(~bright_on_the_left))


def test_a_corner_that_overlaps_its_mirror_has_no_opposite():
    score = scored(Truth(), "x=1-2,y=1-2", n=20, steps=2)
    assert "opposite" not in score.parts
    assert "overlaps" in score.settings["no_opposite"]
