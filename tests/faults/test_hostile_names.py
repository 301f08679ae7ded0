"""Names with markup, of a folder and of columns, are only text on every page and in every table."""

import re

import pytest
import yaml

from unweave.face.cli.app import main

EVIL = '<img src=x onerror="alert(1)">'
NAMES = [EVIL, "</script><script>alert(2)</script>", "=cmd|' /C calc'!A0", r"\input{/etc/passwd}"]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A run in a folder and on a table whose names are all hostile."""
    home = tmp_path_factory.mktemp("hostile")
    head = ",".join('"' + name.replace('"', '""') + '"' for name in NAMES)
    rows = "\n".join(f"{k % 7},{k % 5},{k % 3}.5,{-k}" for k in range(80))
    (home / "table.csv").write_text(f"{head}\n{rows}\n")
    out = home / "run<img src=x onerror=alert(3)>"
    words = "train vae --net mlp --net.hidden 8 --batch 8 --latents 2 --steps 4 --threads 1 --data".split()
    assert main([*words, str(home / "table.csv"), "--out", str(out)]) == 0
    return out


def assert_harmless(page):
    """No tag and no attribute came of a name, and no script ends early."""
    for name in ("<img src=x", "<script>alert", "</script><script>alert"):
        assert name not in page
    assert not re.search(r"<[^>]*\sonerror=[^>]*>", re.sub(r'"[^"<>]*"', '""', page))


@pytest.mark.slow
def test_pages_show_names_as_text(place, capsys):
    assert main(["report", str(place)]) == 0
    assert_harmless((place / "report.html").read_text())
    assert main(["export", str(place), "--to", "web"]) == 0
    assert_harmless((place / "explorer.html").read_text())
    assert main(["export", str(place), "--to", "safetensors"]) == 0
    card = (place / "safetensors" / "README.md").read_text()
    front, _, text = card.removeprefix("---\n").partition("\n---\n")
    assert yaml.safe_load(front)["library_name"] == "unweave"
    assert "<img" not in re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.DOTALL)


def test_tables_show_names_as_text(place, capsys):
    assert main(["encode", str(place), "--out", str(place / "codes.csv")]) == 0
    capsys.readouterr()
    for form, forbidden in (("csv", "\n="), ("latex", r"\input{"), ("md", " <img")):
        assert main(["table", str(place), "--format", form]) == 0
        assert forbidden not in capsys.readouterr().out
