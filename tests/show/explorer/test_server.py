"""Who may ask the explorer's server for what: every refusal, and what the page needs."""

import json
import re
import struct

import numpy as np
import pytest
from starlette.testclient import TestClient

from unweave.base.errors import InputError
from unweave.run.run import Run
from unweave.show.explorer import app, server
from unweave.show.explorer.exhibit import exhibit
from unweave.show.explorer.hosts import hosts_of

TOKEN = "a-token"
HOST = "http://127.0.0.1:8000"
HEADERS = {"x-unweave-token": TOKEN, "origin": HOST}
ZEROS = struct.pack("<5f", 0, 0, 0, 0, 0)


@pytest.fixture(scope="session")
def shown(trained):
    return exhibit(trained)


@pytest.fixture
def made(run, shown, monkeypatch):
    """Clients of the run's explorer; what it knows of the data is looked up once for all tests."""
    monkeypatch.setattr(server, "exhibit", lambda *_: shown)

    def client(hosts=(), url=HOST, **options):
        return TestClient(app(run, TOKEN, hosts), base_url=url, headers=HEADERS, **options)

    return client


@pytest.fixture
def client(made):
    return made()


def test_the_page_and_its_files_come_with_the_token_of_the_address(client):
    bare = TestClient(client.app, base_url=HOST)
    got = bare.get("/", params={"token": TOKEN})
    assert got.status_code == 200
    assert "joint-vae on dsprites, seed 0" in got.text
    names = re.findall(r'(?:src|href)="([^"]+)"', got.text)
    assert len(names) == len(server.FILES)
    for name in names:
        file = bare.get(f"/{name}")
        assert (file.status_code, file.headers["content-type"].split(";")[0]) == (
            200,
            server.FILES[name.partition("?")[0]],
        )


ADDRESSES = [("GET", "/"), ("GET", "/facts"), ("GET", "/image/0"), ("GET", "/explorer.js"), ("GET", "/nothing"),
             ("POST", "/decode"), ("POST", "/encode"), ("POST", "/names")]  # fmt: skip


@pytest.mark.parametrize(("method", "path"), ADDRESSES)
def test_nothing_is_answered_without_the_token(client, method, path):
    bare = TestClient(client.app, base_url=HOST, headers={"origin": HOST})
    for sent in ("", "?token=", "?token=a-toke", "?token=a-token2", f"?token={TOKEN}&token=x", "?token=%E2%98%83"):
        got = bare.request(method, path + sent)
        assert got.status_code == 403
        assert "token" in got.json()["error"]
        assert TOKEN not in got.text
        assert got.headers["x-content-type-options"] == "nosniff"


def test_a_foreign_host_is_refused_whatever_the_token_and_this_machine_has_several_names(client):
    for host in ("evil.example", "127.0.0.1.evil.example:8000", "localhost.evil:8000", "192.0.2.7", ""):
        got = client.get("/facts", headers={"host": host})
        assert got.status_code == 421, host
        assert "Host" in got.json()["error"]
    for host in ("127.0.0.1:8000", "localhost:1234", "LOCALHOST", "[::1]:8000"):
        assert client.get("/facts", headers={"host": host}).status_code == 200, host


def test_listening_to_all_takes_addresses_but_no_foreign_names(made):
    open_to_all = made(hosts=("*",))
    assert open_to_all.get("/facts", headers={"host": "192.0.2.7:8000"}).status_code == 200
    assert open_to_all.get("/facts", headers={"host": "evil.example"}).status_code == 421
    named = made(hosts=hosts_of("box.local"))
    assert named.get("/facts", headers={"host": "Box.local:80"}).status_code == 200


@pytest.mark.parametrize("path", ["/decode", "/encode", "/names"])
def test_a_post_must_come_from_the_page_itself(client, path):
    bare = TestClient(client.app, base_url=HOST, headers={"x-unweave-token": TOKEN})
    foreign = ("http://evil.example", "null", "http://127.0.0.1:9000", "https://127.0.0.1:8000", "")
    for headers in ({}, *({"origin": origin} for origin in foreign)):
        got = bare.post(path, content=ZEROS, headers=headers)
        assert got.status_code == 403
        assert "own page" in got.json()["error"]


@pytest.mark.parametrize(("method", "path"), [*ADDRESSES, ("GET", "/image/99999999"), ("OPTIONS", "/decode")])
def test_every_answer_carries_the_headers_and_none_opens_it_to_others(client, method, path):
    got = client.request(method, path, headers={"access-control-request-method": "POST"})
    for name, value in server.HEADERS.items():
        assert got.headers[name] == value
    assert server.HEADERS["content-security-policy"].startswith("default-src 'self';")
    assert got.headers["x-content-type-options"] == "nosniff"
    assert not [name for name in got.headers if name.startswith("access-control")]


def test_the_page_has_no_script_or_style_of_its_own_inside(client):
    text = client.get("/").text
    assert not re.findall(r"<script(?![^>]*\bsrc=)|<style|\bstyle=|\bon\w+=", text)


@pytest.mark.parametrize("path", ["/decode", "/encode", "/names", "/reset", "/names?latent=0&name=x&star=true"])
def test_no_get_changes_anything(client, run, path):
    before = {file.name: file.read_bytes() for file in run.path.iterdir()}
    assert client.get(path).status_code in (404, 405)
    assert {file.name: file.read_bytes() for file in run.path.iterdir()} == before


@pytest.mark.parametrize(
    "path",
    ["/settings.json", "/../settings.json", "/%2e%2e/settings.json", "/..%2fsettings.json", "/static/../server.py",
     "//etc/passwd", "/image/..%2f..%2fsettings.json", "/image/-1", "/explorer.json", "/index.html"],
)  # fmt: skip
def test_no_other_file_can_be_read(client, path):
    got = client.get(path)
    assert got.status_code == 404
    assert "format" not in got.text


def test_codes_come_back_as_frames(client, shown):
    rows = np.array([[0.5, -1, 2, 2, 1], [0, 0, 0, 0, 0]], "<f4")
    got = client.post("/decode", content=rows.tobytes())
    assert got.status_code == 200
    assert got.content == shown.decoded(rows)
    assert len(got.content) == 2 * 32 * 32


@pytest.mark.parametrize(
    ("body", "status", "rule"),
    [
        (b"", 400, "got 0 bytes"),
        (ZEROS[:-1], 400, "rows of 5 float32, got 19 bytes"),
        (struct.pack("<5f", np.nan, 0, 0, 0, 0), 400, "finite"),
        (struct.pack("<5f", np.inf, 0, 0, 0, 0), 400, "finite"),
        (struct.pack("<5f", 1e6, 0, 0, 0, 0), 400, "between -1000 and 1000"),
        (struct.pack("<5f", 0, 0, 0, 7, 0), 400, "categories"),
        (ZEROS * (server.ROWS + 1), 413, "1,280 bytes or fewer"),
    ],
)
def test_codes_that_are_none_are_refused(client, body, status, rule):
    got = client.post("/decode", content=body)
    assert got.status_code == status
    assert rule in got.json()["error"]


def test_an_upload_is_counted_while_it_comes_in(client, monkeypatch):
    monkeypatch.setattr(server, "UPLOAD", 1000)
    sent = []

    def stream():
        for _ in range(50):
            sent.append(1)
            yield bytes(100)

    got = client.post("/encode", content=stream())  # chunked: no length is announced
    assert got.status_code == 413
    assert "1,000 bytes or fewer" in got.json()["error"]


def test_the_rest_of_a_body_that_is_too_long_is_never_read():
    import asyncio
    from concurrent.futures import ThreadPoolExecutor

    read = []

    async def receive():
        read.append(1)
        return {"type": "http.request", "body": bytes(100), "more_body": True}

    request = server.Request({"type": "http", "method": "POST", "headers": []}, receive)
    with pytest.raises(server.HTTPException), ThreadPoolExecutor(1) as elsewhere:  # tests in a browser keep a loop here
        elsewhere.submit(asyncio.run, server._body(request, 250)).result()
    assert len(read) == 3


def test_an_upload_is_encoded_and_what_is_none_refused(client, trained, tmp_path):
    from PIL import Image

    pixels = (trained.data.images(np.array([99]))[0, 0].numpy() * 255).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "x.png")
    got = client.post("/encode", content=(tmp_path / "x.png").read_bytes())
    assert got.json() == client.get("/image/99").json()
    for content in (b"", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"\x89PNG\r\n\x1a\n broken"):
        wrong = client.post("/encode", content=content)
        assert wrong.status_code == 400
        assert "cannot be read" in wrong.json()["error"]


def test_names_are_kept_in_the_run_and_told_again(client, run):
    hostile = "<img src=x onerror=alert(1)>"
    got = client.post("/names", content=json.dumps({"latent": 1, "name": hostile, "star": True}))
    assert got.json() == {"1": {"name": hostile, "star": True}}
    assert client.get("/facts").json()["names"] == got.json()
    assert hostile not in client.get("/").text  # only as JSON, which no browser takes for a page
    assert client.get("/facts").headers["content-type"] == "application/json"
    assert json.loads((run.path / "explorer.json").read_text())["latents"] == got.json()


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"{", 400), (b"[]", 400), (b'{"latent": 0}', 400), (b'{"latent": 9, "name": "x", "star": false}', 400),
     (b'{"latent": 0, "name": "' + b"x" * 5000 + b'", "star": false}', 413), (b"\xff", 400), (b"null", 400)],
)  # fmt: skip
def test_what_is_no_name_is_refused_and_leaves_no_file(client, run, body, status):
    got = client.post("/names", content=body)
    assert got.status_code == status
    assert got.json()["error"]
    assert not (run.path / "explorer.json").exists()


def test_the_runs_title_is_escaped(run, shown, monkeypatch):
    monkeypatch.setattr(server, "exhibit", lambda *_: shown)
    monkeypatch.setattr(Run, "title", "<script>alert(1)</script>")
    text = TestClient(app(run, TOKEN), base_url=HOST).get("/", params={"token": TOKEN}).text
    assert "<script>alert" not in text
    assert "&lt;script&gt;" in text


def test_people_get_a_page_that_says_what_is_wrong(client):
    got = client.get("/nothing", headers={"accept": "text/html"})
    assert got.status_code == 404
    assert got.headers["content-type"].startswith("text/html")
    assert "<h1>404</h1><p>there is nothing at this address; the page is at /.</p>" in got.text
    refused = TestClient(client.app, base_url=HOST).get("/?token=<b>", headers={"accept": "text/html"})
    assert "unweave explore" in refused.text
    assert "<b>" not in refused.text


def test_a_fault_of_ours_is_told_without_its_details(made, shown, monkeypatch):
    def broken(*_):
        raise RuntimeError("secret")

    monkeypatch.setattr(type(shown), "decoded", broken)
    got = made(raise_server_exceptions=False).post("/decode", content=ZEROS)
    assert got.status_code == 500
    assert "terminal" in got.json()["error"]
    assert "secret" not in got.text
    assert got.headers["x-content-type-options"] == "nosniff"


def test_two_runs_are_explored_at_once_each_by_its_own_token(run, shown, tmp_path, monkeypatch):
    monkeypatch.setattr(server, "exhibit", lambda *_: shown)
    other = Run(run.path.rename(tmp_path / "other"))
    first, second = (TestClient(app(other, t), base_url=HOST, headers={"origin": HOST}) for t in ("one", "two"))
    names = {"latent": 0, "name": "a", "star": False}
    assert first.post("/names?token=one", content=json.dumps(names)).status_code == 200
    assert second.post("/names?token=two", content=json.dumps({**names, "latent": 1})).json().keys() == {"0", "1"}
    assert second.get("/facts?token=one").status_code == 403


def test_websockets_are_closed(client):
    from starlette.websockets import WebSocketDisconnect

    with pytest.raises(WebSocketDisconnect), client.websocket_connect(f"/?token={TOKEN}"):
        pass


def test_a_broken_file_of_names_is_said_before_anything_is_served(run, shown, monkeypatch):
    monkeypatch.setattr(server, "exhibit", lambda *_: shown)
    (run.path / "explorer.json").write_text('{"format": 2}')
    with pytest.raises(InputError, match=r"explorer\.json has format 2"):
        app(run, TOKEN)
