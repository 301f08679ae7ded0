"""Blurred images and small weights at the start of a run."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from unweave.base.errors import InputError
from unweave.base.records import Term, Terms
from unweave.engine import Spec
from unweave.engine.curriculum import blur_at, blurred, ease_at, eased
from unweave.engine.log import read_log
from unweave.engine.loop import Loop
from unweave.engine.spec import Training

TINY = {"data": "dsprites", "data.size": 32, "net": "conv", "net.channels": (4, 8), "net.hidden": 16, "batch": 8}


def test_blur_is_scipys_gaussian_where_no_edge_is_near():
    x = torch.zeros(2, 3, 41, 37)
    x[:, :, 18:23, 17:20] = torch.rand(2, 3, 5, 3, generator=torch.Generator().manual_seed(0))
    ours = blurred(x, 1.7)
    theirs = gaussian_filter(x.numpy(), (0, 0, 1.7, 1.7), truncate=8.0, mode="constant")
    assert np.allclose(ours.numpy(), theirs, atol=1e-6)


@given(sigma=st.floats(0.3, 20.0), level=st.floats(0.0, 1.0), side=st.integers(2, 40))
def test_blur_keeps_constants_and_the_range(sigma: float, level: float, side: int):
    flat = torch.full((1, 1, side, side + 1), level)
    assert torch.allclose(blurred(flat, sigma), flat, atol=1e-5)
    spot = torch.zeros(1, 1, side, side + 1)
    spot[0, 0, 0, side] = level
    assert blurred(spot, sigma).min() >= 0
    assert blurred(spot, sigma).max() <= level + 1e-6


def test_blur_of_nothing_is_the_same_image():
    x = torch.rand(1, 1, 4, 4)
    assert blurred(x, 0.0) is x


def test_blur_falls_and_ease_rises_in_straight_lines():
    training = Training(blur=6.0, blur_steps=10, ease=0.2, ease_hold=4, ease_steps=8)
    assert [blur_at(training, step) for step in (0, 5, 10, 99)] == [6.0, 3.0, 0.0, 0.0]
    assert [round(ease_at(training, step), 3) for step in (0, 3, 4, 8, 12, 99)] == [0.2, 0.2, 0.2, 0.6, 1.0, 1.0]
    assert [ease_at(Training(ease=0.5, ease_hold=3), step) for step in (0, 2, 3)] == [0.5, 0.5, 1.0]
    assert (blur_at(Training(), 0), ease_at(Training(), 0)) == (0.0, 1.0)


def test_ease_leaves_the_distortion_and_what_is_only_logged():
    terms = Terms(
        distortion=Term(4.0, torch.tensor([3.0])),
        kl=Term(torch.tensor([1.0, 2.0]), torch.ones(1, 2)),
        total_correlation=Term(10.0, torch.tensor(0.5)),
        seen=Term(0.0, torch.tensor([7.0])),
    )
    assert terms.loss.item() == 12 + 3 + 5
    assert eased(terms, 0.25).loss.item() == pytest.approx(12 + 0.75 + 1.25)
    assert eased(terms, 1.0) is terms


def test_a_loop_sees_blurred_images_in_both_batches_and_then_sharp_ones():
    loop = Loop(Spec.make("factor-vae", **TINY, steps=4, blur=6.0, blur_steps=2, ease=0.1, ease_hold=1))
    sharp = Loop(Spec.make("factor-vae", **TINY, steps=4))
    sharpness: list[float] = []
    for _ in range(3):
        blurry, clear = loop.fetch(loop.state.batches), sharp.fetch(sharp.state.batches)
        assert blurry.is_contiguous(memory_format=torch.channels_last)
        assert torch.allclose(blurry, blurred(clear, blur_at(loop.spec.training, loop.state.step)))
        sharpness.append(blurry.var().item() / clear.var().item())
        loop.state.step += 1
    assert all(a < b for a, b in pairwise(sharpness))
    assert sharpness[-1] == 1
    second = Loop(loop.spec)
    assert second.fetch(second.state.second_batches).max() < 0.5


def test_an_eased_step_minimises_the_eased_loss():
    plain = Loop(Spec.make("beta-vae", **TINY, beta=4.0, steps=4))
    easy = Loop(Spec.make("beta-vae", **TINY, beta=4.0, steps=4, ease=0.25, ease_hold=2))
    (full, terms, _, _), (small, _, _, _) = plain.step(), easy.step()
    assert small.item() == pytest.approx((full - 3 * terms["kl"].mean).item(), rel=1e-6)


def test_a_stopped_run_goes_on_in_the_middle_of_its_easy_part(ends_alike):
    how = {"blur": 4.0, "blur_steps": 8, "ease": 0.1, "ease_hold": 2, "ease_steps": 5, "checkpoint_every": 3}
    own = {"critic_layers": 1, "critic_width": 8, "critic_standardise": True}
    whole = ends_alike(Spec.make("factor-vae", **TINY, **own, steps=9, **how), 5, crash=True)
    assert read_log(whole / "log.jsonl")[0][-1]["step"] == 9


@pytest.mark.parametrize(
    ("given_settings", "rule"),
    [
        ({"blur": 3.0}, "blur_steps must be at least 1 where images start blurred"),
        ({"ease": 0.5}, "ease_hold or ease_steps must be at least 1 where weights start small"),
        ({"blur": 2.0, "blur_steps": 9, "steps": 8}, "blur_steps must be at most steps"),
        ({"ease": 0.1, "ease_hold": 5, "ease_steps": 4, "steps": 8}, "ease_steps together must be at most steps"),
        ({"ease": 1.5, "ease_hold": 3}, "ease must lie"),
        ({"blur": -1.0}, "blur must be"),
    ],
)
def test_what_cannot_be_is_refused(given_settings: dict[str, float], rule: str):
    with pytest.raises(InputError, match=rule):
        Training(**given_settings)  # pyright: ignore[reportArgumentType]


def test_rows_of_a_table_are_not_blurred():
    rows = np.random.default_rng(0).normal(size=(50, 4)).astype(np.float32)
    with pytest.raises(InputError, match="blur must be 0 for rows of a table"):
        Spec.make("vae", data=rows, latents=2, blur=2.0, blur_steps=5)
