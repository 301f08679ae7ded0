"""One file and one line: what that is for something of every kind, in a package of its own and in this tree.

The files are those of examples/plugin. Each is put into a package of its own, whose only other content is one line of
entry points; no build and no installer is needed, since a folder `*.dist-info` on the path is what an installer leaves.
"""

import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import unweave
from unweave.base import registry

pytestmark = pytest.mark.timeout(400)  # seconds; interpreters of their own, which share the cores with other tests
ROOT = Path(__file__).parent.parent
EXAMPLE = ROOT / "examples" / "plugin"
POINTS = tomllib.loads((EXAMPLE / "pyproject.toml").read_text())["project"]["entry-points"]
KINDS = {kind: table for kind, table in registry.ALL.items() if table.group in POINTS}
THINGS = {kind: next(iter(POINTS[table.group].items())) for kind, table in KINDS.items()}  # name, module:Class

# Where a file of this kind goes in src/unweave.
FOLDERS = {
    "methods": "models/objectives",
    "data": "data/published",
    "metrics": "metrics/scores",
    "nets": "models/nets",
    "priors": "models/distributions",
    "figures": Path(registry.figures.get("curves").__module__.replace(".", "/")).relative_to("unweave").parent,
}
STUDY = """
axes: {method: [free-bits-vae], bits: [0.0, 0.5]}
settings: {data: bars, data.size: 8, net: tiny-mlp, prior: laplace, latents: 3, batch: 8, steps: 2, threads: 1}
metrics: [matched-correlation]
figures: [rate-bars]
"""
SHIPPED = """
import importlib.util, json, sys
from unweave import metrics
from unweave.base import registry

spec = importlib.util.spec_from_file_location("site_hooks", "docs/site_hooks.py")
hooks = importlib.util.module_from_spec(spec)
spec.loader.exec_module(hooks)
things = json.loads(sys.argv[1])
found = {kind: [registry.ALL[kind].summary(name), registry.ALL[kind].get(name).__module__] for kind, name in things}
found["function"] = "matched_correlation" in dir(metrics)
found["tables"] = [name for name, made in hooks.TABLES.items() if "| matched-correlation |" in made()]
found["pages"] = {kind: hooks.modules(f"{'datasets' if kind == 'data' else kind}") for kind, _ in things}
print(json.dumps(found))
"""
DOORS = """
import contextlib, io, json, sys
from pathlib import Path
from unweave import metrics
from unweave.face.cli.app import main

def output_of(*words):
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        assert main(list(words)) == 0, words
    return out.getvalue()

things = json.loads(sys.argv[1])
found = {"list " + kind: output_of("list", kind) for kind in things}
found["help"] = " ".join([
    output_of("train", "free-bits-vae", "--net", "tiny-mlp", "--data", "bars", "--prior", "laplace", "--help"),
    output_of("score", "--metrics", "matched-correlation", "--help"), output_of("draw", "rate-bars", "--help"),
])
run = ["--data", "bars", "--data.size", "8", "--net", "tiny-mlp", "--prior", "laplace", "--latents", "3"]
output_of("train", "free-bits-vae", *run, "--batch", "8", "--steps", "4", "--threads", "1", "--out", "run")
found["evaluate"] = output_of("evaluate", "run", "--metrics", "matched-correlation", "--json")
output_of("draw", "rate-bars", "run", "--out", "rates.png")
output_of("study", "run", "study.yaml")
found["study"] = output_of("study", "report", "study.yaml") + output_of("study", "table", "study.yaml")
found["function"] = metrics.matched_correlation([[0.0, 1.0], [1.0, 0.0], [2.0, 0.5]], [[0], [1], [2]]).value
print(json.dumps(found))
"""
TESTS = """
import json, sys
import pytest

class Count:
    found = {}
    def pytest_runtest_logreport(self, report):
        if report.when == "call" or report.outcome != "passed":
            self.found.setdefault(report.outcome, []).append(report.nodeid)

count = Count()
options = ["-q", "-p", "no:cacheprovider", "--import-mode=importlib", "--pyargs", "-k", *sys.argv[1:]]
pytest.main(options, plugins=[count])
print("\\n" + json.dumps(count.found))
"""


def ran(script, *arguments, path, cwd):
    """What a script prints on its last line, as JSON; it runs in an interpreter with these folders on its path."""
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, path))},
        cwd=cwd,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def file_of(target):
    return EXAMPLE.joinpath("src", *target.partition(":")[0].split(".")).with_suffix(".py")


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    """A folder for each kind: one file, and one line of entry points."""
    made = {}
    for kind, (name, target) in THINGS.items():
        made[kind] = folder = tmp_path_factory.mktemp(kind)
        file = shutil.copy(file_of(target), folder / f"their_{file_of(target).name}")
        about = folder / f"their_{kind}-1.0.dist-info"
        about.mkdir()
        (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: their-{kind}\nVersion: 1.0\n")
        line = f"{name} = {file.stem}:{target.partition(':')[2]}\n"
        (about / "entry_points.txt").write_text(f"[{registry.ALL[kind].group}]\n{line}")
    return made


@pytest.fixture(scope="module")
def path(packages):
    return [*packages.values(), Path(unweave.__file__).parents[1]]


def test_each_package_is_one_file_and_one_line(packages):
    assert packages.keys() == FOLDERS.keys()
    for folder in packages.values():
        assert len(list(folder.rglob("*.py"))) == 1
        (points,) = folder.glob("*/entry_points.txt")
        assert points.read_text().count(" = ") == 1


def test_every_door_knows_them(path, tmp_path):
    (tmp_path / "study.yaml").write_text(STUDY)
    found = ran(DOORS, json.dumps(THINGS), path=path, cwd=tmp_path)
    for kind, (name, target) in THINGS.items():
        first = file_of(target).read_text().split('"""')[1].split("\n")[0]  # the class's begins as the module's
        assert f"{name} {first} (their-{kind} 1.0)" in " ".join(found[f"list {kind}"].split())
    for option in (
        "--bits",
        "--data.size",
        "--net.hidden",
        "--prior.scale",
        "Settings of matched-correlation",
        "Settings of rate-bars",
    ):
        assert option in found["help"]
    assert 0 <= json.loads(found["evaluate"])["matched-correlation"]["value"] <= 1
    assert (tmp_path / "rates.png").read_bytes().startswith(b"\x89PNG")
    assert "matched-correlation" in found["study"]
    assert found["function"] == 1.0
    assert json.loads((tmp_path / "run" / "settings.json").read_text())["plugins"] == {
        f"{part}:{THINGS[kind][0]}": f"their-{kind} 1.0"
        for kind, part in {"methods": "methods", "data": "data", "nets": "net", "priors": "prior"}.items()
    }


@pytest.fixture(scope="module")
def kept(path, tmp_path_factory):
    """Outcomes of the contracts of all of them, by test."""
    return ran(
        TESTS,
        " or ".join(name for name, _ in THINGS.values()),
        "unweave.contracts",
        path=path,
        cwd=tmp_path_factory.mktemp("contracts"),
    )


@pytest.mark.parametrize("kind", THINGS)
def test_the_contracts_are_kept(kind, kept):
    assert {outcome: tests for outcome, tests in kept.items() if outcome != "passed"} == {}
    name, _ = THINGS[kind]
    assert sum(name in test for test in kept["passed"]) >= (2 if kind == "figures" else 6)


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A copy of this tree with the six files added and a line for each in the registry."""
    made = tmp_path_factory.mktemp("tree")
    unlike = shutil.ignore_patterns("__pycache__")
    for part in ("src/unweave", "docs", "benchmarks", "tests/metrics", "tests/base"):
        shutil.copytree(ROOT / part, made / part, ignore=unlike)
    for file in ("pyproject.toml", "tests/conftest.py", "tests/test_docs_metrics.py", "tests/test_layers.py"):
        shutil.copy(ROOT / file, made / file)
    for kind, (_, target) in THINGS.items():
        shutil.copy(file_of(target), made / "src/unweave" / FOLDERS[kind])
    return made


def written(tree):
    """Write the six lines; how many there are more."""
    file = tree / "src/unweave/base/registry.py"
    lines = file.read_text().splitlines(keepends=True)
    before = len(lines)
    for kind, (name, target) in THINGS.items():
        module, _, cls = target.rpartition(".")[2].partition(":")
        folder = str(FOLDERS[kind]).replace("/", ".")
        at = next(n for n, line in enumerate(lines) if line == f'    "{registry.ALL[kind].group}",\n')
        lines.insert(at + 2, f'        "{name}": "unweave.{folder}.{module}:{cls}",\n')
    file.write_text("".join(lines))
    return len(lines) - before


@pytest.mark.slow
def test_in_this_tree_it_is_one_file_and_one_line_too(tree):
    assert written(tree) == len(THINGS)
    inside = [tree / "src"]
    subprocess.run(
        [sys.executable, "-m", "unweave.metrics.stub"], env={**os.environ, "PYTHONPATH": inside[0]}, check=True
    )
    found = ran(SHIPPED, json.dumps([(kind, name) for kind, (name, _) in THINGS.items()]), path=inside, cwd=tree)
    for kind, (_, target) in THINGS.items():
        module = f"unweave.{FOLDERS[kind]}.{file_of(target).stem}".replace("/", ".")
        first = file_of(target).read_text().split('"""')[1].split("\n")[0]
        assert found[kind] == [first, module]
        assert f"::: {module}" in found["pages"][kind]
    assert found["function"]
    assert found["tables"] == ["measures", "accepts", "follows"]
    assert "def matched_correlation(" in (tree / "src/unweave/metrics/__init__.pyi").read_text()
    files = ("test_docs_metrics.py", "base/test_references.py", "metrics/test_functions.py", "test_layers.py")
    where = ["unweave.contracts", *(f"tests/{file}" for file in files)]
    kept = ran(TESTS, "matched-correlation or references or stub or imports or circle", *where, path=inside, cwd=tree)
    assert {outcome: tests for outcome, tests in kept.items() if outcome != "passed"} == {}
    assert sum("matched-correlation" in test for test in kept["passed"]) > 30
