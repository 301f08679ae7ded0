"""`unweave encode` and `unweave sample`: files that appear, and one sentence where they cannot."""

import csv

import numpy as np
import pytest

from unweave.face.cli.app import main
from unweave.run.run import Run


@pytest.fixture(scope="module")
def finished(tmp_path_factory, tiny):
    out = tmp_path_factory.mktemp("runs") / "j"
    assert main(["train", "joint-vae", *tiny, "--out", str(out)]) == 0
    return out


def test_codes_of_the_run_s_own_data(finished, tmp_path, capsys, refused):
    out = tmp_path / "c.csv"
    assert main(["encode", str(finished), "--out", str(out), "--limit", "30"]) == 0
    assert capsys.readouterr().out.strip() == str(out)
    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))
    run = Run(finished)
    codes = np.float32([[row["z0"], row["z1"]] for row in rows])
    assert np.array_equal(codes, run.encode(run.data.images(np.arange(30))))
    refused(f"encode {finished} --out {out} --limit 30", "must not exist yet")
    assert main(["encode", str(finished), "--out", str(out), "--limit", "2", "--overwrite"]) == 0
    assert len(out.read_text().splitlines()) == 3


def test_codes_of_other_data_say_what_was_read(finished, tmp_path, capsys):
    np.save(tmp_path / "mine.npy", np.random.default_rng(0).integers(0, 256, (6, 32, 32)).astype(np.uint8))
    out = tmp_path / "c.npz"
    assert main(["encode", str(finished), "--data", str(tmp_path / "mine.npy"), "--out", str(out)]) == 0
    assert "6" in capsys.readouterr().err
    assert np.load(out)["codes"].shape == (6, 2)


def test_codes_by_an_exported_model(finished, tmp_path, refused):
    place, data = str(tmp_path / "t"), ["--data", "dsprites", "--data.size", "32", "--data.hold", "lazy"]
    assert main(["export", str(finished), "--to", "safetensors", "--out", place]) == 0
    for source, name in ((str(finished), "a.csv"), (place, "b.csv")):
        assert main(["encode", source, *data, "--limit", "20", "--out", str(tmp_path / name)]) == 0
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()
    refused(f"encode {place} --out {tmp_path}/c.csv", "data must be given")


def test_samples_as_picture_and_as_arrays(finished, tmp_path, capsys):
    assert main(["sample", str(finished), "--n", "6", "--columns", "2"]) == 0
    assert (finished / "figures" / "samples.png").read_bytes().startswith(b"\x89PNG")
    assert main(["sample", str(finished), "--n", "6", "--seed", "4", "--out", str(tmp_path / "s.npz")]) == 0
    assert np.load(tmp_path / "s.npz")["images"].shape == (6, 1, 32, 32)
    assert main(["draw", "samples", str(finished), "--images", "3", "--out", str(tmp_path / "d.svg")]) == 0
    assert (tmp_path / "d.svg").is_file()


@pytest.mark.parametrize(
    ("words", "rule"),
    [
        ("encode RUN", "encode needs --out"),
        ("encode RUN --out OUT/c.txt", "out must end in .npz or .csv or .parquet"),
        ("encode RUN --out OUT/c.csv --limit few", "limit must be a whole number"),
        ("encode RUN --out OUT/c.csv --limit 0", "limit must be 1 or more"),
        ("encode OUT --out OUT/c.csv", "is not a run"),
        ("encode RUN --out OUT/c.csv --data pinwheel", "must hold images of shape (1, 32, 32)"),
        ("encode RUN --out OUT/c.csv --data no-such", "unknown data set"),
        ("encode RUN --out OUT/c.csv --data OUT/no.npy", "existing file"),
        ("encode RUN --out OUT/c.csv --data dsprites --data.size 5", "size"),
        ("sample RUN --n 0 --out OUT/s.npz", "n must be 1 or more"),
        ("sample RUN --n 0 --out OUT/s.png", "n must be 1 or more"),
        ("sample RUN --n 4 --seed x", "seed must be a whole number"),
        ("sample RUN --columns 2 --out OUT/s.npz", "columns are those of a picture"),
        ("sample RUN --out OUT/s.jpg", "out must end in"),
        ("sample OUT", "is not a run"),
    ],
)
def test_wrong_wishes_get_one_sentence(finished, tmp_path, refused, words, rule):
    refused(words.replace("RUN", str(finished)).replace("OUT", str(tmp_path)), rule)
    assert not list(tmp_path.iterdir())
