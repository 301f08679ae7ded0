"""`unweave explore`: the address it prints, what it refuses, and that it leaves the run as it was."""

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
import webbrowser

import pytest

from unweave.face.cli import explore as command
from unweave.face.cli.app import main
from unweave.run.run import Run
from unweave.subspaces import Subspaces


@pytest.fixture
def served(monkeypatch):
    """Sockets that a server was asked to listen at; nothing is really served, and no browser opens."""
    import uvicorn

    found = []

    def run(_, sockets):
        found.append(sockets[0].getsockname())
        raise KeyboardInterrupt  # as Ctrl-C ends it

    monkeypatch.setattr("unweave.show.explorer.server.app", lambda *given: given)
    monkeypatch.setattr(uvicorn.Server, "run", run)
    monkeypatch.setattr(webbrowser, "open", lambda *_: pytest.fail("a browser was opened"))
    return found


def test_it_listens_on_this_machine_only_and_prints_an_address_with_a_token(finished, served, capsys):
    assert main(["explore", str(finished), "--no-open"]) == 0
    shown = capsys.readouterr()
    ((host, port),) = served
    assert host == "127.0.0.1"
    assert re.search(rf"^http://127\.0\.0\.1:{port}/\?token=[\w-]{{32}}$", shown.out, re.MULTILINE)
    assert shown.err == ""


def test_each_start_has_a_token_of_its_own(finished, served, capsys):
    for _ in range(2):
        main(["explore", str(finished), "--no-open", "--port", "0"])
    first, second = re.findall(r"token=(\S+)", capsys.readouterr().out)
    assert first != second
    assert len(served) == 2


def test_planes_that_are_not_there_are_said_to_be_none(finished, served, capsys, monkeypatch):
    given = []
    monkeypatch.setattr("unweave.show.explorer.server.app", lambda *all_: given.append(all_[3]))
    monkeypatch.setattr(Run, "subspaces", Subspaces(2, 2000, 0, 0.05, (0, 1), (), (), ()))
    for more in ([], ["--codes", "means"], ["--codes", "planes"]):
        assert main(["explore", str(finished), "--no-open", "--port", "0", *more]) == 0
    assert given == [None, "means", "planes"]
    assert re.fullmatch("no dial: .*plane\n", capsys.readouterr().err)


def test_other_hosts_get_a_warning(finished, served, capsys):
    assert main(["explore", str(finished), "--no-open", "--host", "0.0.0.0", "--port", "0"]) == 0
    shown = capsys.readouterr()
    assert "warning: at 0.0.0.0 others in your network can reach this server" in shown.err
    assert "http://127.0.0.1:" in shown.out
    assert served[0][0] == "0.0.0.0"


def free_server():
    """A server on a port with room above it."""
    for port in range(20_000, 60_000):
        with contextlib.suppress(OSError):
            return socket.create_server(("127.0.0.1", port))
    raise AssertionError("every port is taken")


def test_a_second_explorer_takes_the_next_port(monkeypatch):
    with free_server() as taken:
        port = taken.getsockname()[1]
        monkeypatch.setattr(command, "PORT", port)
        monkeypatch.setattr(command, "TRIED", 20)
        with command._bound("127.0.0.1", None) as bound:
            assert port < bound.getsockname()[1] < port + 20


def test_answers_are_sent_at_once():
    with command._bound("127.0.0.1", 0) as bound:
        assert bound.proto == socket.IPPROTO_TCP  # asyncio sets TCP_NODELAY on no other


def test_a_browser_opens_only_where_there_is_a_screen(monkeypatch):
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert not command._has_screen()
    monkeypatch.setenv("DISPLAY", ":0")
    assert command._has_screen()


@pytest.mark.usefixtures("served")
@pytest.mark.parametrize(
    ("words", "rule"),
    [
        ("explore OUT", "is not a run"),
        ("explore OUT/none", "no such folder"),
        ("explore RUN --port 70000", "port must lie between 0 and 65535"),
        ("explore RUN --host 192.0.2.1 --port 0", "192.0.2.1"),
        ("explore RUN --host no.such.host.invalid", "host must be an address of this machine"),
        ("explore RUN --port TAKEN", "port must be free, got TAKEN"),
        ("explore", "RUN"),
    ],
)
def test_wrong_wishes_get_one_sentence(finished, tmp_path, refused, words, rule):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        words = words.replace("RUN", str(finished)).replace("OUT", str(tmp_path)).replace("TAKEN", port)
        refused(words, rule.replace("TAKEN", port))


def test_a_run_that_is_unfinished_or_newer_says_why_not(finished, tmp_path, refused):
    half = shutil.copytree(finished, tmp_path / "half")
    (half / "weights.safetensors").unlink()
    refused(f"explore {half} --no-open --port 0", "the run is not finished")
    newer = shutil.copytree(finished, tmp_path / "newer")
    settings = json.loads((newer / "settings.json").read_text())
    (newer / "settings.json").write_text(json.dumps({**settings, "format": 99}))
    refused(f"explore {newer} --no-open", "format 99, newer than")


def test_without_the_extra_it_says_what_to_install(finished, refused, monkeypatch):
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    refused(f"explore {finished}", "pip install 'unweave[explore]'")
    monkeypatch.undo()
    monkeypatch.setitem(sys.modules, "starlette.applications", None)
    monkeypatch.delitem(sys.modules, "unweave.show.explorer.server", raising=False)
    monkeypatch.delattr("unweave.show.explorer.server", raising=False)
    refused(f"explore {finished} --no-open", "pip install 'unweave[explore]'")


def test_a_killed_server_leaves_the_run_as_it_was(finished, tmp_path):
    place = shutil.copytree(finished, tmp_path / "run")
    before = {file.name: file.read_bytes() for file in place.iterdir()}
    words = [sys.executable, "-m", "unweave", "explore", str(place), "--no-open", "--port", "0"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        try:
            address = next(line for line in process.stdout if line.startswith("http")).strip()
            base, _, query = address.partition("?")
            names = json.dumps({"latent": 1, "name": "height", "star": True}).encode()
            request = urllib.request.Request(f"{base}names?{query}", names, {"Origin": base.rstrip("/")})
            with urllib.request.urlopen(request, timeout=30) as answer:
                assert answer.status == 200
        finally:
            os.kill(process.pid, signal.SIGKILL)
    names = place / "explorer.json"
    assert json.loads(names.read_text())["latents"] == {"1": {"name": "height", "star": True}}
    names.unlink()
    assert {file.name: file.read_bytes() for file in place.iterdir()} == before
    assert Run(place).finished
