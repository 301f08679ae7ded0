"""Downloads: whole, checked, bounded, or not there at all."""

import hashlib
import io
import urllib.error

import pytest

from unweave.data import download
from unweave.data.download import Remote, fetch
from unweave.errors import InputError

CONTENT = bytes(range(256)) * 2000
GOOD = Remote("https://example.org/a.gz", len(CONTENT), hashlib.sha256(CONTENT).hexdigest())


@pytest.fixture
def network(monkeypatch):
    """A network that answers every request with `network.answer`, or raises it; `given` counts its bytes."""

    class Counting(io.BytesIO):
        def __init__(self, owner, content):
            super().__init__(content)
            self.owner = owner

        def read(self, size=-1):
            block = super().read(size)
            self.owner.given += len(block)
            return block

    class Network:
        answer = CONTENT
        asked = None
        given = 0

        def open(self, request, timeout):
            self.asked = request.full_url
            assert timeout > 0
            if isinstance(self.answer, Exception):
                raise self.answer
            return Counting(self, self.answer)

    made = Network()
    monkeypatch.setattr(download.urllib.request, "urlopen", made.open)
    return made


def test_a_file_arrives_whole_and_is_announced(network, tmp_path, capsys):
    target = tmp_path / "cache" / "a.gz"
    assert fetch(GOOD, target) == target
    assert target.read_bytes() == CONTENT
    assert [path.name for path in target.parent.iterdir()] == ["a.gz"]
    assert network.asked == GOOD.url
    shown = capsys.readouterr()
    assert "downloading https://example.org/a.gz (0.5 MB)" in shown.err.replace("\n", " ")
    assert shown.out == ""


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (CONTENT[:-1], r"must hold 512000 bytes, got only 511999"),
        (CONTENT + b"x", r"must hold 512000 bytes, got more than 512000"),
        (b"x" + CONTENT[1:], "must have SHA-256 .*, got "),
        (
            urllib.error.URLError("no route"),
            r"cannot be fetched \(no route\); get it by other means and save it as .*a\.gz",
        ),
        (TimeoutError("timed out"), r"cannot be fetched \(timed out\)"),
    ],
)
def test_anything_else_is_refused_and_leaves_nothing(network, tmp_path, answer, sentence):
    network.answer = answer
    with pytest.raises(InputError, match=sentence):
        fetch(GOOD, tmp_path / "a.gz")
    assert list(tmp_path.iterdir()) == []


def test_an_endless_answer_is_cut_soon_after_the_stated_size(network, tmp_path):
    network.answer = CONTENT + bytes(10_000_000)
    with pytest.raises(InputError, match="got more than"):
        fetch(GOOD, tmp_path / "a.gz")
    assert network.given == len(CONTENT) + 1
    assert list(tmp_path.iterdir()) == []


def test_only_https_is_spoken():
    with pytest.raises(InputError, match=r"url must begin with https://, got http://example\.org/a"):
        Remote("http://example.org/a", 1, "")
