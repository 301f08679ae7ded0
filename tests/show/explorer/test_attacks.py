"""The explorer behind a true socket: uploads without end, readers that do not read, many at once, markup in names."""

import contextlib
import http.client
import socket
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from unweave.show.explorer import app, server
from unweave.show.explorer.exhibit import exhibit

uvicorn = pytest.importorskip("uvicorn")
TOKEN = "a-token"


@pytest.fixture
def port(run, trained, monkeypatch):
    """The explorer served as the command does it."""
    monkeypatch.setattr(server, "exhibit", lambda *_: exhibit(trained))
    bound = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app(run, TOKEN), log_level="error", access_log=False, server_header=False, ws="none")
    serving = uvicorn.Server(config)
    thread = threading.Thread(target=serving.run, kwargs={"sockets": [bound]}, daemon=True)
    thread.start()
    until = time.monotonic() + 60
    while not serving.started:
        assert time.monotonic() < until
        time.sleep(0.01)
    yield bound.getsockname()[1]
    serving.should_exit = serving.force_exit = True
    thread.join()
    bound.close()


def ask(port, method, path, body=None, **headers):
    """Status and body of one request with the token."""
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as to:
        sent = {"x-unweave-token": TOKEN, "origin": f"http://127.0.0.1:{port}", **headers}
        to.request(method, path, body, sent)
        got = to.getresponse()
        return got.status, got.read()


def test_an_upload_of_a_hundred_megabytes_is_refused_and_not_kept(port):
    block, before = bytes(1 << 20), memory()
    with socket.create_connection(("127.0.0.1", port), timeout=60) as to:
        head = f"POST /encode HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\norigin: http://127.0.0.1:{port}\r\n"
        to.sendall(f"{head}x-unweave-token: {TOKEN}\r\ncontent-length: {100 << 20}\r\n\r\n".encode())
        with contextlib.suppress(ConnectionError):
            for _ in range(100):
                to.sendall(block)
        with contextlib.suppress(ConnectionError):
            assert to.recv(4096).startswith(b"HTTP/1.1 413")
    assert memory() - before < 80
    assert ask(port, "GET", "/facts")[0] == 200


def memory():
    """The most that this process ever had, MB."""
    resource = pytest.importorskip("resource")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 1024)


def test_a_reader_who_does_not_read_keeps_nobody_waiting(port):
    with contextlib.ExitStack() as stack:
        for path in ("/facts", "/explorer.js", "/image/0") * 4:
            to = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=60))
            to.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
            lines = f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nx-unweave-token: {TOKEN}\r\n\r\n"
            to.sendall(lines.encode() * 20)
        half = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=60))
        half.sendall(b"GET /facts HTTP/1.1\r\nhost:")  # and never goes on
        began = time.monotonic()
        assert ask(port, "GET", "/facts")[0] == 200
        assert time.monotonic() - began < 20


def test_two_hundred_requests_at_once_are_all_answered(port):
    rows = bytes(4 * 5)
    with ThreadPoolExecutor(50) as pool:
        asked = [pool.submit(ask, port, "POST", "/decode", rows) for _ in range(200)]
        found = {each.result() for each in asked}
    assert [status for status, _ in found] == [200]  # all the same frame


@pytest.mark.parametrize(
    "target",
    ["/../../../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "//etc/passwd", "/static/..%5c..%5csettings.json",
     "http://evil.example/facts", "/facts/../settings.json", "/image/0/../../settings.json", "/%00", "/image/1e9"],
)  # fmt: skip
def test_no_path_leads_out(port, target):
    status, body = ask(port, "GET", target)
    assert status in (400, 404, 421) or (target.startswith("http:") and status == 200)
    assert b"root:" not in body
    assert b"#sum" not in body


@pytest.mark.parametrize("lines", [b"\x00\xff\x00\n\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"A" * 100_000])
def test_what_is_no_http_ends_that_connection_alone(port, lines):
    with socket.create_connection(("127.0.0.1", port), timeout=60) as to, contextlib.suppress(ConnectionError):
        to.sendall(lines)
        to.shutdown(socket.SHUT_WR)
        assert to.recv(12) in (b"", b"HTTP/1.1 400", b"HTTP/1.1 421")
    assert ask(port, "GET", "/facts")[0] == 200
