"""Downloads: whole, checked, bounded and resumed, or not there at all; and where published files belong."""

import hashlib
import http.client
import io
import tarfile
import urllib.error
import urllib.request
from collections import namedtuple

import numpy as np
import pytest

from unweave.base.errors import InputError
from unweave.data.published import download
from unweave.data.published.download import Remote, Source, fetch, first_seen, inspected, open_url, record

CONTENT = b"\x1f\x8b" + bytes(range(256)) * 20_000
SHA256 = hashlib.sha256(CONTENT).hexdigest()
GOOD = Remote("a.gz", "https://example.org/a.gz", len(CONTENT), SHA256)
UNKNOWN = Remote("a.gz", "https://example.org/a.gz")  # neither size nor SHA-256 are published


class Server:
    """Answers requests with `content`, parts of it on demand; breaks off after `until` bytes of an answer."""

    def __init__(self, content=CONTENT, *, version='"1"', parts=True, sized=True, until=None, error=None):
        self.content, self.version, self.parts, self.sized = content, version, parts, sized
        self.until, self.error = until, error
        self.asked, self.given = [], 0

    def __call__(self, request):
        if self.error:
            raise self.error
        self.asked.append((request.full_url, request.get_header("Range"), request.get_header("If-range")))
        wanted = request.get_header("Range")
        same = request.get_header("If-range") in (None, self.version)
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted and self.parts and same else 0
        if start and start >= len(self.content):
            raise urllib.error.HTTPError(
                request.full_url, 416, "Range Not Satisfiable", http.client.HTTPMessage(), None
            )
        headers = http.client.HTTPMessage()
        if self.version:
            headers["ETag"] = self.version
        if self.sized:
            headers["Content-Length"] = str(len(self.content) - start)
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(self.content) - 1}/{len(self.content)}"
        return Answer(self, self.content[start:], headers, 206 if start else 200)


class Answer(io.BytesIO):
    def __init__(self, server, content, headers, status):
        super().__init__(content)
        self.server, self.headers, self.status = server, headers, status

    def read(self, size=-1):
        if self.server.until is not None and self.tell() >= self.server.until:
            raise ConnectionResetError("connection reset")
        left = size if self.server.until is None else min(size, self.server.until - self.tell())
        block = super().read(left)
        self.server.given += len(block)
        return block


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_arrives_whole_and_is_announced(tmp_path, capsys):
    target = tmp_path / "cache" / "a.gz"
    server = Server()
    assert fetch(GOOD, target, opened=server) == SHA256
    assert target.read_bytes() == CONTENT
    assert names(target.parent) == ["a.gz"]
    assert server.asked == [(GOOD.url, None, None)]
    shown = capsys.readouterr()
    assert "downloading https://example.org/a.gz (5.1 MB)" in shown.err.replace("\n", " ")
    assert shown.out == ""


@pytest.mark.parametrize(
    ("server", "sentence"),
    [
        (Server(CONTENT + b"x"), "must hold 5120002 bytes, got 5120003; nothing was fetched"),
        (Server(CONTENT[:-1]), "must hold 5120002 bytes, got 5120001; nothing was fetched"),
        (Server(CONTENT + b"x", sized=False), "must hold 5120002 bytes, got more; what arrived was removed"),
        (Server(b"x" + CONTENT[1:]), "must have the published SHA-256 .*, got .*; what arrived was removed"),
        (
            Server(error=urllib.error.URLError("no route")),
            r"cannot be fetched \(no route\); or save it by hand as .*a\.gz",
        ),
        (Server(error=TimeoutError("timed out")), r"cannot be fetched \(timed out\)"),
    ],
)
def test_anything_else_is_refused_and_leaves_nothing(tmp_path, server, sentence):
    with pytest.raises(InputError, match=sentence):
        fetch(GOOD, tmp_path / "a.gz", opened=server)
    assert names(tmp_path) == []


def test_an_endless_answer_is_cut_soon_after_the_stated_size(tmp_path):
    server = Server(CONTENT + bytes(10_000_000), sized=False)
    with pytest.raises(InputError, match="got more; what arrived was removed"):
        fetch(GOOD, tmp_path / "a.gz", opened=server)
    assert server.given < len(CONTENT) + 2 * download.CHUNK
    with pytest.raises(InputError, match="must hold 1000000 or fewer bytes, got more"):
        fetch(UNKNOWN, tmp_path / "a.gz", most=1_000_000, opened=Server(sized=False))
    with pytest.raises(InputError, match="must hold 1000000 or fewer bytes, got 5120002; nothing was fetched"):
        fetch(UNKNOWN, tmp_path / "a.gz", most=1_000_000, opened=Server())
    assert names(tmp_path) == []


@pytest.mark.parametrize("remote", [GOOD, UNKNOWN])
def test_what_broke_off_goes_on_where_it_stopped(tmp_path, remote, capsys):
    target = tmp_path / "a.gz"
    broken, whole = Server(until=3_000_000), Server()
    with pytest.raises(InputError, match=r"\(connection reset\); 3000000 bytes are kept"):
        fetch(remote, target, opened=broken)
    assert names(tmp_path) == ["a.gz.part", "a.gz.part.version"]
    assert fetch(remote, target, opened=whole) == SHA256
    assert whole.asked == [(GOOD.url, "bytes=3000000-", '"1"')]
    assert whole.given == len(CONTENT) - 3_000_000
    assert target.read_bytes() == CONTENT
    assert not [name for name in names(tmp_path) if "part" in name]
    assert "resuming https://example.org/a.gz" in capsys.readouterr().err


def test_an_answer_that_ends_early_is_a_break_too(tmp_path):
    short = Server(until=None)
    short.content = CONTENT[:1_000_000]

    def opened(request):
        answer = short(request)
        answer.headers.replace_header("Content-Length", str(len(CONTENT)))
        return answer

    with pytest.raises(InputError, match="broke off after 1000000 of 5120002 bytes"):
        fetch(GOOD, tmp_path / "a.gz", opened=opened)
    fetch(GOOD, tmp_path / "a.gz", opened=Server())
    assert (tmp_path / "a.gz").read_bytes() == CONTENT


def test_parts_of_two_versions_are_never_put_together(tmp_path):
    """Where the server has a new version, no parts, or no way to tell versions, the file is fetched from its start."""
    target = tmp_path / "a.gz"
    new = b"\x1f\x8bnew" * 1_000_000
    for first, second in (
        (Server(until=3_000_000), Server(new, version='"2"')),
        (Server(until=3_000_000), Server(new, parts=False)),
        (Server(until=3_000_000, version=None), Server(new)),
        (Server(until=3_000_000, version='W/"1"'), Server(new)),
    ):
        with pytest.raises(InputError, match="cannot be fetched"):
            fetch(UNKNOWN, target, opened=first)
        fetch(UNKNOWN, target, opened=second)
        assert target.read_bytes() == new
        for path in tmp_path.iterdir():
            path.unlink()


def test_a_part_that_cannot_be_resumed_is_dropped(tmp_path):
    (tmp_path / "a.gz.part").write_bytes(CONTENT)
    (tmp_path / "a.gz.part.version").write_text('"1"')
    with pytest.raises(InputError, match=r"cannot be fetched \(Range Not Satisfiable\); or save"):
        fetch(UNKNOWN, tmp_path / "a.gz", opened=Server())
    fetch(UNKNOWN, tmp_path / "a.gz", opened=Server())
    assert (tmp_path / "a.gz").read_bytes() == CONTENT
    (tmp_path / "a.gz.part").write_bytes(b"x" + CONTENT[1:3_000_000])
    with pytest.raises(InputError, match="must have the published SHA-256"):
        fetch(GOOD, tmp_path / "a.gz", opened=Server())
    assert names(tmp_path) == ["a.gz", "a.gz.sha256"]  # the good file is still there


def test_the_wrong_part_of_a_file_is_refused(tmp_path):
    (tmp_path / "a.gz.part").write_bytes(CONTENT[:1000])

    def opened(request):
        answer = Server()(request)
        answer.headers.replace_header("Content-Range", f"bytes 999-{len(CONTENT) - 1}/{len(CONTENT)}")
        return answer

    with pytest.raises(InputError, match="must go on at byte 1000"):
        fetch(GOOD, tmp_path / "a.gz", opened=opened)


def test_without_a_published_sha256_the_first_one_is_kept_and_compared(tmp_path):
    target = tmp_path / "a.gz"
    fetch(UNKNOWN, target, opened=Server())
    assert (tmp_path / "a.gz.sha256").read_text() == f"{SHA256}  a.gz\n"
    assert first_seen(target) == SHA256
    target.unlink()
    with pytest.raises(InputError, match=f"must have the first seen SHA-256 {SHA256}, got"):
        fetch(UNKNOWN, target, opened=Server(b"\x1f\x8bother"))
    assert names(tmp_path) == ["a.gz.sha256"]
    fetch(UNKNOWN, target, opened=Server())


def test_a_page_in_place_of_the_file_is_refused(tmp_path):
    """As logins and errors come; with a published SHA-256 that is told anyway."""
    with pytest.raises(InputError, match=r"must be a \.gz file, got something else; what arrived was removed"):
        fetch(UNKNOWN, tmp_path / "a.gz", opened=Server(b"<html>please log in</html>"))
    assert names(tmp_path) == []


def test_files_are_what_their_names_say(tmp_path):
    whole = io.BytesIO()
    np.savez(whole, a=np.arange(1000))
    with_name = tarfile.TarInfo("a").tobuf()
    for suffix, good, bad in (
        (".npz", whole.getvalue(), whole.getvalue()[:-30]),  # half a file has no end
        (".zip", whole.getvalue(), b"PK"),
        (".tar", with_name, b"<html>" * 100),
        (".jpg", b"\xff\xd8\xff\xe0", b"\x89PNG"),
        (".txt", b"any", None),
    ):
        path = tmp_path / f"a{suffix}"
        path.write_bytes(good)
        assert inspected(Remote(path.name), path)[1] is None
        if bad is not None:
            path.write_bytes(bad)
            assert inspected(Remote(path.name), path)[1] == f"it is no {suffix} file, or only a part of one"


def test_a_full_disk_is_foreseen(tmp_path, monkeypatch):
    monkeypatch.setattr(download.shutil, "disk_usage", lambda _: namedtuple("Usage", "free")(1_000_000))
    server = Server()
    with pytest.raises(InputError, match="must have room for 5 MB"):
        fetch(GOOD, tmp_path / "a.gz", opened=server)
    assert server.given == 0


def test_files_are_inspected(tmp_path):
    path = tmp_path / "a.gz"
    path.write_bytes(CONTENT)
    assert inspected(GOOD, path) == (SHA256, None)
    assert first_seen(path) is None
    assert inspected(UNKNOWN, path) == (SHA256, None)  # and so recorded
    path.write_bytes(CONTENT[:-1])
    assert inspected(GOOD, path)[1] == "it holds 5120001 bytes instead of 5120002"
    assert inspected(UNKNOWN, path)[1].endswith(f"instead of {SHA256}, as first seen and kept in {path}.sha256")
    path.write_bytes(b"x" + CONTENT[1:])
    assert inspected(GOOD, path)[1].endswith(f"instead of the published {SHA256}")


def test_only_https_is_spoken_also_after_a_redirect():
    with pytest.raises(InputError, match=r"url must begin with https://, got http://example\.org/a"):
        Remote("a", "http://example.org/a")
    with pytest.raises(InputError, match="must be fetched by hand and saved as"):
        fetch(Remote("a"), download.Path("a"))
    handler = download._HttpsOnly()
    request = urllib.request.Request("https://example.org/a", headers={"Range": "bytes=5-"})
    with pytest.raises(InputError, match="must begin with https://, got http://example"):
        handler.redirect_request(request, None, 302, "Found", {}, "http://example.org/b")
    with pytest.raises(InputError, match="must begin with https://, got file:"):
        handler.redirect_request(request, None, 302, "Found", {}, "file:///etc/passwd")
    followed = handler.redirect_request(request, None, 302, "Found", {}, "https://other.org/b")
    assert followed.full_url == "https://other.org/b"
    assert followed.get_header("Range") == "bytes=5-"


def test_requests_go_through_that_handler(monkeypatch):
    asked = []
    monkeypatch.setattr(urllib.request.OpenerDirector, "open", lambda self, *a, **k: asked.append((self, a, k)))
    request = urllib.request.Request("https://example.org/a")
    open_url(request)
    ((opener, words, options),) = asked
    assert any(isinstance(each, download._HttpsOnly) for each in opener.handlers)
    assert words == (request,)
    assert options["timeout"] > 0


def test_a_source_knows_where_its_files_belong_and_lie(own_cache, tmp_path):
    packed, plain, by_hand = (
        Remote("a.gz", "https://e.org/a"),
        Remote("b", "https://e.org/b"),
        Remote("c.zip", folder="c"),
    )
    source = Source("x", (packed, plain, by_hand), "MIT", True, "us", "https://e.org", system=tmp_path / "system")
    place = own_cache / "datasets" / "x"
    assert source.place(packed) == place / "a.gz"
    assert source.found(packed) is None
    assert source.advice(packed) == f"x needs the file {place}/a.gz, which is not there; run: unweave data download x"
    assert source.advice(by_hand).endswith("c.zip, which is not there; fetch it by hand from https://e.org")
    (tmp_path / "system").mkdir()
    (tmp_path / "system" / "a.gz").touch()
    assert source.found(packed) == tmp_path / "system" / "a.gz"
    assert source.found(packed, str(tmp_path)) is None
    place.mkdir(parents=True)
    (place / "a").touch()
    assert source.path(packed) == place / "a"
    (place / "a.gz").touch()
    assert source.path(packed) == place / "a.gz"
    (place / "b").touch()
    assert not source.at_hand()
    (place / "c").mkdir()
    assert source.at_hand()
    assert source.found(by_hand) == place / "c"
    record(place / "b", "00")
    assert first_seen(place / "b") == "00"
