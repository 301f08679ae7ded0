"""Scores of plain files, and every refusal in one sentence."""

import json
import pickle
import re

import numpy as np
import pytest
from scipy import sparse

import unweave
from unweave.contracts import worlds
from unweave.face.cli.app import main

WORLD = worlds.identity(1_500)
QUICK = ["--metrics", "mig,factor-vae-score"]


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("codes.npy", WORLD.codes)
    np.save("factors.npy", WORLD.factors)
    np.savez("one.npz", codes=WORLD.codes)
    np.savez("two.npz", codes=WORLD.codes, factors=WORLD.factors)
    head = ",".join(worlds.NAMES)
    np.savetxt("factors.csv", WORLD.factors, fmt="%.1f", delimiter=",", header=head, comments="")
    np.savetxt("codes.csv", WORLD.codes, delimiter=",")
    return tmp_path


def scores(capsys, *words):
    assert main(["score", *words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize(
    ("codes", "factors"),
    [("one.npz", "factors.npy"), ("two.npz:codes", "two.npz:factors"), ("codes.csv", "factors.csv")],
)
def test_every_format_gives_the_same_score(files, capsys, codes, factors):
    found = scores(capsys, codes, factors, "--metrics", "mig")["mig"]
    reference = scores(capsys, "codes.npy", "factors.npy", "--metrics", "mig")["mig"]
    assert found["value"] == pytest.approx(reference["value"], abs=1e-9)
    assert found["floor"] < 0.1 < 0.8 < found["ceiling"] == pytest.approx(found["value"], abs=0.01)


def test_names_of_factors_come_from_the_first_row(files, capsys):
    found = scores(capsys, "codes.npy", "factors.csv", *QUICK)
    assert list(found["mig"]["per_factor"]) == list(worlds.NAMES)
    assert list(found["factor-vae-score"]["tables"]["as_if_missing"]) == list(worlds.NAMES)


def test_the_table_says_value_interval_noise_truth_and_verdict(files, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")
    assert main(["score", "codes.npy", "factors.csv", "--metrics", "factor-vae-score,iwae"]) == 0
    shown = capsys.readouterr().out
    assert "noise" in shown
    assert "what the true factors themselves get" in shown
    assert "truth without shape 0." in shown
    assert "not scored: iwae: IWAE needs the model" in shown


def test_settings_seed_and_no_calibration(files, capsys):
    found = scores(capsys, "codes.npy", "factors.npy", "--metrics", "mig", "--mig.bins", "7", "--seed", "3")
    assert (found["mig"]["settings"]["bins"], found["mig"]["settings"]["seed"]) == (7, 3)
    words = ["codes.npy", "factors.npy", "--no-calibrate", "--metrics", "mig bins=7 n=500,factor-vae-score votes=50"]
    found = scores(capsys, *words)
    assert (found["mig"]["settings"]["bins"], found["factor-vae-score"]["settings"]["votes"]) == (7, 50)
    assert scores(capsys, *words, "--mig.bins", "9")["mig"]["settings"]["bins"] == 9  # an option wins
    assert main(["score", "codes.npy", "factors.npy", "--metrics", "mig 7"]) == 2
    assert "must be written name=value" in capsys.readouterr().err
    bare = scores(capsys, "codes.npy", "factors.npy", "--metrics", "mig", "--no-calibrate")
    assert bare["mig"]["floor"] is None


def test_factors_may_be_words_and_continuous_ones_are_cut(files, capsys):
    shape = np.array(["square", "ellipse", "heart"])[WORLD.factors[:, 0] % 3]
    depth = WORLD.factors[:, 1] + np.linspace(0, 0.5, len(shape))
    lines = "".join(f"{a},{b}\n" for a, b in zip(shape, depth, strict=True))
    (files / "mixed.csv").write_text(f"shape,depth\n{lines}")
    words = ["codes.npy", "mixed.csv", "--metrics", "mig", "--no-calibrate"]
    assert main(["score", *words]) == 0
    assert "depth is continuous" in " ".join(capsys.readouterr().out.split())
    found = scores(capsys, *words, "--factor-bins", "6")["mig"]
    rows = np.stack([np.unique(shape, return_inverse=True)[1], depth], axis=1)
    assert found["value"] == unweave.metrics.mig(WORLD.codes, rows, factor_bins=6).value
    assert list(found["per_factor"]) == ["shape", "depth"]
    assert found["settings"]["factor_bins"] == 6


def test_parquet_is_read_or_says_what_to_install(files, capsys):
    try:
        import pandas as pd
        import pyarrow  # noqa: F401
    except ImportError:
        (files / "codes.parquet").touch()
        assert main(["score", "codes.parquet", "factors.npy", *QUICK]) == 2
        assert "pip install 'unweave[tables]'" in capsys.readouterr().err
        return
    pd.DataFrame(WORLD.factors, columns=worlds.NAMES).to_parquet("factors.parquet")
    assert list(scores(capsys, "codes.npy", "factors.parquet", "--metrics", "mig")["mig"]["per_factor"]) == list(
        worlds.NAMES
    )


class Bomb:
    """Says so if it is ever unpickled."""

    def __reduce__(self):
        return (open, ("exploded", "w"))


@pytest.mark.parametrize(
    ("codes", "factors", "rule"),
    [
        ("nowhere.npy", "factors.npy", "codes must be a file"),
        ("codes.npy", "nowhere.csv", "factors must be a file"),
        ("codes.txt", "factors.npy", "codes must be .npy, .npz (scipy's sparse ones too), .csv, .parquet or .h5ad"),
        ("two.npz", "factors.npy", "codes must name one array, as two.npz:NAME"),
        ("two.npz:kodes", "factors.npy", "codes must name an array of two.npz, got kodes"),
        ("objects.npy", "factors.npy", "is pickled"),
        ("objects.npz", "factors.npy", "is pickled"),
        ("bare.npy", "factors.npy", "which is pickled"),
        ("cut.npy", "factors.npy", "which is not in numpy's format"),
        ("cut.npz", "factors.npy", "codes must be a plain array of numbers"),
        ("nan.npy", "factors.npy", "codes must be finite, got 1 values"),
        ("codes.npy", "short.npy", "factors must have as many rows as codes, got 1499 and 1500"),
        ("words.npy", "factors.npy", "codes must hold numbers, got <U1"),
        ("words.csv", "factors.npy", "codes must hold numbers, got 'b' in row 2"),
        ("ragged.csv", "factors.npy", "codes must have 2 cells in every row, got 1 in row 2"),
        ("empty.csv", "factors.npy", "codes must hold at least one row"),
        ("binary.csv", "factors.npy", "codes must be a readable csv file"),
        ("cube.npy", "factors.npy", "codes must have shape (n, d)"),
    ],
)
def test_what_cannot_be_scored_gets_one_sentence(files, refused, codes, factors, rule):
    (files / "codes.txt").touch()
    np.save("objects.npy", np.array([Bomb()], dtype=object), allow_pickle=True)
    np.savez("objects.npz", a=np.array([Bomb()], dtype=object))
    (files / "bare.npy").write_bytes(pickle.dumps(Bomb()))
    (files / "cut.npy").write_bytes((files / "codes.npy").read_bytes()[:500])
    (files / "cut.npz").write_bytes((files / "one.npz").read_bytes()[:500])
    np.save("nan.npy", np.where(np.arange(WORLD.codes.size).reshape(WORLD.codes.shape) == 7, np.nan, WORLD.codes))
    np.save("short.npy", WORLD.factors[:-1])
    np.save("words.npy", np.array([["a"], ["b"]]))
    (files / "words.csv").write_text("1,2\n3,b\n")
    (files / "ragged.csv").write_text("1,2\n3\n")
    (files / "empty.csv").touch()
    (files / "binary.csv").write_bytes(b"\xff\xfe\x00\x81")
    np.save("cube.npy", np.zeros((3, 3, 3)))
    refused(["score", codes, factors, *QUICK], rule)
    assert not (files / "exploded").exists()


def test_codes_alone_get_the_scores_that_need_no_factors_and_the_doctor(files, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")
    np.save("twice.npy", np.column_stack([WORLD.codes, -WORLD.codes[:, 3]]))
    assert main(["score", "twice.npy"]) == 0
    shown = capsys.readouterr().out
    assert "hoyer" in shown
    assert "mig" not in shown
    assert "need a second file, FACTORS" in shown
    assert re.search(r"look  Duplicate latents.*: 3 and 5 \(1\.00\)", shown)
    assert main(["score", "codes.npy", "--metrics", "hoyer,mig"]) == 0
    assert "not scored: mig: MIG needs the true factors of every row" in capsys.readouterr().out
    assert set(scores(capsys, "codes.npy")) == {
        "gaussian-total-correlation",
        "wasserstein-correlation",
        "code-mutual-information",
        "hoyer",
    }


def test_parts_stand_beside_what_noise_and_truth_get(files, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "250")
    assert main(["score", "codes.npy", "factors.csv", "--metrics", "mig,dci", "--dci.trees", "5"]) == 0
    shown = capsys.readouterr().out
    assert "mig: shape 0.9" in shown
    assert "(noise 0.00" in shown
    assert "completeness" in shown
    assert shown.count(" truth ") >= 8  # five factors and three parts


@pytest.fixture
def wide(tmp_path, monkeypatch):
    """300 sparse features of 2,400 rows, of which the first three are rare concepts; a twin, and a stranger."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    concepts = (rng.random((2_400, 4)) < [0.03, 0.03, 0.03, 0.001]).astype(int)
    codes = np.where(rng.random((2_400, 300)) < 0.03, rng.uniform(size=(2_400, 300)), 0.0)
    codes[:, :3] = concepts[:, :3] * rng.uniform(1, 2, size=(2_400, 3))
    sparse.save_npz("codes.npz", sparse.csr_array(codes))
    sparse.save_npz("twin.npz", sparse.csr_array(codes[:, ::-1]))
    np.save("dense.npy", codes.astype(np.float16))
    np.savetxt("concepts.csv", concepts, delimiter=",", header="a,b,c,d", comments="", fmt="%d")
    return codes


def test_wide_codes_are_scored_by_the_features_that_tell_most(wide, capsys):
    words = ["concepts.csv", "--features", "20", "--metrics", "mig", "--no-calibrate"]
    found = scores(capsys, "codes.npz", *words)["mig"]
    facts = found["settings"]
    assert found["value"] > 0.8
    assert {0, 1, 2} < set(facts["features"])
    assert (facts["features_of"], facts["features_by"], facts["rows_that_chose"]) == (300, "informative", 1_200)
    assert set(facts["positives"]) == {"a", "b", "c"} == set(found["per_factor"])
    assert list(facts["too_few_positives"]) == ["d"]
    assert facts["dictionaries"]["permuted"]["value"] < 0.2
    assert facts["dictionaries"]["random"]["draws"] == 5
    half = scores(capsys, "dense.npy", *words, "--dictionaries", "0")["mig"]
    assert half["value"] == pytest.approx(found["value"], abs=0.02)
    assert "dictionaries" not in half["settings"]


def test_the_table_of_wide_codes_shows_dictionaries_positives_and_what_is_left_out(wide, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    assert (
        main(["score", "codes.npz", "concepts.csv", "--features", "12", "--dictionaries", "3", "--no-calibrate"]) == 0
    )
    shown = capsys.readouterr().out
    for words in (
        "12 of 300 features",
        "permuted",
        "random",
        "positives: a ",
        "not scored, fewer than 20 positives in 10,000 rows: d ",
        "not scored: dci: takes long for wide codes",
        "12 scored (informative, on 1200 rows that are not scored)",
    ):
        assert words in shown


def test_codes_of_other_seeds_say_how_far_features_agree(wide, capsys):
    found = scores(capsys, "codes.npz", "--others", "twin.npz,dense.npy", "--metrics", "hoyer")
    assert found["feature-agreement"]["value"] > 0.99
    assert found["feature-agreement"]["settings"]["models"] == 3
    assert found["hoyer"]["settings"]["features_by"] == "active"
    np.save("few.npy", wide[:, :4])
    words = ["few.npy", "--others", "few.npy", "--metrics", "hoyer", "--feature-agreement.k", "2"]
    narrow = scores(capsys, *words)
    assert {"udr", "model-centrality", "feature-agreement"} < set(narrow)
    assert narrow["feature-agreement"]["settings"]["k"] == 2


@pytest.mark.parametrize(
    ("words", "rule"),
    [
        (["--others", "short.npy"], "others must have as many rows as codes"),
        (["--codes", "planes"], "codes must be means for wide codes"),
        (["--choose", "informative"], "choose must be active where no factors are known"),
        (["--dictionaries", "2"], "dictionaries must be 0 without FACTORS"),
        (["--min-density", "0.5"], "codes must have a feature that varies and is on in 0.5 of the rows"),
    ],
)
def test_what_wide_codes_cannot_have_gets_one_sentence(wide, refused, words, rule):
    np.save("short.npy", wide[:-1])
    refused(["score", "codes.npz", "--features", "12", *words], rule)
