"""Arrays and tables from the command line: trained, drawn and reopened; wrong ones get one line and status 2."""

import json

import numpy as np
import pytest
from tests.conftest import missing

from unweave.face.cli.app import main
from unweave.run.launch import train
from unweave.run.run import Run

TINY = "--steps 4 --batch 8 --latents 2 --threads 1 --net mlp --net.hidden 8".split()


@pytest.fixture(scope="module", autouse=True)
def place(tmp_path_factory):
    """A folder that is the working directory, with tables and arrays good and bad."""
    folder = tmp_path_factory.mktemp("own")
    rng = np.random.default_rng(0)
    causes = rng.normal(size=(60, 2))
    lines = [
        f"{170 + 9 * a:.1f},{70 + 8 * a + 2 * b:.2f},{40 + 9 * b:.1f},{'mf'[int(a + b > 0)]},{k % 3}"
        for k, (a, b) in enumerate(causes)
    ]
    head = "height,weight,age,sex,group\n"
    (folder / "people.csv").write_text(head + "\n".join(lines) + "\n")
    (folder / "gaps.csv").write_text(head + "\n".join(["170,70,NA,m,1", *lines]) + "\n")
    (folder / "comma.csv").write_text("a;b\n1,5;2\n2,5;1\n")
    x = rng.normal(size=(60, 4))
    np.savez(folder / "two.npz", first=x, second=x)
    np.save(folder / "nan.npy", np.where(x > 2, np.nan, x))
    np.save(folder / "flat.npy", np.full((9, 20, 20), 3, np.uint8))
    np.save(folder / "five.npy", rng.random((9, 20, 20, 5)))
    np.save(folder / "counts.npy", rng.poisson(3, (60, 4)))
    np.save(folder / "real.npy", x)
    np.savez(folder / "pickled.npz", x=np.array([{}, {}], dtype=object))
    (folder / "short.npy").write_bytes((folder / "real.npy").read_bytes()[:-50])
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        yield folder


@pytest.fixture(scope="module")
def trained(place):
    words = ["train", "vae", "--data", "people.csv", "--data.label", "group", "--out", "run", *TINY]
    assert main(words) == 0
    return Run(place / "run")


def test_a_table_is_trained_and_settings_keep_what_was_found(trained):
    stored = json.loads((trained.path / "settings.json").read_text())
    assert stored["data"]["numeric"] == ["height", "weight", "age"]
    assert stored["data"]["levels"] == ["sex=f", "sex=m"]
    assert stored["likelihood"]["name"] == "mixed"
    assert stored["likelihood"]["categories"] == [2]
    assert trained.data.columns == ("height", "weight", "age", "sex=f", "sex=m")
    assert "60 rows; 3 numeric columns" in trained.data.account[0]


def test_codes_and_decoded_rows_speak_the_users_units(trained):
    rows = trained.data.images(np.arange(60))
    back = trained.decode(trained.encode(rows))
    assert abs(back[..., 0].mean() - rows[..., 0].mean()) < 9  # a deviation of heights around 170
    assert ((back[..., 3:].sum(-1) - 1).abs() < 1e-5).all()
    assert trained.classes().names == ("0", "1", "2")


def test_columns_are_drawn_by_command(trained, capsys):
    assert main(["draw", "columns", "run"]) == 0
    assert (trained.path / "figures" / "columns.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("words", "rule"),
    [
        ("two.npz", "key must name one of the 2 arrays in two.npz, got none"),
        ("two.npz --data.key frist", "unknown key 'frist'"),
        ("nan.npy", "NaN or infinite ones"),
        ("flat.npy", "must hold rows that differ"),
        ("five.npy", "images must have 1 to 4 channels"),
        ("five.npy --data.channels 3", "images must have 3 channels"),
        ("pickled.npz", "pickled Python objects"),
        ("short.npy", "must be a whole .npy file"),
        ("real.npy --data.max-bytes 100", "max-bytes must be 1920 or more"),
        ("real.npy --data.scale dtype", "scale must be minmax or percentile"),
        ("comma.csv", "say --data.decimal ','"),
        ("gaps.csv", "must have no missing cells, got age (1, the first in row 1)"),
        ("people.csv --data.drop size", "unknown column of people.csv 'size'"),
        ("people.csv --data.impute median", "impute must be one of none, mean"),
        ("nowhere.csv", "data must be an existing file"),
    ],
)
def test_wrong_input_gets_one_line_and_status_2(words, rule, refused):
    refused(["train", "vae", "--data", *words.split(), "--out", "wrong", *TINY], rule)


def test_a_truncated_h5_gets_one_line_and_status_2(place, refused):
    try:
        import h5py
    except ModuleNotFoundError:
        missing("h5py is not installed")
    with h5py.File(place / "whole.h5", "w") as file:
        file["x"] = np.random.default_rng(0).normal(size=(500, 4))
    (place / "short.h5").write_bytes((place / "whole.h5").read_bytes()[:9000])
    refused(["train", "vae", "--data", "short.h5", "--out", "wrong", *TINY], "must be a whole .h5 file")
    assert main(["train", "vae", "--data", "whole.h5", "--out", "h5", *TINY]) == 0


def test_continuous_factors_of_a_run_are_cut_when_asked_and_both_scores_are_kept(place, capsys):
    rng = np.random.default_rng(0)
    np.savez("told.npz", x=rng.normal(size=(300, 4)), factors=np.stack([rng.random(300), np.arange(300) % 2], axis=1))
    assert main(["train", "vae", "--data", "told.npz", "--data.key", "x", "--out", "told", *TINY]) == 0
    run = Run("told")
    assert run.evaluate(["mig"], calibrate=False) == {}
    found = run.evaluate(["mig"], calibrate=False, factor_bins=5)["mig"]
    assert (found.settings["factor_bins"], len(found.per_factor)) == (5, 2)
    words = ["evaluate", "told", "--metrics", "mig", "--json", "--no-calibrate", "--factor-bins"]
    capsys.readouterr()
    assert main([*words, "5"]) == 0
    assert json.loads(capsys.readouterr().out)["mig"]["value"] == found.value
    assert main([*words, "9"]) == 0
    assert json.loads(capsys.readouterr().out)["mig"]["settings"]["factor_bins"] == 9
    assert Run("told").evaluate(["mig"], calibrate=False, factor_bins=5)["mig"] == found


def test_counts_are_trained_on_with_one_line_that_says_how(capsys):
    words = ["train", "vae", "--data", "counts.npy", "--out", "counted", *TINY]
    assert main(words) == 0
    assert capsys.readouterr().err.count("counts.npy holds whole numbers from 0") == 1
    assert main([*words, "--overwrite", "--likelihood", "gaussian"]) == 0
    assert "counts.npy holds whole numbers" not in capsys.readouterr().err


@pytest.mark.parametrize("words", ["counts.npy --likelihood gaussian", "gaps.csv --data.impute mean"])
def test_what_the_sentences_advise_works(words):
    assert main(["train", "vae", "--data", *words.split(), "--out", "advised", "--overwrite", *TINY]) == 0


def test_a_run_whose_table_has_changed_says_so(place, refused):
    (place / "moving.csv").write_text("a,b\n1,2\n3,4\n5,7\n2,2\n1,1\n0,3\n4,4\n3,3\n")
    run = train("vae", data="moving.csv", out="moved", steps=2, batch=4, latents=1, threads=1, callbacks=())
    (place / "moving.csv").write_text("a,b\n9,2\n3,4\n5,7\n2,2\n1,1\n0,3\n4,4\n3,3\n")
    again = Run(run.path)
    assert again.data.columns == ("a", "b")
    refused("evaluate moved --metrics hoyer", "path must still hold the data")


def test_the_same_array_in_memory_and_in_a_file_is_the_same_run(place):
    x = np.random.default_rng(1).normal(size=(60, 4))
    np.save(place / "same.npy", x)
    given = {"steps": 3, "batch": 8, "latents": 2, "threads": 1, "callbacks": ()}
    one, two = (train("vae", data=data, out=place / name, **given) for data, name in ((x, "m"), ("same.npy", "f")))
    assert one.data.path != two.data.path
    assert (one.spec.hash, one.weights_hash) == (two.spec.hash, two.weights_hash)
