"""Every shipped recipe: its method and settings exist, and it says where it comes from."""

import pytest

from unweave import recipes, registry
from unweave.engine import Spec


@pytest.mark.parametrize("name", recipes.names())
def test_resolves_and_names_its_source(name):
    recipe = recipes.load(name)
    assert len(recipe.source) > 20
    assert recipe.settings["data"] in registry.datasets.names()
    spec = Spec.make(recipe.method, recipe=name, **recipe.settings)
    assert Spec.from_plain(spec.plain()).hash == spec.hash
