"""The cache folder and arrays that live in it."""

import sys
from pathlib import Path

import numpy as np
import pytest

from unweave.base import cache
from unweave.base.errors import InputError
from unweave.base.files import write_atomic

WORDS = np.dtype(">u8")


def blocks():
    return iter([np.arange(6).reshape(2, 3), np.arange(6, 12).reshape(2, 3)])


def test_the_folder_follows_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("UNWEAVE_CACHE", str(tmp_path / "mine"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache.cache_folder() == tmp_path / "mine"
    monkeypatch.delenv("UNWEAVE_CACHE")
    assert cache.cache_folder() == tmp_path / "xdg" / "unweave"
    assert not (tmp_path / "xdg").exists()


@pytest.mark.parametrize(
    ("platform", "place"),
    [
        ("linux", ".cache/unweave"),
        ("darwin", "Library/Caches/unweave"),
        ("win32", "AppData/Local/unweave/cache"),
    ],
)
def test_the_folder_without_environment(monkeypatch, tmp_path, platform, place):
    for name in ("UNWEAVE_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    assert cache.cache_folder() == tmp_path / place


def test_without_any_home_it_says_what_to_set(monkeypatch):
    def nowhere():
        raise RuntimeError

    monkeypatch.delenv("UNWEAVE_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", nowhere)
    with pytest.raises(InputError, match="UNWEAVE_CACHE must name a folder"):
        cache.cache_folder()


def test_entries_and_clear_touch_only_our_own_files(own_cache):
    own_cache.mkdir()
    assert cache.entries() == []
    write_atomic(cache.cached("a.npy"), lambda sink: sink.write(b"12345"))
    (own_cache / ".unweave-b.npy.1-ff.tmp").write_bytes(b"123")  # an interrupted write
    (own_cache / "letter.txt").write_text("not ours")
    assert [(each.path.name, each.bytes) for each in cache.entries()] == [
        (".unweave-b.npy.1-ff.tmp", 3),
        ("unweave-a.npy", 5),
    ]
    assert cache.clear() == 8
    assert [each.name for each in own_cache.iterdir()] == ["letter.txt"]


def test_an_array_is_made_once_and_mapped_read_only(own_cache):
    made = []

    def counted():
        made.append(1)
        return blocks()

    first = cache.array("a", (4, 3), WORDS, counted)
    again = cache.array("a", (4, 3), WORDS, counted)
    assert len(made) == 1
    for found in (first, again):
        np.testing.assert_array_equal(found, np.arange(12).reshape(4, 3))
        assert found.dtype == WORDS
        with pytest.raises(ValueError, match="read-only"):
            found[0] = 0


@pytest.mark.parametrize("keep", [0, 5, 128, -1, -22])
def test_a_truncated_array_is_made_again(own_cache, keep):
    cache.array("a", (4, 3), WORDS, blocks)
    path = cache.cached("a.npy")
    whole = path.read_bytes()
    path.write_bytes(whole[:keep])
    np.testing.assert_array_equal(cache.array("a", (4, 3), WORDS, blocks), np.arange(12).reshape(4, 3))
    assert path.read_bytes() == whole


@pytest.mark.parametrize("foreign", [np.zeros((4, 3), "<u8"), np.zeros((3, 4), WORDS), np.zeros((4, 3), "O")])
def test_another_array_is_replaced(own_cache, foreign):
    own_cache.mkdir()
    np.save(cache.cached("a.npy"), foreign)
    assert cache.array("a", (4, 3), WORDS, blocks)[3, 2] == 11


def test_an_array_that_is_not_genuine_is_replaced(own_cache):
    own_cache.mkdir()
    np.save(cache.cached("a.npy"), np.zeros((4, 3), WORDS))
    assert cache.array("a", (4, 3), WORDS, blocks, lambda found: found[3, 2] == 11)[3, 2] == 11


def test_without_a_writable_folder_it_stays_in_memory_and_says_so(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("UNWEAVE_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.warns(RuntimeWarning, match="cannot be written .* set UNWEAVE_CACHE") as warned:
        held = cache.array("a", (4, 3), WORDS, blocks)
    assert len(warned) == 1
    np.testing.assert_array_equal(held, np.arange(12).reshape(4, 3))
    assert not held.flags.writeable


def test_a_full_disk_leaves_the_array_in_memory(own_cache):
    turns = iter([1, 2])

    def full():
        if next(turns) == 1:  # while the file is being written
            yield np.arange(6).reshape(2, 3)
            raise OSError(28, "No space left on device")
        yield from blocks()

    with pytest.warns(RuntimeWarning, match="No space left"):
        held = cache.array("a", (4, 3), WORDS, full)
    np.testing.assert_array_equal(held, np.arange(12).reshape(4, 3))
    assert list(own_cache.iterdir()) == []


def test_numbers_that_were_damaged_are_made_again(own_cache):
    first = cache.array("a", (4, 3), WORDS, blocks).copy()
    path = cache.cached("a.npy")
    whole = path.read_bytes()
    for at in range(128, len(whole), 5):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 4]) + whole[at + 1 :])
        np.testing.assert_array_equal(cache.array("a", (4, 3), WORDS, blocks), first)
        assert path.read_bytes() == whole


def test_an_array_of_before_there_were_checksums_is_taken(own_cache):
    own_cache.mkdir()
    np.save(cache.cached("a.npy"), np.ones((4, 3), WORDS))
    assert cache.array("a", (4, 3), WORDS, blocks).sum() == 12
    whole = cache.array("b", (4, 3), WORDS, blocks)
    np.testing.assert_array_equal(np.load(cache.cached("b.npy")), whole)  # other tools read what has one
