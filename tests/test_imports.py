"""Help, lists and wrong names answer without loading torch, scipy, scikit-learn or matplotlib."""

import json
import subprocess
import sys

import pytest

HEAVY = ("torch", "scipy", "sklearn", "matplotlib")
FRESH = """
import json, sys
from unweave.face.cli.app import main
try:
    status = main(sys.argv[2:])
except SystemExit as end:
    status = end.code
loaded = [name for name in json.loads(sys.argv[1]) if name in sys.modules]
print(json.dumps({"status": status or 0, "loaded": loaded}))
"""


def fresh(*arguments: str) -> tuple[dict, str, str]:
    """Outcome, output and complaints of `unweave ARGUMENTS` in an interpreter of its own."""
    command = [sys.executable, "-c", FRESH, json.dumps(["unweave.base.registry", *HEAVY]), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stderr
    *shown, outcome = done.stdout.splitlines()
    return json.loads(outcome), "\n".join(shown), done.stderr


@pytest.mark.parametrize(
    ("arguments", "status", "text"),
    [
        (["--help"], 0, "train"),
        (["list", "methods"], 0, "factor-vae"),
        (["list", "nets"], 0, "dlib-conv"),
        (["train", "faktor-vae", "--data", "dsprites"], 2, "did you mean 'factor-vae'"),
    ],
    ids=["help", "methods", "nets", "unknown"],
)
def test_light_commands_stay_light(arguments, status, text):
    outcome, shown, complaints = fresh(*arguments)
    assert outcome == {"status": status, "loaded": ["unweave.base.registry"]}  # seen, and none of the heavy ones
    assert text in " ".join((shown + complaints).split())
    assert "Traceback" not in complaints


def test_importing_the_package_is_light():
    code = f"import sys, unweave; print([n for n in {HEAVY!r} if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"
