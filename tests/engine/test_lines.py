import pytest

from unweave.engine.lines import cut_after, read_lines, write_line
from unweave.errors import InputError


@pytest.fixture
def path(tmp_path):
    place = tmp_path / "log.jsonl"
    with place.open("w") as file:
        for record in ({"units": {"loss": "nats"}}, {"step": 5}, {"step": 10}):
            write_line(file, record)
    return place


def test_what_was_written_is_read(path):
    assert read_lines(path) == [{"units": {"loss": "nats"}}, {"step": 5}, {"step": 10}]


def test_no_file_holds_no_records(tmp_path):
    assert read_lines(tmp_path / "none") == []


def test_a_torn_last_line_is_left_out_and_cut(path):
    whole = path.read_text()
    path.write_text(whole + '{"step": 1')
    assert [r.get("step") for r in read_lines(path)] == [None, 5, 10]
    cut_after(path, 10)
    assert path.read_text() == whole


def test_a_broken_line_in_the_middle_is_an_error(path):
    path.write_text("{\n" + path.read_text())
    with pytest.raises(InputError, match=r"log.jsonl cannot be read"):
        read_lines(path)


def test_records_after_the_step_are_cut_and_all_of_them_at_the_start(path):
    cut_after(path, 5)
    assert [r.get("step") for r in read_lines(path)] == [None, 5]
    cut_after(path, 0)
    assert path.read_text() == ""
    cut_after(path.with_name("none"), 0)
