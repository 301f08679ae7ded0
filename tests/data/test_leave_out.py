"""What is left out is never trained on, and nothing else is missing."""

import numpy as np
import pytest
import torch

from unweave.base.errors import InputError
from unweave.data.batches import Batches
from unweave.data.leave_out import Among, corner_of, inside, kept
from unweave.data.published.dsprites import DSprites

DATA = DSprites(size=32, hold="lazy")


def test_kept_is_all_but_the_combination():
    numbers = kept("shape=2,scale=0-2,x=0-15", DATA)
    values = DATA.factors_at(numbers)
    corner = (values[:, 0] == 2) & (values[:, 1] <= 2) & (values[:, 3] <= 15)
    assert not corner.any()
    assert len(numbers) == len(DATA) - 1 * 3 * 40 * 16 * 32
    assert all(set(column) == set(range(size)) for column, size in zip(values.T.tolist(), DATA.sizes, strict=True))


def test_batches_come_from_what_is_kept_and_go_on_where_they_stopped():
    numbers = kept("shape=2,y=0-30", DATA)
    batches = Among(Batches(len(numbers), 500, torch.Generator().manual_seed(0)), numbers)
    seen = np.concatenate([next(batches) for _ in range(20)])
    assert not inside(corner_of("shape=2,y=0-30", DATA), DATA.factors_at(seen), DATA.names).any()
    state, after = batches.state(), next(batches).tolist()
    batches.restore(state)
    assert next(batches).tolist() == after


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("shape=2", "2 factors or more"),
        ("shape=2,weight=1", "unknown factor in leave_out"),
        ("shape=2,scale=0-6", "scale values from 0 to 5"),
        ("shape=2,scale=3-1", "scale values from 0 to 5"),
        ("shape=2,scale", "scale values from 0 to 5"),
        ("shape=2,shape=1", "shape once"),
        ("shape=0-2,scale=0-5", "2 factors or more"),
        ("shape=2,scale=0-5", "2 factors or more"),  # which is shape=2 alone
        ("shape=\u00b2,scale=0-2", "shape values from 0 to 2"),
        ("shape=2,scale=0-\u0663", "scale values from 0 to 5"),
    ],
)
def test_combinations_that_cannot_be_are_one_sentence(text, rule):
    with pytest.raises(InputError, match=rule):
        kept(text, DATA)


def test_data_without_a_grid_are_refused():
    from unweave.data.published.pinwheel import Pinwheel

    with pytest.raises(InputError, match="known factors on a grid"):
        corner_of("a=1,b=2", Pinwheel())
