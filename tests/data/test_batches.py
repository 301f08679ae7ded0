"""Batches: every epoch a permutation, the same from the same state, no matter where it was taken."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from unweave.base.errors import InputError
from unweave.data.batches import Batches


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def take(batches, n):
    return np.stack([next(batches) for _ in range(n)])


def test_an_epoch_gives_every_number_once():
    batches = Batches(12, 4, seeded())
    epochs = [take(batches, 3) for _ in range(3)]
    for epoch in epochs:
        assert epoch.dtype == np.int64
        assert sorted(epoch.ravel().tolist()) == list(range(12))
    assert not (epochs[0] == epochs[1]).all()
    assert not (epochs[1] == epochs[2]).all()


def test_an_incomplete_last_batch_is_dropped():
    epochs = take(Batches(11, 4, seeded()), 40).reshape(20, 8)
    assert all(len(set(epoch.tolist())) == 8 for epoch in epochs)
    assert set(epochs.ravel().tolist()) == set(range(11))  # which numbers are left out changes


def test_the_seed_decides_the_order():
    first, same, other = (take(Batches(100, 10, seeded(seed)), 15) for seed in (1, 1, 2))
    assert (first == same).all()
    assert not (first == other).all()


@given(size=st.integers(1, 20), batch=st.integers(1, 20), before=st.integers(0, 50))
@settings(derandomize=True, deadline=None, max_examples=25)
def test_resuming_gives_what_would_have_come(size, batch, before):
    batch = min(size, batch)
    batches = Batches(size, batch, seeded())
    for _ in range(before):
        next(batches)
    state = {name: value.clone() for name, value in batches.state().items()}
    expected = take(batches, 50)
    resumed = Batches(size, batch, seeded(99))
    take(resumed, 3)
    resumed.restore(state)
    assert all(torch.equal(resumed.state()[name], value) for name, value in state.items())
    np.testing.assert_array_equal(take(resumed, 50), expected)
    assert torch.equal(resumed.generator.get_state(), batches.generator.get_state())


def test_taking_the_state_changes_nothing_and_it_stays_small():
    watched, alone = Batches(1_000, 7, seeded()), Batches(1_000, 7, seeded())
    for _ in range(200):
        assert sum(value.nbytes for value in watched.state().values()) < 6_000
        assert (next(watched) == next(alone)).all()


@pytest.mark.parametrize(
    ("size", "batch", "sentence"),
    [
        (10, 11, "batch must be 10 or less, the number of images"),
        (10, 0, "batch must be 1 or more"),
        (0, 1, "size must be 1 or more"),
    ],
)
def test_refused_sizes(size, batch, sentence):
    with pytest.raises(InputError, match=sentence):
        Batches(size, batch, seeded())


def test_a_state_of_other_data_is_refused():
    large = Batches(100, 10, seeded())
    take(large, 5)
    with pytest.raises(InputError, match="position must lie between 0 and 20"):
        Batches(20, 10, seeded()).restore(large.state())
