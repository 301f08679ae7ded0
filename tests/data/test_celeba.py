"""CelebA: small archives and folders of its form, attributes, crops, and what is refused."""

import io
import zipfile
from dataclasses import dataclass

import numpy as np
import pytest
from PIL import Image
from tests.data.contract import keep

from unweave.base.errors import InputError
from unweave.data.published.celeba import CelebA

NAMES = [f"{k + 1:06d}.jpg" for k in range(6)]
HELD = np.array([[k % 2, k % 3 == 0, 0] for k in range(6)], bool)


@dataclass(frozen=True)
class Small(CelebA):
    count = 6


def jpeg(pixels):
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "jpeg", quality=95)
    return content.getvalue()


def portrait(k):
    """A square of 100 x 100 in the middle of grey; both of a brightness that tells the picture."""
    pixels = np.full((218, 178, 3), 20 + 10 * k, np.uint8)
    pixels[59:159, 39:139] = 120 + 20 * k
    return pixels


def attributes(names=NAMES, held=HELD, count=6):
    rows = [" ".join([name, *np.where(row, "1", "-1")]) for name, row in zip(names, held, strict=True)]
    return "\n".join([str(count), "Male Smiling Eyeglasses", *rows]) + "\n"


def write(folder, content=None, text=None, pack=True):
    folder.mkdir(exist_ok=True)
    content = {name: jpeg(portrait(k)) for k, name in enumerate(NAMES)} if content is None else content
    if pack:
        with zipfile.ZipFile(folder / "img_align_celeba.zip", "w") as archive:
            for name, data in sorted(content.items(), reverse=True):
                archive.writestr(f"img_align_celeba/{name}", data)
    else:
        (folder / "img_align_celeba").mkdir()
        for name, data in content.items():
            (folder / "img_align_celeba" / name).write_bytes(data)
    (folder / "list_attr_celeba.txt").write_text(attributes() if text is None else text)
    return str(folder)


@pytest.mark.parametrize("pack", [True, False])
def test_portraits_come_in_the_order_of_their_names(tmp_path, own_cache, pack):
    data = Small(folder=write(tmp_path / "own", pack=pack))
    keep(data)
    assert data.image_shape == (3, 64, 64)
    middle = data.images(np.arange(6))[:, :, 32, 32].numpy() * 255
    np.testing.assert_allclose(middle, np.repeat(120 + 20 * np.arange(6)[:, None], 3, 1), atol=2)
    assert data.labels is None


def test_a_crop_cuts_the_middle_out_before_it_is_shrunk(tmp_path, own_cache):
    folder = write(tmp_path / "own")
    whole, cut = Small(folder=folder), Small(folder=folder, crop=96, size=32)
    assert whole.images(np.array([2]))[0, 0, 0, 0].item() * 255 == pytest.approx(40, abs=3)
    np.testing.assert_allclose(cut.images(np.array([2])).numpy() * 255, 160, atol=3)


def test_an_attribute_is_the_label(tmp_path, own_cache):
    folder = write(tmp_path / "own")
    data = Small(folder=folder, attribute="Smiling")
    assert data.labels.tolist() == [1, 0, 0, 1, 0, 0]
    assert data.classes == ("not Smiling", "Smiling")
    keep(data)
    with pytest.raises(InputError, match="unknown attribute of celeba 'Smilling'; did you mean 'Smiling'"):
        _ = Small(folder=folder, attribute="Smilling").labels


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", r"for each of 6 pictures, got 0 lines"),
        (attributes(NAMES[:5], HELD[:5]), "got 5 lines"),
        (attributes(count=7), "got 6 lines"),
        (attributes(NAMES[::-1]), r"got line 3: 000006\.jpg"),
        (attributes() + "000007.jpg 1\n", r"got line 9: 000007\.jpg 1"),
    ],
)
def test_attributes_that_do_not_fit_are_refused(tmp_path, text, sentence):
    with pytest.raises(InputError, match=sentence):
        _ = Small(folder=write(tmp_path / "own", text=text)).attributes


@pytest.mark.parametrize("pack", [True, False])
@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"000003.jpg": b"no picture"}, r"000003\.jpg.*: the picture cannot be read: it is no PNG, JPEG"),
        ({"000003.jpg": jpeg(portrait(2)[:, :100])}, r"000003\.jpg.*: it must be 178 x 218"),
        ({"000009.jpg": b""}, r"must hold the pictures 000001\.jpg to 000006\.jpg, got 7: others besides"),
    ],
)
def test_other_pictures_are_refused(tmp_path, own_cache, pack, change, sentence):
    content = {name: jpeg(portrait(k)) for k, name in enumerate(NAMES)} | change
    with pytest.raises(InputError, match=sentence):
        _ = Small(folder=write(tmp_path / "own", content, pack=pack)).stored
    assert list(own_cache.iterdir()) == []


def test_links_names_that_lead_out_and_damage_are_refused(tmp_path, own_cache):
    folder = write(tmp_path / "a", pack=False)
    picture = tmp_path / "a" / "img_align_celeba" / "000002.jpg"
    picture.rename(tmp_path / "elsewhere.jpg")
    picture.symlink_to(tmp_path / "elsewhere.jpg")
    with pytest.raises(InputError, match=r"must hold files, got .* which is a link"):
        _ = Small(folder=folder).stored
    with pytest.raises(InputError, match=r"nothing that leads out of it, got img_align_celeba/\.\./\.\./x\.jpg"):
        _ = Small(folder=write(tmp_path / "b", {"../../x.jpg": b""})).stored
    folder = write(tmp_path / "c")
    path = tmp_path / "c" / "img_align_celeba.zip"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InputError, match="must be a complete zip archive"):
        _ = Small(folder=folder).stored
    with pytest.raises(InputError, match=r"fetch it by hand from https://mmlab\.ie"):
        _ = Small().stored


def test_a_crop_out_of_range_is_refused():
    with pytest.raises(InputError, match="crop must lie between 16 and 178"):
        CelebA(crop=200)
