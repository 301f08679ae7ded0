"""load: a data set by name."""

import math

import pytest

from unweave.base.errors import InputError
from unweave.base.registry import datasets
from unweave.base.settings import settings_of
from unweave.data import load


def test_an_unknown_name_is_refused_and_the_nearest_one_suggested():
    with pytest.raises(InputError, match="unknown data set, and no path, 'dsprite'; did you mean 'dsprites'"):
        load("dsprite")


def test_settings_may_be_text_as_on_the_command_line():
    assert load("dsprites", size="32", hold="lazy").image_shape == (1, 32, 32)


@pytest.mark.parametrize("name", datasets.names())
def test_settings_outside_their_choices_and_ranges_are_refused(name):
    cls = datasets.get(name)
    for setting in settings_of(cls):
        if setting.choices or setting.range is not None:
            low = -math.inf if setting.range is None else setting.range.low
            wrong = "neither" if setting.choices else low - 1 if math.isfinite(low) else math.nan
            with pytest.raises(InputError, match=f"^{setting.name} must"):
                cls(**{setting.name: wrong})
