"""Blocks of latents found without labels, and codes in polar form and back."""

import json

import numpy as np
import pytest
from tests.subspaces.planes import WITH, WITHOUT, circle, sphere
from tests.subspaces.test_turning import plane

from unweave.base.errors import InputError
from unweave.subspaces import Subspaces, find_subspaces
from unweave.subspaces.find import holm


def blocks(codes, **settings):
    return [block.latents for block in find_subspaces(codes, **settings).blocks]


def generator(seed=100):
    return np.random.default_rng(seed)


@pytest.mark.parametrize("world", WITHOUT.values(), ids=WITHOUT)
@pytest.mark.parametrize("n", [1000, 3000])
def test_no_plane_is_found_where_none_is(world, n):
    assert not any(blocks(world(n, generator(seed))) for seed in (100, 101, 102))


@pytest.mark.parametrize("world", WITH.values(), ids=WITH)
def test_a_plane_is_found(world):
    assert blocks(world(3000, generator())) == [(0, 1)]


def test_one_plane_and_no_other_is_found_among_twenty_latents():
    rng = generator()
    codes = rng.uniform(-1, 1, (1000, 20))
    codes[:, [4, 13]] = circle(1000, rng)
    assert blocks(codes) == [(4, 13)]


def test_two_rings_are_two_planes():
    rng = generator()
    codes = np.hstack([circle(3000, rng), circle(3000, rng)])[:, [0, 2, 1, 3]]
    assert sorted(blocks(codes)) == [(0, 2), (1, 3)]


def test_a_ring_that_shares_a_latent_with_a_line_stays_a_plane():
    rng = generator()
    line = rng.uniform(-1, 1, 4000)
    codes = np.column_stack([circle(4000, rng, noise=0.1), line])
    codes[:, 1] += 0.3 * line
    assert blocks(codes) == [(0, 1)]


def test_a_sphere_is_one_block_of_three():
    rng = generator()
    codes = np.column_stack([rng.uniform(size=4000), sphere(4000, rng)])
    found = find_subspaces(codes)
    assert [block.latents for block in found.blocks] == [(1, 2, 3)]
    columns, names = found.polar(codes)
    assert names == ["latent 0", "radius 1+2+3", *(f"direction {k} of 1+2+3" for k in (1, 2, 3))]
    assert columns[:, 1].std() / columns[:, 1].mean() < 0.2
    assert np.allclose(found.inverse(columns), codes)


def test_codes_that_look_independent_are_a_plane_when_the_decoder_says_so():
    codes = generator().normal(size=(800, 5))
    assert blocks(codes) == []
    found = find_subspaces(codes, decode=plane)
    assert [block.latents for block in found.blocks] == [(0, 1)]
    assert next(each for each in found.evidence if each.latents == (0, 1)).found_by == "decoder"


def test_the_decoder_does_not_overrule_codes_that_have_axes():
    rng = generator()
    codes = rng.normal(size=(4000, 5))
    codes[:, :2] = rng.uniform(-1.7, 1.7, (4000, 2))
    assert blocks(codes, decode=plane) == []


def test_polar_columns_say_where_each_code_lies_and_go_back():
    rng = generator()
    codes = np.column_stack([rng.normal(size=3000), circle(3000, rng) * 4 + [3, -1]])
    found = find_subspaces(codes)
    columns, names = found.polar(codes)
    assert names == found.names() == ["latent 0", "radius 1+2", "cos 1+2", "sin 1+2"]
    assert np.allclose((columns[:, 2:] ** 2).sum(axis=1), 1)
    assert np.abs(np.corrcoef(np.arctan2(columns[:, 3], columns[:, 2]), codes[:, 0])[0, 1]) < 0.1
    new = rng.normal(size=(5, 3)) * 100
    assert np.allclose(found.inverse(found.polar(new)[0]), new, rtol=1e-12, atol=1e-10)
    centre = np.concatenate([[0], found.blocks[0].centre])[None]
    assert np.allclose(found.inverse(found.polar(centre)[0]), centre)
    longer = columns * [1, 1, 3, 3]
    assert np.allclose(found.inverse(longer), codes)


def test_what_was_found_survives_json():
    rng = generator()
    found = find_subspaces(np.hstack([circle(800, rng), rng.normal(size=(800, 3))]), decode=plane, seed=3)
    assert Subspaces.from_dict(json.loads(json.dumps(found.to_dict(), allow_nan=False))) == found
    with pytest.raises(InputError, match="to_dict wrote"):
        Subspaces.from_dict({"blocks": []})


def test_the_same_seed_gives_the_same_answer_in_any_order_of_the_rows():
    rng = generator()
    codes = np.hstack([circle(1000, rng), rng.normal(size=(1000, 1))])
    assert find_subspaces(codes, seed=1) == find_subspaces(codes[::-1], seed=1)


def test_repeated_rows_count_once():
    """A thousand copies of 200 rows are no evidence of 200,000."""
    codes = generator().normal(size=(220, 2))
    found = find_subspaces(np.tile(codes, (1000, 1)))
    assert found.n == 220
    assert found.blocks == ()


def test_partition_joins_what_no_axes_part():
    rng = generator()
    bent = rng.normal(size=3000)
    codes = np.column_stack(
        [circle(3000, rng), bent, bent**2 + 0.5 * rng.normal(size=3000), rng.normal(size=3000), np.zeros(3000)]
    )
    found = find_subspaces(codes)
    assert found.partition() == [(0, 1), (2, 3), (4,)]
    assert [block.latents for block in found.blocks] == [(0, 1)]


def test_latents_left_out_are_told_with_the_reason():
    rng = generator()
    codes = np.column_stack(
        [circle(3000, rng), np.full(3000, 2.0), 0.001 * rng.normal(size=3000), rng.integers(0, 3, 3000)]
    )
    found = find_subspaces(codes)
    assert found.live == (0, 1)
    assert [(j, reason.split(" ")[0]) for j, reason in found.left_out] == [(2, "constant"), (3, "a"), (4, "only")]
    assert found.singles == [2, 3, 4]
    assert blocks(codes, live=[0, 4]) == []


@pytest.mark.parametrize(
    ("codes", "reason"), [(generator().normal(size=(300, 1)), "is one"), (np.eye(300)[:, :2] + 1, "200 different rows")]
)
def test_one_latent_is_a_stated_skip_and_constant_rows_are_refused(codes, reason):
    if len(np.unique(codes, axis=0)) < 200:
        with pytest.raises(InputError, match=reason):
            find_subspaces(codes)
    else:
        found = find_subspaces(codes)
        assert reason in str(found.skipped)
        assert found.polar(codes)[0].tolist() == codes.tolist()


@pytest.mark.parametrize(
    ("codes", "settings", "rule"),
    [
        (generator().normal(size=(199, 3)), {}, "200 different rows or more"),
        (np.full((300, 2), np.nan), {}, "finite"),
        (np.zeros(300), {}, "shape"),
        (generator().normal(size=(300, 3)), {"alpha": 1.5}, "alpha"),
        (generator().normal(size=(300, 3)), {"live": [0, 3]}, "live"),
        (generator().normal(size=(300, 3)), {"live": [0, 0]}, "live"),
    ],
)
def test_bad_input_is_one_sentence(codes, settings, rule):
    with pytest.raises(InputError, match=rule):
        find_subspaces(codes, **settings)


def test_codes_of_another_width_have_no_polar_form_here():
    found = find_subspaces(generator().normal(size=(300, 3)))
    with pytest.raises(InputError, match=r"codes must have shape \(n, 3\)"):
        found.polar(np.zeros((2, 4)))
    with pytest.raises(InputError, match=r"columns must have shape"):
        found.inverse(np.zeros(3))


def test_holm_stops_at_the_first_that_stands():
    assert holm([0.001, 0.02, 0.5, 0.013], 0.05) == [True, True, False, True]
    assert holm([0.02, 0.02, 0.02], 0.05) == [False, False, False]
    assert holm([], 0.05) == []
