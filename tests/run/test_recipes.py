"""Every shipped recipe: its method and settings exist, and it says where it comes from."""

import pytest

from unweave.base import registry
from unweave.engine import Spec
from unweave.run import recipes


@pytest.mark.parametrize("name", [name for name in recipes.names() if name != recipes.PUBLISHED])
def test_resolves_and_names_its_source(name):
    recipe = recipes.load(name)
    assert len(recipe.source) > 20
    assert recipe.settings["data"] in registry.datasets.names()
    spec = Spec.make(recipe.method, recipe=name, **recipe.settings)
    assert Spec.from_plain(spec.plain()).hash == spec.hash


def test_other_steps_keep_the_shape_of_the_course():
    recipe = recipes.load("factor-vae-dsprites-laptop")
    cut = recipe.with_settings({"steps": recipe.settings["steps"] // 8, "ease-hold": 3})
    assert cut["blur_steps"] == recipe.settings["blur_steps"] // 8
    assert cut["ease_hold"] == 3
    assert cut["gamma"] == recipe.settings["gamma"]
    assert recipe.with_settings({}) == dict(recipe.settings)
    for steps in range(2, 20):
        Spec.make(recipe.method, **recipe.with_settings({"steps": steps}))
    published = recipes.load("cascade-vae-dsprites-published")
    for steps in (7000, "7000"):
        assert published.with_settings({"steps": steps})["stage_steps"] == 466
    assert published.with_settings({"steps": "many"}) == {**published.settings, "steps": "many"}


def test_another_net_leaves_the_settings_of_the_recipes_net():
    recipe = recipes.load("factor-vae-dsprites-laptop")
    other = recipe.with_settings({"net": "conv"})
    assert not [name for name in other if name.startswith("net.")]
    assert other["data.size"] == 32
    assert recipe.with_settings({"net": recipe.settings["net"]}) == dict(recipe.settings)
    Spec.make(recipe.method, **other)
