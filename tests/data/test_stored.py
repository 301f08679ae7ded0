"""Images as bytes: made once, kept in the cache, and turned to numbers."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from unweave.base.errors import InputError
from unweave.data.published.stored import coloured, decoded, identity, kept, pixels, resized


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (300, 20, 20, 3), dtype=np.uint8)


def test_bytes_become_numbers_channels_first(images):
    found = pixels(images)
    assert found.shape == (300, 3, 20, 20)
    assert found.dtype == torch.float32
    assert found[7, 2, 3, 4] == np.float32(images[7, 3, 4, 2]) / np.float32(255)
    assert pixels(images[:0]).shape == (0, 3, 20, 20)


def test_an_array_is_made_once_for_each_version_of_its_file(tmp_path, own_cache, images, capsys):
    path = tmp_path / "file"
    path.write_bytes(b"1")
    made = []

    def blocks():
        made.append(1)
        return [images[:200], images[200:]]

    for _ in range(2):
        np.testing.assert_array_equal(kept("mine", [path], images.shape, blocks, work="reading"), images)
    assert made == [1]
    text = capsys.readouterr().err
    assert text.startswith(f"reading {path} once into {own_cache}")
    assert text.count("\n") == 1
    path.write_bytes(b"22")
    kept("mine", [path], images.shape, blocks, work="reading")
    assert made == [1, 1]


@pytest.mark.parametrize("channels", [1, 3])
def test_pictures_shrink_by_lanczos(images, channels):
    small = resized(images[:5, ..., :channels], 10)
    assert small.shape == (5, 10, 10, channels)
    theirs = Image.fromarray(images[3, ..., :channels].squeeze()).resize((10, 10), Image.Resampling.LANCZOS)
    np.testing.assert_array_equal(small[3].squeeze(), np.asarray(theirs))
    assert resized(images, 20) is images


def test_files_are_told_apart_by_place_size_and_date(tmp_path):
    one, two = tmp_path / "a", tmp_path / "b"
    for path in (one, two):
        path.write_bytes(b"1")
    first = identity(one)
    assert len(first) == 64
    assert first == identity(one)
    assert first[:16] != identity(two)[:16]
    one.write_bytes(b"22")
    assert first != identity(one)


def test_files_are_decoded_in_order_and_the_bad_one_is_named(images):
    def png(image):
        content = io.BytesIO()
        Image.fromarray(image).save(content, "png")
        return content.getvalue()

    files = [(f"{k}.png", png(image)) for k, image in enumerate(images)]
    blocks = list(decoded(files, lambda image: image[:10]))
    assert [len(block) for block in blocks] == [256, 44]
    np.testing.assert_array_equal(np.concatenate(blocks), images[:, :10])
    with pytest.raises(InputError, match=r"^7\.png: the picture cannot be read: it is empty"):
        list(decoded([*files[:7], ("7.png", b""), *files[8:]], lambda image: image))
    deep = png(np.zeros((4, 4), np.uint16))
    with pytest.raises(InputError, match=r"^deep\.png: it must hold 8 bits a colour"):
        list(decoded([("deep.png", deep)], lambda image: image))


def test_all_pictures_can_be_seen_as_colour(images):
    np.testing.assert_array_equal(coloured(images[0]), images[0])
    np.testing.assert_array_equal(coloured(images[0, ..., :1])[..., 2], images[0, ..., 0])
    np.testing.assert_array_equal(coloured(np.concatenate([images[0], images[0][..., :1]], 2)), images[0])
