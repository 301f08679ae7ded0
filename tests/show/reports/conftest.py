"""The fake subject of the figures' tests, for the report."""

import importlib.util
import sys
from pathlib import Path

import pytest

_spec = importlib.util.spec_from_file_location("disc_subject", Path(__file__).parents[1] / "figures" / "conftest.py")
_module = sys.modules.setdefault(_spec.name, importlib.util.module_from_spec(_spec))
_spec.loader.exec_module(_module)


@pytest.fixture
def subject():
    return _module.Disc()


@pytest.fixture(scope="module")
def a_subject():
    return _module.Disc()
