"""The opener of image files: every form of PNG, JPEG, WebP and TIFF bit for bit, and hostile files."""

import io
import struct
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image, ImageOps

from unweave.base.errors import InputError
from unweave.data.readers.images import open_image, opened

tifffile = pytest.importorskip("tifffile")


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def saved(image, form, **how):
    stream = io.BytesIO()
    image.save(stream, form, **how)
    return stream


def chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(pixels, colour, size=None):
    """A 16-bit PNG whose rows are filtered by turns with none, sub and up; `size` is what its header says instead."""
    height, width = pixels.shape[:2]
    octets = pixels.astype(">u2").reshape(height, -1).view(np.uint8)
    step, above, rows = 2 * pixels.shape[2], np.zeros_like(octets[0]), b""
    for y, row in enumerate(octets):
        left = np.append(np.zeros(step, np.uint8), row[:-step])
        rows += bytes([y % 3]) + (row - (0, left, above)[y % 3]).astype(np.uint8).tobytes()
        above = row
    header = struct.pack(">IIBBBBB", *(size or (width, height)), 16, colour, 0, 0, 0)
    return io.BytesIO(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    )


def tiff(array, **how):
    stream = io.BytesIO()
    tifffile.imwrite(stream, array, **how)
    stream.seek(0)
    return stream


def pages(stream):
    with opened(stream) as found:
        return [page.header for page in found], [page.read(None) for page in found]


@pytest.mark.parametrize(("colour", "channels"), [(0, 1), (4, 2), (2, 3), (6, 4)])
def test_16_bit_png_keep_every_bit_of_every_colour(rng, colour, channels):
    pixels = rng.integers(0, 1 << 16, (7, 9, channels))
    found = open_image(png(pixels, colour))
    assert found.dtype == np.uint16
    np.testing.assert_array_equal(found, pixels)
    (header,), _ = pages(png(pixels, colour))
    assert (header.channels, header.alpha, header.dtype) == (channels, channels in (2, 4), "uint16")


@pytest.mark.parametrize("form", ["png", "webp", "tiff"])
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L"])
def test_8_bit_pictures_come_back_as_they_were(rng, form, mode):
    bands = len(Image.new(mode, (1, 1)).getbands())
    pixels = rng.integers(1, 256, (11, 13, bands), dtype=np.uint8)
    stream = saved(Image.fromarray(pixels.squeeze()), form, **({"lossless": True} if form == "webp" else {}))
    expected = np.repeat(pixels, 3, 2) if (form, mode) == ("webp", "L") else pixels  # WebP knows no grey
    np.testing.assert_array_equal(open_image(stream), expected)


def test_palettes_and_single_bits_become_colours(rng):
    colours = rng.integers(0, 256, (4, 3), dtype=np.uint8)
    numbers = rng.integers(0, 4, (5, 6), dtype=np.uint8)
    image = Image.fromarray(numbers, "P")
    image.putpalette(colours.tobytes())
    np.testing.assert_array_equal(open_image(saved(image, "png")), colours[numbers])
    clear = open_image(saved(image, "png", transparency=2))
    np.testing.assert_array_equal(clear[..., 3], np.where(numbers == 2, 0, 255))
    bits = numbers > 1
    for form in ("png", "tiff"):
        np.testing.assert_array_equal(open_image(saved(Image.fromarray(bits), form))[..., 0], 255 * bits)
    table = np.concatenate([colours, np.zeros((252, 3), np.uint8)]).T.astype(np.uint16) * 257
    stream = tiff(numbers, photometric="palette", colormap=table)
    np.testing.assert_array_equal(open_image(stream), colours[numbers])


@pytest.mark.parametrize("turn", range(1, 9))
def test_the_orientation_of_the_camera_is_undone(rng, turn):
    pixels = rng.integers(0, 256, (4, 6, 3), dtype=np.uint8)
    exif = Image.Exif()
    exif[0x0112] = turn
    stream = saved(Image.fromarray(pixels), "png", exif=exif)
    expected = np.asarray(ImageOps.exif_transpose(Image.open(stream)))
    np.testing.assert_array_equal(open_image(stream), expected)
    (header,), _ = pages(stream)
    assert (header.height, header.width) == expected.shape[:2]
    stream = tiff(pixels, extratags=[(274, "H", 1, turn, True)])
    np.testing.assert_array_equal(open_image(stream), expected)


@pytest.mark.parametrize(
    ("dtype", "becomes"),
    [("u1", "u1"), ("u2", "u2"), (">u2", "u2"), ("i2", "f4"), ("u4", "f4"), ("f4", "f4"), ("f8", "f4"), ("f2", "f4")],
)
def test_tiff_numbers_are_kept_exactly(rng, dtype, becomes):
    values = (rng.integers(0, 250, (5, 6)) / (8 if "f" in dtype else 1)).astype(dtype)
    found = open_image(tiff(values, byteorder=">" if ">" in dtype else "<"))
    assert found.dtype == np.dtype(becomes)
    np.testing.assert_array_equal(found[..., 0], values)


def test_white_is_the_largest_number_also_where_the_file_says_the_opposite():
    values = np.arange(30, dtype=np.uint8).reshape(5, 6)
    np.testing.assert_array_equal(open_image(tiff(values, photometric="miniswhite"))[..., 0], 255 - values)


@pytest.mark.parametrize(
    ("shape", "how", "count", "order"),
    [
        ((5, 20, 30), {"photometric": "minisblack"}, 5, (0, 1, 2)),
        ((20, 30, 6), {"photometric": "minisblack", "planarconfig": "contig"}, 1, (0, 1, 2)),
        ((6, 20, 30), {"photometric": "minisblack", "planarconfig": "separate"}, 1, (1, 2, 0)),
        ((4, 20, 30, 3), {"photometric": "rgb"}, 4, (0, 1, 2, 3)),
        ((2, 5, 20, 30), {"photometric": "minisblack"}, 10, (0, 1, 2, 3)),
        ((4, 2, 20, 30), {"imagej": True, "metadata": {"axes": "TCYX"}}, 4, (0, 2, 3, 1)),
        ((5, 20, 30), {"ome": True, "metadata": {"axes": "CYX"}}, 1, (1, 2, 0)),
        ((3, 5, 20, 30), {"ome": True, "metadata": {"axes": "TCYX"}}, 3, (0, 2, 3, 1)),
        ((3, 5, 20, 30), {"ome": True, "metadata": {"axes": "CTYX"}}, 5, (1, 2, 3, 0)),
    ],
)
def test_pages_are_pictures_and_channels_are_channels(rng, shape, how, count, order):
    values = rng.integers(0, 256, shape, dtype=np.uint8)
    headers, found = pages(tiff(values, **how))
    expected = values.transpose(order).reshape(count, 20, 30, -1)
    assert [header.channels for header in headers] == [expected.shape[3]] * count
    np.testing.assert_array_equal(np.stack(found), expected)


def test_alpha_is_told_from_a_fourth_channel(rng):
    values = rng.integers(0, 256, (5, 6, 4), dtype=np.uint8)
    (clear,), _ = pages(tiff(values, photometric="rgb", extrasamples=["unassalpha"]))
    (plain,), _ = pages(tiff(values, photometric="minisblack", planarconfig="contig"))
    assert (clear.alpha, clear.colours, plain.alpha, plain.colours) == (True, 3, False, 4)


def test_one_picture_is_wanted_of_a_stream_or_a_path(rng, tmp_path):
    with pytest.raises(InputError, match="the picture cannot be read: it holds 3 pages, and one picture is wanted"):
        open_image(tiff(rng.integers(0, 9, (3, 8, 8), dtype=np.uint8), photometric="minisblack"))
    frames = [Image.new("L", (4, 4), shade) for shade in (0, 9, 99)]
    for form in ("png", "webp", "gif"):
        with pytest.raises(InputError, match="it holds 3 pages"):
            open_image(saved(frames[0], form, save_all=True, append_images=frames[1:]))
    path = tmp_path / "nowhere.png"
    with pytest.raises(InputError, match=r"nowhere\.png cannot be read: No such file"):
        open_image(path)


def test_frames_of_an_animation_are_whole_pictures_in_any_order(rng):
    shades = [Image.fromarray(np.full((8, 9, 3), k, np.uint8)) for k in (0, 85, 170, 255)]
    shades[2].putpixel((3, 4), (255, 0, 0))
    for form in ("gif", "png"):
        stream = saved(shades[0], form, save_all=True, append_images=shades[1:])
        headers, found = pages(stream)
        assert [(each.height, each.width, each.channels) for each in headers] == [(8, 9, 3)] * 4
        assert [each[0, 0].tolist() for each in found] == [[k] * 3 for k in (0, 85, 170, 255)]
        assert found[2][4, 3].tolist() == [255, 0, 0]
        with opened(stream) as frames:
            assert frames[3].read(None)[0, 0, 0] == 255
            assert frames[1].read(None)[0, 0, 0] == 85


def test_a_bmp_is_read(rng):
    pixels = rng.integers(0, 256, (7, 9, 3), dtype=np.uint8)
    np.testing.assert_array_equal(open_image(saved(Image.fromarray(pixels), "bmp")), pixels)


def test_few_pages_without_a_name_are_told_and_may_be_channels(rng):
    values = rng.integers(0, 256, (3, 20, 30), dtype=np.uint8)
    stream = tiff(values, photometric="minisblack")
    headers, _ = pages(stream)
    assert [each.unnamed for each in headers] == [3, 3, 3]
    with opened(stream, channels=True) as found:
        assert [each.header.channels for each in found] == [3]
        np.testing.assert_array_equal(found[0].read(None), values.transpose(1, 2, 0))
    for how in ({"imagej": True, "metadata": {"axes": "TYX"}}, {"ome": True, "metadata": {"axes": "ZYX"}}):
        headers, _ = pages(tiff(values, **how))
        assert [each.unnamed for each in headers] == [0, 0, 0]
    assert {each.unnamed for each in pages(tiff(np.repeat(values, 2, 0), photometric="minisblack"))[0]} == {0}


@pytest.mark.parametrize("name", ["ppm", "eps", "text", "html", "nothing"])
def test_other_formats_are_not_even_tried(name):
    if name in ("text", "html", "nothing"):
        stream = io.BytesIO({"text": b"no picture", "html": b"<svg></svg>", "nothing": b""}[name])
    else:
        stream = saved(Image.new("RGB", (4, 4)), name)
    with pytest.raises(InputError, match=r"it is no PNG, JPEG, WebP, BMP, GIF or TIFF picture|it is empty"):
        open_image(stream)


@pytest.mark.parametrize("form", ["png", "jpeg", "webp", "bmp", "tiff"])
def test_what_is_cut_short_or_garbled_is_refused_in_one_sentence(rng, form):
    whole = saved(Image.fromarray(rng.integers(0, 256, (40, 50, 3), dtype=np.uint8)), form).getvalue()
    for keep in (3, 5, 20, 60, 200, len(whole) // 2, len(whole) - 200):
        with pytest.raises(InputError, match=r"^the picture cannot be read: [^\n]+$"):
            open_image(io.BytesIO(whole[:keep]))
    messages = []
    for at in range(0, 200, 7):  # whatever is garbled, nothing but an array or InputError comes
        garbled = whole[:at] + bytes(rng.integers(0, 256, 8, dtype=np.uint8)) + whole[at + 8 :]
        try:
            open_image(io.BytesIO(garbled))
        except InputError as wrong:
            messages.append(str(wrong))
    assert messages
    assert not any("\n" in each for each in messages)


def test_a_bomb_is_refused_by_its_header_before_anything_is_decoded():
    tiny = np.zeros((1, 1, 1))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(InputError, match="9,000 x 9,000 pixels are more than the 80,000,000 allowed"):
            open_image(png(tiny, 0, size=(9_000, 9_000)))
        for side in (12_000, 60_000):  # of which Pillow itself warns, or which it refuses
            with pytest.raises(InputError, match="its size is that of a decompression bomb"):
                open_image(png(tiny, 0, size=(side, side)))
    with pytest.raises(InputError, match="20 x 30 pixels are more than the 500 allowed"):
        open_image(saved(Image.new("L", (30, 20)), "png"), max_pixels=500)
    stream = tiff(np.zeros((20, 30, 9), np.uint8), photometric="minisblack", planarconfig="contig")
    with pytest.raises(InputError, match="20 x 30 pixels of 9 channels are more than the 600 allowed"):
        open_image(stream, max_pixels=600)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (np.array([[1.0, np.nan]], np.float32), "it holds NaN or infinite numbers"),
        (np.array([[1, 1 << 30]], np.uint32), "its uint32 numbers are too large to keep exactly"),
        (np.array([[1, 2j]], np.complex64), "its numbers are complex64"),
    ],
)
def test_numbers_that_cannot_be_kept_are_refused(values, reason):
    with pytest.raises(InputError, match=reason):
        open_image(tiff(values))


def test_a_tiff_opens_no_other_file(rng, tmp_path, monkeypatch):
    """OME metadata may say that pages lie in other files, which would even be looked for where the program runs."""
    monkeypatch.chdir(tmp_path)
    secret = rng.integers(1, 256, (8, 8), dtype=np.uint8)
    space = "http://www.openmicroscopy.org/Schemas/OME/2016-06"
    own, other = (f"urn:uuid:{digit * 8}-0000-0000-0000-000000000000" for digit in "01")
    about = (
        f'<?xml version="1.0"?><OME xmlns="{space}" UUID="{own}"><Image ID="Image:0"><Pixels ID="P:0" '
        'DimensionOrder="XYCZT" Type="uint8" SizeX="8" SizeY="8" SizeC="1" SizeZ="1" SizeT="2">'
        '<Channel ID="C:0" SamplesPerPixel="1"/>'
        f'<TiffData FirstT="0" IFD="0" PlaneCount="1"><UUID FileName="stack.ome.tif">{own}</UUID></TiffData>'
        f'<TiffData FirstT="1" IFD="0" PlaneCount="1"><UUID FileName="secret.ome.tif">{other}</UUID></TiffData>'
        "</Pixels></Image></OME>"
    )
    tifffile.imwrite("secret.ome.tif", secret, metadata=None, description=f'<OME xmlns="{space}"></OME>')
    tifffile.imwrite("stack.ome.tif", np.zeros((8, 8), np.uint8), metadata=None, description=about)
    assert (tifffile.imread("stack.ome.tif")[1] == secret).all()  # as tifffile does
    assert not open_image(tmp_path / "stack.ome.tif").any()


def test_without_tifffile_it_says_what_to_install(monkeypatch):
    stream = tiff(np.zeros((4, 4), np.uint8))
    monkeypatch.setitem(__import__("sys").modules, "tifffile", None)
    with pytest.raises(InputError, match=r"TIFF pictures need tifffile: pip install 'unweave\[images\]'"):
        open_image(stream)
