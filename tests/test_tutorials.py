"""The Python on the tutorials' pages runs, block by block, on the tiny settings that each page names."""

import re
from pathlib import Path

import numpy as np
import pytest

from unweave import metrics

TUTORIALS = Path(__file__).parents[1] / "docs" / "tutorials"
PAGES = sorted(path.stem for path in TUTORIALS.glob("*.md") if path.stem != "index")
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(text):
    """The code of each block, with empty lines before it, so that a line has the number it has on the page."""
    for found in BLOCK.finditer(text):
        yield "\n" * text[: found.start(1)].count("\n") + found[1]


def run(page, text):
    """Run the blocks of a page one after the other, in one namespace, as a reader who copies them would."""
    namespace = {"__name__": "__main__"}
    for code in blocks(text):
        exec(compile(code, str(page), "exec"), namespace)
    return namespace


@pytest.mark.parametrize("name", PAGES)
def test_a_tutorial_runs(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("UNWEAVE_TINY", "1")
    monkeypatch.setattr("unweave.run.run.POOL", 1500)  # images that scores look at
    page = TUTORIALS / f"{name}.md"
    namespace = run(page, page.read_text("utf-8"))
    pictures = list(tmp_path.rglob("*.png"))
    assert "unweave" in namespace
    assert pictures or name == "total-correlation-and-scores"
    assert all(picture.read_bytes().startswith(b"\x89PNG") for picture in pictures)


def test_the_page_on_loops_of_ones_own_trains_without_the_engine():
    page = TUTORIALS.parent / "own-loop.md"
    found = run(page, page.read_text("utf-8"))
    losses = found["losses"]
    assert np.mean(losses[-10:]) < np.mean(losses[:10]) - 10
    assert np.isfinite(found["loss"].item())
    assert all(p.grad is not None for p in found["net"].parameters())
    assert 0 <= found["score"].value <= 1


def test_there_is_a_page_for_each_text_and_the_first_page_names_them_all():
    first = (TUTORIALS / "index.md").read_text("utf-8")
    assert len(PAGES) == 6
    assert all(f"]({name}.md)" in first for name in PAGES)


def test_a_block_that_fails_names_its_line_on_the_page():
    text = "# A page\n\n```python\na = 1\n```\n\nWords.\n\n```python\nb = a / 0\n```\n"
    with pytest.raises(ZeroDivisionError) as caught:
        run("page.md", text)
    last = caught.traceback[-1]
    assert (str(last.path).endswith("page.md"), last.lineno + 1) == (True, 10)


def test_the_table_on_the_page_about_scores_is_what_its_block_makes(tmp_path, monkeypatch):
    text = (TUTORIALS.parent / "reading-scores.md").read_text("utf-8")
    monkeypatch.chdir(tmp_path)
    run("reading-scores.md", text)
    codes, factors = np.load("codes.npy"), np.load("factors.npy")
    for name, metric in {"factor-vae-score": metrics.factor_vae_score, "mig": metrics.mig}.items():
        row = re.search(rf"^\| {name} \| ([\d.]+) \|", text, re.MULTILINE)
        assert float(row[1]) == pytest.approx(metric(codes, factors).value, abs=0.002)
