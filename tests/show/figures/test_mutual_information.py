"""The factor-by-code matrix: order, numbers, emphasis."""

from dataclasses import replace

import numpy as np
import pytest

from unweave.base.errors import InputError
from unweave.show.figures.mutual_information import MutualInformation


def test_columns_follow_kl_and_cells_hold_percents(fake):
    axes = MutualInformation()(fake).figure.axes[0]
    assert [tick.get_text() for tick in axes.get_xticklabels()][:3] == ["z3\n3.14", "z1\n2.91", "z4\n1.82"]
    assert [tick.get_text() for tick in axes.get_yticklabels()] == [
        "shape",
        "scale",
        "position x",
        "position y",
    ]
    cells = np.array([text.get_text() for text in axes.texts]).reshape(4, 10)
    shares = fake.information[0][:, [3, 1, 4, 9, 5, 8, 0, 6, 2, 7]]
    assert cells.tolist() == [[f"{100 * share:.0f}" for share in row] for row in shares]


def test_the_best_latent_of_each_factor_is_bold_and_said(fake):
    picture = MutualInformation()(fake)
    bold = [text.get_text() for text in picture.figure.axes[0].texts if text.get_fontweight() == "bold"]
    assert bold == ["11", "62", "91", "93"]
    assert "position x: z3 91 %" in picture.alt


def test_dead_latents_have_grey_names(fake):
    ticks = MutualInformation()(fake).figure.axes[0].get_xticklabels()
    assert len({tick.get_color() for tick in ticks[:4]}) == 1
    assert ticks[3].get_color() != ticks[4].get_color()


def test_numbers_contrast_with_their_cells(fake):
    axes = MutualInformation()(fake).figure.axes[0]
    colours = {text.get_text(): text.get_color() for text in axes.texts}
    assert colours["93"] == "white"
    assert colours["11"] != "white"


def test_latents_limits_columns_and_unknown_shares_are_dashes(fake):
    shares = fake.information[0].copy()
    shares[0] = np.nan
    axes = MutualInformation(latents=2)(replace(fake, information=(shares, fake.information[1]))).figure.axes[0]
    assert [text.get_text() for text in axes.texts][:2] == ["\N{EN DASH}", "\N{EN DASH}"]
    assert len(axes.texts) == 8


def test_a_data_set_without_factors_is_refused(fake):
    with pytest.raises(InputError, match="needs a data set with known factors"):
        MutualInformation()(replace(fake, information=None))
