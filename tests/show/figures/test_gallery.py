"""The page of figures: every figure is named, every picture is there and small."""

import re
from pathlib import Path

import pytest
from PIL import Image

from unweave.base.registry import figures

DOCS = Path(__file__).parents[3] / "docs"
TEXT = (DOCS / "figures.md").read_text("utf-8")
SHOWN = re.findall(r"!\[([^\]]+)\]\((\S+?)\)", TEXT)


def test_every_figure_is_named():
    assert [name for name in figures.table if f"`{name}`" not in TEXT] == []


@pytest.mark.parametrize(("words", "file"), SHOWN, ids=[Path(file).stem for _, file in SHOWN])
def test_every_picture_is_there_small_and_told_in_words(words, file):
    path = DOCS / file
    assert len(words) > 20
    assert path.stat().st_size < 250_000
    with Image.open(path) as picture:
        assert min(picture.size) > 200


def test_no_picture_is_left_over():
    kept = {f"images/figures/{path.name}" for path in (DOCS / "images" / "figures").iterdir()}
    assert kept == {file for _, file in SHOWN}
