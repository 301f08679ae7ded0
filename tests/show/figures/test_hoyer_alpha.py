"""Sparsity against alpha: which runs share a curve, what is joined, what is refused."""

import math
from dataclasses import dataclass

import numpy as np
import pytest

from unweave.base.errors import InputError
from unweave.base.records import Score
from unweave.show.figures import draw
from unweave.show.figures.hoyer_alpha import HoyerAlpha


@dataclass
class Sparse:
    """A fake run with a score."""

    alpha: float | None
    value: float
    gamma: float = 0.8
    beta: float = 1.0
    seed: int = 0
    name: str = "run-0"

    @property
    def settings(self):
        weights = {"beta": self.beta} | ({} if self.alpha is None else {"alpha": self.alpha})
        method = {"name": "decomposition-vae", **weights}
        return {"method": method, "prior": {"name": "sparse", "gamma": self.gamma}, "training": {"seed": self.seed}}

    def evaluate(self, metrics):
        reason = "there is no life" if math.isnan(self.value) else None
        bounds = (self.value - 0.02, self.value + 0.02)
        return {
            name: Score(self.value, parts={"raw": self.value / 2}, interval=bounds, reason=reason) for name in metrics
        }


def joined(picture):
    """The lines of the figure that join the runs: by label, their points."""
    axes = picture.figure.axes[0]
    lines = [line for line in axes.lines if line.get_marker() == "None" and len(set(line.get_xdata())) > 1]
    return {line.get_color(): np.column_stack(line.get_data()).round(6).tolist() for line in lines}


def legend(picture):
    return [text.get_text() for text in picture.figure.legends[0].get_texts()]


def test_one_curve_for_each_gamma_and_beta_in_the_order_of_alpha():
    runs = [Sparse(100, 0.6), Sparse(0, 0.3), Sparse(0, 0.2, gamma=0.0), Sparse(100, 0.25, gamma=0.0)]
    picture = HoyerAlpha()(runs)
    assert legend(picture) == ["prior.gamma 0", "prior.gamma 0.8"]
    assert list(joined(picture).values()) == [[[0, 0.2], [100, 0.25]], [[0, 0.3], [100, 0.6]]]
    assert "prior.gamma 0.8: 0.300 at alpha 0, 0.600 at alpha 100" in picture.alt
    more = HoyerAlpha()([*runs, Sparse(0, 0.5, beta=4.0)])
    assert legend(more)[-1] == "beta 4, prior.gamma 0.8"


def test_runs_that_differ_in_their_seed_are_averaged_and_each_is_a_dot():
    picture = HoyerAlpha()([Sparse(0, 0.3), Sparse(0, 0.5, seed=1), Sparse(10, 0.6)])
    assert list(joined(picture).values()) == [[[0, 0.4], [10, 0.6]]]
    assert not picture.figure.legends  # a single curve needs no name
    dots = [line for line in picture.figure.axes[0].lines if line.get_marker() == "o" and len(line.get_xdata())]
    assert sorted(float(dot.get_ydata()[0]) for dot in dots) == [0.3, 0.5, 0.6]


def test_intervals_are_drawn():
    upright = [line for line in HoyerAlpha()([Sparse(5, 0.3)]).figure.axes[0].lines if len(set(line.get_ydata())) == 2]
    assert [line.get_ydata() for line in upright] == [pytest.approx([0.28, 0.32])]


def test_raw_takes_the_part_of_that_name():
    picture = HoyerAlpha(raw=True)([Sparse(0, 0.3), Sparse(10, 0.6)])
    assert list(joined(picture).values()) == [[[0, 0.15], [10, 0.3]]]
    assert "raw" in picture.figure.axes[0].get_title(loc="left")


def test_symlog_labels_the_alphas_of_the_runs():
    axes = HoyerAlpha(scale="symlog")([Sparse(a, 0.5) for a in (0, 1, 10, 1000)]).figure.axes[0]
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["0", "1", "10", "1000"]
    places = axes.transData.transform([[a, 0.5] for a in (0, 1, 10, 1000)])[:, 0]
    assert places[3] - places[2] == pytest.approx(2 * (places[2] - places[1]))


def test_draw_gives_it_one_run_or_several():
    assert "0.300 at alpha 0" in draw("hoyer-alpha", Sparse(0, 0.3)).alt
    assert "0.400 at alpha 2" in draw("hoyer-alpha", [Sparse(0, 0.3), Sparse(2, 0.4)]).alt


def test_runs_without_alpha_or_sparsity_are_refused():
    with pytest.raises(InputError, match="needs runs of a method with alpha"):
        HoyerAlpha()([Sparse(None, 0.3)])
    with pytest.raises(InputError, match="needs runs whose sparsity is defined"):
        HoyerAlpha()([Sparse(0, 0.3), Sparse(1, math.nan)])


def test_an_unknown_scale_is_refused():
    with pytest.raises(InputError, match="scale must be one of linear, symlog"):
        HoyerAlpha(scale="log")
