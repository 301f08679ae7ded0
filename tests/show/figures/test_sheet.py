"""Sheets of images: whole pixels, rows in place, words beside them."""

import io

import numpy as np
import pytest
from PIL import Image

from unweave.base.errors import InputError
from unweave.show.figures.base import Picture
from unweave.show.figures.sheet import BREAK, EDGE, GAP, HEAD, Sheet

NOISE = np.random.default_rng(0).random((2, 3, 32, 32, 3))


@pytest.fixture
def sheet():
    return Sheet(list(NOISE), ["first", "second"], foot=[(0.5, "left")], breaks=frozenset({0}))


@pytest.mark.parametrize("scale", [1, 2])
def test_every_pixel_is_a_whole_square_in_the_png(sheet, scale):
    data = Picture(sheet.figure(), "").png(scale)
    shown = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    height, width = sheet.extent
    part = shown[scale * EDGE : scale * (EDGE + height), scale * sheet.left : scale * (sheet.left + width)]
    assert (part == sheet.pixels().repeat(scale, 0).repeat(scale, 1)).all()


def test_tiles_lie_where_corner_says(sheet):
    x, y = map(int, sheet.corner(1, 2))
    assert (x, y) == (2 * (64 + GAP), 64 + GAP + BREAK)
    tile = (NOISE[1, 2] * 255).round()
    assert (sheet.pixels()[y : y + 64 : 2, x : x + 64 : 2] == tile).all()


@pytest.mark.parametrize(("size", "zoom"), [(64, 1), (32, 2), (28, 2), (16, 4), (1, 64), (128, 1)])
def test_small_images_are_enlarged_by_a_whole_factor(size, zoom):
    assert Sheet([np.zeros((1, size, size, 3))], ["row"]).zoom == zoom


def test_a_short_row_ends_in_white():
    pixels = Sheet([np.zeros((2, 64, 64, 3)), np.zeros((1, 64, 64, 3))], ["a", "b"]).pixels()
    assert (pixels[64 + GAP :, :64] == 0).all()
    assert (pixels[64 + GAP :, 64 + GAP :] == 255).all()


def test_faint_rows_are_paler_and_others_are_not():
    rows = [np.zeros((1, 64, 64, 3))] * 2
    pixels = Sheet(rows, ["a", "b"], faint=frozenset({1})).pixels()
    assert pixels[0, 0, 0] == 0
    assert pixels[-1, 0, 0] == 166  # 65 % white


def test_a_longer_label_moves_the_tiles_right():
    short, long = (Sheet([NOISE[0]], [label]).left for label in ("z1", "reconstruction"))
    assert long > short + 60


def test_heads_push_their_row_and_all_below_down():
    bare, headed = (Sheet([np.zeros((1, 64, 64, 3))] * 2, ["a", "b"], heads=heads) for heads in ({}, {1: "second"}))
    assert bare.corner(0, 0) == headed.corner(0, 0)
    assert headed.corner(1, 0)[1] - bare.corner(1, 0)[1] == HEAD
    assert headed.extent[0] == bare.extent[0] + HEAD
    text = next(text for text in headed.figure().axes[0].texts if text.get_text() == "second")
    assert 64 < text.get_position()[1] < headed.corner(1, 0)[1]


def test_frames_differ_only_in_their_tiles(sheet):
    first, second = sheet.frames([list(NOISE), list(1 - NOISE)])
    apart = (first != second).any(axis=2)
    height, width = sheet.extent
    inside = apart[EDGE : EDGE + height, sheet.left : sheet.left + width]
    assert inside.sum() == apart.sum() > 0.9 * 6 * 64 * 64


def test_rows_of_a_table_are_no_images():
    with pytest.raises(InputError, match="needs images of several rows of pixels"):
        Sheet([np.zeros((2, 1, 7, 3))], ["row"])
