"""The IDX format."""

import gzip

import numpy as np
import pytest
from PIL import Image

from unweave.base.errors import InputError
from unweave.data.readers.idx import content_of, enlarged, parse_idx


def idx(array: np.ndarray, magic: int | None = None) -> bytes:
    array = np.asarray(array, np.uint8)
    header = [{1: 2049, 3: 2051}[array.ndim] if magic is None else magic, *array.shape]
    return np.array(header, ">i4").tobytes() + array.tobytes()


@pytest.mark.parametrize("shape", [(5,), (2, 3, 4)])
def test_an_array_is_read_in_its_shape(shape):
    array = np.arange(np.prod(shape), dtype=np.uint8).reshape(shape)
    np.testing.assert_array_equal(parse_idx(idx(array), len(shape)), array)


@pytest.mark.parametrize(
    ("content", "dimensions", "sentence"),
    [
        (b"\0\0", 1, "must begin with 8 bytes of header"),
        (idx(np.zeros(3)), 3, "must begin with"),
        (idx(np.zeros((2, 2, 2)), magic=2050), 3, "must begin with the number 2051"),
        (idx(np.zeros((2, 2, 2)))[:-1], 3, "must hold the 2 x 2 x 2 bytes it announces"),
        (idx(np.zeros(3)) + b"x", 1, "must hold the 3 bytes it announces"),
        (np.array([2049, -3], ">i4").tobytes(), 1, "must hold the -3 bytes it announces"),
        (np.array([2051, 2**30, 2**30, 2**30], ">i4").tobytes(), 3, "bytes it announces, got 0"),
    ],
)
def test_other_formats_are_refused(content, dimensions, sentence):
    with pytest.raises(InputError, match=sentence):
        parse_idx(content, dimensions)


def test_files_are_unpacked_up_to_a_limit(tmp_path):
    (tmp_path / "a").write_bytes(b"12345")
    (tmp_path / "a.gz").write_bytes(gzip.compress(b"12345"))
    for name in ("a", "a.gz"):
        assert content_of(tmp_path / name) == b"12345"
        with pytest.raises(InputError, match="must unpack to 4 bytes or fewer"):
            content_of(tmp_path / name, most=4)
    (tmp_path / "torn.gz").write_bytes(gzip.compress(b"12345")[:-9])
    with pytest.raises(InputError, match=r"torn\.gz must be a file that can be read whole"):
        content_of(tmp_path / "torn.gz")


def test_pictures_are_enlarged_by_the_usual_bilinear_rule():
    """Within the rounding of Pillow's whole grey levels."""
    raw = np.random.default_rng(0).integers(0, 256, (12, 28, 28), dtype=np.uint8)
    mine = enlarged(raw, 32)[:, 0].numpy() * 255
    theirs = [np.asarray(Image.fromarray(each).resize((32, 32), Image.Resampling.BILINEAR)) for each in raw]
    assert np.abs(mine - np.stack(theirs)).max() < 1.01
    assert enlarged(raw[:0], 32).shape == (0, 1, 28, 28)
