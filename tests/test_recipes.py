"""Every shipped recipe: its method and settings exist, and it says where it comes from."""

import pytest

from unweave import recipes, registry
from unweave.engine import Spec

TO_COME = {"mnist", "chairs3d", "celeba"}  # data sets that recipes name before unweave has them


@pytest.mark.parametrize("name", recipes.names())
def test_resolves_and_names_its_source(name):
    recipe = recipes.load(name)
    assert len(recipe.source) > 20
    known = recipe.settings["data"] in registry.datasets.names()
    assert known or recipe.settings["data"] in TO_COME
    settings = {**recipe.settings, **({} if known else {"data": "fashion-mnist"})}
    spec = Spec.make(recipe.method, recipe=name, **settings)
    assert Spec.from_plain(spec.plain()).hash == spec.hash


def test_data_sets_to_come_have_not_come_yet():
    assert not TO_COME & set(registry.datasets.names())
