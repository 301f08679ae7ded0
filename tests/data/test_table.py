"""Tables of one's own: which columns become what, missing cells, text files of every kind, and what is refused."""

import pickle
from datetime import date

import numpy as np
import pandas as pd
import pytest
import torch
from tests.conftest import missing
from tests.data.contract import keep

from unweave.base.errors import InputError
from unweave.base.settings import build, plain
from unweave.data.own.table import Table
from unweave.data.readers import cells

pytestmark = pytest.mark.usefixtures("own_cache")

AGES = "age,x\n" + "".join(f"{'{0}' if k % 10 == 2 else k},{k % 7}\n" for k in range(60))
NAMED = "who,code,x\n" + "".join(f"patient{k},AB{k:03}z,{k}\n" for k in range(60))
DATED = "when,x\n" + "".join(f"2026-01-{k + 1:02},{k}\n" for k in range(30))
PETS = "name,height,legs,kind\nrex,61.5,4,dog\ntom,25.25,4,cat\npip,-12,2,bird\nkit,24,3,cat\n"


def written(tmp_path, text, name="t.csv", encoding="utf-8", **settings):
    path = tmp_path / name
    path.write_bytes(text.encode(encoding))
    return Table(str(path), **settings)


def made(tmp_path, text, name="t.csv", **settings):
    return written(tmp_path, text, name, **settings).resolved()


def every(data):
    return data.images(np.arange(len(data)))[:, 0, 0].tolist()


def test_numbers_come_first_and_each_category_becomes_one_number_a_level(tmp_path):
    data = made(tmp_path, PETS, drop=("name",))
    assert data.columns == ("height", "legs", "kind=bird", "kind=cat", "kind=dog")
    assert every(data) == [[61.5, 4, 0, 0, 1], [25.25, 4, 0, 1, 0], [-12, 2, 1, 0, 0], [24, 3, 0, 1, 0]]
    assert (data.image_shape, data.standardised, data.net, data.bounded) == ((1, 1, 5), 2, "mlp", False)
    assert (data.likelihood, data.likelihood_settings) == ("mixed", {"scale": 0.5, "categories": (3,)})
    assert "kind of 3" in data.account[0]


def test_numbers_alone_have_a_gaussian(tmp_path):
    data = made(tmp_path, PETS, use=("legs", "height"))
    assert data.columns == ("height", "legs")
    assert (data.likelihood, data.likelihood_settings) == ("gaussian", {"scale": 0.5, "squash": False})
    assert data.labels is None


def test_categories_alone(tmp_path):
    data = made(tmp_path, PETS, use=("name", "kind"))
    assert (data.standardised, data.sizes, data.image_shape) == (0, (4, 3), (1, 1, 7))
    assert torch.equal(data.images(np.arange(4)).flatten(1).sum(1), torch.full((4,), 2.0))


def test_numbers_that_are_categories_are_ordered_by_size(tmp_path):
    data = made(tmp_path, "a,b\n1,10\n2,9\n3,10\n4,100\n", categorical=("b",))
    assert data.columns == ("a", "b=9", "b=10", "b=100")


def test_a_label_is_kept_out_of_the_data(tmp_path):
    data = made(tmp_path, PETS, label="kind", drop=("name",))
    assert data.columns == ("height", "legs")
    assert data.classes == ("bird", "cat", "dog")
    assert data.labels.tolist() == [2, 1, 0, 1]
    assert data.labels.dtype == np.int64
    assert made(tmp_path, PETS, label="legs", use=("height",)).labels.tolist() == [2, 2, 0, 1]


def test_missing_cells_are_refused_or_filled_with_means(tmp_path):
    text = "a,b,c\n1,x,7\n,y,8\n3,NA,nan\n8,x,9\n"
    with pytest.raises(
        InputError, match=r"got a \(1, the first in row 2\), b \(1, the first in row 3\), c .*--data.impute"
    ):
        made(tmp_path, text)
    data = made(tmp_path, text, impute="mean")
    third = 1 / 3
    expected = [[1, 7, 1, 0], [4, 8, 0, 1], [3, 8, 2 * third, third], [8, 9, 1, 0]]
    np.testing.assert_allclose(every(data), expected, rtol=1e-6)
    assert "missing cells replaced by means: a (1, the first in row 2)" in data.account[1]
    with pytest.raises(InputError, match="columns must have a cell that is not missing"):
        made(tmp_path, "a,b\n1,\n2,\n", impute="mean")
    with pytest.raises(InputError, match="label must be a column without missing cells"):
        made(tmp_path, "a,b\n1,\n2,x\n", label="b", impute="mean")


@pytest.mark.parametrize(
    ("text", "name", "settings"),
    [
        ("a;b\n1,5;2\n2,5;3\n", "t.csv", {"decimal": ","}),
        ("a\tb\n1.5\t2\n2.5\t3\n", "t.tsv", {}),
        ("a\tb\n1.5\t2\n2.5\t3\n", "t.csv", {}),
        ("a|b\n1.5|2\n2.5|3\n", "t.csv", {}),
        ("\ufeffa,b\r\n1.5,2\r\n\r\n2.5,3\r\n", "t.csv", {}),
        ('"a","b"\n"1.5","2"\n" 2.5 ","3"\n', "t.csv", {}),
        (",a,b\n0,1.5,2\n1,2.5,3\n", "t.csv", {}),
    ],
)
def test_text_tables_of_every_kind(tmp_path, text, name, settings):
    data = made(tmp_path, text, name, **settings)
    assert (data.columns, every(data)) == (("a", "b"), [[1.5, 2], [2.5, 3]])


def test_a_table_without_names_gets_numbers(tmp_path):
    data = made(tmp_path, "1,2\n3,4\n5,7\n")
    assert (data.columns, len(data)) == (("column-0", "column-1"), 3)
    assert "columns are called column-0" in data.account[1]


@pytest.mark.parametrize(
    ("text", "settings", "sentence"),
    [
        (
            "a;b\n1,5;2\n2;3\n",
            {},
            "decimal must be .* got '.' while column a holds '1,5' in row 1; say --data.decimal ','",
        ),
        ("a;b\n1.5;2\n2;3\n", {"decimal": ","}, "got ',' while column a holds '1.5' in row 1; say --data.decimal '.'"),
        ("a,b\n1,2\n3\n", {}, "rows of t.csv must have 2 cells like the first"),
        ("a,a\n1,2\n3,4\n", {}, "columns of t.csv must have names of their own"),
        ("a,\n1,2\n3,4\n", {}, "columns of t.csv must have names, got none"),
        ("a,b\n1,2\n", {}, "t.csv must hold 2 rows or more"),
        ("", {}, "path must be a table with rows"),
        ("a,b\n1,5\n2,5\n", {"use": ("b",)}, "t.csv must have a column that varies, got none: b"),
        ("a,b\n1,5\n2,5\n", {"drop": ("a", "b")}, "t.csv must have a column that is data"),
        ("a,b\n1,inf\n2,5\n", {}, "column b must lie between -1e30 and 1e30"),
        ("a,b\n1,1600000000.5\n2,1600000001\n", {}, "column b must vary by more than .* subtract a constant"),
        ("a,b\n1,1\n2,2\n3,3\n#x,y,z\n", {}, "got 3 in row 4; --data.comment '#'"),
        ("# made today\na,b\n1,1\n", {}, "--data.comment '#'"),
        (AGES.format("."), {}, r"column age .* got '\.' in row 3 and 5 more like it; .* --data.missing \."),
        (AGES.format("?"), {"impute": "mean"}, r"got '\?' .* --data.missing \?"),
        (NAMED, {}, "column who must hold numbers or a few categories, got 60 .* 'patient0', .* --data.drop who,code"),
        (DATED, {}, "column when .* got dates such as '2026-01-01'; --data.dates when"),
        (DATED, {"dates": ("when",), "date_format": "%d/%m/%Y"}, "dates must be written as %d/%m/%Y, got '2026-01-01'"),
        (DATED, {"dates": ("when",), "categorical": ("when",)}, "dates must not be categorical too, got when"),
        ('a,b\n"1,000",2\n"2,500",3\n', {}, "--data.thousands ',', or --data.decimal ',' if these are decimals"),
        ('a,b\n"1,000.5",2\n"2,500",3\n', {}, "got '1,000.5' in row 1; say --data.thousands ','$"),
        ("a;b\n1.000,5;2\n2.500;3\n", {"decimal": ","}, r"got '1\.000,5' in row 1; say --data.thousands '\.'$"),
        ("a,b\n5%,2\n6,3\n", {}, "column a must have a percent sign after all of its numbers or none"),
        (PETS, {"thousands": ".", "decimal": "."}, "thousands must not be the decimal sign"),
        ("a,b\n" + "1,2\n" * 19 + "1,x2\n", {}, "column b must hold numbers throughout, got 'x2' in row 20; correct"),
        ("a,b\n" + "".join(f"{k},n{k}\n" for k in range(101)), {}, "column b must have 100 different texts or fewer"),
        (PETS, {"drop": ("size",)}, "unknown column of t.csv 'size'"),
        (PETS, {"label": "kinds"}, "unknown column of t.csv 'kinds'; did you mean 'kind'"),
        (PETS, {"max_bytes": 10}, "max-bytes must be .* or more for t.csv, which has so many bytes"),
        (PETS, {"separator": ",", "decimal": ","}, "separator must not be the decimal sign"),
        (PETS, {"levels": ("a",)}, "sizes must add up to the number of levels"),
    ],
)
def test_wrong_tables_are_refused(tmp_path, text, settings, sentence):
    with pytest.raises(InputError, match=sentence) as wrong:
        made(tmp_path, text, **settings)
    assert "\n" not in str(wrong.value)


def test_what_was_said_of_texts_makes_them_numbers(tmp_path):
    ages = made(tmp_path, AGES.format("."), missing=(".",), impute="mean")
    assert (ages.columns, ages.categories) == (("age", "x"), ())
    known = [k for k in range(60) if k % 10 != 2]
    np.testing.assert_allclose(
        np.array(every(ages))[:, 0], np.where(np.arange(60) % 10 == 2, np.mean(known), range(60))
    )
    coded = made(tmp_path, "a,b\n1,2\n-999,3\n-999.0,4\n3,-998\n", missing=("-999",), impute="mean")
    assert every(coded) == [[1, 2], [2, 3], [2, 4], [3, -998]]
    thousands = made(tmp_path, 'a,b\n"1,000",2\n"-2,500,000.5",3\n7,1\n', thousands=",")
    assert every(thousands) == [[1000, 2], [-2_500_000.5, 3], [7, 1]]
    assert every(made(tmp_path, "a;b\n1.000,5;2\n25;3\n", thousands=".", decimal=",")) == [[1000.5, 2], [25, 3]]
    assert every(made(tmp_path, "a;b\n1 000;2\n25;3\n", thousands="space")) == [[1000, 2], [25, 3]]
    assert every(made(tmp_path, "#x\na,b\n#y,z\n1,2\n2,3\n", comment="#")) == [[1, 2], [2, 3]]
    assert made(tmp_path, NAMED, drop=("who", "code")).columns == ("x",)
    assert made(tmp_path, NAMED, drop=("who",), categorical=("code",)).sizes == (60,)


def test_percent_signs_are_no_categories(tmp_path):
    data = made(tmp_path, "rate,b\n" + "".join(f"{k} %,{k % 7}\n" for k in range(60)))
    assert (data.columns, data.percents) == (("rate", "b"), ("rate",))
    assert every(data)[12] == [12, 5]
    assert "in percent: rate" in data.account[1]


def test_dates_become_days(tmp_path):
    data = made(tmp_path, DATED, dates=("when",))
    assert every(data)[0][0] == (date(2026, 1, 1) - date(1970, 1, 1)).days
    assert every(data)[9][0] - every(data)[0][0] == 9
    other = "when;x\n29/11/2026 12:00;1\n30/11/2026 00:00;2\n"
    found = np.array(every(made(tmp_path, other, dates=("when",), date_format="%d/%m/%Y %H:%M")))[:, 0]
    np.testing.assert_allclose(found - (date(2026, 11, 29) - date(1970, 1, 1)).days, [0.5, 1], atol=2e-3)


@pytest.mark.parametrize(("encoding", "said"), [("utf-16", "auto"), ("latin-1", "latin-1"), ("utf-16-le", "utf-16-le")])
def test_what_spreadsheets_write_is_read(tmp_path, encoding, said):
    written = Table(str(tmp_path / "a.csv"), encoding=said)
    (tmp_path / "a.csv").write_bytes("größe;b\n1;2\n3;4\n".encode(encoding))
    assert written.resolved().columns == ("größe", "b")
    with pytest.raises(InputError, match="encoding must be one of Python's"):
        Table("a.csv", encoding="utf-9")
    if said != "auto":
        with pytest.raises(InputError, match=r"path must be UTF-8 text.*--data\.encoding"):
            Table(str(tmp_path / "a.csv")).resolved()


def test_dates_of_a_frame_are_taken_where_they_are_named(tmp_path):
    try:
        import pyarrow  # noqa: F401
    except ModuleNotFoundError:
        missing("pyarrow is not installed")
    frame = pd.DataFrame({"when": pd.date_range("2026-01-01", periods=5), "x": range(5)})
    frame.to_parquet(tmp_path / "t.parquet")
    with pytest.raises(InputError, match=r"--data\.dates when"):
        Table(str(tmp_path / "t.parquet")).resolved()
    days = np.array(every(Table(str(tmp_path / "t.parquet"), dates=("when",)).resolved()))[:, 0]
    assert (days - days[0]).tolist() == [0, 1, 2, 3, 4]


def test_files_that_are_no_text_are_refused(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"\x89PNG\r\n\x1a\n\x00\xff\xfe")
    with pytest.raises(InputError, match="path must be UTF-8 text"):
        Table(str(tmp_path / "a.csv")).resolved()
    with pytest.raises(InputError, match="path must be a table of text"):
        made(tmp_path, 'a,b\n"' + "x" * 200_000 + '",1\n')
    with pytest.raises(InputError, match=r"path must end in .csv, .tsv, .parquet"):
        Table("t.xlsx").resolved()
    with pytest.raises(InputError, match="path must be UTF-8 text"):
        written(tmp_path, "a,b\né,1\n", encoding="latin-1").resolved()


def test_counts_bring_a_caution_but_whole_numbers_may_be_measured(tmp_path):
    rng = np.random.default_rng(0)
    counts = "a,b,c\n" + "".join(",".join(map(str, row)) + "\n" for row in rng.poisson(2, (30, 3)))
    assert "t.csv holds whole numbers from 0" in made(tmp_path, counts).caution
    ages = "age,height,children\n" + "".join(f"{20 + k},{150 + k},{k % 3}\n" for k in range(30))
    assert made(tmp_path, ages).caution is None
    assert made(tmp_path, "a,b\n0,1\n1,0\n").caution is None


def test_constant_columns_are_said(tmp_path):
    assert "constant and so of no use: b, c" in made(tmp_path, "a,b,c\n1,5,x\n2,5,x\n").account[1]


def test_a_run_reopens_the_same_table_and_no_other(tmp_path, monkeypatch):
    text = "a,b\n1,x\n,y\n3,\n8,x\n"
    data = made(tmp_path, text, impute="mean")
    again = build(Table, plain(data), of="table")
    monkeypatch.setattr("unweave.data.own.table.text_file", lambda *_: 1 / 0)
    assert (again.columns, len(again), again.sizes, again.account) == (("a", "b=x", "b=y"), 4, (2,), data.account)
    monkeypatch.undo()
    assert every(again) == every(data)
    assert again.resolved() == again == data
    assert every(pickle.loads(pickle.dumps(data))) == every(data)
    monkeypatch.setattr("unweave.data.own.table.text_file", lambda *_: 1 / 0)
    assert every(build(Table, plain(data), of="table")) == every(data)  # from the cache, without the text
    monkeypatch.undo()
    written(tmp_path, text.replace("8", "9"))
    with pytest.raises(InputError, match=r"path must still hold the data whose digest is .* which has changed since"):
        every(build(Table, plain(data), of="table"))


def test_blocks_make_no_difference(tmp_path, monkeypatch):
    text = "a,b,c\n" + "".join(f"{k / 7},{'xyz'[k % 3]},{'' if k == 40 else k}\n" for k in range(60))
    whole = every(made(tmp_path, text, impute="mean", label="b"))
    monkeypatch.setattr(cells, "ROWS", 7)
    monkeypatch.setenv("UNWEAVE_CACHE", str(tmp_path / "other"))
    parts = made(tmp_path, text, impute="mean", label="b")
    np.testing.assert_allclose(every(parts), whole, rtol=1e-6)
    assert parts.labels.tolist() == [k % 3 for k in range(60)]


@pytest.fixture
def arrow():
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ModuleNotFoundError:
        missing("pyarrow is not installed")
    return pa, pq


def test_parquet_keeps_its_types(tmp_path, arrow):
    pa, pq = arrow
    columns = {
        "a": pa.array([1, 2, None, 4], pa.int16()),
        "b": pa.array([0.5, 0.25, 1.5, float("nan")]),
        "ok": [True, False, True, True],
        "site": pa.array(["NA", "EU", "NA", None]).dictionary_encode(),
    }
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    with pytest.raises(InputError, match=r"got a \(1, the first in row 3\), b \(1, the first in row 4\), site \(1"):
        Table(str(tmp_path / "t.parquet")).resolved()
    data = Table(str(tmp_path / "t.parquet"), impute="mean").resolved()
    assert data.columns == ("a", "b", "ok=False", "ok=True", "site=EU", "site=NA")
    np.testing.assert_allclose(every(data)[3], [4, 0.75, 0, 1, 1 / 3, 2 / 3], rtol=1e-6)


def test_parquet_that_cannot_be_data_is_refused(tmp_path, arrow):
    pa, pq = arrow
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"a": [1.0, 2.0], "when": pa.array([1, 2], pa.date32())}), path)
    with pytest.raises(InputError, match="column when must hold numbers or texts"):
        Table(str(path)).resolved()
    assert Table(str(path), drop=("when",)).resolved().columns == ("a",)
    whole = path.read_bytes()
    for content in (whole[: len(whole) // 2], whole[:-9] + bytes(9), b"", b"text"):
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"path must be a whole .parquet file, got"):
            Table(str(path)).resolved()


def test_parquet_that_unpacks_to_too_much_is_refused_by_its_header(tmp_path, arrow):
    pa, pq = arrow
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"a": np.zeros(2_000_000)}), path)
    assert path.stat().st_size < 100_000
    with pytest.raises(
        InputError, match=r"max-bytes must be [0-9]{7} or more for t.parquet, which declares so many bytes"
    ):
        Table(str(path), max_bytes=1_000_000).resolved()


def test_without_pyarrow_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    (tmp_path / "t.parquet").write_bytes(b"PAR1")
    with pytest.raises(InputError, match=r"parquet files need pyarrow: pip install 'unweave\[tables\]'"):
        Table(str(tmp_path / "t.parquet")).resolved()


@pytest.mark.parametrize("settings", [{}, {"use": ("height", "legs")}, {"use": ("kind",)}], ids=str)
def test_it_keeps_the_contract_of_data_sets(tmp_path, settings):
    keep(made(tmp_path, PETS, **settings))
    keep(made(tmp_path, PETS, label="name", **settings))
