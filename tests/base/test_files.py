"""Files appear whole or not at all; records line by line survive a kill."""

import os

import pytest

from unweave.base.errors import InputError
from unweave.base.files import cut_after, read_lines, write_atomic, write_line


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


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "new" / "file"
    write_atomic(path, lambda sink: sink.write(b"old"))

    def fails(sink):
        sink.write(b"half of the n")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_atomic(path, fails)
    assert path.read_bytes() == b"old"
    assert [each.name for each in path.parent.iterdir()] == ["file"]


def test_nobody_sees_half_a_file(tmp_path):
    path = tmp_path / "file"

    def writer(sink):
        sink.write(b"first ")
        assert not path.exists()
        sink.write(b"second")

    write_atomic(path, writer)
    assert path.read_bytes() == b"first second"


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_files_have_the_permissions_of_any_new_file(tmp_path):
    (tmp_path / "plain").write_bytes(b"")
    write_atomic(tmp_path / "file", lambda sink: sink.write(b""))
    assert (tmp_path / "file").stat().st_mode == (tmp_path / "plain").stat().st_mode
