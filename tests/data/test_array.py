"""Arrays of one's own: every form, how numbers are scaled, what is refused, and files that mean harm."""

import importlib
import io
import pickle
import struct
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tests.conftest import missing
from tests.data.contract import keep

from unweave.base.cache import cache_folder
from unweave.base.errors import InputError
from unweave.base.settings import build, plain
from unweave.data import load
from unweave.data.own.array import Array
from unweave.data.own.folder import Folder
from unweave.data.readers.containers import listed

pytestmark = pytest.mark.usefixtures("own_cache")


def rng(seed=0):
    return np.random.default_rng(seed)


def needed(module):
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError:
        missing(f"{module} is not installed")


def made(tmp_path, array, name="a.npy", **settings) -> Array:
    path = tmp_path / name
    np.save(path, array, allow_pickle=False) if name.endswith(".npy") else np.savez(path, **array)
    return Array(str(path), **settings).resolved()


def every(data):
    return data.images(np.arange(len(data))).numpy()


@pytest.fixture
def bytes_():
    return rng().integers(0, 256, (6, 20, 18, 3), dtype=np.uint8)


def test_images_may_have_their_channels_first_or_last(tmp_path, bytes_):
    last = made(tmp_path, bytes_)
    first = made(tmp_path, bytes_.transpose(0, 3, 1, 2), "b.npy")
    assert (last.order, first.order) == ("nhwc", "nchw")
    assert last.image_shape == first.image_shape == (3, 20, 18)
    np.testing.assert_array_equal(every(last), every(first))
    np.testing.assert_array_equal(every(last), bytes_.transpose(0, 3, 1, 2).astype(np.float32) / 255)
    grey = made(tmp_path, bytes_[..., 0], "c.npy")
    np.testing.assert_array_equal(every(grey)[:, 0], bytes_[..., 0].astype(np.float32) / 255)


def test_an_order_that_cannot_be_told_must_be_given(tmp_path):
    both = rng().random((5, 3, 16, 3))
    with pytest.raises(InputError, match=r"order must be nhwc or nchw for images \(3, 16, 3\)"):
        made(tmp_path, both)
    assert made(tmp_path, both, order="nchw").image_shape == (3, 16, 3)
    assert made(tmp_path, rng().random((5, 4, 16, 3)), channels=4).image_shape == (4, 16, 3)


@pytest.mark.parametrize(
    ("shape", "settings", "sentence"),
    [
        ((5, 32, 32, 5), {}, "images must have 1 to 4 channels, last or first in their shape, got"),
        ((5, 32, 32, 3), {"channels": 1}, "images must have 1 channels, last or first"),
        ((5, 32, 32, 3), {"order": "nchw"}, "images must have 1 to 4 channels, first in their shape"),
        ((5, 32, 32), {"channels": 3}, "channels must be 1 for grey images"),
        ((5,), {}, r"must have shape \(n, K\) for vectors"),
        ((5, 2, 3, 4, 5), {}, r"must have shape \(n, K\) for vectors"),
        ((1, 9), {}, "must hold 2 rows or more"),
        ((0, 9), {}, "must hold numbers"),
    ],
)
def test_wrong_shapes_are_refused(tmp_path, shape, settings, sentence):
    with pytest.raises(InputError, match=sentence):
        made(tmp_path, rng().random(shape), **settings)


def test_vectors_keep_their_units_and_are_standardised_by_the_model(tmp_path):
    x = rng().normal(5, [1, 10, 0.1], (50, 3))
    data = made(tmp_path, x)
    assert (data.image_shape, data.standardised, data.net) == ((1, 1, 3), 3, "mlp")
    assert (data.likelihood, data.likelihood_settings) == ("gaussian", {"squash": False, "scale": 0.5})
    assert not data.bounded
    np.testing.assert_array_equal(every(data)[:, 0, 0], x.astype(np.float32))


@pytest.mark.parametrize(
    ("array", "values", "likelihood"),
    [
        (np.eye(20)[:, :6], "binary", "bernoulli"),
        (rng().random((20, 6)), "real", "gaussian"),
        (rng().random((20, 16, 16)), "shades", "gaussian"),
        (rng().integers(0, 2, (20, 16, 16)).astype(bool), "binary", "bernoulli"),
        (rng().integers(0, 2, (20, 16, 16), dtype=np.uint8), "binary", "bernoulli"),
        (rng().integers(0, 2, (20, 16, 16), dtype=np.uint8) * 255, "binary", "bernoulli"),
        (np.clip(rng().normal(0.5, 3, (20, 16, 16)), 0, 1) * 0.999 + 5e-4, "shades", "gaussian"),
    ],
)
def test_the_likelihood_follows_the_numbers(tmp_path, array, values, likelihood):
    data = made(tmp_path, array)
    assert (data.values, data.likelihood) == (values, likelihood)
    assert likelihood in " ".join(data.account)
    if data.bounded:
        assert 0 <= every(data).min() <= every(data).max() <= 1


def test_masks_of_zeros_and_ones_are_not_made_nearly_black(tmp_path):
    mask = rng().integers(0, 2, (5, 16, 16), dtype=np.uint8)
    np.testing.assert_array_equal(every(made(tmp_path, mask))[:, 0], mask)


@pytest.mark.parametrize(
    ("array", "low", "high"),
    [
        (np.array([0, 4095], np.uint16), 0, 4095),  # twelve bits in sixteen
        (np.array([0, 4096], np.uint16), 0, 4096),  # not half of the next depth
        (np.array([0, 9], np.int64), 0, 9),
        (np.array([0, 9], np.uint8), 0, 9),
        (np.array([0, 1000], np.uint16), 0, 1023),
        (np.array([1, 1000], np.int32), 0, 1023),
        (np.array([0.0, 16.0]), 0, 16),  # scikit-learn's digits
        (np.array([0, 40_000], np.uint16), 0, 65535),
        (np.array([5, 70_000], np.int32), 5, 70_000),
        (np.array([3, 200], np.uint16), 0, 255),
        (np.array([0, 255], np.int64), 0, 255),
        (np.array([0.0, 255.0]), 0, 255),
        (np.array([-3, 300], np.int32), -3, 300),
        (np.array([-1.5, 2.5], np.float32), -1.5, 2.5),
        (np.array([0.25, 0.75], np.float64), 0, 1),
    ],
)
def test_images_are_scaled_by_what_they_hold_and_nothing_is_cut(tmp_path, array, low, high):
    whole = rng().choice(array, (6, 16, 16))
    whole[0, 0, :2] = array
    data = made(tmp_path, whole)
    assert (data.low, data.high) == (low, high)
    back = every(data)[:, 0].astype(np.float64) * (high - low) + low
    np.testing.assert_allclose(back, whole, atol=(high - low) * 1e-6)


@pytest.mark.parametrize("most", [9, 200, 1000, 4095, 4096, 60_000])
def test_an_array_and_a_folder_of_the_same_pictures_have_the_same_scale(tmp_path, most):
    pictures = rng().integers(0, most + 1, (4, 16, 16)).astype(np.uint8 if most < 256 else np.uint16)
    pictures[0, 0, 0] = most
    (tmp_path / "folder").mkdir()
    for k, each in enumerate(pictures):
        Image.fromarray(each).save(tmp_path / "folder" / f"{k}.png")
    folder = Folder(str(tmp_path / "folder")).resolved()
    for array in (pictures, pictures.astype(np.int64)):
        data = made(tmp_path, array)
        assert (data.low, data.high) == (folder.low, folder.high)
        np.testing.assert_allclose(every(data), folder.images(np.arange(4)), rtol=1e-6)
    assert every(data).max() > 0.5


def test_scales_asked_for(tmp_path):
    x = np.concatenate([rng().normal(size=(30, 16, 16)), np.full((1, 16, 16), 50.0)])
    assert made(tmp_path, x, scale="minmax").high == 50
    cut = made(tmp_path, x, scale="percentile")
    assert every(cut).max() == 1
    assert made(tmp_path, rng().random((5, 9)) / 2, scale="dtype").standardised == 0
    real = made(tmp_path, x, scale="none")
    assert (real.values, real.bounded, real.likelihood_settings["squash"]) == ("real", False, False)
    np.testing.assert_array_equal(every(real)[:, 0], x.astype(np.float32))
    with pytest.raises(InputError, match=r"scale must be minmax or percentile for numbers from .* to 50"):
        made(tmp_path, x, scale="dtype")
    with pytest.raises(InputError, match=r"scale must not be percentile where almost all numbers of a.npy are 0"):
        made(tmp_path, np.eye(3000, 4).reshape(3000, 2, 2) * 2, scale="percentile")


def test_counts_bring_a_caution(tmp_path):
    data = made(tmp_path, rng().poisson(3, (40, 5)).astype(np.float64))
    assert "a.npy holds whole numbers from 0" in data.caution
    assert data.standardised == 5
    assert made(tmp_path, rng().integers(0, 256, (40, 5), dtype=np.uint8), scale="dtype").caution is None
    assert made(tmp_path, rng().poisson(3, (4, 16, 16))).caution is None


@pytest.mark.parametrize(
    ("array", "sentence"),
    [
        (
            np.array([[1.0, np.nan], [np.inf, 2.0], [0.0, 0.0]]),
            "got 2 NaN or infinite ones in 2 rows, the first in row 0",
        ),
        (np.ones((5, 3)), "must hold rows that differ"),
        (np.full((5, 16, 16), 7, np.uint8), "must hold rows that differ"),
        (np.array([[1e31, 0.0], [0.0, 0.0]]), "must lie between -1e30 and 1e30"),
        (np.array([[1.6e9, 0.0], [1.6e9 + 1, 1.0]]), "must vary by more than .* got column 0; subtract"),
        (np.ones((3, 2), complex), "must hold real numbers of 8 bytes or fewer"),
        (np.array([["a", "b"]] * 3), "must hold real numbers of 8 bytes or fewer"),
        (np.zeros(3, [("x", float)]), "must hold real numbers of 8 bytes or fewer"),
        (np.array(["2020-01-01"] * 3, "datetime64[D]"), "must hold real numbers of 8 bytes or fewer"),
    ],
)
def test_wrong_numbers_are_refused(tmp_path, array, sentence):
    with pytest.raises(InputError, match=sentence):
        made(tmp_path, array)


def test_constant_columns_are_said(tmp_path):
    x = rng().normal(size=(10, 4))
    x[:, 2] = 3
    assert "constant and so of no use: column 2" in " ".join(made(tmp_path, x).account)


def test_an_npz_of_several_arrays_wants_a_key(tmp_path, bytes_):
    arrays = {"images": bytes_, "masks": bytes_[..., 0]}
    with pytest.raises(
        InputError, match=r"key must name one of the 2 arrays in a.npz, got none: images \(6, 20.*masks"
    ):
        made(tmp_path, arrays, "a.npz")
    with pytest.raises(InputError, match="unknown key 'image'; did you mean 'images'"):
        made(tmp_path, arrays, "a.npz", key="image")
    assert made(tmp_path, arrays, "a.npz", key="masks").image_shape == (1, 20, 18)


def test_labels_and_factors_beside_the_images(tmp_path, bytes_):
    beside = {"labels": np.array(list("bacbac")), "factors": rng().random((6, 2))}
    data = made(tmp_path, {"x": bytes_, **beside}, "a.npz")
    assert data.key == "x"
    assert data.labels.tolist() == [1, 0, 2, 1, 0, 2]
    assert data.classes == ("a", "b", "c")
    np.testing.assert_array_equal(data.factor_table.values, beside["factors"])
    assert data.factor_table.names == ("factor-0", "factor-1")
    assert made(tmp_path, bytes_, "b.npy").labels is None
    with pytest.raises(InputError, match=r"labels must be whole numbers or texts of shape \(6,\)"):
        made(tmp_path, {"x": bytes_, "labels": np.arange(5)}, "a.npz")
    with pytest.raises(InputError, match=r"factors must be numbers or texts of shape \(6, K\)"):
        made(tmp_path, {"x": bytes_, "factors": np.zeros((7, 2))}, "a.npz")
    worded = {"x": bytes_, "factors": np.array([["red", "2"], ["blue", "4"]] * 3)}
    table = made(tmp_path, worded, "a.npz").factor_table
    assert table.values[:2].tolist() == [[1, 2], [0, 4]]
    assert table.words == (("blue", "red"), ())


@pytest.mark.parametrize("fortran", [False, True])
def test_packed_files_are_unpacked_once_and_stored_ones_mapped(tmp_path, fortran):
    x = rng().normal(size=(300, 7)).astype(np.float32)
    x = np.asfortranarray(x) if fortran else x
    np.savez(tmp_path / "stored.npz", x=x)
    np.savez_compressed(tmp_path / "packed.npz", x=x)
    np.save(tmp_path / "plain.npy", x)
    for name, files in (("plain.npy", 0), ("stored.npz", 0), ("packed.npz", 1)):
        data = Array(str(tmp_path / name)).resolved()
        np.testing.assert_array_equal(every(data)[:, 0, 0], x)
        assert len(list(cache_folder().glob("unweave-array-*.npy"))) == files
        assert not data.raw.flags.writeable


def test_h5_data_sets_in_groups(tmp_path, bytes_):
    h5py = needed("h5py")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("train/images", data=bytes_, chunks=(4, 20, 18, 3), compression="gzip")
        file["train/labels"] = [0, 1, 2, 0, 1, 2]
        file["train/again"] = file["train"]  # a group that holds itself
    data = Array(str(tmp_path / "a.h5"), key="train/images").resolved()
    np.testing.assert_array_equal(data.raw, bytes_)
    assert data.labels.tolist() == [0, 1, 2, 0, 1, 2]


def test_a_run_reopens_the_same_data_and_no_other(tmp_path, bytes_, monkeypatch):
    data = made(tmp_path, {"x": bytes_, "labels": np.arange(6)}, "a.npz")
    again = build(Array, plain(data), of="array")
    monkeypatch.setattr("unweave.data.own.array.listed", lambda path: 1 / 0)
    assert (again.image_shape, len(again), again.net, again.classes) == ((3, 20, 18), 6, "conv", tuple("012345"))
    monkeypatch.undo()
    assert torch.equal(again.images(np.arange(6)), data.images(np.arange(6)))
    assert again.resolved() == data == again
    np.savez(tmp_path / "a.npz", x=bytes_[::-1], labels=np.arange(6))
    for wrong in (again.resolved, lambda: build(Array, plain(data), of="array").images(np.array([0]))):
        with pytest.raises(
            InputError, match=r"path must still hold the data whose digest is .* which has changed since"
        ):
            wrong()
    (tmp_path / "a.npz").unlink()
    with pytest.raises(InputError, match="path must be an existing file"):
        build(Array, plain(data), of="array").images(np.array([0]))


def test_a_second_run_does_not_look_at_every_number_again(tmp_path, bytes_, monkeypatch):
    data = made(tmp_path, bytes_)
    moved = tmp_path / "else" / "a.npy"
    moved.parent.mkdir()
    moved.write_bytes((tmp_path / "a.npy").read_bytes())
    monkeypatch.setattr("unweave.data.own.array.listed", lambda path: 1 / 0)
    assert Array(str(tmp_path / "a.npy")).resolved() == data
    assert Array(str(moved)).resolved() == replace(data, path=str(moved))
    with pytest.raises(ZeroDivisionError):
        Array(str(tmp_path / "a.npy"), scale="minmax").resolved()
    for file in cache_folder().glob("*found*"):
        file.write_text("torn {")
    monkeypatch.undo()
    monkeypatch.setenv("UNWEAVE_CACHE", str(tmp_path / "cache"))
    assert Array(str(tmp_path / "a.npy")).resolved() == data


def test_settings_travel_to_another_process_without_the_array(tmp_path, bytes_):
    data = made(tmp_path, bytes_)
    every(data)
    assert len(pickle.dumps(data)) < 2000
    np.testing.assert_array_equal(every(pickle.loads(pickle.dumps(data))), every(data))


def test_only_what_changes_results_is_hashed(tmp_path, bytes_):
    assert {"path", "max_bytes", "notes"} <= set(Array.bookkeeping)
    assert set(Array.found) < set(plain(made(tmp_path, bytes_)))


class Bomb:
    """Writes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_pickled_objects_are_refused_and_never_loaded(tmp_path):
    mark = tmp_path / "loaded"
    objects = np.array([Bomb(mark)] * 3, dtype=object)
    np.savez(tmp_path / "a.npz", x=objects)
    np.save(tmp_path / "a.npy", objects)
    for name in ("a.npz", "a.npy"):
        with pytest.raises(InputError, match="must hold plain numbers, got pickled"):
            Array(str(tmp_path / name)).resolved()
    np.savez(tmp_path / "b.npz", x=rng().random((5, 4)), labels=objects)
    with pytest.raises(InputError, match=r"labels in b.npz must hold plain numbers, got pickled"):
        Array(str(tmp_path / "b.npz")).resolved()
    np.savez(tmp_path / "c.npz", x=rng().random((5, 4)), metadata=objects)
    assert Array(str(tmp_path / "c.npz"), key="x").resolved().rows == 5
    assert not mark.exists()


def header(shape, dtype="<f4") -> bytes:
    text = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}}}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", 118) + text.encode()


def zipped(content: bytes, kind=zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", kind) as archive:
        archive.writestr("x.npy", content)
    return out.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a.npy", header((1 << 40, 1 << 10)), "max-bytes must be 4503599627370496 or more for array in a.npy"),
        ("a.npz", zipped(header((1 << 40, 1 << 10))), "max-bytes must be 4503599627370496 or more for x in a.npz"),
        ("a.npy", header((100, 10)) + bytes(399), "must be a whole .npy file, .* 3601 bytes early"),
        ("a.npz", zipped(header((100, 10)) + bytes(399), 0), "must be a whole .npz file, .* bytes early"),
        ("a.npz", zipped(header((100, 10)) + bytes(399)), "must be a whole .npz file, .* 3601 or more early"),
        ("a.npz", zipped(np.random.default_rng(0).bytes(5000))[:300], "must be a whole .npz file"),
        ("a.npy", b"\x93NUMPY\x01", "must be a whole .npy file"),
        ("a.npy", b"", "must be a whole .npy file"),
        ("a.npy", b"hello, I am text", "must be a whole .npy file"),
        ("a.npz", b"hello, I am text", "must be a whole .npz file"),
        ("a.npy", header("__import__('os').abort()"), "must be a whole .npy file"),
        ("a.npy", header((-5, 3)), "must be|must hold"),
        ("a.npy", header((5, 3), "|V8"), "must hold real numbers"),
        ("a.npz", zipped(b"")[:0] + b"PK\x05\x06" + bytes(18), "a.npz must hold an array"),
    ],
)
def test_hostile_and_broken_files_get_one_sentence(tmp_path, name, content, sentence):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=sentence) as wrong:
        Array(str(tmp_path / name)).resolved()
    assert "\n" not in str(wrong.value)
    assert not list(cache_folder().glob("*array*"))
    assert not list(cache_folder().glob("*found*"))


def test_a_damaged_member_is_noticed_by_its_checksum(tmp_path):
    content = bytearray(zipped(header((400, 4)) + rng().random((400, 4)).astype("<f4").tobytes()))
    content[1000] ^= 255
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(InputError, match=r"must be a whole .npz file"):
        Array(str(tmp_path / "a.npz")).resolved()


def test_max_bytes_is_a_setting(tmp_path):
    with pytest.raises(InputError, match=r"max-bytes must be 1200 or more for array in a.npy"):
        made(tmp_path, rng().random((50, 3)), max_bytes=1000)


def test_links_in_h5_files_are_never_followed(tmp_path):
    h5py = needed("h5py")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["secret"] = rng().random((5, 4))
    (tmp_path / "raw.bin").write_bytes(rng().random((5, 4)).tobytes())
    layout = h5py.VirtualLayout((5, 4), "f8")
    layout[:] = h5py.VirtualSource(str(tmp_path / "other.h5"), "secret", (5, 4))
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["far"] = h5py.ExternalLink("other.h5", "secret")
        file["near"] = h5py.SoftLink("/x")
        file["group"] = h5py.ExternalLink("other.h5", "/")
        file["x"] = rng().random((5, 4))
        file.create_dataset("raw", (5, 4), "f8", external=[(str(tmp_path / "raw.bin"), 0, 160)])
        file.create_virtual_dataset("virtual", layout)
        file["text"] = ["a"] * 5
        file["nothing"] = h5py.Empty("f8")
    names = {each.name: each.trouble for each in listed(tmp_path / "a.h5")}
    assert set(names) == {"far", "near", "group", "x", "raw", "virtual", "text", "nothing"}
    for key, sentence in {
        "far": "a link to another file",
        "near": "a link to another place",
        "group": "a link to another file",
        "raw": "numbers lie in other files",
        "virtual": "numbers lie in other files",
        "text": "pickled Python objects",
        "nothing": "without a shape",
        "group/secret": "unknown key",
    }.items():
        with pytest.raises(InputError, match=sentence):
            Array(str(tmp_path / "a.h5"), key=key).resolved()
    assert Array(str(tmp_path / "a.h5"), key="x").resolved().rows == 5


def test_h5_files_that_lie_about_their_size_or_end_early(tmp_path):
    h5py = needed("h5py")
    with h5py.File(tmp_path / "bomb.h5", "w") as file:
        file.create_dataset("x", (1 << 40, 16), "f4", chunks=(1024, 16), compression="gzip")
    with pytest.raises(InputError, match=r"max-bytes must be 70368744177664 or more for x in bomb.h5"):
        Array(str(tmp_path / "bomb.h5")).resolved()
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["x"] = rng().random((500, 4))
    whole = (tmp_path / "a.h5").read_bytes()
    for name, content in (("b.h5", whole[:9000]), ("c.h5", whole[:30]), ("d.h5", b"text")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match=r"must be a whole .h5 file, got"):
            Array(str(tmp_path / name)).resolved()


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({}, "path must name a file ending in .npy, .npz, .h5, .hdf5"),
        ({"path": "a.txt"}, "path must end in .npy"),
        ({"path": "nowhere.npy"}, "path must be an existing file"),
        ({"scale": "log"}, "scale must be one of"),
        ({"content": "x", "shape": (3,)}, "shape must be channels, height and width"),
    ],
)
def test_bad_settings_are_refused(settings, sentence):
    with pytest.raises(InputError, match=sentence):
        Array(**settings).resolved()


def test_it_works_unresolved_too(tmp_path):
    np.save(tmp_path / "a.npy", rng().normal(size=(8, 3)))
    data = load(str(tmp_path / "a.npy"))
    assert (len(data), data.image_shape, data.at_hand) == (8, (1, 1, 3), True)
    assert data.images(np.array([2])).shape == (1, 1, 1, 3)
    with pytest.raises(InputError, match="indices must lie between 0 and 7"):
        data.images(np.array([8]))
    assert not replace(data, path="").at_hand


@pytest.mark.parametrize("shape", [(9, 5), (9, 20, 20), (9, 32, 32, 3), (9, 4, 5)], ids=str)
def test_it_keeps_the_contract_of_data_sets(tmp_path, shape):
    keep(made(tmp_path, {"x": rng().random(shape), "labels": np.arange(9) % 3}, "a.npz"))
