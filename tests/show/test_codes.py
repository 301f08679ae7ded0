"""Codes of a data set in one file: the same in every form, with names, a chunk at a time, whole or not at all."""

import csv

import numpy as np
import pytest
from PIL import Image

import unweave
from unweave.base.errors import InputError
from unweave.models.trained import CHUNK
from unweave.show import codes

SMALL = {
    "net": "conv", "net.channels": (4, 4, 4), "net.hidden": 8, "batch": 4, "latents": 2, "steps": 2, "threads": 1,
    "callbacks": [],
}  # fmt: skip
SPRITES = {"data": "dsprites", "data.size": 32, "data.hold": "lazy"}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return unweave.train("joint-vae", out=tmp_path_factory.mktemp("runs") / "j", **SMALL, **SPRITES)


def pictures(folder, most, n=6, names=("a", "b")):
    """`n` grey pictures of 32 x 32 with values up to `most`, and what is known of them."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    lines = ["file,label,angle,kind"]
    for k in range(n):
        pixels = rng.integers(0, most + 1, (32, 32))
        pixels[0, :2] = 0, most
        Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{k}.png")
        lines.append(f"{k}.png,{names[k % 2]},{k / 2},{'' if k == 1 else names[k % 2] * 2}")
    (folder / "factors.csv").write_text("\n".join(lines))
    return folder


@pytest.fixture(scope="module")
def on_pictures(tmp_path_factory):
    place = tmp_path_factory.mktemp("pictures")
    shown = pictures(place / "dark", 100)
    return unweave.train("vae", data=f"folder:{shown}", out=place / "run", **SMALL, **{"data.scale": "minmax"})


def read_csv(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_an_npz_holds_what_the_run_says_of_every_image(run, tmp_path):
    n = CHUNK + 200
    path = codes.encode_to(run, tmp_path / "new" / "c.npz", limit=n)
    held = np.load(path, allow_pickle=False)
    chunks = [run.posterior(run.data.images(rows)) for rows in (np.arange(CHUNK), np.arange(CHUNK, n))]
    for name, field in {"codes": "mean", "std": "std", "kl": "kl", "categories": "categories"}.items():
        assert np.array_equal(held[name], np.concatenate([getattr(each, field) for each in chunks])), name
    assert held["index"].tolist() == list(range(n))
    assert np.array_equal(held["factors"], run.data.factors_at(np.arange(n)))
    assert held["factors_columns"].tolist() == [f"factor_{name}" for name in run.data.names]
    assert held["codes_columns"].tolist() == ["z0", "z1"]
    assert np.array_equal(held["probabilities"].argmax(1), held["categories"][:, 0])
    assert [each.name for each in path.parent.iterdir()] == ["c.npz"]
    first = path.read_bytes()
    assert codes.encode_to(run, path, limit=n, overwrite=True).read_bytes() == first


def test_a_csv_holds_the_same_float32(run, tmp_path):
    held = np.load(codes.encode_to(run, tmp_path / "c.npz", limit=20))
    rows = read_csv(codes.encode_to(run, tmp_path / "c.csv", limit=20))
    assert list(rows[0]) == [
        "index", "factor_shape", "factor_scale", "factor_orientation", "factor_x", "factor_y", "z0", "z1", "z0_std",
        "z1_std", "z0_kl", "z1_kl", "category", "category_p0", "category_p1", "category_p2",
    ]  # fmt: skip
    for name in ("codes", "std", "kl", "categories", "probabilities"):
        columns = held[f"{name}_columns"]
        again = np.array([[row[column] for column in columns] for row in rows]).astype(held[name].dtype)
        assert np.array_equal(again, held[name]), name


def test_a_parquet_file_holds_the_same_rows(run, tmp_path, monkeypatch):
    parquet = pytest.importorskip("pyarrow.parquet")
    monkeypatch.setattr("unweave.show.codes.CHUNK", 8)
    monkeypatch.setattr("unweave.show.codes.GROUP", 2)
    rows = read_csv(codes.encode_to(run, tmp_path / "c.csv", limit=20))
    table = parquet.read_table(codes.encode_to(run, tmp_path / "c.parquet", limit=20)).to_pydict()
    assert list(table) == list(rows[0])
    for name, column in table.items():
        assert np.array_equal(np.float32(column), np.float32([row[name] for row in rows])), name


def test_without_pyarrow_the_extra_is_named(run, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(InputError, match=r"pip install 'unweave\[tables\]'"):
        codes.encode_to(run, tmp_path / "c.parquet", limit=2)
    assert not list(tmp_path.iterdir())


def test_one_chunk_is_held_at_a_time_and_counted(run, tmp_path, monkeypatch):
    asked, counts = [], []
    usual = type(run.data).images
    monkeypatch.setattr(type(run.data), "images", lambda self, rows: asked.append(len(rows)) or usual(self, rows))
    codes.encode_to(run, tmp_path / "c.csv", limit=2 * CHUNK + 1, counted=lambda *numbers: counts.append(numbers))
    assert asked == [CHUNK, CHUNK, 1]
    assert counts == [(CHUNK, 2 * CHUNK + 1), (2 * CHUNK, 2 * CHUNK + 1), (2 * CHUNK + 1, 2 * CHUNK + 1)]


@pytest.mark.parametrize("name", ["c.npz", "c.csv", "c.parquet"])
def test_what_fails_on_the_way_leaves_nothing_and_spares_what_was_there(run, tmp_path, name):
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow")
    path = tmp_path / name
    path.write_text("mine")

    def stop(done, of):
        if done > CHUNK:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        codes.encode_to(run, path, limit=2 * CHUNK, overwrite=True, counted=stop)
    assert path.read_text() == "mine"
    assert [each.name for each in tmp_path.iterdir()] == [name]


def test_files_classes_and_factors_of_own_pictures_stand_beside_the_codes(on_pictures, tmp_path):
    rows = read_csv(codes.encode_to(on_pictures, tmp_path / "c.csv"))
    assert [row["file"] for row in rows] == [f"{k}.png" for k in range(6)]
    assert [row["class"] for row in rows] == ["a", "b"] * 3
    assert [row["factor_angle"] for row in rows] == ["0", "0.5", "1", "1.5", "2", "2.5"]
    assert [row["factor_kind"] for row in rows] == ["aa", "", "aa", "bb", "aa", "bb"]
    held = np.load(codes.encode_to(on_pictures, tmp_path / "c.npz"))
    assert held["file"].tolist() == [f"{k}.png" for k in range(6)]
    assert "categories" not in held


def test_another_folder_is_scaled_as_the_one_trained_on(on_pictures, tmp_path):
    bright = pictures(tmp_path / "bright", 50)
    assert (on_pictures.data.low, on_pictures.data.high) == (0, 100)
    same = codes.opened(f"folder:{bright}", like=on_pictures)
    assert (same.low, same.high) == (0, 100)
    assert float(same.images(np.arange(6)).max()) == 0.5
    own = codes.opened(f"folder:{bright}", {"scale": "minmax"}, like=on_pictures)
    assert (own.low, own.high) == (0, 50)
    codes.encode_to(on_pictures, tmp_path / "c.npz", f"folder:{bright}")
    meant = on_pictures.posterior(same.images(np.arange(6))).mean
    assert np.array_equal(np.load(tmp_path / "c.npz")["codes"], meant)


def test_a_table_needs_the_columns_trained_on(tmp_path):
    rows = np.random.default_rng(0).normal(size=(30, 3)).round(3)
    text = "\n".join(",".join(map(str, row)) for row in rows)
    (tmp_path / "one.csv").write_text(f"a,b,c\n{text}\n")
    (tmp_path / "other.csv").write_text(f"a,c,b\n{text}\n")
    vectors = {**SMALL, "net": "pinwheel-mlp"}
    del vectors["net.channels"]
    run = unweave.train("vae", data=tmp_path / "one.csv", out=tmp_path / "run", **vectors)
    path = codes.encode_to(run, tmp_path / "c.npz")
    assert np.array_equal(np.load(path)["codes"], run.encode(run.data.images(np.arange(30))))
    with pytest.raises(InputError, match="got c in place of b"):
        codes.encode_to(run, tmp_path / "d.npz", tmp_path / "other.csv")


@pytest.mark.parametrize(
    ("out", "more", "rule"),
    [
        ("c.txt", {}, r"out must end in \.npz"),
        ("c.csv", {"limit": 0}, "limit must be 1 or more"),
        ("c.csv", {"data": "dsprites", "given": {"size": 64}}, r"shape \(1, 32, 32\), .* got \(1, 64, 64\)"),
        ("c.csv", {"data": "dsprite"}, "did you mean 'dsprites'"),
        ("c.csv", {"data": "dsprites", "given": {"sise": 32}}, r"data\.sise"),
        ("kept.csv", {}, "out must not exist yet"),
        ("place.csv", {}, "which is a folder"),
        ("kept.csv/c.csv", {"limit": 1}, "out must be a file that can be written"),
    ],
)
def test_wrong_wishes_are_refused(run, tmp_path, out, more, rule):
    (tmp_path / "kept.csv").write_text("mine")
    (tmp_path / "place.csv").mkdir()
    with pytest.raises(InputError, match=rule):
        codes.encode_to(run, tmp_path / out, **more)
    assert (tmp_path / "kept.csv").read_text() == "mine"


def test_a_model_without_data_needs_some(run, tmp_path):
    with pytest.raises(InputError, match="data must be given"):
        codes.encode_to(run.model, tmp_path / "c.csv")


def test_samples_are_kept_with_their_codes(run, tmp_path):
    held = np.load(codes.sample_to(run, tmp_path / "s.npz", n=7, seed=3))
    drawn = codes.sample(run, 7, 3)
    assert np.array_equal(held["images"], drawn.images)
    assert np.array_equal(held["codes"], drawn.codes)
    assert held["categories"].tolist() == [[0], [0], [0], [1], [1], [2], [2]]
    with pytest.raises(InputError, match="must not exist yet"):
        codes.sample_to(run, tmp_path / "s.npz")
