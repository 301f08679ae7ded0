"""factors.csv: columns of numbers and words, and what is refused."""

import numpy as np
import pytest

from unweave.base.errors import InputError
from unweave.data.own.factors_csv import read_factors

FILES = ("a.png", "b/c.png", "d.png")


@pytest.fixture
def table(tmp_path):
    def read(text, files=FILES):
        path = tmp_path / "factors.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_factors(path, files, FILES)

    return read


@pytest.mark.parametrize("divider", [",", ";", "\t"])
def test_numbers_and_words_in_any_order_of_rows(table, divider):
    text = "file,x,kind\nd.png,1e-3,b\nb\\c.png,,a\n./a.png,4,\n".replace(",", divider)
    found = table("\ufeff" + text.replace("\n", "\r\n"))
    assert found.names == ("x", "kind")
    assert found.words == ((), ("a", "b"))
    np.testing.assert_array_equal(found.values, [[4, np.nan], [np.nan, 0], [1e-3, 1]])
    assert found.labels is None


def test_a_file_with_several_pictures_gives_them_all_its_row_and_absent_ones_have_none(table):
    found = table("file,x\na.png,1\nd.png,2\n", files=("a.png", "a.png", "b/c.png", "d.png"))
    np.testing.assert_array_equal(found.values[:, 0], [1, 1, np.nan, 2])


@pytest.mark.parametrize(
    ("column", "labels", "names"),
    [("Class,7,5,7", [1, 0, 1], ("5", "7")), ("label,x,x,y", [0, 0, 1], ("x", "y"))],
)
def test_a_full_column_of_classes_is_numbered(table, column, labels, names):
    head, *cells = column.split(",")
    rows = "\n".join(f"{file},{cell}" for file, cell in zip(FILES, cells, strict=True))
    found = table(f"file,{head}\n{rows}").labels
    assert (found[0].tolist(), found[1]) == (labels, names)
    assert found[0].dtype == np.int64


def test_classes_that_no_picture_has_are_not_counted(table):
    found = table("file,class\na.png,x\nb/c.png,y\nd.png,z\n", files=("a.png", "d.png")).labels
    assert (found[0].tolist(), found[1]) == ([0, 1], ("x", "z"))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "must have a row of column names"),
        ("file,x\n", "must have a column of file names, another one and a row for each file"),
        ("file\na.png\n", "must have a column of file names, another one"),
        ("file,x,x\na.png,1,2\n", "must name each column once"),
        ("file,x,\na.png,1,2\n", "must name each column once"),
        ("file,x\na.png,1,2\n", "must have 2 cells in each row"),
        ("file,x\na.png,1\na.png,2\n", "must name each file once"),
        ("file,x\n../e.png,1\n", "must name files of its folder"),
        ("file;x\na.png;1,5\nd.png;2\n", "must have decimal points"),
        (b"file,x\na.png,\xff\n", "must be a table in UTF-8"),
    ],
)
def test_other_tables_are_refused(table, text, sentence):
    with pytest.raises(InputError, match=sentence):
        table(text)
