"""Distortion against rate: points, curves, lines of equal ELBO."""

from dataclasses import dataclass

import numpy as np

from unweave.show.figures import draw
from unweave.show.figures.rate_distortion import RateDistortion


@dataclass
class Fit:
    """A fake run with a known fit."""

    rate: float
    distortion: float
    beta: float | None = 1.0
    method: str = "beta-vae"
    seed: int = 0
    floor: float | None = 10.0
    categories: float = 0.0
    threads: int = 1
    name: str = "run-0"

    @property
    def settings(self):
        weights = {} if self.beta is None else {"beta": self.beta}
        return {"method": {"name": self.method, **weights}, "training": {"seed": self.seed, "threads": self.threads}}

    def fit(self, n=5000):
        floor = {} if self.floor is None else {"distortion_floor": self.floor}
        categories = {"rate_of_categories": self.categories} if self.categories else {}
        return {"distortion": self.distortion, "rate": self.rate, "images": float(n), **floor, **categories}


def points(axes):
    return [np.column_stack(line.get_data()).tolist() for line in axes.lines if line.get_marker() not in ("None", "")]


def texts(axes):
    return [text.get_text() for text in axes.texts]


def test_points_are_rate_and_distortion_with_the_categories():
    axes = RateDistortion()([Fit(5, 30), Fit(9, 20, categories=1.5, seed=1)]).figure.axes[0]
    assert points(axes) == [[[5, 30], [10.5, 20]]]
    assert axes.get_xlabel() == "rate, nats per image"
    assert axes.get_ylabel() == "distortion, nats per image"


def test_a_line_goes_through_the_means_over_seeds_by_weight():
    runs = [Fit(2, 40, 8.0), Fit(4, 30, 4.0), Fit(6, 26, 4.0, seed=1), Fit(9, 20, 1.0)]
    picture = RateDistortion()(runs)
    axes = picture.figure.axes[0]
    assert [[9, 20], [5, 28], [2, 40]] in [np.column_stack(line.get_data()).tolist() for line in axes.lines]
    assert {"beta 1", "beta 4", "beta 8"} <= set(texts(axes))
    assert not picture.figure.legends


def test_methods_have_curves_of_their_own_and_bookkeeping_has_none():
    runs = [Fit(2, 40), Fit(4, 30, None, "cascade-vae-c"), Fit(5, 28, 2.0, threads=8)]
    picture = RateDistortion()(runs)
    names = [text.get_text() for text in picture.figure.legends[0].get_texts()]
    assert names == ["beta-vae", "cascade-vae-c"]


def test_the_sum_is_the_same_along_each_grey_line_and_is_said():
    axes = RateDistortion()([Fit(10, 60), Fit(30, 40)]).figure.axes[0]
    slanted = [line.get_data() for line in axes.lines if len(line.get_xdata()) == 2 and np.ptp(line.get_ydata()) > 0]
    sums = [x + y for x, y in ((np.asarray(a), np.asarray(b)) for a, b in slanted)]
    level = [float(s[0]) for s in sums if np.ptp(s) < 1e-9]
    assert len(level) >= 3
    drawn = {float(text.replace("\N{MINUS SIGN}", "-")) for text in texts(axes) if text.startswith("\N{MINUS SIGN}")}
    assert drawn
    assert drawn <= {-value for value in level}


def test_the_floor_is_drawn_where_it_is_near():
    def dashed(run):
        return [line for line in RateDistortion()(run).figure.axes[0].lines if line.get_linestyle() == "--"]

    assert dashed(Fit(5, 14))[0].get_ydata()[0] == 10.0
    assert not dashed(Fit(5, 400))
    assert not dashed(Fit(5, 14, floor=None))
    assert "The least possible distortion is 10.0." in RateDistortion()(Fit(5, 400)).alt


def test_negative_distortions_are_seen():
    axes = RateDistortion()([Fit(5, -7, floor=None), Fit(2, -1, floor=None)]).figure.axes[0]
    assert axes.get_ylim()[0] < -7


def test_no_words_lie_on_each_other():
    runs = [Fit(5 + 0.01 * k, 30 + 0.01 * k, float(k)) for k in range(12)]
    picture = RateDistortion()(runs)
    axes = picture.figure.axes[0]
    picture.png(1)
    boxes = [text.get_window_extent() for text in axes.texts if text.get_text().startswith("beta")]
    assert boxes
    assert not any(a.overlaps(b) for k, a in enumerate(boxes) for b in boxes[:k])


def test_draw_takes_one_run_or_several():
    assert "run-0: 5.0 and 30.0" in draw("rate-distortion", Fit(5, 30)).alt
    assert draw("rate-distortion", [Fit(5, 30)], {"label": False}).figure.axes[0]
