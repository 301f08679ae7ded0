"""Old names of modules and of entry point groups still work."""

import importlib
from importlib.metadata import EntryPoint

import pytest

from unweave.base import moved, registry


@pytest.mark.parametrize("old", ["unweave.types", "unweave.views.base", "unweave.show.views.curves"])
def test_an_old_name_is_the_new_module_and_warns(old):
    new = moved.new_name(old)
    with pytest.warns(DeprecationWarning, match=f"{old} is now {new}"):
        assert moved.Forwarding().create_module(importlib.util.spec_from_loader(old, None)) is importlib.import_module(
            new
        )
    assert moved.Forwarding().find_spec(old, None) is not None


def test_figures_come_by_the_old_group_too(monkeypatch):
    brought = {
        "unweave.views": [EntryPoint("kept", "fractions:Fraction", "unweave.views")],
        "unweave.figures": [EntryPoint("new", "decimal:Decimal", "unweave.figures")],
    }
    monkeypatch.setattr(registry, "entry_points", lambda group: brought.get(group, []))
    figures = registry.Registry("figure", "unweave.figures", {})
    assert figures.names() == ["kept", "new"]
    assert figures.get("kept").__name__ == "Fraction"
