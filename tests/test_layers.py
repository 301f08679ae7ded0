"""Every file imports only from its own room or from rooms below it, and no files import each other in a circle."""

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import unweave

# The rooms, lowest first; below a room its inner rooms, lowest first. Files at the top of a room come where "." stands.
ROOMS = {
    "base": (".",),
    "data": (".", "readers", "own", "published"),
    "models": ("distributions", "divergences", "nets", ".", "objectives"),
    "metrics": (".", "scores"),
    "subspaces": (".",),
    "engine": (".",),
    "run": ("recipes", "."),
    "show": (".", "figures", "reports", "explorer", "export"),
    "studies": (".",),
    "face": (".", "cli"),
    "contracts": (".",),
}
ROOT = Path(unweave.__file__).parent
FILES = {".".join(("unweave", *path.relative_to(ROOT).with_suffix("").parts)): path for path in ROOT.rglob("*.py")}


def imported(source: str) -> set[str]:
    """What the import statements of `source` name, wherever they stand, as the longest names that are files."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are written with their whole names"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        found |= {name for each in names if (name := file_of(each)) is not None}
    return found


def file_of(name: str) -> str | None:
    """The file that an imported name comes from, None for what is not ours or is the face itself."""
    parts = name.split(".")
    if parts[0] != "unweave":
        return None
    for length in range(len(parts), 1, -1):
        head = ".".join(parts[:length])
        for file in (head, f"{head}.__init__"):
            if file in FILES:
                return file
    return None


def place(file: str) -> tuple[int, int]:
    """Where a file lies: the row of its room, and that of its inner room."""
    room, *rest = file.split(".")[1:]
    rows = ROOMS[room]
    if rest == ["__init__"]:  # the face of a room may show whatever is in it
        return list(ROOMS).index(room), len(rows)
    inner = rest[0] if len(rest) > 1 else "."
    if inner not in rows:
        raise AssertionError(f"{file}: {inner} is in no row of the table in {Path(__file__).name}")
    return list(ROOMS).index(room), rows.index(inner)


def wrong(file: str, source: str) -> list[str]:
    """What `file` imports from above."""
    own = place(file)
    return sorted(each for each in imported(source) if place(each) > own)


INSIDE = {file: path for file, path in FILES.items() if file.count(".") > 1}


def test_imports_point_downwards():
    upwards = {file: found for file, path in INSIDE.items() if (found := wrong(file, path.read_text("utf-8")))}
    assert upwards == {}


def test_no_files_import_each_other_in_a_circle():
    graph = {file: imported(path.read_text("utf-8")) - {file} for file, path in INSIDE.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as circle:
        pytest.fail(" -> ".join(circle.args[1]))


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import unweave.engine.loop", {"unweave.engine.loop"}),
        ("from unweave.base import checks, errors", {"unweave.base.checks", "unweave.base.errors"}),
        ("from unweave.models.nets import Net", {"unweave.models.nets.__init__"}),
        ("def late():\n    from unweave.face.cli import app", {"unweave.face.cli.app"}),
        ("if TYPE_CHECKING:\n    import unweave.show.figures.base as base", {"unweave.show.figures.base"}),
        ("import unweave, torch.nn\nfrom unweave import __version__", set()),
    ],
)
def test_the_walk_sees_every_form_of_import(source, found):
    assert imported(source) == found


@pytest.mark.parametrize(
    ("file", "source", "refused"),
    [
        ("unweave.models.nets.conv", "from unweave.base import checks", []),
        ("unweave.models.nets.conv", "from unweave.models.objectives import base", ["unweave.models.objectives.base"]),
        ("unweave.models.vae", "from unweave.engine import loop", ["unweave.engine.loop"]),
        ("unweave.show.codes", "from unweave.run import run", []),
    ],
)
def test_the_rule_refuses_what_points_up(file, source, refused):
    assert wrong(file, source) == refused
