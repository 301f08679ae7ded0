"""Pairs of latents: which are drawn, how classes are told apart, what is refused."""

from dataclasses import replace

import numpy as np
import pytest

from unweave.base.errors import InputError
from unweave.show.figures import Classes
from unweave.show.figures.latent_pairs import LatentPairs, between, ordered


def classes(n, names, latents=4):
    """Latent 2 is the class but for noise, the others are noise."""
    rng = np.random.default_rng(0)
    labels = np.arange(n) % len(names)
    codes = rng.normal(size=(n, latents))
    codes[:, 2] = labels + 0.1 * codes[:, 2]
    return Classes(codes, labels, tuple(names), lambda rows: None)


def with_classes(fake, found, **more):
    changed = replace(fake, kl_per_latent=np.array([1.0, 2.0, 0.5, 0.01])[: found.codes.shape[1]], **more)
    changed.classes = lambda factor=None: found
    return changed


def labels(picture):
    axes = picture.figure.axes
    return {a.get_xlabel() for a in axes} - {""}, {a.get_ylabel() for a in axes} - {""}


def test_the_latents_that_know_most_come_first_and_dead_ones_last(fake):
    found = classes(300, [f"scale {k}" for k in range(6)])
    picture = LatentPairs(latents=2)(with_classes(fake, found))
    across, down = labels(picture)
    assert across == {"z2"}
    assert down <= {"z0", "z1"}
    assert "z2 100 %" in picture.alt
    every = LatentPairs(latents=4)(with_classes(fake, found))
    assert labels(every)[1] >= {"z3"}  # dead, so the last


def test_a_pair_can_be_named(fake):
    found = classes(50, ["a", "b"])
    assert labels(LatentPairs(pair=(3, 0))(with_classes(fake, found))) == ({"z3"}, {"z0"})


def test_few_names_have_a_key_and_ordered_values_a_bar(fake):
    named = LatentPairs()(with_classes(fake, classes(60, ["Coat", "Bag", "Shirt"])))
    assert [text.get_text() for text in named.figure.legends[0].get_texts()] == ["Coat", "Bag", "Shirt"]
    graded = LatentPairs()(with_classes(fake, classes(60, [f"x {k / 10}" for k in range(10)])))
    assert not graded.figure.legends
    bar = graded.figure.axes[-1]
    assert [tick.get_text() for tick in bar.get_xticklabels()] == ["x 0.0", "x 0.4", "x 0.9"]


def test_no_more_points_than_asked_for(fake):
    picture = LatentPairs(points=40, pair=(0, 1))(with_classes(fake, classes(300, ["a", "b"])))
    drawn = [c for c in picture.figure.axes[0].collections if len(c.get_offsets())]
    assert sum(len(c.get_offsets()) for c in drawn) == 40
    assert "Codes of 40 images" in picture.alt


def test_between_is_the_correlation_ratio():
    found = classes(400, ["a", "b", "c"])
    groups = [found.codes[found.labels == k, 0] for k in range(3)]
    whole = ((found.codes[:, 0] - found.codes[:, 0].mean()) ** 2).sum()
    inside = sum(((own - own.mean()) ** 2).sum() for own in groups)
    assert between(found)[0] == pytest.approx(1 - inside / whole)
    assert between(replace(found, codes=np.zeros((400, 2)))).tolist() == [0.0, 0.0]


def test_ordered_needs_one_word_and_rising_numbers():
    assert ordered(["y 0", "y 0.5", "y 1e+3"])
    assert not ordered(["y 1", "y 0"])
    assert not ordered(["x 0", "y 1"])


def test_refusals(fake):
    single = Classes(np.zeros((20, 1)), np.arange(20) % 2, ("a", "b"), lambda rows: None)
    with pytest.raises(InputError, match="latent-pairs needs 2 or more latents"):
        LatentPairs()(with_classes(fake, single))
    with pytest.raises(InputError, match="pair must be below 4"):
        LatentPairs(pair=(0, 4))(with_classes(fake, classes(20, ["a", "b"])))
    with pytest.raises(InputError, match="pair must be two different latents"):
        LatentPairs(pair=(1, 1))
