"""load: a data set by name."""

import pytest

from unweave.base.errors import InputError
from unweave.data import load


def test_an_unknown_name_is_refused_and_the_nearest_one_suggested():
    with pytest.raises(InputError, match="unknown data set, and no path, 'dsprite'; did you mean 'dsprites'"):
        load("dsprite")


def test_settings_may_be_text_as_on_the_command_line():
    assert load("dsprites", size="32", hold="lazy").image_shape == (1, 32, 32)
