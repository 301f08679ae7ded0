"""Pictures of the explorer and the report for README and docs, taken from a run in Chromium.

    python docs/screenshots.py RUN [--out docs/images] [--name 2=height] [--latent 0]

It writes explorer.png and report.png. It works on a copy, so the run stays as it is; `--name` says what a latent is
called in the picture, `--latent` which one is traversed. It needs Chromium and `pip install 'unweave[explore]'
playwright`.
"""

import argparse
import shutil
import socket
import sys
import tempfile
import threading
import time
from pathlib import Path

import uvicorn
from PIL import Image
from playwright.sync_api import Browser, sync_playwright

from unweave.run.names import save_name
from unweave.run.run import Run
from unweave.show.explorer import app
from unweave.show.reports import write

SIZE = {"width": 1240, "height": 1000}


def explorer(browser: Browser, run: Run, latent: int | None, out: Path) -> None:
    """The explorer's page, the strip of one latent shown."""
    bound = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app(run, "token"), log_level="warning", ws="none"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    page = browser.new_page(viewport=SIZE, device_scale_factor=1.5)
    page.goto(f"http://127.0.0.1:{bound.getsockname()[1]}/?token=token" + ("" if latent is None else f"#l={latent}"))
    page.wait_for_selector("#strip button")
    page.wait_for_timeout(800)
    page.screenshot(path=out)
    server.should_exit = True
    thread.join()


def report(browser: Browser, run: Run, out: Path) -> None:
    """The upper end of the report."""
    with tempfile.TemporaryDirectory() as place:
        file = write([run], Path(place) / "report.html")
        page = browser.new_page(viewport=SIZE, device_scale_factor=1.5)
        page.goto(file.as_uri())
        page.wait_for_timeout(500)
        page.screenshot(path=out)


def smaller(path: Path) -> None:
    """The same picture with a palette, a fraction of the bytes."""
    with Image.open(path) as image:
        image.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)
    print(f"{path}  {path.stat().st_size:,} bytes")


def main() -> None:
    """Take both pictures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "images")
    parser.add_argument("--name", action="append", default=[], metavar="LATENT=NAME")
    parser.add_argument("--latent", type=int)
    given = parser.parse_args()
    if (chromium := shutil.which("chromium")) is None:
        sys.exit("chromium is not installed")
    given.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place, sync_playwright() as started:
        run = Run(shutil.copytree(given.run, Path(place) / given.run.resolve().name))
        for told in given.name:
            latent, _, name = told.partition("=")
            save_name(run.path, run.spec.training.latents, int(latent), name, star=False)
        browser = started.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        explorer(browser, run, given.latent, given.out / "explorer.png")
        report(browser, run, given.out / "report.png")
        browser.close()
    for name in ("explorer.png", "report.png"):
        smaller(given.out / name)


if __name__ == "__main__":
    main()
