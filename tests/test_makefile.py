"""What `make` would do: install once, and again only when what is to be installed has changed."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture
def folder(tmp_path):
    """A folder that has only what the Makefile looks at."""
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


@pytest.fixture
def dry(folder, needs):
    """`dry("test")`: the commands of that target, without running them."""
    make = needs("make")
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}

    def run(*arguments: str) -> str:
        command = [make, "-n", *arguments]
        done = subprocess.run(command, cwd=folder, env=plain, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def installed(folder: Path, *stamps: str) -> None:
    """Pretend that these were installed after the Makefile's inputs were written."""
    (folder / ".venv" / "bin").mkdir(parents=True)
    later = (folder / "pyproject.toml").stat().st_mtime + 10
    for name in ("bin/python", *stamps):
        path = folder / ".venv" / name
        path.touch()
        os.utime(path, (later, later))


def test_a_fresh_clone_makes_the_environment_with_the_given_python_and_flags(dry):
    commands = dry("test", "PYTHON=python3.12", "PIP_FLAGS=--no-index")
    assert "python3.12 -m venv .venv" in commands
    assert "pip install --no-index -c constraints.txt -e '.[test]'" in commands
    assert '-m "not slow"' in commands


def test_a_second_run_installs_nothing(dry, folder):
    installed(folder, "for-test", "for-demo")
    for target in ("test", "test-slow", "demo"):
        assert "pip install" not in dry(target)
    assert "-e '.[dev]'" in dry("check")


@pytest.mark.parametrize("name", ["pyproject.toml", "constraints.txt"])
def test_changed_requirements_install_again(dry, folder, name):
    installed(folder, "for-test")
    later = (folder / ".venv" / "for-test").stat().st_mtime + 10
    os.utime(folder / name, (later, later))
    commands = dry("test")
    assert "pip install" in commands
    assert "-m venv" not in commands


def test_ci_script_is_valid_bash(needs):
    script = ROOT / ".ci" / "run"
    if not script.exists():
        pytest.skip("this is an unpacked source package, which has no .ci")
    subprocess.run([needs("bash"), "-n", str(script)], check=True, timeout=60)
    assert os.access(script, os.X_OK)
