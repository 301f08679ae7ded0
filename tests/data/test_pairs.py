"""Pairs differ in what they should, everywhere, and are the same again after a stop."""

import numpy as np
import pytest
import torch

from unweave.base.errors import InputError
from unweave.data.base import ImageData
from unweave.data.pairs import ByFactors, Listed, Neighbours, PairBatches, digest_of, read_pairs
from unweave.data.published.dsprites import DSprites
from unweave.data.published.identity import Identity

DATA = DSprites(size=32, hold="lazy")


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def changes(partners, n: int = 4000) -> np.ndarray:
    begins = np.random.default_rng(0).integers(partners.size, size=n)
    pairs = partners.pairs(begins, rng())
    assert (pairs[:, 0] == begins).all()
    return DATA.factors_at(pairs[:, 0]) != DATA.factors_at(pairs[:, 1])


@pytest.mark.parametrize("k", [1, 2, 4])
def test_exactly_so_many_factors_differ_and_each_as_often(k):
    changed = changes(ByFactors(DATA, k))
    assert (changed.sum(1) == k).all()
    assert changed.mean(0) == pytest.approx([k / 5] * 5, abs=0.04)


def test_a_random_number_is_uniform_from_one_to_all_but_one():
    counts = np.bincount(changes(ByFactors(DATA, None)).sum(1), minlength=6)
    assert counts[0] == counts[5] == 0
    assert counts[1:5] / counts.sum() == pytest.approx([0.25] * 4, abs=0.04)


def test_new_values_are_uniform_over_the_others():
    begins = DATA.index(np.tile([1, 2, 0, 0, 0], (6000, 1)))
    second = DATA.factors_at(ByFactors(DATA, 1).pairs(begins, rng())[:, 1])
    moved = second[second[:, 1] != 2][:, 1]
    shares = np.bincount(moved, minlength=6) / len(moved)
    assert shares == pytest.approx([0.2, 0.2, 0, 0.2, 0.2, 0.2], abs=0.05)


def test_a_pair_that_shares_nothing_is_refused():
    with pytest.raises(InputError, match="pairs_differ must be 4 or fewer"):
        ByFactors(DATA, 5)


class Film(Identity):
    """Frames of three films of 4, 2 and 6."""

    films = np.repeat([0, 1, 2], [4, 2, 6])

    def __len__(self):
        return len(self.films)

    @property
    def labels(self):
        return self.films


def film() -> ImageData:
    return Film()


@pytest.mark.parametrize("within", [1, 2, 9])
def test_neighbours_are_near_never_oneself_and_of_the_same_film(within):
    data = film()
    begins = np.repeat(np.arange(len(data)), 300)
    first, second = Neighbours.of(data, within).pairs(begins, rng()).T
    assert (first != second).all()
    assert (abs(first - second) <= within).all()
    assert (data.labels[first] == data.labels[second]).all()
    possible = {
        (i, j)
        for i in range(12)
        for j in range(12)
        if i != j and abs(i - j) <= within and data.labels[i] == data.labels[j]
    }
    assert set(zip(first.tolist(), second.tolist(), strict=True)) == possible


def test_a_lonely_frame_is_named(monkeypatch):
    monkeypatch.setattr(Film, "films", np.array([0, 0, 1, 2, 2]))
    with pytest.raises(InputError, match="image 2 is alone"):
        Neighbours.of(film())


def test_a_table_of_pairs_is_read_with_and_without_names(tmp_path):
    file = tmp_path / "pairs.csv"
    file.write_text("first,second\n0,3\n 4 ,2\n\n")
    assert read_pairs(file, 5).tolist() == [[0, 3], [4, 2]]
    bare = tmp_path / "bare.csv"
    bare.write_text("0,3\n4,2")
    assert digest_of(read_pairs(bare, 5)) == digest_of(read_pairs(file, 5))
    drawn = Listed(read_pairs(bare, 5)).pairs(np.zeros(100, dtype=np.int64), rng())
    assert {tuple(row) for row in drawn.tolist()} == {(0, 3), (3, 0)}


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("0,1,2", "two image numbers a line"),
        ("a,b\n0,x", "two image numbers a line"),
        ("0,\u00b2", "two image numbers a line"),
        ("0,5", "images 0 to 4"),
        ("0,-1", "images 0 to 4"),
        ("0,1\n3,3", "3 with itself in row 1"),
        ("a,b", "1 or more, got none"),
        ("", "1 or more, got none"),
    ],
)
def test_bad_tables_are_one_sentence(text, rule, tmp_path):
    (tmp_path / "pairs.csv").write_text(text, "utf-8")
    with pytest.raises(InputError, match=rule):
        read_pairs(tmp_path / "pairs.csv", 5)
    with pytest.raises(InputError, match="a \\.csv that can be read"):
        read_pairs(tmp_path / "none.csv", 5)


def test_batches_go_on_where_they_stopped():
    def made() -> PairBatches:
        return PairBatches(ByFactors(DATA, 1), 8, rng(1), rng(2))

    whole, other = made(), made()
    for _ in range(3):
        next(whole)
    kept = whole.state()
    expected = [next(whole).tolist() for _ in range(3)]
    other.restore(kept)
    assert [next(other).tolist() for _ in range(3)] == expected


@pytest.mark.parametrize(("batch", "rule"), [(3, "even number"), (12, "10 or less")])
def test_a_batch_that_holds_no_pairs_is_refused(batch, rule):
    with pytest.raises(InputError, match=rule):
        PairBatches(Listed(np.array([[0, 1]] * 5)), batch, rng(), rng())
