"""Traversals of a decoder whose answer is known: three latents move a disc, the others do nothing."""

import io
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from unweave.base.errors import InputError
from unweave.show.figures.base import as_rgb, draw
from unweave.show.figures.sheet import EDGE, Sheet
from unweave.show.figures.traversal import Traversal

ORDER = [3, 1, 4, 9, 5, 8, 0, 6, 2, 7]  # by KL


def centres(tiles):
    """Rows and columns of the middles of the bright pixels, and how many there are, for each tile."""
    mass = tiles[..., 0].sum(axis=(1, 2))
    line = np.arange(tiles.shape[1])
    return (tiles[..., 0].sum(2) @ line) / mass, (tiles[..., 0].sum(1) @ line) / mass, mass


def test_rows_are_sorted_by_kl_with_dead_ones_last_and_greyed(fake, sheets):
    Traversal()(fake)
    labels = sheets[0].labels
    assert labels[:4] == ["original", "reconstruction", "z3  3.14 nats", "z1  2.91 nats"]
    assert [int(label[1]) for label in labels[2:]] == ORDER
    assert sheets[0].faint == {6, 7, 8, 9, 10, 11}


def test_the_first_rows_are_originals_and_reconstructions(fake, sheets):
    Traversal()(fake)
    originals = fake.reference_images(7)
    assert (sheets[0].rows[0] == as_rgb(originals)).all()
    assert (sheets[0].rows[1] == as_rgb(fake.decode(fake.encode(originals)))).all()


def test_each_row_moves_what_its_latent_moves_and_dead_rows_stand_still(fake, sheets):
    Traversal()(fake)
    right, down, grow, *others = sheets[0].rows[2:]
    assert (np.diff(centres(right)[1]) > 5).all()
    assert (np.diff(centres(down)[0]) > 5).all()
    assert (np.diff(centres(grow)[2]) > 0).all()
    assert all((row == row[0]).all() for row in others)


def test_other_latents_stay_at_the_code_of_the_outlined_image(fake, sheets):
    Traversal(image=2)(fake)
    wanted = fake.encode(fake.reference_images(7))[2]
    assert sheets[0].framed == [(0, 2), (1, 2)]
    code = wanted.repeat(1, 1)
    code[:, 3] = -2
    assert (sheets[0].rows[2][0] == as_rgb(fake.decode(code))[0]).all()


def test_an_image_beyond_the_columns_moves_the_window(fake, sheets):
    Traversal(image=20)(fake)
    assert sheets[0].framed == [(0, 6), (1, 6)]
    assert (sheets[0].rows[0][6] == as_rgb(fake.reference_images(21))[20]).all()


def test_zero_span_holds_the_others_at_zero(fake, sheets):
    Traversal(span="zero", steps=3)(fake)
    code = fake.codes(1) * 0
    assert not sheets[0].framed
    assert (sheets[0].rows[2][1] == as_rgb(fake.decode(code))[0]).all()


@pytest.mark.parametrize(
    ("span", "steps", "values"),
    [
        ("two", 5, [-2, -1, 0, 1, 2]),
        ("three", 10, [-3, -2.33, -1.67, -1, -0.33, 0.33, 1, 1.67, 2.33, 3]),
        ("quantiles", 3, [-1.64, 0, 1.64]),
        ("zero", 3, [-1, 0, 1]),
    ],
)
def test_values_of_each_span(span, steps, values):
    assert Traversal(span=span, steps=steps).values.round(2).tolist() == values


def test_latents_limits_the_rows(fake, sheets):
    Traversal(latents=3)(fake)
    assert len(sheets[0].labels) == 5


def test_a_small_data_set_has_fewer_originals(fake):
    few = replace(fake)
    few.reference_images = lambda n: fake.reference_images(min(n, 2))
    assert Traversal()(few).size == Traversal()(fake).size
    with pytest.raises(InputError, match="image must be less than the 2"):
        Traversal(image=5)(few)


class Categorical:
    """A fake whose category shifts the disc to the right, `sizes` being those of its categorical latents."""

    def __init__(self, inner, sizes):
        self.inner, self.category_sizes = inner, sizes

    def __getattr__(self, name):
        return getattr(self.inner, name)

    def categories(self, images):
        return torch.ones(len(images), len(self.category_sizes), dtype=torch.long)

    def decode(self, codes, categories=None):
        shifted = codes.clone()
        shifted[:, 3] = codes[:, 3] / 4 + categories.float() @ torch.tensor([1.0, 0.3][: categories.shape[1]]) - 1
        return self.inner.decode(shifted)


class TestBlocks:
    def test_one_block_a_category_each_decoded_with_it(self, fake, sheets):
        categorical = Categorical(fake, (3,))
        picture = Traversal(latents=2)(categorical)
        sheet = sheets[0]
        assert sheet.heads == {2: "category 0", 4: "category 1, the image's own", 6: "category 2"}
        assert sheet.breaks == {1, 3, 5}
        assert sheet.labels[2:4] == sheet.labels[4:6] == sheet.labels[6:8] == ["z3  3.14 nats", "z1  2.91 nats"]
        middles = [centres(sheet.rows[row])[1].mean() for row in (2, 4, 6)]
        assert (np.diff(middles) > 5).all()
        code = fake.encode(fake.reference_images(7))[:1].clone()
        code[:, 3] = -2
        assert (sheet.rows[6][0] == as_rgb(categorical.decode(code, torch.tensor([[2]])))[0]).all()
        assert "3 blocks: category 0; category 1, the image's own; category 2" in picture.alt

    def test_of_several_categorical_latents_one_moves_at_a_time(self, fake, sheets):
        Traversal(latents=1)(Categorical(fake, (2, 3)))
        assert list(sheets[0].heads.values()) == [
            "categorical latent 0: category 0",
            "categorical latent 0: category 1, the image's own",
            "categorical latent 1: category 0",
            "categorical latent 1: category 1, the image's own",
            "categorical latent 1: category 2",
        ]
        own, same = sheets[0].rows[3], sheets[0].rows[5]
        assert (own == same).all()

    def test_blocks_limits_them_and_zero_keeps_the_images_own(self, fake, sheets):
        categorical = Categorical(fake, (3,))
        Traversal(latents=2, blocks=2)(categorical)
        assert list(sheets[-1].heads) == [2, 4]
        Traversal(latents=2, blocks=0)(categorical)
        assert not sheets[-1].heads
        assert len(sheets[-1].rows) == 4
        assert (sheets[-1].rows[2] == sheets[0].rows[4]).all()

    def test_dead_latents_are_greyed_in_every_block(self, fake, sheets):
        Traversal(latents=5)(Categorical(fake, (2,)))
        assert sheets[0].faint == {6, 11}

    def test_the_moving_form_keeps_the_images_categories(self, fake):
        frames = Traversal(frames=2, references=2)(Categorical(fake, (3,))).animation()
        assert frames[0].shape == Traversal(frames=2, references=2)(fake).animation()[0].shape


@pytest.mark.parametrize("size", [16, 28, 32])
def test_small_and_colour_images(fake, size):
    picture = Traversal(steps=3)(replace(fake, size=size, channels=3))
    shown = Image.open(io.BytesIO(picture.png(1)))
    assert shown.size == picture.size


class TestGif:
    @pytest.fixture
    def film(self, fake):
        return Image.open(io.BytesIO(Traversal(frames=5, references=3)(fake).gif()))

    def test_goes_forth_and_back_without_end(self, film):
        assert film.n_frames == 8  # five there, three back, since the ends are shown once
        assert film.info["loop"] == 0
        shown = []
        for k in range(8):
            film.seek(k)
            shown.append(np.asarray(film.convert("RGB")).copy())
        assert all((shown[4 - k] == shown[(4 + k) % 8]).all() for k in range(1, 4))
        assert all((shown[k] != shown[k + 1]).any() for k in range(4))

    def test_frames_hold_latents_by_references(self, fake):
        frames = Traversal(frames=3, references=2)(fake).animation()
        code = fake.encode(fake.reference_images(2))
        code[:, 1] = 0
        wanted = (as_rgb(fake.decode(code)) * 255).round()
        left = Sheet([wanted], [f"z{j}  {fake.kl_per_latent[j]:.2f} nats" for j in ORDER]).left
        top = EDGE + 66  # second row: z1
        assert (frames[1][top : top + 64, left : left + 64] == wanted[0]).all()
        assert (frames[1][top : top + 64, left + 66 : left + 130] == wanted[1]).all()

    def test_paper_is_white_and_the_file_small(self, fake, tmp_path):
        path = Traversal()(fake).save(tmp_path / "t.gif")
        assert path.stat().st_size < 1_000_000
        assert Image.open(path).convert("RGB").getpixel((1, 1)) == (255, 255, 255)

    def test_zero_span_has_one_column(self, fake):
        frames = Traversal(frames=2, span="zero")(fake).animation()
        assert frames[0].shape[1] < Traversal(frames=2)(fake).animation()[0].shape[1]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"steps": 1}, "steps must be 2 or more"),
        ({"frames": 1}, "frames must be 2 or more"),
        ({"latents": 0}, "latents must be 1 or more"),
        ({"image": -1}, "image must be 0 or more"),
        ({"blocks": -1}, "blocks must be 0 or more"),
        ({"span": "four"}, "span must be one of two, three"),
    ],
)
def test_settings_are_checked(fake, wrong, message):
    with pytest.raises(InputError, match=message):
        draw("traversal", fake, wrong)
