"""Every file of unweave imports only from its own room or from rooms in rows below."""

import ast
from pathlib import Path

import pytest

import unweave

# The rooms, lowest row first. A room is a folder or a file at the top of the package; what two rooms of one
# row need of each other belongs further down. This table is the only place that says so.
ROWS = (
    ("types", "registry", "checks", "seeds", "schedules", "settings", "errors", "recipes", "notebook", "references"),
    ("distributions",),
    ("divergences", "data", "nets"),
    ("vae",),
    ("objectives", "metrics", "model"),
    ("engine", "views"),
    ("run",),
    ("explorer",),
    ("reports", "estimator", "codes", "export", "importing"),
    ("studies",),
    ("cli",),
    ("contracts",),  # tests that other packages can run
    ("__init__", "__main__"),  # the package's face, which imports on use
)
WITHIN_THE_LOWEST = ROWS[0]  # small files that build on each other
ANYWHERE = {"__version__"}  # a string in the face that every room may read

ROOT = Path(unweave.__file__).parent
ROW = {room: row for row, rooms in enumerate(ROWS) for room in rooms}
FILES = sorted(path for path in ROOT.rglob("*.py*") if path.suffix in (".py", ".pyi"))


def room_of(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(path.suffix)


def rooms_imported(source: str, package: tuple[str, ...]) -> set[str]:
    """Rooms that the import statements of `source` name, wherever they stand; `package` resolves dots."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            targets = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join((*above, *([node.module] if node.module else [])))
            targets = [f"{module}.{alias.name}" for alias in node.names]
        else:
            continue
        for target in targets:
            head, *rest = target.split(".")
            if head == "unweave" and not ANYWHERE.intersection(rest):
                found.add(rest[0] if rest and rest[0] in rooms() else "__init__")
    return found


def rooms() -> set[str]:
    return {room_of(path) for path in FILES} | set(ROW)


def wrong(room: str, imported: set[str]) -> list[str]:
    """Those of `imported` that `room` may not import."""
    own = set(WITHIN_THE_LOWEST) if room in WITHIN_THE_LOWEST else {room}
    return sorted(each for each in imported - own if ROW[each] >= ROW[room])


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_downwards(path):
    room = room_of(path)
    assert room in ROW, f"{room} is in no row of the table in {Path(__file__).name}"
    package = ("unweave", *path.relative_to(ROOT).parent.parts)
    upwards = wrong(room, rooms_imported(path.read_text("utf-8"), package))
    assert upwards == [], f"{path.relative_to(ROOT)} ({room}) must not import from {', '.join(upwards)}"


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import unweave.engine.train", {"engine"}),
        ("from unweave import checks, metrics", {"checks", "metrics"}),
        ("from unweave.nets.base import Net", {"nets"}),
        ("from ..views import base", {"views"}),
        ("from . import conv", {"nets"}),
        ("def late():\n    from unweave.cli import app", {"cli"}),
        ("if TYPE_CHECKING:\n    import unweave.reports.page as page", {"reports"}),
        ("try:\n    import torch, unweave.data\nexcept ImportError: pass", {"data"}),
        ("import unweave\nfrom unweave import train", {"__init__"}),
        ("from unweave import __version__", set()),
        ("import unweaver, torch.nn\nfrom numpy import engine", set()),
    ],
)
def test_the_walk_sees_every_form_of_import(source, found):
    assert rooms_imported(source, ("unweave", "nets")) == found


@pytest.mark.parametrize(
    ("room", "imported", "refused"),
    [
        ("nets", {"types", "distributions", "nets"}, []),
        ("nets", {"data"}, ["data"]),
        ("distributions", {"divergences", "errors"}, ["divergences"]),
        ("registry", {"checks", "errors"}, []),
        ("errors", {"vae"}, ["vae"]),
        ("metrics", {"objectives", "vae", "engine"}, ["engine", "objectives"]),
        ("cli", {"reports", "run", "__init__"}, ["__init__"]),
    ],
)
def test_the_rule_refuses_what_points_up_or_sideways(room, imported, refused):
    assert wrong(room, imported) == refused
