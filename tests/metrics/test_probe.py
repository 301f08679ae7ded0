"""The pool of rows: what is taken in, what is drawn from it, and what an encoder may return."""

from collections import Counter
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

import unweave
from unweave.base.errors import InputError
from unweave.contracts import worlds
from unweave.data.base import Factor, FactorData
from unweave.metrics.probe import Encoded, Groups, Probe, _subsets


class Numbers(FactorData):
    """The image is the row of factor values."""

    factors = (Factor.spaced("a", 4, 0, 1), Factor.spaced("b", 5, 0, 1), Factor("still", 1, (0.0,)))
    image_shape = (1, 1, 3)

    def render(self, factors):
        return torch.as_tensor(self.checked(factors), dtype=torch.float32)[:, None, None, :]


@pytest.fixture
def probe():
    return Probe(*(lambda w: (w.codes, w.factors))(worlds.identity(4_000)), factor_names=worlds.NAMES)


def test_takes_arrays_of_any_kind_and_makes_them_float64():
    codes, factors = np.random.default_rng(0).normal(size=(6, 2)), np.arange(12).reshape(6, 2)
    same = Probe(codes, factors)
    for given in (codes.tolist(), torch.tensor(codes, requires_grad=True), np.asfortranarray(codes)):
        assert np.array_equal(Probe(given, torch.tensor(factors)).codes, same.codes)
    half = Probe(torch.tensor(codes, dtype=torch.bfloat16), factors.astype(np.uint8))
    assert half.codes.dtype == np.float64
    assert half.factors.dtype == np.int64
    assert Probe(codes.astype(np.float16), factors).codes == pytest.approx(codes, abs=1e-2)


def test_a_table_brings_its_names():
    class Table(SimpleNamespace):
        def __array__(self, dtype=None, copy=None):
            return np.array([[0, 1], [1, 0]])

    assert Probe([[0.0], [1.0]], Table(columns=["shape", "x"])).factor_names == ("shape", "x")


@pytest.mark.parametrize(
    "factors",
    [["b", "a", "c"], [["b"], ["a"], ["c"]], np.array([["b"], ["a"], ["c"]], object), pd.DataFrame({"kind": [*"bac"]})],
    ids=["row", "column", "objects", "frame"],
)
def test_texts_as_factors_are_numbered_in_the_order_of_their_words(factors):
    found = Probe([[0.0], [1.0], [2.0]], factors)
    assert found.factors.tolist() == [[1], [0], [2]]
    assert found.continuous == ()


def test_a_text_that_is_missing_drops_its_row_and_labels_may_be_texts():
    mixed = pd.DataFrame({"kind": ["b", None, "a"], "size": [1, 2, 3]})
    found = Probe([[0.0], [1.0], [2.0]], mixed, labels=["x", "y", "x"])
    assert found.dropped == 1
    assert found.factors.tolist() == [[1, 1], [0, 3]]
    assert found.labels.tolist() == [0, 0]


def test_continuous_factors_are_cut_into_bins_of_as_many_rows():
    rng = np.random.default_rng(0)
    angle, kind = rng.uniform(0, 3, 400), rng.integers(0, 3, 400)
    codes, factors = np.stack([angle, kind], axis=1), np.stack([angle, kind], axis=1)
    with pytest.raises(InputError, match="factor_bins"):
        unweave.metrics.mig(codes, factors)
    by_hand = np.stack([np.digitize(angle, np.quantile(angle, [0.25, 0.5, 0.75])), kind], axis=1)
    found = unweave.metrics.mig(codes, factors, factor_bins=4)
    assert found.value == unweave.metrics.mig(codes, by_hand).value
    assert found.settings["factor_bins"] == 4
    probe = Probe(codes, factors).binned(4)
    assert np.bincount(probe.factors[:, 0]).tolist() == [100, 100, 100, 100]
    assert probe.factor_sizes == (4, 3)
    assert probe.binned(2) is probe
    with pytest.raises(InputError, match="factor_bins must be 2 or more"):
        Probe(codes, factors).binned(1)


@pytest.mark.parametrize(
    "codes, factors, more, message",
    [
        ([1.0, 2.0], [[0], [1]], {}, r"codes must have shape \(n, d\), got \(2,\)"),
        ([[1.0], [np.nan]], [[0], [1]], {}, "codes must be finite, got 1 values that are not"),
        ([[1.0], [1e200]], [[0], [1]], {}, "codes must not exceed 1e"),
        ([["a"], ["b"]], [[0], [1]], {}, "codes must hold numbers"),
        ([[1.0], [2.0, 3.0]], [[0], [1]], {}, "codes must be an array, got rows of different lengths"),
        ([[1.0]], [[0]], {}, "codes must have 2 rows and 1 column or more"),
        ([[1.0], [2.0]], [[[0]], [[1]]], {}, r"factors must have shape \(n, K\)"),
        ([[1.0], [2.0]], [[0.5], [np.inf]], {}, "factors must be finite, or NaN where unknown, got 1 infinite values"),
        ([[1.0], [2.0]], [[0.5], [np.nan]], {}, "factors must be known, not NaN, in 2 rows or more, got 1"),
        ([[1.0], [2.0]], [[0], [1], [2]], {}, "factors must have as many rows as codes, got 3 and 2"),
        ([[1.0], [2.0]], [[0], [1]], {"factor_names": ("a", "b")}, "factor_names must be 1 different names"),
        ([[1.0], [2.0]], [[0], [3]], {"factor_sizes": (3,)}, "factor factor_0 must lie between 0 and 2"),
        ([[1.0], [2.0]], [[0], [1]], {"factor_sizes": (2, 2)}, "factor_sizes must be 1 numbers, got 2"),
        ([[1.0], [2.0]], [[0], [1]], {"kl_per_latent": [1.0, 2.0]}, "kl_per_latent must be 1 finite numbers"),
        ([[1.0], [2.0]], [[0], [1]], {"scale": [[1.0, 2.0]] * 2}, "scale must have the shape of codes"),
        ([[1.0], [2.0]], [[0], [1]], {"categories": [0.5, 1.0]}, "categories must be integers"),
    ],
)
def test_refuses_what_does_not_fit(codes, factors, more, message):
    with pytest.raises(InputError, match=message):
        Probe(codes, factors, **more)


def test_rows_are_a_probe_of_these_rows_alone(probe):
    rows = np.array([7, 0, 7])
    part = probe.rows(rows)
    assert np.array_equal(part.codes, probe.codes[rows])
    assert np.array_equal(part.factors, probe.factors[rows])
    assert part.groups.order.shape == (5, 3)
    assert probe.groups.order.shape == (5, len(probe))


@pytest.mark.parametrize("n", [5, 40, 300])  # few of the ~100 rows of an x, most of them, more than there are
def test_sharing_holds_one_value_and_repeats_only_where_it_must(probe, n):
    k = np.random.default_rng(2).integers(5, size=400)
    rows = probe.groups.sharing(k, n, np.random.default_rng(3))
    values = probe.factors[rows, k[:, None]]
    assert (values == values[:, :1]).all()
    pool = np.array([(probe.factors[:, f] == v).sum() for f, v in zip(k, values[:, 0], strict=True)])
    distinct = np.array([len(np.unique(row)) for row in rows])
    assert (distinct[pool >= n] == n).all()
    assert (distinct <= np.minimum(pool, n)).all()


@pytest.mark.parametrize("size, n", [(6, 3), (13, 3)])  # by random keys; by drawing duplicates again
def test_every_subset_is_as_likely_as_any_other(size, n):
    drawn = _subsets(np.full(40_000, size), n, np.random.default_rng(4))
    seen = Counter(map(tuple, np.sort(drawn, axis=1)))
    count = int(np.prod(range(size - n + 1, size + 1)) / 6)  # 3! orders
    expected = 40_000 / count
    chi = sum((c - expected) ** 2 / expected for c in seen.values()) + (count - len(seen)) * expected
    assert chi < count - 1 + 4 * np.sqrt(2 * (count - 1))  # mean and four standard deviations


def test_values_are_uniform_even_where_rows_are_not():
    factors = np.array([[0]] * 90 + [[1]] * 10 + [[2]])  # 2 has one row: nothing can share it
    rows = Groups(factors).sharing(np.zeros(20_000, np.int64), 1, np.random.default_rng(5))
    share = np.bincount(factors[rows[:, 0], 0], minlength=3) / 20_000
    assert share[2] == 0
    assert share[:2] == pytest.approx([0.5, 0.5], abs=0.015)


def test_pairs_agree_in_their_factor_and_are_two_rows(probe):
    k = np.random.default_rng(6).integers(5, size=300)
    first, second = probe.groups.pairs(k, 20, np.random.default_rng(7))
    assert (probe.factors[first, k[:, None]] == probe.factors[second, k[:, None]]).all()
    assert (first != second).all()


def test_pairs_leave_lonely_rows_out():
    groups = Groups(np.array([[5], [3], [5], [9], [9], [9]]))
    first, second = groups.pairs(np.zeros(200, np.int64), 3, np.random.default_rng(8))
    assert set(first.ravel()) == set(second.ravel()) == {0, 2, 3, 4, 5}


def as_encoded(x):
    return Encoded(
        x[:, 0, 0, :2], std=torch.full((len(x), 2), 0.5), kl=torch.ones(len(x), 2) * torch.tensor([0.0, 3.0])
    )


@pytest.mark.parametrize(
    "encode",
    [
        as_encoded,
        lambda x: vars(as_encoded(x)),
        lambda x: SimpleNamespace(**vars(as_encoded(x))),
    ],
    ids=["record", "mapping", "object"],
)
def test_an_encoder_may_say_more_than_codes(encode):
    probe = Probe.of_encoder(encode, Numbers(), batch=7)
    assert len(probe) == 20  # the whole grid, each image once
    assert probe.codes.tolist() == probe.factors[:, :2].tolist()
    assert probe.kl_per_latent.tolist() == [0.0, 3.0]
    assert (probe.scale == 0.5).all()
    assert (probe.factor_names, probe.factor_sizes) == (("a", "b", "still"), (4, 5, 1))


def test_an_encoder_is_called_once_an_image_without_gradient_and_by_the_seed():
    seen = []

    def encode(x):
        assert not torch.is_grad_enabled()
        seen.append(len(x))
        return x[:, 0, 0]

    first, again, other = (Probe.of_encoder(encode, Numbers(), n=15, batch=4, seed=s) for s in (1, 1, 2))
    assert seen[:4] == [4, 4, 4, 3]
    assert np.array_equal(first.codes, again.codes)
    assert not np.array_equal(first.codes, other.codes)
    assert first.rows(np.array([2, 0])).images().shape == (2, 1, 1, 3)


def test_a_mapping_without_mean_and_images_without_data_are_refused(probe):
    with pytest.raises(InputError, match="encode must return a mapping with mean"):
        Probe.of_encoder(lambda x: {"mu": x}, Numbers())
    with pytest.raises(InputError, match="images can only be had"):
        probe.images()
