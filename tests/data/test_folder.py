"""A folder of pictures: what becomes of sizes, channels and depths, what is refused, and the cache."""

import os
import pickle
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tests.data.contract import keep

from unweave.base.errors import InputError
from unweave.data import load
from unweave.data.own import decode
from unweave.data.own.decode import gather
from unweave.data.own.fitting import Wish
from unweave.data.own.folder import Folder
from unweave.engine import Spec

tifffile = pytest.importorskip("tifffile")


@pytest.fixture(autouse=True)
def _cache(own_cache):
    return own_cache


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def pictures(tmp_path):
    """Write arrays as pictures: `pictures({"a.png": array})` returns the folder."""

    def write(files, name="own"):
        folder = tmp_path / name
        for file, content in files.items():
            path = folder / file
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, bytes):
                path.write_bytes(content)
            elif path.suffix in (".tif", ".tiff"):
                tifffile.imwrite(path, content, photometric="minisblack")
            else:
                Image.fromarray(content).save(path)
        return folder

    return write


def shades(rng, count=4, shape=(20, 30, 3), dtype=np.uint8, most=255):
    return [rng.integers(0, most + 1, shape, dtype=dtype) for _ in range(count)]


def numbered(arrays, suffix=".png"):
    return {f"{k:02}{suffix}": each for k, each in enumerate(arrays)}


def opened(folder, **settings):
    return load(str(folder), **settings).resolved()


def values(data):
    return data.images(np.arange(len(data))).permute(0, 2, 3, 1).numpy()


def test_pictures_of_one_size_come_as_they_are(rng, pictures):
    arrays = shades(rng)
    data = opened(pictures(numbered(arrays)))
    assert data.image_shape == (3, 20, 30)
    assert (data.net, data.likelihood, data.likelihood_settings) == ("conv", "gaussian", {"scale": 0.1})
    np.testing.assert_array_equal(values(data), np.stack(arrays).astype(np.float32) / 255)
    assert data.files == ("00.png", "01.png", "02.png", "03.png")
    first, second = data.account
    assert "read 4 files in " in first
    assert first.endswith("4 RGB of 20 x 30 (height x width), 8 bit")
    assert second == ("values 0 to 255 become 0 to 1; the pixels are shades: likelihood gaussian of scale 0.1")


def test_it_keeps_the_contract_of_every_data_set(rng, pictures):
    folder = pictures(numbered(shades(rng, 30, (32, 32, 3))))
    (folder / "factors.csv").write_text("file,class\n" + "".join(f"{k:02}.png,{'ab'[k % 2]}\n" for k in range(30)))
    keep(load(f"folder:{folder}"))
    assert opened(folder).net == "dlib-conv"


def test_the_folder_is_read_whole_in_the_order_of_names_and_nothing_else(rng, pictures):
    a, b, c, d = shades(rng)
    folder = pictures({"b/deep/1.PNG": a, "a.png": b, "b.webp": c, "c.jpeg": d, ".hidden.png": b"x", "._d.png": b"x"})
    (folder / ".git").mkdir()
    (folder / ".git" / "x.png").write_bytes(b"x")
    (folder / "notes.txt").write_text("mine")
    (folder / "old.ppm").write_text("")
    data = opened(folder)
    assert data.files == ("a.png", "b.webp", "b/deep/1.PNG", "c.jpeg")
    np.testing.assert_array_equal(values(data)[2] * 255, a)
    assert "2 other files are no pictures by their suffix" in data.account[0]


@pytest.mark.parametrize(
    ("dtype", "most", "high", "text"),
    [
        (np.uint8, 255, 255, "values 0 to 255 become"),
        (np.uint8, 1, 1, "values 0 to 1 (0 and 1 only) become"),
        (np.uint16, 65_535, 65_535, "values 0 to 65535 become"),
        (np.uint16, 4_095, 4_095, "values 0 to 4095 (12 of 16 bits used) become"),
        (np.uint16, 255, 255, "values 0 to 255 (8 of 16 bits used) become"),
        (np.uint16, 1_000, 1_023, "values 0 to 1023 (10 of 16 bits used) become"),
        (np.uint8, 9, 9, "values 0 to 9 (the largest there is) become"),
    ],
)
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_the_depth_that_is_used_becomes_0_to_1_without_clipping(rng, pictures, dtype, most, high, text, suffix):
    arrays = shades(rng, shape=(16, 18), dtype=dtype, most=most)
    arrays[0][0, 0] = most
    data = opened(pictures(numbered(arrays, suffix)))
    assert (data.low, data.high) == (0, high)
    assert text in data.account[1]
    assert "cut to that range" not in data.account[1]
    np.testing.assert_allclose(values(data)[..., 0], np.stack(arrays) / high, rtol=1e-6)


def test_scales_by_the_extremes_by_percentiles_and_by_hand(rng, pictures):
    arrays = shades(rng, shape=(40, 40), dtype=np.uint16, most=800)
    arrays = [each + np.uint16(100) for each in arrays]
    arrays[0][0, 0] = 60_000
    folder = pictures(numbered(arrays))
    whole = np.stack(arrays)
    assert opened(folder).high == 65_535
    extreme = opened(folder, scale="minmax")
    assert (extreme.low, extreme.high) == (whole.min(), 60_000)
    assert values(extreme).max() == 1
    robust = opened(folder, scale="percentile")
    np.testing.assert_allclose([robust.low, robust.high], np.percentile(whole, [0.1, 99.9]), atol=2)
    assert "% of them cut to that range" in robust.account[1]
    assert (values(robust).min(), values(robust).max()) == (0, 1)
    own = opened(folder, low="0", high=1000)
    np.testing.assert_allclose(values(own)[1, ..., 0], arrays[1] / 1000, rtol=1e-6)


def test_real_numbers_from_0_to_1_stay_and_others_are_stretched(rng, pictures):
    inside = [rng.random((16, 16), dtype=np.float32) for _ in range(3)]
    data = opened(pictures(numbered(inside, ".tif")))
    np.testing.assert_array_equal(values(data)[..., 0], np.stack(inside))
    folder = pictures(numbered([100 * each - 3 for each in inside], ".tif"), "outside")
    assert data.caution is None
    found = opened(folder)
    assert (values(found).min(), values(found).max()) == (0, 1)
    assert "minmax says that this is meant" in found.caution
    assert opened(folder, scale="minmax").caution is opened(folder, low=-3, high=97).caution is None
    assert opened(folder, scale="percentile").low > -3


def test_pages_without_a_name_are_asked_about(rng, pictures):
    values = rng.integers(0, 256, (4, 3, 20, 30), dtype=np.uint8)
    folder = pictures({"none.txt": b""})
    for k, each in enumerate(values):
        tifffile.imwrite(folder / f"{k}.tif", each, photometric="minisblack")
    with pytest.raises(InputError, match=r"got auto and 3 pages in 0\.tif; --data.pages channels"):
        opened(folder)
    colour = opened(folder, pages="channels")
    assert colour.image_shape == (3, 20, 30)
    np.testing.assert_array_equal(colour.images(np.arange(4)).numpy() * 255, values)
    grey = opened(folder, pages="pictures")
    assert (len(grey), grey.image_shape) == (12, (1, 20, 30))


def test_a_stack_or_an_animation_is_a_data_set_of_its_frames(rng, tmp_path):
    values = rng.integers(0, 256, (30, 20, 24), dtype=np.uint8)
    tifffile.imwrite(tmp_path / "stack.tif", values, photometric="minisblack")
    (tmp_path / "factors.csv").write_text("file,x\nother.png,1\n")
    data = load(str(tmp_path / "stack.tif")).resolved()
    np.testing.assert_array_equal(data.images(np.arange(30)).numpy()[:, 0] * 255, values)
    assert data.account[0].startswith(f"read {tmp_path / 'stack.tif'}: 30 grey of 20 x 24")
    assert data.at_hand
    frames = [Image.fromarray(each) for each in values[:5]]
    frames[0].save(tmp_path / "film.gif", save_all=True, append_images=frames[1:])
    film = load(str(tmp_path / "film.gif"), channels=1).resolved()
    np.testing.assert_allclose(film.images(np.arange(5)).numpy()[:, 0] * 255, values[:5], atol=1.01)
    tifffile.imwrite(tmp_path / "stack.tif", values[::-1].copy(), photometric="minisblack")
    with pytest.raises(InputError, match="must have content"):
        load(str(tmp_path / "stack.tif"), content=data.content).images(np.arange(2))


def test_signed_numbers_are_called_so(rng, pictures):
    arrays = [rng.integers(-900, 1000, (16, 16)).astype(np.int16) for _ in range(3)]
    data = opened(pictures(numbered(arrays, ".tif")))
    assert "signed 16 bit" in data.account[0]
    assert "signed 16 bit" in data.caution
    counted = opened(pictures(numbered([abs(each) for each in arrays], ".tif"), "counted"))
    assert (counted.low, counted.high) == (0, 1023)
    assert counted.caution is None


def test_channels_are_those_of_the_pictures_unless_chosen(rng, pictures):
    colour, grey = shades(rng, 2), shades(rng, 2, (20, 30))
    both = pictures(numbered([*colour, *grey]))
    data = opened(both)
    assert data.image_shape == (3, 20, 30)
    np.testing.assert_array_equal(values(data)[2] * 255, np.repeat(grey[0][..., None], 3, 2))
    assert "2 RGB and 2 grey" in data.account[0]
    single = opened(both, channels=1)
    luma = np.rint(colour[0] @ [0.299, 0.587, 0.114])
    np.testing.assert_allclose(values(single)[0, ..., 0] * 255, luma, atol=1e-4)
    assert "made grey" in single.account[1]
    with pytest.raises(InputError, match=r"channels must be 1 or 3 for 00\.png, which is RGB"):
        opened(both, channels=4)
    many = pictures({"a.tif": rng.integers(0, 255, (20, 30), dtype=np.uint8)}, "many")
    tifffile.imwrite(many / "b.tif", np.zeros((20, 30, 6), np.uint8), photometric="minisblack", planarconfig="contig")
    with pytest.raises(InputError, match="pictures must have the same channels"):
        opened(many)


def test_more_than_four_channels_come_through(rng, pictures, tmp_path):
    arrays = shades(rng, 3, (16, 20, 6), np.uint16, 65_535)
    folder = pictures({"a.png": arrays[0][..., 0]}, "six")
    (folder / "a.png").unlink()
    for k, each in enumerate(arrays):
        tifffile.imwrite(folder / f"{k}.tif", each, photometric="minisblack", planarconfig="contig")
    data = opened(folder)
    assert data.image_shape == (6, 16, 20)
    np.testing.assert_allclose(values(data) * 65_535, np.stack(arrays), rtol=1e-6)
    assert "3 6-channel of 16 x 20" in data.account[0]


def test_transparent_parts_lie_over_white_unless_alpha_is_kept(rng, pictures):
    arrays = shades(rng, 3, (16, 16, 4))
    arrays[0][..., 3] = 255
    folder = pictures(numbered(arrays))
    data = opened(folder)
    assert data.image_shape == (3, 16, 16)
    share = arrays[1][..., 3:] / 255
    over = np.rint(255 + share * (arrays[1][..., :3] - 255.0))
    np.testing.assert_allclose(values(data)[1] * 255, over, atol=1e-4)
    np.testing.assert_array_equal(values(data)[0], arrays[0][..., :3].astype(np.float32) / 255)
    assert "2 with transparent parts laid over white" in data.account[1]
    kept = opened(folder, channels=4)
    np.testing.assert_array_equal(values(kept), np.stack(arrays).astype(np.float32) / 255)


def test_mixed_sizes_become_64_x_64_and_it_is_said(rng, pictures):
    folder = pictures({"a.png": shades(rng, 1, (20, 30, 3))[0], "b.png": shades(rng, 1, (300, 200, 3))[0]})
    data = opened(folder)
    assert data.image_shape == (3, 64, 64)
    assert "20-300 x 30-200 (height x width)" in data.account[0]
    assert "resized to 64 x 64 (stretch)" in data.account[1]
    assert opened(folder, size="48,60").image_shape == (3, 48, 60)
    assert opened(folder, size=32, channels=1).image_shape == (1, 32, 32)


def test_crop_and_pad_keep_proportions(pictures):
    wide = np.zeros((32, 64), np.uint8)
    wide[:, 16:48] = 200
    folder = pictures({"a.png": wide, "b.png": 255 - wide})
    cropped = values(opened(folder, size=32, fit="crop"))
    np.testing.assert_allclose(cropped[0] * 255, 200)
    padded = values(opened(folder, size=32, fit="pad"))[1, ..., 0] * 255
    assert not padded[:8].any()
    assert not padded[24:].any()
    assert padded[8:24].min() > 50
    stretched = values(opened(folder, size=32))[0, ..., 0] * 255
    np.testing.assert_allclose(stretched[:, [4, 16]], np.tile([0, 200], (32, 1)), atol=1)


def test_tiles_cover_a_picture_but_for_its_edges(rng, pictures):
    (large,) = shades(rng, 1, (40, 55, 3))
    data = opened(pictures({"a.png": large}), tile=16)
    expected = [large[y : y + 16, x : x + 16] for y in (0, 16) for x in (0, 16, 32)]
    np.testing.assert_array_equal(values(data), np.stack(expected).astype(np.float32) / 255)
    assert data.files == ("a.png",) * 6
    assert "cut into 6 tiles of 16 x 16, a remainder at the right or bottom of 1 left out" in data.account[1]
    with pytest.raises(InputError, match="tile must fit into every picture"):
        opened(data.path, tile=41)


def test_every_page_is_a_picture_even_of_long_stacks(rng, pictures, monkeypatch):
    monkeypatch.setattr(decode, "_AT_ONCE", 2)  # so that the stack is decoded in several pieces
    stack, alone = rng.integers(0, 256, (50, 16, 16), dtype=np.uint8), rng.integers(0, 256, (16, 16), dtype=np.uint8)
    folder = pictures({"stack.tif": stack, "z.tif": alone, "a.tif": stack[:3] // 2})
    data = opened(folder)
    assert len(data) == 54
    np.testing.assert_allclose(
        values(data)[..., 0] * 255, np.concatenate([stack[:3] // 2, stack, alone[None]]), atol=1e-4
    )
    assert data.files == ("a.tif",) * 3 + ("stack.tif",) * 50 + ("z.tif",)


@pytest.mark.parametrize(
    ("arrays", "likelihood"),
    [
        ([np.eye(16, dtype=bool), np.ones((16, 16), bool)], "bernoulli"),
        ([np.eye(32, dtype=np.uint8), np.ones((32, 32), np.uint8)], "bernoulli"),
        ([np.kron(np.eye(4), np.full((9, 9), k)).astype(np.uint8) for k in (255, 254)], "bernoulli"),
        ([np.tri(16, dtype=np.uint8) * k for k in (255, 90)], "gaussian"),
    ],
)
def test_black_and_white_suits_bernoulli_and_shades_a_gaussian(pictures, arrays, likelihood):
    data = opened(pictures(numbered(arrays)))
    assert data.likelihood == likelihood
    assert f"likelihood {likelihood}" in data.account[1]


def test_faint_pictures_get_a_narrow_gaussian(rng, pictures):
    data = opened(pictures(numbered(shades(rng, 8, (16, 16), np.uint16, 3_000)), "faint"), high=65_535)
    assert data.spread == pytest.approx(1_500 / 65_535, rel=0.4)
    assert data.likelihood_settings["scale"] == pytest.approx(0.2 * data.spread, rel=0.05)


def damaged(array):
    import io

    stream = io.BytesIO()
    Image.fromarray(array).save(stream, "png")
    return stream.getvalue()[: len(stream.getvalue()) // 2]


def test_bad_files_are_named_and_left_out_only_if_asked(rng, pictures):
    arrays = shades(rng)
    files = {"b.png": b"a letter", "c.png": damaged(arrays[0]), "d.png": b"", **numbered(arrays)}
    folder = pictures(files)
    with pytest.raises(
        InputError, match=r"got 2 of 7 that cannot be: b\.png \(it is no PNG.*\); d\.png \(it is empty\); "
    ):
        opened(folder)
    data = opened(folder, skip_bad=True)
    np.testing.assert_array_equal(values(data), np.stack(arrays).astype(np.float32) / 255)
    assert data.files == ("00.png", "01.png", "02.png", "03.png")
    assert "read 4 files" in data.account[0]
    assert "4 RGB of" in data.account[0]
    assert (
        "left out 3 that cannot be read: b.png (it is no PNG, JPEG, WebP, BMP, GIF or TIFF picture); c.png"
        in data.account[0]
    )
    with pytest.raises(InputError, match=r"got 3 of 7 that cannot be: b\.png .* --skip-bad leaves them out"):
        opened(folder)
    with pytest.raises(InputError, match=r"must be readable, got none that is: a\.png"):
        opened(pictures({"a.png": b"x", "b.png": damaged(arrays[0])}, "all bad"), skip_bad=True)


@pytest.mark.parametrize(
    ("files", "settings", "sentence"),
    [
        ({"a.txt": b"x"}, {}, r"path must hold pictures \(\.png"),
        ({"a.png": np.full((16, 16), 9, np.uint8)}, {}, "pictures must differ from each other"),
        (
            {"a.png": np.full((16, 16), 9, np.uint8), "b.png": np.full((16, 16), 9, np.uint8)},
            {},
            "pictures must differ from each other",
        ),
        (
            {"a.png": np.zeros((16, 16), np.uint8), "b.png": np.zeros((16, 16), np.uint8)},
            {"scale": "minmax"},
            "pictures must have more than one value",
        ),
        (
            {"a.png": np.zeros((16, 16), np.uint8), "b.png": np.zeros((16, 16), np.uint16)},
            {},
            "must have the same kind of numbers",
        ),
        ({"a.png": np.eye(16, dtype=np.uint8)}, {"max_bytes": 100}, "max_bytes must be 256 or more for 1 pictures"),
        ({"a.png": np.eye(16, dtype=np.uint8)}, {"max_pixels": 100}, r"a\.png \(its 16 x 16 pixels are more than"),
    ],
)
def test_what_cannot_be_learned_from_is_refused(pictures, files, settings, sentence):
    with pytest.raises(InputError, match=sentence):
        opened(pictures(files), **settings)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"path": "nowhere"}, "path must be an existing folder of pictures"),
        ({}, "path must be a folder of pictures, as in --data folder:DIR"),
        ({"size": 12}, "size must be one or two sides from 16 to 256"),
        ({"size": (32, 300)}, "size must be one or two sides from 16 to 256"),
        ({"size": (32, 32, 3)}, "size must be one or two sides"),
        ({"low": 3, "high": 3}, "high must be more than low"),
    ],
)
def test_bad_settings_are_refused(settings, sentence):
    with pytest.raises(InputError, match=sentence):
        Folder(**settings).resolved()


def test_links_that_leave_the_folder_are_refused(rng, pictures, tmp_path):
    folder, arrays = pictures(numbered(shades(rng))), shades(rng, 1)
    other = pictures({"x.png": arrays[0]}, "other")
    (folder / "inside.png").symlink_to(folder / "00.png")
    (folder / "loop").symlink_to(folder)
    (folder / "notes.txt").symlink_to(tmp_path)  # a folder outside, whatever its name
    with pytest.raises(InputError, match=r"links must stay in the folder, got notes\.txt"):
        opened(folder)
    (folder / "notes.txt").unlink()
    assert opened(folder).files == ("00.png", "01.png", "02.png", "03.png", "inside.png")
    (folder / "x.png").symlink_to(other / "x.png")
    with pytest.raises(InputError, match=r"links must stay in the folder, got x\.png, which leads to .*other"):
        opened(folder)
    (folder / "x.png").unlink()
    (folder / "factors.csv").symlink_to(other / "x.png")
    with pytest.raises(InputError, match=r"links must stay in the folder, got factors\.csv"):
        opened(folder)
    (tmp_path / "link").symlink_to(other)  # the folder itself may be named by a link
    (other / "y.png").write_bytes((folder / "01.png").read_bytes())
    assert len(opened(tmp_path / "link")) == 2


def test_files_are_decoded_once(rng, pictures, monkeypatch):
    folder = pictures(numbered(shades(rng)))
    first = opened(folder)
    counted = []
    monkeypatch.setattr(decode, "opened", lambda *given, **_: counted.append(given) or 1 / 0)
    again = opened(folder)
    assert again == first
    assert torch.equal(again.images(np.arange(4)), first.images(np.arange(4)))
    whole = opened(folder, size=(20, 30), channels=3, scale="minmax")  # the same array
    assert len(whole) == 4
    with pytest.raises(ZeroDivisionError):
        opened(folder, size=32)
    assert counted


def test_a_changed_file_is_decoded_again_even_with_its_old_date(rng, pictures):
    a, b, c = shades(rng, 3, (16, 16))
    folder = pictures({"a.tif": a, "b.tif": b})
    before = opened(folder)
    about = (folder / "b.tif").stat()
    time.sleep(0.02)  # coarse clocks of file systems
    tifffile.imwrite(folder / "b.tif", c, photometric="minisblack")
    os.utime(folder / "b.tif", ns=(about.st_atime_ns, about.st_mtime_ns))
    assert (folder / "b.tif").stat().st_size == about.st_size
    after = opened(folder)
    assert after.content != before.content
    np.testing.assert_allclose(values(after)[1, ..., 0] * 255, c, atol=1e-4)


def test_content_is_that_of_names_and_bytes_wherever_the_folder_lies(rng, pictures, tmp_path):
    arrays = shades(rng)
    one, other = opened(pictures(numbered(arrays), "one")), opened(pictures(numbered(arrays), "other"))
    assert one.content == other.content
    renamed = opened(pictures({f"x{k}.png": each for k, each in enumerate(arrays)}, "renamed"))
    assert renamed.content != one.content
    one.resolved()
    (tmp_path / "one" / "factors.csv").write_text("file,size\n00.png,3\n")
    assert opened(tmp_path / "one").content == one.content


def test_a_run_opens_without_its_pictures_and_refuses_others(rng, pictures):
    folder = pictures(numbered(shades(rng)))
    spec = Spec.make("vae", data=f"folder:{folder}", net="conv", steps=1, batch=2)
    assert spec.likelihood.settings.scale == 0.1
    stored = spec.plain()
    assert stored["data"]["size"] == [20, 30]
    assert len(stored["data"]["content"]) == 64
    assert "skip_bad" not in spec.data.changed()
    away = folder.rename(folder.with_name("away"))
    again = Spec.from_plain(stored)
    assert again.hash == spec.hash
    assert again.dataset.image_shape == (3, 20, 30)
    assert again.shapes()
    assert again.command == spec.command
    assert not again.dataset.at_hand
    with pytest.raises(InputError, match="path must be an existing folder of pictures"):
        again.dataset.images(np.array([0]))
    away.rename(folder)
    assert torch.equal(again.dataset.images(np.arange(4)), spec.dataset.images(np.arange(4)))
    assert pickle.loads(pickle.dumps(again.dataset)) == again.dataset
    Image.fromarray(shades(rng, 1)[0]).save(folder / "02.png")
    with pytest.raises(InputError, match=r"pictures in .* must have content .{8}, got .{8}: files were changed"):
        Spec.from_plain(stored).dataset.images(np.array([0]))


def test_without_a_writable_cache_pictures_stay_in_memory(rng, pictures, monkeypatch, tmp_path):
    arrays = shades(rng)
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("UNWEAVE_CACHE", str(tmp_path / "file" / "cache"))
    folder = pictures({**numbered(arrays), "x.png": damaged(arrays[0])})
    with pytest.warns(RuntimeWarning, match="cannot be written"):
        data = opened(folder, skip_bad=True)
    np.testing.assert_array_equal(values(data), np.stack(arrays).astype(np.float32) / 255)
    assert "4 RGB" in data.account[0]


def test_a_lost_array_is_made_again(rng, pictures, own_cache):
    arrays = shades(rng)
    folder = pictures({"00a.png": damaged(arrays[0]), "00b.png": b"x", **numbered(arrays)})
    before = opened(folder, skip_bad=True)
    pixels = values(before)
    for pattern in ("*.npy", "*.json", "*"):
        for path in own_cache.glob(pattern):
            path.write_text("{half")
        again = opened(folder, skip_bad=True)
        assert again == before
        assert again.account == before.account
        np.testing.assert_array_equal(values(again), pixels)
    assert "{half" not in [path.read_bytes()[:5] for path in own_cache.iterdir()]


def test_large_jpegs_may_be_decoded_small_but_never_smaller_than_wanted(pictures):
    down, across = np.mgrid[:512, :768] / 768
    arrays = [np.rint(255 * np.stack([down, across, shade * down], -1)).astype(np.uint8) for shade in (0.2, 1)]
    folder = pictures({f"{k}.jpg": each for k, each in enumerate(arrays)})
    found = values(opened(folder))[0]
    exact = np.stack([np.asarray(Image.fromarray(arrays[0]).resize((64, 64), Image.Resampling.BOX))]) / 255
    assert np.abs(found - exact).max() < 0.02


def test_long_work_is_said_on_standard_error(rng, pictures, monkeypatch, capsys):
    folder = pictures(numbered(shades(rng)))
    hours = iter(range(0, 10**9, 3600))
    monkeypatch.setattr(decode.time, "monotonic", lambda: next(hours))
    gather(Path(folder), Wish())
    text = capsys.readouterr().err
    assert "looking at pictures: 4 of 4 files" in text
    assert "decoding pictures: 4 of 4 files" in text


def test_factors_and_labels_are_read_by_file(rng, pictures):
    folder = pictures({**numbered(shades(rng)), "s.png": damaged(shades(rng, 1)[0])})
    (folder / "factors.csv").write_text(
        "file,angle,label\n03.png,0.5,cat\n00.png,2,dog\n01.png,NA,cat\n02.png,7,dog\ns.png,1,elk\n"
    )
    data = opened(folder, skip_bad=True)
    table = data.factor_table
    assert table.names == ("angle", "label")
    np.testing.assert_array_equal(table.values[:, 0], [2, np.nan, 7, 0.5])
    assert data.labels.tolist() == [1, 0, 1, 0]
    assert data.classes == ("cat", "dog")
    assert data.account[2] == "factors.csv tells angle, label of 3 of 4 pictures; 2 classes"
    (folder / "factors.csv").write_text("file,label\n03.png,cat\n")
    partial = opened(folder, skip_bad=True)
    assert partial.labels is None
    assert partial.classes == ()
    assert "its classes are not used, as some pictures have none" in partial.account[2]
    (folder / "factors.csv").write_text("file,label\n04.png,cat\n")
    with pytest.raises(InputError, match=r"factors\.csv must name files of its folder"):
        opened(folder, skip_bad=True)
