"""dSprites: the pinned pixels, a slow second implementation, both ways to hold it, and the official file."""

import hashlib
import io
import math
import pickle
import subprocess
import sys
import zipfile
from fractions import Fraction
from itertools import islice

import numpy as np
import pytest
import torch

from unweave.base import cache
from unweave.base.errors import InputError
from unweave.data import load
from unweave.data.published.dsprites import IMAGES, ROW, SHA256, DSprites, drawn, fill, packed_file

pytestmark = pytest.mark.xdist_group("dsprites")  # so that one worker draws everything, not each

ON = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1).sum(1)  # byte -> pixels on


# What the rule must give


def test_all_pixels_are_the_pinned_ones(dsprites):
    assert sum(int(ON[block.view(np.uint8)].sum()) for block in np.split(dsprites.packed, 720)) == 128_328_864
    assert dsprites.digest() == SHA256 == "3a228f4037ef3d42a42588e0e01f1078aa2df13cfa17584e88c95ed9fb5672da"


# First 16 digits of the sha256 of packed frames of the animation in the data set's own repository.
FRAMES = {
    (2, 3, 0, 0, 0): "8d36d4c62082bb64",
    (2, 5, 0, 6, 31): "b106342f46b961b8",
    (2, 5, 0, 13, 0): "c417166ac6bbcf77",
    (2, 5, 0, 25, 0): "f9fd6e235ab2fa9e",
    (2, 5, 0, 31, 23): "d6eec2a4a72ea476",
    (1, 3, 0, 0, 0): "8a4e09e363f0b514",
    (1, 5, 14, 0, 0): "0112bf52b9f75497",
    (1, 5, 26, 0, 0): "e956befba683585b",
    (0, 3, 0, 0, 0): "3eddd00b0030158e",
    (0, 5, 14, 0, 0): "dbb4b8891b803660",
    (0, 5, 26, 0, 0): "0a01c5ac7edc4493",
}


@pytest.mark.parametrize("factors", FRAMES)
def test_frames_of_the_real_data_set(factors):
    image = load("dsprites", hold="lazy").render(np.array([factors])).numpy().astype(np.uint8)
    assert hashlib.sha256(np.packbits(image).tobytes()).hexdigest().startswith(FRAMES[factors])


def slowly(shape, scale, orientation, x, y):
    """The image by the same rule in plain Python: exact fractions, each pixel on its own, (64, 64)."""
    if shape == 0:
        unit = [(-1, -1), (1, -1), (1, 1), (-1, 1)]
    elif shape == 1:
        turns = [2 * math.pi * k / 100 for k in range(100)]
        unit = [(1.33 * math.cos(t), math.sin(t) / 1.33) for t in turns]
    else:
        turns = [2 * math.pi * k / 150 for k in range(150)]
        waves = [(13, 1), (-5, 2), (-2, 3), (-1, 4)]
        unit = [(math.sin(t) ** 3, -sum(a * math.cos(m * t) for a, m in waves) / 14.5 - 0.15) for t in turns]
    half, angle = 9.6 * (5 + scale) / 10, 2 * math.pi * orientation / 39
    cos, sin = math.cos(angle), math.sin(angle)
    corners = [
        (
            Fraction(round(256 * (half * (u * cos + v * sin) + 16 + 32 * x / 31)), 256),
            Fraction(round(256 * (half * (v * cos - u * sin) + 16 + 32 * y / 31)), 256),
        )
        for u, v in unit
    ]
    sides = list(zip(corners, corners[1:] + corners[:1], strict=True))
    image = np.zeros((64, 64), np.uint8)
    for row in range(64):
        middle = row + Fraction(1, 2)
        hits = [
            x1 + (x2 - x1) * (middle - y1) / (y2 - y1)
            for (x1, y1), (x2, y2) in sides
            if min(y1, y2) < middle <= max(y1, y2)
        ]
        for column in range(64) if hits else ():
            image[row, column] = sum(hit <= column + Fraction(1, 2) for hit in hits) % 2
    return image


def test_a_slow_second_implementation_agrees():
    data = load("dsprites", hold="lazy")
    factors = data.sample_factors(30, np.random.default_rng(4))
    assert set(factors[:, 0]) == {0, 1, 2}
    for row, image in zip(factors.tolist(), data.render(factors).numpy(), strict=True):
        np.testing.assert_array_equal(image[0], slowly(*row))


def test_ties_left_and_bottom_inside_right_and_top_outside():
    # corners on pixel centres: columns 2.5 to 4.5, rows 5.5 to 7.5
    X, Y = 256 * np.array([[2.5, 4.5, 4.5, 2.5]]), 256 * np.array([[5.5, 5.5, 7.5, 7.5]])
    rows = fill(X.astype(np.int64)[..., None], Y.astype(np.int64))[0, 0]
    on = np.unpackbits(rows.astype(ROW).view(np.uint8)).reshape(64, 64)
    assert [tuple(pixel) for pixel in np.argwhere(on).tolist()] == [(6, 2), (6, 3), (7, 2), (7, 3)]


def test_one_outline_in_many_places_equals_many_outlines():
    rng = np.random.default_rng(0)
    X, Y = rng.integers(1_000, 12_000, (5, 9, 7)), rng.integers(1_000, 15_000, (5, 9))  # self-crossing too
    together = fill(X, Y)
    for k in range(7):
        np.testing.assert_array_equal(together[:, k], fill(X[..., k : k + 1], Y)[:, 0])


# Factors


def test_factors_and_their_values():
    data = load("dsprites", hold="lazy")
    assert data.names == ("shape", "scale", "orientation", "x", "y")
    assert data.sizes == (3, 6, 40, 32, 32)
    assert [factor.cyclic for factor in data.factors] == [False, False, True, False, False]
    shape, scale, orientation, x, y = (factor.values for factor in data.factors)
    assert shape == (1, 2, 3)
    assert scale == pytest.approx((0.5, 0.6, 0.7, 0.8, 0.9, 1.0))
    assert orientation == pytest.approx([2 * math.pi * k / 39 for k in range(40)])
    assert x == y == pytest.approx([k / 31 for k in range(32)])


def test_the_last_orientation_is_the_first(dsprites):
    rows = dsprites.packed.reshape(18, 40, 1024, 64)
    assert (rows[:, 39] == rows[:, 0]).all()
    assert not (rows[:, 38] == rows[:, 0]).all(axis=(1, 2)).any()


def test_areas_shrink_from_square_to_heart(dsprites):
    largest = dsprites.packed.reshape(3, 6, -1, 64)[:, 5]
    areas = [ON[shape.view(np.uint8)].sum() / len(shape) for shape in largest]
    assert areas == pytest.approx([368.7, 289.3, 224.5], abs=0.05)


def test_x_moves_right_y_moves_down_and_orientation_turns_counter_clockwise():
    data = load("dsprites", hold="lazy")

    def centre(*factors):
        image = data.render(np.array([factors]))[0, 0]
        rows, columns = torch.nonzero(image, as_tuple=True)
        return columns.double().mean() + 0.5, rows.double().mean() + 0.5

    assert centre(0, 5, 0, 0, 31) == pytest.approx((16, 48), abs=0.5)
    assert centre(0, 5, 0, 31, 0) == pytest.approx((48, 16), abs=0.5)
    ellipse = data.render(np.array([[1, 5, 3, 16, 16]]))[0, 0]  # long axis turned by 28 degrees
    rows, columns = torch.nonzero(ellipse, as_tuple=True)
    assert torch.corrcoef(torch.stack([columns, -rows]).double())[0, 1] > 0.3


# Both ways to hold it, both sizes


def test_lazy_draws_the_same_as_packed(dsprites):
    indices = np.random.default_rng(1).integers(0, IMAGES, 3_000)
    lazy = load("dsprites", hold="lazy")
    assert torch.equal(lazy.images(indices), dsprites.images(indices))


def test_render_equals_images(dsprites):
    factors = dsprites.sample_factors(50, np.random.default_rng(2))
    assert torch.equal(dsprites.render(factors), dsprites.images(dsprites.index(factors)))


@pytest.mark.parametrize("hold", ["packed", "lazy"])
def test_size_32_is_the_mean_of_2_x_2(dsprites, hold, monkeypatch):
    indices = np.random.default_rng(3).integers(0, IMAGES, 200)
    small = DSprites(size=32, hold=hold)
    if hold == "packed":
        monkeypatch.setitem(small.__dict__, "packed", dsprites.packed)
    images = small.images(indices)
    assert images.shape == (200, 1, 32, 32) == (200, *small.image_shape)
    assert images.dtype == torch.float32
    assert set(images.unique().tolist()) == {0.0, 0.25, 0.5, 0.75, 1.0}
    assert torch.equal(images, torch.nn.functional.avg_pool2d(dsprites.images(indices), 2))


def test_an_empty_batch_is_an_empty_tensor():
    data = load("dsprites", hold="lazy")
    assert data.images(np.array([], np.int64)).shape == (0, 1, 64, 64)


def test_lazy_holds_little():
    data = load("dsprites", hold="lazy")
    data.images(np.arange(0, IMAGES, 1_000))
    held = sum(value.nbytes for value in vars(data).values() if isinstance(value, np.ndarray))
    assert 0 < held < 4 * 2**20


def test_only_settings_travel_between_processes(dsprites):
    assert len(pickle.dumps(dsprites)) < 1_000
    assert pickle.loads(pickle.dumps(dsprites)) == dsprites


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"file": "nowhere.npz"}, "file must be the official dSprites npz"),
        ({"file": __file__, "hold": "lazy"}, "hold must be packed where a file is given"),
        ({"colour": 1}, "unknown setting of dsprites 'colour'"),
    ],
)
def test_refused_settings(settings, sentence):
    with pytest.raises(InputError, match=sentence):
        load("dsprites", **settings)


# The cache


@pytest.mark.parametrize("harm", ["truncated", "other pixels"])
def test_a_damaged_cache_file_is_made_again(dsprites, own_cache, monkeypatch, harm):
    monkeypatch.setattr("unweave.data.published.dsprites.drawn", lambda: iter([dsprites.packed]))
    path = cache.cached("dsprites-rule-1.npy")
    path.parent.mkdir()
    if harm == "truncated":
        content = io.BytesIO()
        np.save(content, dsprites.packed[:2])
        path.write_bytes(content.getvalue().replace(b"(2, 64), }       ", b"(737280, 64), }  "))
        assert b"(737280, 64)" in path.read_bytes()
    else:
        np.lib.format.open_memmap(path, "w+", ROW, (IMAGES, 64))  # right in form, all black
    fresh = DSprites()
    assert fresh.digest() == SHA256
    assert DSprites().packed.shape == (IMAGES, 64)
    path.unlink()


WRITER = """
import sys, numpy as np
from itertools import islice
from unweave.base import cache
from unweave.data.published.dsprites import ROW, drawn
sys.stdout.write("ready\\n"); sys.stdout.flush(); sys.stdin.readline()
rows = cache.array("part", (20 * 1024, 64), ROW, lambda: islice(drawn(), 20))
print(rows.flags.writeable, int(rows.view("u1").astype(np.int64).sum()))
"""


def test_two_processes_drawing_into_one_cache(own_cache):
    pair = [
        subprocess.Popen([sys.executable, "-c", WRITER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    for process in pair:
        assert process.stdout.readline() == "ready\n"
    for process in pair:  # both are up: let them go together
        process.stdin.write("go\n")
        process.stdin.flush()
    outputs = [process.communicate(timeout=60)[0] for process in pair]
    expected = sum(int(block.view("u1").astype(np.int64).sum()) for block in islice(drawn(), 20))
    assert outputs == [f"False {expected}\n"] * 2
    assert [path.name for path in own_cache.iterdir()] == ["unweave-part.npy"]


# The official file


def write_npz(path, imgs, name="imgs", **others):
    np.savez_compressed(path, **{name: imgs}, **others)
    return path


@pytest.fixture
def pixels():
    return np.random.default_rng(0).integers(0, 2, (2_100, 64, 64), dtype=np.uint8)


def test_the_stream_packs_every_pixel(tmp_path, pixels):
    path = write_npz(tmp_path / "a.npz", pixels, metadata=np.array([{"never": "unpickled"}]))
    blocks = list(packed_file(path, len(pixels)))
    assert [len(block) for block in blocks] == [1024, 1024, 52]
    unpacked = np.concatenate([np.unpackbits(block.view(np.uint8)) for block in blocks])
    np.testing.assert_array_equal(unpacked.reshape(pixels.shape), pixels)


class Mine:
    """Leaves a trace when it is unpickled."""

    def __reduce__(self):
        return (exec, ("raise SystemError('unpickled')",))


def test_metadata_is_never_unpickled(tmp_path, pixels):
    path = write_npz(tmp_path / "a.npz", pixels[:3], metadata=np.array([Mine()]))
    with pytest.raises(SystemError, match="unpickled"):  # the trap works
        np.load(path, allow_pickle=True)["metadata"]
    assert len(next(packed_file(path, 3))) == 3


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda p: p[:9], r"imgs in file must be uint8 \(10, 64, 64\)"),
        (lambda p: p.astype(np.int16), r"must be uint8 \(10, 64, 64\)"),
        (lambda p: np.asfortranarray(p), "in Fortran order"),
        (lambda p: p * 255, "pixels of imgs in file must be 0 or 1"),
        (lambda p: np.array([Mine()]), r"must be uint8 \(10, 64, 64\), got object"),
    ],
)
def test_refused_arrays(tmp_path, pixels, change, sentence):
    path = write_npz(tmp_path / "a.npz", change(pixels[:10]))
    with pytest.raises(InputError, match=sentence) as refusal:
        list(packed_file(path, 10))
    assert "\n" not in str(refusal.value)


def test_refused_files(tmp_path, pixels):
    other = write_npz(tmp_path / "b.npz", pixels[:3], name="images")
    with pytest.raises(InputError, match="must hold the array imgs"):
        list(packed_file(other, 3))
    text = tmp_path / "c.npz"
    text.write_text("no archive")
    with pytest.raises(InputError, match="must be a complete npz archive"):
        list(packed_file(text, 3))
    with zipfile.ZipFile(tmp_path / "d.npz", "w") as archive:
        archive.writestr("imgs.npy", b"no array")
    with pytest.raises(InputError, match="must be an npy array"):
        list(packed_file(tmp_path / "d.npz", 3))


def npy_bytes(array):
    content = io.BytesIO()
    np.save(content, array)
    return content.getvalue()


@pytest.mark.parametrize("where", ["archive cut", "entry short", "entry long", "bit flipped"])
def test_refused_damage(tmp_path, pixels, where):
    path, content = tmp_path / "a.npz", npy_bytes(pixels[:10])
    content = content[:-5] if where == "entry short" else content
    content = content + b"\0" if where == "entry long" else content
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("imgs.npy", content)
    raw = bytearray(path.read_bytes())
    if where == "archive cut":
        raw = raw[: len(raw) // 2]
    elif where == "bit flipped":  # stored uncompressed, so the pixel still reads as 0 or 1: only the checksum tells
        raw[20_000] ^= 1
    path.write_bytes(raw)
    sentence = "must end after 10 images" if where == "entry long" else "must be a complete npz archive"
    with pytest.raises(InputError, match=sentence):
        list(packed_file(path, 10))


def test_a_refused_file_leaves_no_cache_behind(tmp_path, own_cache, pixels):
    path = write_npz(tmp_path / "a.npz", pixels[:3])
    with pytest.raises(InputError, match=r"must be uint8 \(737280, 64, 64\)"):
        load("dsprites", file=str(path)).images(np.array([0]))
    assert list(own_cache.iterdir()) == []


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_full_file_with_three_altered_images(tmp_path, own_cache, dsprites):
    altered = [0, 123_456, IMAGES - 1]
    path = tmp_path / "dsprites_ndarray_co1sh3sc6or40x32y32_64x64.npz"
    header = {"descr": "|u1", "fortran_order": False, "shape": (IMAGES, 64, 64)}
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("imgs.npy", "w", force_zip64=True) as entry,
    ):
        np.lib.format.write_array_header_1_0(entry, header)
        for start, block in zip(range(0, IMAGES, 1024), drawn(), strict=True):
            images = np.unpackbits(block.view(np.uint8)).reshape(-1, 64, 64)
            for image in altered:
                if start <= image < start + 1024:
                    images[image - start, 3, 4] ^= 1
            entry.write(images.tobytes())
    data = load("dsprites", file=str(path))
    with pytest.warns(UserWarning, match="differs from the rule in 3 of 737,280 images"):
        assert data.packed.shape == (IMAGES, 64)
    assert data.differences().tolist() == altered
    assert data.images(np.array(altered))[:, 0, 3, 4].tolist() == [1.0] * 3
    assert data.digest() != SHA256
    assert dsprites.differences().size == 0
    (cached,) = own_cache.iterdir()
    written = cached.stat().st_mtime_ns
    assert load("dsprites", file=str(path), size=32).images(np.array([1])).shape == (1, 1, 32, 32)
    assert cached.stat().st_mtime_ns == written  # the second time it is mapped, not read
    cached.unlink()
    path.unlink()
