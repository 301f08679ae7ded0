"""Real Chromium, and explorers of small runs for it to open."""

import contextlib
import copy
import socket
import threading
import time

import pytest
import torch
from tests.conftest import missing

import unweave
from unweave.run.run import Run
from unweave.show.explorer import app
from unweave.subspaces import Block, Subspaces

TOKEN = "the-token"
SWITCHES = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


@pytest.fixture(scope="session")
def chromium(needs):
    path = needs("chromium")
    try:
        from playwright.sync_api import sync_playwright
    except ModuleNotFoundError:
        missing("playwright is not installed")
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=path, args=SWITCHES)
        yield browser
        browser.close()


@pytest.fixture
def tab(chromium):
    """Open an address in a tab of its own: `tab(address, width=375)`. What its console complains of fails the test."""
    complaints, contexts = [], []

    def opened(address, width=1280, height=900, ready="#strip button", **options):
        context = chromium.new_context(viewport={"width": width, "height": height}, **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
        page.on("pageerror", lambda wrong: complaints.append(str(wrong)))
        page.on("dialog", lambda box: (complaints.append(f"dialog: {box.message}"), box.dismiss()))
        page.goto(address)
        page.wait_for_selector(ready)
        settle(page)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert complaints == []


def until(page, true, seconds=20):
    """Wait until an expression of the page is true. (Playwright's own wait needs eval, which the page forbids.)"""
    end = time.monotonic() + seconds
    while not page.evaluate(f"() => Boolean({true})"):
        assert time.monotonic() < end, f"never true: {true}"
        page.wait_for_timeout(20)


def settle(page):
    """Wait until picture and strips show the present code."""
    drawn = "() => [document.body.dataset.strips, document.getElementById('now').dataset.drawn].join()"
    before = None
    while before != (now := page.evaluate(drawn)):
        before = now
        page.wait_for_timeout(200)


def pixels(page, canvas="#now"):
    """All bytes of a canvas."""
    return page.eval_on_selector(
        canvas, "(c) => Array.from(c.getContext('2d').getImageData(0, 0, c.width, c.height).data)"
    )


@contextlib.contextmanager
def served(run, codes=None):
    """The address of a run's explorer, served by uvicorn in a thread."""
    import uvicorn

    bound = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app(run, TOKEN, codes=codes), log_level="error", ws="none", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{bound.getsockname()[1]}/?token={TOKEN}"
    server.should_exit = True
    thread.join(10)
    bound.close()


@pytest.fixture(scope="session")
def moved(tmp_path_factory):
    """A run of images with two categories: latents 0 and 1 move the picture, latent 2 is dead."""
    run = unweave.train(
        "joint-vae", categories=(3, 2), out=tmp_path_factory.mktemp("runs") / "j", batch=4, latents=3, steps=2,
        threads=1, callbacks=[], data="dsprites", net="conv",
        **{"data.size": 32, "data.hold": "lazy", "net.channels": (4, 4, 4), "net.hidden": 8},
    )  # fmt: skip
    with torch.no_grad():
        for weight in run.vae.decoder.parameters():
            weight.mul_(3)
        mean, spread = run.vae.encoder.heads["mean"], run.vae.encoder.heads["log_variance"]
        mean.weight.mul_(30)
        mean.weight[2], mean.bias[2], spread.weight[2], spread.bias[2] = 0, 0, 0, 0
    return run


@pytest.fixture(scope="session")
def address(moved):
    with served(moved) as found:
        yield found


PLANE = Block((0, 1), (0.3, -0.2), ((0.8, 0.1), (0.0, 0.6)))


@pytest.fixture(scope="session")
def planar(moved):
    """The same run, of whose latents 0 and 1 it was found that they go round."""
    run = copy.copy(moved)
    vars(run)["subspaces"] = Subspaces(3, 2000, 0, 0.05, (0, 1), ((2, "dead"),), (PLANE,), ())
    return run


@pytest.fixture(scope="session")
def planar_address(planar):
    with served(planar, "planes") as found:
        yield found


@pytest.fixture(scope="session")
def table(tmp_path_factory):
    place = tmp_path_factory.mktemp("table")
    rows = [f"{k % 7},{1000 + k % 5},{'abc'[k % 3]}" for k in range(60)]
    (place / "t.csv").write_text("a,<b>,kind\n" + "\n".join(rows) + "\n")
    out = place / "run"
    run = unweave.train("vae", data=str(place / "t.csv"), out=out, batch=8, latents=3, steps=2, threads=1, callbacks=[])
    with torch.no_grad():
        for weight in run.vae.decoder.parameters():
            weight.mul_(2)
    return run


@pytest.fixture(scope="session")
def table_address(table):
    with served(table) as found:
        yield found


@pytest.fixture
def fresh(moved):
    """The run without names, before and after."""
    names = Run(moved.path).path / "explorer.json"
    names.unlink(missing_ok=True)
    yield moved
    names.unlink(missing_ok=True)
