"""Files appear whole or not at all; what was damaged is noticed; records line by line survive a kill."""

import errno
import io
import json
import os

import numpy as np
import pytest
from safetensors.numpy import load, save

from unweave.base import files
from unweave.base.errors import CannotWrite, Damaged, Noted
from unweave.base.files import (
    append_to,
    check_last_line,
    check_sum,
    cut_after,
    read_derived,
    read_json,
    read_lines,
    with_last_line,
    with_sum,
    write_atomic,
    write_json,
    write_line,
)

RECORDS = [{"units": {"loss": "nats"}}, {"step": 5, "loss": float("inf")}, {"step": 10, "loss": 0.1 + 0.2}]


def flipped(data: bytes):
    """The same with one bit changed, at every byte in turn."""
    for at in range(len(data)):
        yield data[:at] + bytes([data[at] ^ 1 << at % 7]) + data[at + 1 :]


@pytest.fixture
def path(tmp_path):
    place = tmp_path / "log.jsonl"
    with append_to(place) as file:
        for record in RECORDS:
            write_line(file, record)
    return place


def test_what_was_written_is_read(path):
    assert read_lines(path) == RECORDS


def test_no_file_holds_no_records(tmp_path):
    assert read_lines(tmp_path / "none") == []


def test_a_torn_last_line_is_left_out_and_cut(path):
    whole = path.read_text()
    path.write_text(whole + '{"step": 1')
    assert read_lines(path) == RECORDS
    cut_after(path, 10)
    assert path.read_text() == whole


@pytest.mark.parametrize("damage", [b"{\n", b"\xff\xfe\n", b'{"step": 7, "#sum": "0"}\n', b"[]\n"])
def test_bad_lines_are_told_and_set_aside_when_a_run_goes_on(path, damage):
    whole = path.read_bytes()
    path.write_bytes(damage + whole)
    with pytest.warns(Noted, match=r"line 1 of .* is left out"):
        assert read_lines(path) == RECORDS
    with pytest.warns(Noted, match="kept as log.jsonl.damaged"):
        cut_after(path, 10)
    assert path.read_bytes() == whole
    assert path.with_name("log.jsonl.damaged").read_bytes() == damage + whole


@pytest.mark.filterwarnings("ignore::unweave.base.errors.Noted")
def test_no_flipped_bit_changes_a_record(path):
    for data in flipped(path.read_bytes()):
        path.write_bytes(data)
        found = [
            {k: v for k, v in record.items() if not k.startswith("s") or k == "step"} for record in read_lines(path)
        ]
        assert all(any(record == each | record for each in RECORDS) for record in found)  # "#sum" may be called "#rum"


def test_records_after_the_step_are_cut_and_all_of_them_at_the_start(path):
    cut_after(path, 5)
    assert read_lines(path) == RECORDS[:2]
    cut_after(path, 0)
    assert path.read_text() == ""
    cut_after(path.with_name("none"), 0)


def test_no_flipped_bit_changes_what_a_json_file_says(tmp_path):
    path, said = tmp_path / "a.json", {"seeds": [1, 2], "lr": 1e-4, "name": "dsprites — größer"}
    write_json(path, said)
    whole = path.read_bytes()
    unharmed = 0
    for data in flipped(whole):
        path.write_bytes(data)
        try:
            found = read_json(path)
        except files.InputError:
            continue
        assert {name: found[name] for name in said} == said  # white space, or the key of the sum itself
        unharmed += 1
    assert unharmed < len(whole) / 4
    path.write_bytes(whole)
    assert read_json(path) == {"format": 1, **said}


def test_json_that_was_written_without_a_sum_is_read(tmp_path):
    (tmp_path / "a.json").write_text('{"format": 1, "a": 1}')
    assert read_json(tmp_path / "a.json") == {"format": 1, "a": 1}


@pytest.mark.parametrize(
    "damage", [b"", b"{", b"[1]", b'{"format": 1}', b'{"format": 1, "of": 1, "#sum": "0"}', b"\xff"]
)
def test_a_damaged_file_that_can_be_made_again_is_set_aside(tmp_path, damage):
    path = tmp_path / "a.json"
    for name in ("a.json.damaged", "a.json.damaged1"):
        path.write_bytes(damage)
        with pytest.warns(Noted, match=f"kept as {name}"):
            assert read_derived(path, ("of",)) == {}
        assert path.with_name(name).read_bytes() == damage
    assert read_derived(path, ("of",)) == {}
    write_json(path, {"of": 1})
    assert read_derived(path, ("of",))["of"] == 1


def test_no_flipped_bit_of_a_safetensors_file_goes_unnoticed_or_changes_a_number(tmp_path):
    tensors = {"a": np.arange(3, dtype=np.float32), "b": np.ones((2, 2))}
    whole = with_sum(save(tensors, metadata={"format": "1", "counters": "{}"}))
    found = load(whole)
    assert all((found[name] == values).all() for name, values in tensors.items())
    check_sum(whole, tmp_path)
    check_sum(save(tensors), tmp_path)  # without a sum
    unnoticed = 0
    for data in flipped(whole):
        try:
            check_sum(data, tmp_path)
        except Damaged:
            continue
        unnoticed += 1
        assert data[-40:] == whole[-40:]  # in the name of the sum, or white space
    assert unnoticed < 16  # without its "__metadata__" a checkpoint has no counters either


def test_the_last_line_of_a_text_is_its_sum(tmp_path):
    text = with_last_line("seeds: 0..4")
    check_last_line(text, tmp_path)
    check_last_line("seeds: 0..4\n", tmp_path)
    with pytest.raises(Damaged, match="remove the line"):
        check_last_line(text.replace("4", "5", 1), tmp_path)


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


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EACCES])
def test_a_full_disk_is_one_sentence_and_a_refusal_stays_one(tmp_path, monkeypatch, number):
    path = tmp_path / "file"
    path.write_bytes(b"old")

    class Full(io.FileIO):
        def write(self, data):
            raise OSError(number, os.strerror(number))

    monkeypatch.setattr(files, "raw", Full)
    kind = PermissionError if number == errno.EACCES else CannotWrite
    with pytest.raises(kind, match=os.strerror(number)):
        write_atomic(path, lambda sink: sink.write(b"new"))
    with append_to(tmp_path / "log.jsonl") as file, pytest.raises(kind, match=os.strerror(number)):
        write_line(file, {})
    assert path.read_bytes() == b"old"
    assert {each.name for each in tmp_path.iterdir()} == {"file", "log.jsonl"}


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


def test_other_tools_read_what_is_written(tmp_path):
    write_json(tmp_path / "a.json", {"a": [1.5]})
    assert json.loads((tmp_path / "a.json").read_text())["a"] == [1.5]
