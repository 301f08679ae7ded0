"""What all tests share: one thread a worker, repeatable examples, a cache of their own, shape checks.

Where CI=true nothing that a test needs may be missing; elsewhere such a test is skipped with the reason.
"""

import os
import shutil
import tempfile
from typing import NoReturn

import hypothesis
import pytest

# Set before a test file imports numpy or torch; the workers of xdist inherit it.
for library in ("OMP", "OPENBLAS", "MKL"):
    os.environ[f"{library}_NUM_THREADS"] = "1"
os.environ["MPLBACKEND"] = "Agg"

IN_CI = os.environ.get("CI", "").lower() == "true"
CHECKER = "beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))"

hypothesis.settings.register_profile("unweave", derandomize=True, deadline=None, max_examples=25, database=None)
hypothesis.settings.load_profile("unweave")


def pytest_addoption(parser):
    parser.addoption("--shapes", action="store_true", help="check types and shapes of every call of unweave")


def pytest_configure(config):
    if config.getoption("--shapes"):
        from jaxtyping import install_import_hook

        install_import_hook("unweave", CHECKER)
    if not hasattr(config, "workerinput"):  # the workers of xdist inherit the folder and share it
        os.environ["UNWEAVE_CACHE"] = tempfile.mkdtemp(prefix="unweave-test-cache-")


def pytest_unconfigure(config):
    if not hasattr(config, "workerinput"):
        shutil.rmtree(os.environ["UNWEAVE_CACHE"], ignore_errors=True)


@pytest.fixture(scope="session", autouse=True)
def one_torch_thread():
    import torch

    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def needs():
    """`needs("make")` is the path of that command; without it the test is skipped, or fails where CI=true."""

    def find(command: str) -> str:
        return shutil.which(command) or missing(f"{command} is not installed")

    return find


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    """An empty cache folder for one test."""
    monkeypatch.setenv("UNWEAVE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def missing(reason: str) -> NoReturn:
    if IN_CI:
        pytest.fail(reason)
    pytest.skip(reason)
