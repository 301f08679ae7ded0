"""dSprites in colour, under noise and on a painting: the published rules, and the same image at every call."""

import numpy as np
import pytest
import torch
from PIL import Image
from tests.data.contract import keep

from unweave.base.errors import InputError
from unweave.base.seeds import derive
from unweave.data import load
from unweave.data.published.dsprites_variants import uniform

NUMBERS = np.array([0, 87040, 332800, 578560, 737279])


@pytest.fixture(scope="module")
def painting(tmp_path_factory):
    """A picture of 500 x 400 in which each place has a colour of its own."""
    y, x = np.mgrid[:400, :500] / 500
    path = tmp_path_factory.mktemp("picture") / "painting.png"
    Image.fromarray((np.stack([x, y, (x + y) / 2], 2) * 255).astype(np.uint8)).save(path)
    return str(path)


@pytest.fixture
def sprites():
    return load("dsprites", hold="lazy").images(NUMBERS)


def test_the_generator_is_splitmix64():
    """Against the published first outputs for the seed 1234567."""
    known = [6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431]
    halves = [half >> 8 for each in known for half in (each % 2**32, each >> 32)]
    np.testing.assert_array_equal(uniform(np.array([0]), 8, 1234567)[0] * 2**24, halves)
    np.testing.assert_array_equal(uniform(np.array([1]), 4, 1234567)[0] * 2**24, halves[4:])
    np.testing.assert_array_equal(uniform(np.array([1]), 3, 1234567)[0] * 2**24, halves[4:7])


def test_its_numbers_are_uniform_and_unrelated():
    drawn = uniform(np.arange(2000), 50, 7).astype(np.float64)
    assert drawn.min() >= 0
    assert drawn.max() < 1
    counts = np.histogram(drawn, 20, (0, 1))[0]
    assert np.abs(counts - 5000).max() < 5 * np.sqrt(5000)
    assert abs(np.corrcoef(drawn[:, 0], drawn[:, 1])[0, 1]) < 0.08
    assert abs(np.corrcoef(drawn[:-1].ravel(), drawn[1:].ravel())[0, 1]) < 0.01
    assert not np.isclose(uniform(np.arange(20), 50, 8), drawn[:20]).any()


def test_colour(sprites):
    images = load("dsprites-color", hold="lazy").images(NUMBERS)
    colours = images.amax((2, 3))
    assert torch.equal(images, sprites * colours[:, :, None, None])
    assert colours[0].tolist() == pytest.approx([0.6792, 0.9934, 0.6580], abs=1e-4)  # on every machine and version
    assert colours.min() >= 0.5
    assert colours.max() < 1
    many = load("dsprites-color", hold="lazy").images(np.arange(0, 737280, 2000)).amax((2, 3))
    assert many.mean(0).tolist() == pytest.approx([0.75] * 3, abs=0.03)


def test_noise(sprites):
    images = load("dsprites-noisy", hold="lazy").images(NUMBERS)
    on = sprites.expand(-1, 3, -1, -1) == 1
    assert (images[on] == 1).all()
    noise = images[~on]
    assert noise.max() < 1
    assert noise.mean().item() == pytest.approx(0.5, abs=0.01)
    assert noise.std().item() == pytest.approx(12**-0.5, abs=0.01)


def test_painting(sprites, painting):
    """As in the original program, one image after the other, with our own numbers."""
    data = load("dsprites-scream", hold="lazy", picture=painting)
    assert data.background.shape == (3, 274, 342)
    assert data.background[0, 0, -1] > 0.9 > 0.1 > data.background[0, -1, 0]  # red grows to the right
    drawn = uniform(NUMBERS, 5, derive(0, "dsprites DSpritesScream"))
    for image, sprite, numbers in zip(data.images(NUMBERS).numpy(), sprites.numpy(), drawn, strict=True):
        top, left = int(numbers[0] * (274 - 64)), int(numbers[1] * (342 - 64))
        expected = (data.background[:, top : top + 64, left : left + 64] + numbers[2:, None, None]) / 2
        mask = np.repeat(sprite == 1, 3, axis=0)
        expected[mask] = 1 - expected[mask]
        np.testing.assert_allclose(image, expected, atol=1e-6)


@pytest.mark.parametrize("name", ["dsprites-color", "dsprites-noisy", "dsprites-scream"])
def test_an_image_depends_on_its_number_and_the_seed_alone(name, painting):
    settings = {"hold": "lazy", **({"picture": painting} if name.endswith("scream") else {})}
    data = load(name, **settings)
    keep(data)
    alone = torch.cat([load(name, **settings).images(NUMBERS[k : k + 1]) for k in range(5)])
    assert torch.equal(data.images(NUMBERS), alone)
    many = np.concatenate([np.arange(300), NUMBERS])
    assert torch.equal(data.images(many)[300:], alone)
    other = load(name, **settings, seed=1).images(NUMBERS)
    assert all(not torch.equal(one, two) for one, two in zip(alone, other, strict=True))


def test_the_painting_must_be_a_picture_of_some_size(tmp_path, own_cache):
    data = load("dsprites-scream", hold="lazy")
    assert not data.at_hand
    with pytest.raises(
        InputError, match=r"scream\.jpg, which is not there; run: unweave data download dsprites-scream"
    ):
        data.images(NUMBERS)
    Image.new("RGB", (64, 300)).save(tmp_path / "narrow.png")
    with pytest.raises(InputError, match="picture must be larger than 64 x 64 within 350 x 274"):
        load("dsprites-scream", hold="lazy", picture=str(tmp_path / "narrow.png")).images(NUMBERS)
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(InputError, match=r"text\.png cannot be read: it is no PNG"):
        load("dsprites-scream", hold="lazy", picture=str(tmp_path / "text.png")).images(NUMBERS)
    with pytest.raises(InputError, match="hold must be one of packed, lazy"):
        load("dsprites-noisy", hold="loose")
