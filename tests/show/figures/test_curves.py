"""Training curves: the right panels, units, scales and labels."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unweave.base.errors import InputError
from unweave.show.figures.curves import Curves, spread


def panels(picture):
    return {axes.get_title(loc="left"): axes for axes in picture.figure.axes}


def test_one_panel_per_term_with_unit_then_the_rates(fake):
    shown = panels(Curves()(fake))
    assert list(shown) == [
        "loss",
        "distortion",
        "rate",
        "total correlation",
        "critic accuracy",
        "rate of each latent; the other 6 in grey",
    ]
    assert shown["critic accuracy"].get_ylabel() == "share of images"
    assert shown["loss"].get_ylabel() == "nats per image"
    assert all(axes.get_xlabel() == "optimiser steps" for axes in shown.values())


def test_lines_are_what_was_logged(fake):
    axes = panels(Curves()(fake))["distortion"]
    steps, values = axes.lines[0].get_data()
    assert steps.tolist() == [line["step"] for line in fake.log]
    assert values.tolist() == [line["distortion"] for line in fake.log]


def test_scale_is_chosen_by_the_values(fake):
    shown = panels(Curves()(fake))
    assert shown["loss"].get_yscale() == "log"  # 900 to 35
    assert shown["total correlation"].get_yscale() == "linear"  # falls below 0
    assert panels(Curves(scale="linear")(fake))["loss"].get_yscale() == "linear"
    assert panels(Curves(scale="log")(fake))["critic accuracy"].get_yscale() == "log"
    assert panels(Curves(scale="log")(fake))["total correlation"].get_yscale() == "linear"


def test_live_latents_are_named_by_rate(fake):
    axes = Curves()(fake).figure.axes[-1]
    assert [text.get_text() for text in axes.texts] == ["z3", "z1", "z4", "z9"]
    assert len(axes.lines) == 10
    assert [text.get_text() for text in Curves(latents=2)(fake).figure.axes[-1].texts] == ["z3", "z1"]


def test_a_long_log_is_thinned_and_keeps_its_last_step(fake):
    log = [{"step": k, "loss": float(k)} for k in range(1, 10_001)]
    steps = Curves()(replace(fake, log=log)).figure.axes[0].lines[0].get_xdata()
    assert len(steps) <= 601
    assert steps[-1] == 10_000


def test_one_step_gaps_and_foreign_keys(fake):
    one = replace(
        fake,
        log=[{"step": 1, "loss": 3.0, "distortion": 2.0, "kl_per_latent": None, "phase": "warm"}],
        units={"distortion": "nats", "kl_per_latent": "nats"},
    )
    picture = Curves()(one)
    assert list(panels(picture)) == ["loss", "distortion"]
    assert picture.figure.axes[0].lines[0].get_marker() == "."
    assert picture.png(1)


def test_an_empty_log_is_refused(fake):
    with pytest.raises(InputError, match="curves need a log with at least one step"):
        Curves()(replace(fake, log=[]))


@settings(deadline=None, max_examples=50, derandomize=True)
@given(st.lists(st.floats(0, 10), min_size=1, max_size=10))
def test_labels_never_overlap_and_stay_in_order(heights):
    falling = sorted(heights, reverse=True)
    placed = spread(falling, gap=0.8, top=10.0)
    assert all(np.diff(placed) <= -0.8 + 1e-9)
    assert placed[-1] >= 0
    if all(np.diff(falling) <= -0.8):
        assert placed == falling
