"""Old names of modules and of entry point groups still work."""

import json
import subprocess
import sys
from importlib.metadata import EntryPoint

from unweave.base import registry

EVERY = """
import importlib, json, pkgutil, warnings
from unweave import metrics
from unweave.base import moved

wrong = []
for old, new in sorted(moved.MOVED.items()):
    found = importlib.import_module(new)
    inner = pkgutil.walk_packages(getattr(found, "__path__", []), ".")
    for below in ("", *(each.name for each in inner if not each.name.endswith("__main__"))):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            module = importlib.import_module(old + below)
        messages = [str(each.message) for each in caught if each.category is DeprecationWarning]
        if module is not importlib.import_module(new + below) or f"{old}{below} is now {new}{below}" not in messages:
            wrong.append(old + below)
assert callable(metrics.mig), metrics.mig
print(json.dumps(wrong))
"""


def test_every_old_name_is_the_new_module_and_warns():
    done = subprocess.run([sys.executable, "-c", EVERY], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == []


def test_figures_come_by_the_old_group_too(monkeypatch):
    brought = {
        "unweave.views": [EntryPoint("kept", "fractions:Fraction", "unweave.views")],
        "unweave.figures": [EntryPoint("new", "decimal:Decimal", "unweave.figures")],
    }
    monkeypatch.setattr(registry, "entry_points", lambda group: brought.get(group, []))
    figures = registry.Registry("figure", "unweave.figures", {})
    assert figures.names() == ["kept", "new"]
    assert figures.get("kept").__name__ == "Fraction"
