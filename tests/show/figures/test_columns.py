"""Which columns move: numbers, order, words, and names that fit."""

from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from tests.show.conftest import Disc

from unweave.base.errors import InputError
from unweave.show.figures import draw
from unweave.show.figures.columns import Columns, Moves, column_sentences

MINUS = "\N{MINUS SIGN}"
NAMES = ("height", "weight", "age", "never")
WEIGHTS = torch.tensor([[0.0, 0.02, 0.0, 0.0], [2.0, -10.0, 0.075, 0.0], [0.0, 5.0, 0.0, 0.0]])


@dataclass
class Rows(Disc):
    """A fake run whose decoder is linear; columns have deviations 4, 20, 1 and 0."""

    name: str = "rows-0"
    title: str = "vae on rows, seed 0"
    kl_per_latent: np.ndarray = field(default_factory=lambda: np.array([0.01, 1.94, 2.5]))
    data: object = field(default_factory=lambda: SimpleNamespace(columns=NAMES))
    weights: torch.Tensor = field(default_factory=lambda: WEIGHTS)

    def random_images(self, n):
        signs = torch.tensor([1.0, -1.0]).repeat(n // 2)[:, None]
        return (100 + signs * torch.tensor([4.0, 20.0, 1.0, 0.0]))[:, None, None]

    def decode(self, codes, categories=None):
        return (100 + codes @ self.weights)[:, None, None]


def test_changes_are_in_deviations_of_the_column():
    moves = Moves.of(Rows())
    expected = [[0, 0.004, 0, 0], [2, -2, 0.3, 0], [0, 1, 0, 0]]
    np.testing.assert_allclose(moves.changes, expected, atol=1e-5)
    np.testing.assert_allclose(Moves.of(Rows(), reach=1.0).changes, np.array(expected) / 2, atol=1e-5)
    assert moves.columns == NAMES


def test_sentences_name_live_latents_by_kl_and_their_strongest_columns():
    assert column_sentences(Rows()) == [
        "latent 2 (KL 2.5 nats): weight +1.0 sd",
        f"latent 1 (KL 1.9 nats): height +2.0 sd, weight {MINUS}2.0 sd, age +0.3 sd",
    ]
    assert Moves.of(Rows()).sentences(most=1)[1].endswith("height +2.0 sd, 2 more by 0.2 sd or more")
    still = Rows(weights=torch.zeros(3, 4))
    assert column_sentences(still)[0] == "latent 2 (KL 2.5 nats): no column by itself"


def test_the_map_has_latents_by_kl_and_columns_in_their_order():
    picture = Columns()(Rows())
    axes = picture.figure.axes[0]
    assert [tick.get_text() for tick in axes.get_xticklabels()] == list(NAMES)
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["z2  KL 2.50", "z1  KL 1.94", "z0  KL 0.01"]
    cells = np.array([text.get_text() for text in axes.texts]).reshape(3, 4)
    assert cells[1].tolist() == ["+2.0", f"{MINUS}2.0", "+0.3", "0.0"]
    colours = [tick.get_color() for tick in axes.get_yticklabels()]
    assert colours[0] == colours[1] != colours[2]
    assert f"z = {MINUS}2 to 2" in axes.get_xlabel()
    assert "height +2.0 sd" in picture.alt


def test_numbers_contrast_with_their_cells():
    axes = Columns()(Rows()).figure.axes[0]
    colours = {text.get_text(): text.get_color() for text in axes.texts}
    assert colours["+2.0"] == "white"
    assert colours["+0.3"] != "white"


def test_of_many_columns_those_that_move_most_are_drawn():
    picture = Columns(columns=2, latents=2)(Rows())
    axes = picture.figure.axes[0]
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["height", "weight"]
    assert len(axes.texts) == 4
    assert "2 columns that move less are left out" in picture.alt


def test_no_name_is_clipped_and_long_ones_are_shortened():
    long = tuple(f"a very long name of a column in a table, number {k}" for k in range(4))
    picture = Columns()(Rows(data=SimpleNamespace(columns=long)))
    figure = picture.figure
    figure.draw_without_rendering()
    width, height = figure.canvas.get_width_height()
    axes = figure.axes[0]
    texts = [*axes.get_xticklabels(), *axes.get_yticklabels(), axes.xaxis.label, *figure.axes[1].get_yticklabels()]
    for text in texts:
        box = text.get_window_extent()
        assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width and box.y1 <= height, text.get_text()  # noqa: PT018
    assert axes.get_xticklabels()[0].get_text() == "a very long name of a colum\N{HORIZONTAL ELLIPSIS}"


def test_columns_without_names_are_numbered():
    assert Moves.of(Rows(data=None)).columns == ("column-0", "column-1", "column-2", "column-3")


def test_images_are_refused_and_have_no_sentences(fake):
    with pytest.raises(InputError, match=r"columns needs rows of a table"):
        draw("columns", fake)
    assert column_sentences(fake) == []


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"reach": 0.0}, "reach must be more than 0, got 0"),
        ({"latents": 0}, "latents must be 1 or more, got 0"),
        ({"columns": 0}, "columns must be 1 or more, got 0"),
    ],
)
def test_settings_are_checked(wrong, message):
    with pytest.raises(InputError, match=message):
        Columns(**wrong)
