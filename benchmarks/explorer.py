"""How fast a slider follows: round trips to the explorer's server, and moves of the exported page in Chromium.

Run `python benchmarks/explorer.py RUN [--moves 300]`; without RUN a model of untrained weights is used: dlib-conv,
64 x 64, 10 latents. The server runs in a process of its own, as for users, and one connection is kept open, as browsers
keep it. Given are the median and the 95th percentile in milliseconds. The exported page is measured where Chromium and
playwright are installed: one decode, and a whole move with picture and difference drawn.
"""

import argparse
import http.client
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np

import unweave
from unweave.run.run import Run
from unweave.show.export.web import write_page

MOVES = """async (moves) => {
  const facts = await window.unweaveEngine.facts();
  const row = [...facts.samples[0].codes, ...facts.samples[0].categories];
  const decoded = [], drawn = [];
  const slider = document.querySelector(".latent input[type=range]");
  const now = document.getElementById("now");
  for (let k = 0; k < moves; k++) {
    row[0] = 2 * Math.sin(k);
    let start = performance.now();
    await window.unweaveEngine.decode([row]);
    decoded.push(performance.now() - start);
    start = performance.now();
    const before = now.dataset.drawn;
    slider.value = row[0];
    slider.dispatchEvent(new Event("input"));
    while (now.dataset.drawn === before) await null;
    drawn.push(performance.now() - start);
  }
  return [decoded, drawn];
}"""


def told(what: str, milliseconds: list[float], promised: float) -> None:
    median, late = np.percentile(milliseconds, (50, 95))
    print(f"{what:44} {median:6.1f} {late:6.1f}   (promised: {promised:g})")


def round_trips(run: Run, moves: int) -> list[float]:
    """Milliseconds from sending a code to having all its pixels."""
    words = [sys.executable, "-m", "unweave", "explore", str(run.path), "--no-open", "--port", "0"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            at = urlsplit(next(line for line in process.stdout if line.startswith("http")).strip())
            client = http.client.HTTPConnection(at.hostname or "", at.port)
            headers = {"x-unweave-token": at.query.partition("=")[2], "origin": f"http://{at.netloc}"}
            row = np.zeros(run.spec.training.latents + len(run.category_sizes), "<f4")
            found = []
            for k in range(moves + 20):
                row[0] = 2 * np.sin(k)
                start = time.perf_counter()
                client.request("POST", "/decode", row.tobytes(), headers)
                answer = client.getresponse()
                answer.read()
                found.append(1e3 * (time.perf_counter() - start))
                assert answer.status == 200
            return found[20:]
        finally:
            process.terminate()


def moves_of_page(page_file: Path, moves: int) -> tuple[list[float], list[float]] | None:
    """Milliseconds of a decode, and of a slider's move until the picture is drawn; None without Chromium."""
    try:
        from playwright.sync_api import sync_playwright
    except ModuleNotFoundError:
        return None
    if (chromium := shutil.which("chromium")) is None:
        return None
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()
        page.goto(page_file.resolve().as_uri())
        page.wait_for_selector("#strip button")
        page.evaluate(MOVES, 20)
        decoded, drawn = page.evaluate(MOVES, moves)
        browser.close()
    return decoded, drawn


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("run", nargs="?", type=Path)
    parser.add_argument("--moves", type=int, default=300)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        if given.run is None:
            run = unweave.train(
                "vae", data="dsprites", net="dlib-conv", steps=1, latents=10, out=Path(place) / "run", callbacks=[]
            )
        else:
            run = Run(given.run)
        net = sum(weight.numel() for weight in run.vae.decoder.parameters())
        shape = " x ".join(map(str, run.data.image_shape))
        print(f"{run.title}: {run.spec.net.name}, {shape}, {net:,} weights in the decoder\n{'':44} median   95 %  ms")
        told("round trip to the server", round_trips(run, given.moves), 30)
        found = moves_of_page(write_page(run, Path(place) / "page.html"), given.moves)
        if found is None:
            print("the exported page: not measured, Chromium or playwright is missing")
        else:
            told("exported page: one decode", found[0], 40)
            told("exported page: a move, drawn", found[1], 40)


if __name__ == "__main__":
    main()
