"""Light and dark: every colour follows the theme, in all forms, and nothing stays changed."""

import io

import numpy as np
import pytest
from PIL import Image

from unweave.base.errors import InputError
from unweave.show.figures import draw, style
from unweave.show.figures.base import Picture

PAPER = {"light": (255, 255, 255), "dark": (22, 24, 27)}


def shown(data):
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def luminance(colour):
    parts = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in style.rgb(colour)]
    return float(np.dot([0.2126, 0.7152, 0.0722], parts))


def contrast(one, other):
    low, high = sorted(map(luminance, (one, other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("name", ["traversal", "curves", "mutual-information", "latent-pairs", "interpolation"])
@pytest.mark.parametrize("theme", PAPER)
def test_the_paper_has_the_themes_colour(name, theme, fake):
    picture = draw(name, fake, {"theme": theme})
    pixels = shown(picture.png(1))
    assert tuple(pixels[0, 0]) == tuple(pixels[-1, -1]) == PAPER[theme]
    colours, counts = np.unique(pixels.reshape(-1, 3), axis=0, return_counts=True)
    assert tuple(colours[counts.argmax()]) in (PAPER[theme], (0, 0, 0))
    assert style.theme() == "light"


def test_vectors_and_films_are_drawn_in_the_theme_of_their_picture(fake):
    picture = draw("traversal", fake, {"theme": "dark", "latents": 2, "frames": 3, "references": 2})
    assert b"#16181b" in picture.svg()
    film = Image.open(io.BytesIO(picture.gif()))
    assert film.convert("RGB").getpixel((0, 0)) == PAPER["dark"]
    light = draw("traversal", fake, {"latents": 2, "frames": 3, "references": 2})
    assert Image.open(io.BytesIO(light.gif())).convert("RGB").getpixel((0, 0)) == PAPER["light"]


def fail_in_the_dark():
    with style.themed("dark"):
        assert style.THEMES["dark"].ink == style.INK
        raise ZeroDivisionError


def test_a_theme_stays_within_its_block_even_after_an_error():
    with pytest.raises(ZeroDivisionError):
        fail_in_the_dark()
    assert style.THEMES["light"].ink == style.INK
    assert Picture(style.figure(1, 1), "").theme == "light"


def test_an_unknown_theme_and_colour_are_refused(fake):
    with pytest.raises(InputError, match="theme must be one of light, dark"):
        draw("curves", fake, {"theme": "sepia"})
    with pytest.raises(AttributeError, match="no attribute 'MAUVE'"):
        _ = style.MAUVE


@pytest.mark.parametrize("theme", style.THEMES.values(), ids=list(style.THEMES))
def test_words_and_lines_stand_out_from_the_paper(theme):
    assert contrast(theme.ink, theme.paper) > 10
    assert contrast(theme.grey, theme.paper) > 4.5  # WCAG AA for text
    assert all(contrast(colour, theme.paper) > 2.2 for colour in theme.colours)


def test_angles_have_colours_that_colour_blind_eyes_tell_apart():
    """Machado, Oliveira and Fernandes 2009: what protanopes and deuteranopes see, in linear sRGB."""
    blind = [
        np.eye(3),
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    ]
    shown = style.cycle()(np.arange(24) / 24)[:, :3]
    linear = np.where(shown <= 0.04045, shown / 12.92, ((shown + 0.055) / 1.055) ** 2.4)
    for matrix in blind:
        seen = lab(linear @ np.array(matrix).T)
        steps = np.linalg.norm(seen - np.roll(seen, 1, axis=0), axis=1)
        assert steps.max() < 20  # no seam, at 0 least of all
        for away in range(6, 13):  # a quarter of a turn and more
            assert np.linalg.norm(seen - np.roll(seen, away, axis=0), axis=1).min() > 15
    assert all(contrast(colour, theme.paper) > 1.7 for colour in shown for theme in style.THEMES.values())


def lab(linear):
    """CIELAB of linear sRGB (n, 3), white at D65."""
    xyz = linear.clip(0) @ np.array([[0.4124, 0.2126, 0.0193], [0.3576, 0.7152, 0.1192], [0.1805, 0.0722, 0.9505]])
    x, y, z = np.cbrt(np.maximum(xyz / [0.9505, 1, 1.089], 0.008856)).T
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=1)


@pytest.mark.parametrize("theme", style.THEMES)
def test_colour_maps_begin_or_turn_at_the_paper(theme):
    with style.themed(theme):
        paper = np.array(style.rgb(style.PAPER))
        assert abs(np.array(style.shades()(0.0)[:3]) - paper).max() < 0.04
        assert abs(np.array(style.poles()(0.5)[:3]) - paper).max() < 0.05
        assert contrast(style.ramp()(0.0)[:3], style.PAPER) > 1.4 < contrast(style.ramp()(1.0)[:3], style.PAPER)
        assert contrast(style.ON_SHADE, style.shades()(1.0)[:3]) > 4.5
