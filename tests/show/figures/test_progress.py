"""Progress: columns by method, lines by setting, bands over seeds, the cost, refusals."""

from dataclasses import dataclass, field

import numpy as np
import pytest
from scipy.stats import t

from unweave.base.errors import InputError
from unweave.show.figures import draw
from unweave.show.figures.progress import Progress


@dataclass
class Trained:
    """A fake run that was scored every 100 steps."""

    level: float = 0.5
    method: str = "beta-vae"
    beta: float = 4.0
    seed: int = 0
    name: str = "run-0"
    steps: tuple[int, ...] = (100, 200, 300)
    metrics: tuple[str, ...] = ("beta-vae-score", "factor-vae-score")
    units: dict = field(default_factory=dict)

    @property
    def settings(self):
        return {"method": {"name": self.method, "beta": self.beta}, "training": {"seed": self.seed, "score_every": 100}}

    @property
    def log(self):
        return [{"step": s, "images": 64 * s, "distortion": 100 * self.level + 1000 / s} for s in range(50, 301, 50)]

    @property
    def progress(self):
        def score(step, lift):
            value = self.level + step / 10_000 + lift
            return {"value": value, "interval": [value - 0.01, value + 0.01]}

        return [
            {"step": s, "images": 64 * s, "seconds": s / 10, "scoring_seconds": 0.5, "live_latents": 3}
            | {name: score(s, 0.1 * k) for k, name in enumerate(self.metrics)}
            for s in self.steps
        ]


def panels(picture):
    """Axes by row and column."""
    return [axes for axes in picture.figure.axes if axes.get_visible()]


def band(axes, number=0):
    """Lowest and highest end of a band at each place."""
    corners = axes.collections[number].get_paths()[0].vertices
    return {x: (corners[corners[:, 0] == x, 1].min(), corners[corners[:, 0] == x, 1].max()) for x in {*corners[:, 0]}}


def test_columns_are_methods_and_rows_the_error_and_both_scores():
    runs = [Trained(), Trained(method="factor-vae", beta=1.0)]
    axes = panels(Progress()(runs))
    assert len(axes) == 6
    assert [a.get_title(loc="left") for a in axes[:2]] == ["beta-vae", "factor-vae"]
    assert [a.get_ylabel().split("\n")[0] for a in axes[::2]] == [
        "reconstruction error", "Higgins' metric", "FactorVAE score",
    ]  # fmt: skip
    assert axes[0].get_ylabel().split("\n")[1] == "nats per image"
    assert axes[-1].get_xlabel() == "optimiser steps"
    assert np.column_stack(axes[4].lines[0].get_data()).round(6).tolist() == [[100, 0.61], [200, 0.62], [300, 0.63]]


def test_seeds_make_one_line_in_a_band_of_students_interval():
    levels = (0.4, 0.5, 0.7)
    axes = panels(Progress()([Trained(level, seed=k) for k, level in enumerate(levels)]))
    higgins = axes[1]
    assert len(higgins.lines) == 1
    assert higgins.lines[0].get_ydata()[0] == pytest.approx(np.mean(levels) + 0.01)
    wide = t.ppf(0.975, 2) * np.std(levels, ddof=1) / 3**0.5
    low, high = band(higgins)[100.0]
    assert (high - low) / 2 == pytest.approx(wide)


def test_a_single_run_has_the_intervals_of_its_scores():
    higgins = panels(Progress()(Trained()))[1]
    assert band(higgins)[200.0] == pytest.approx((0.51, 0.53))


def test_settings_are_lines_of_their_own_with_a_key():
    picture = Progress()([Trained(), Trained(beta=8.0), Trained(seed=1)])
    bottom = panels(picture)[-1]
    assert [text.get_text() for text in bottom.get_legend().get_texts()] == ["beta 4", "beta 8"]
    assert len(bottom.lines) == 2


def test_seeds_are_compared_where_all_have_a_score():
    axes = panels(Progress()([Trained(), Trained(seed=1, steps=(200, 300, 400))]))
    assert axes[1].lines[0].get_xdata().tolist() == [200, 300]


def test_against_images_with_its_cost():
    picture = Progress(across="images")(Trained())
    assert panels(picture)[-1].get_xlabel() == "images seen"
    assert panels(picture)[1].lines[0].get_xdata().tolist() == [6400, 12800, 19200]
    assert "scoring took 1.5 s beside 30.0 s of training" in picture.alt
    assert picture.figure.get_supxlabel() == "scoring took 1.5 s beside 30.0 s of training"


def test_other_scores_are_drawn_where_the_papers_are_missing_or_by_name():
    picture = Progress()(Trained(metrics=("mig",)))
    assert panels(picture)[1].get_ylabel() == "mig"
    assert len(panels(Progress(scores=("factor-vae-score",))(Trained()))) == 2
    with pytest.raises(InputError, match="unknown score of these runs 'mg'"):
        Progress(scores=("mg",))(Trained(metrics=("mig",)))


def test_a_score_that_could_not_be_had_leaves_a_gap():
    run = Trained()
    lines = run.progress
    lines[1]["beta-vae-score"] = None
    held = type("Held", (Trained,), {"progress": lines})
    assert panels(Progress()(held()))[1].lines[0].get_xdata().tolist() == [100, 300]


def test_runs_without_scores_are_refused(fake):
    with pytest.raises(InputError, match="trained with --score-every, bare was"):
        Progress()([Trained(), Trained(name="bare", steps=())])
    with pytest.raises(InputError, match="disc-0 was trained without"):
        draw("progress", fake)


def test_a_logarithmic_axis_has_plain_numbers():
    class Falling(Trained):
        @property
        def log(self):
            return [{"step": s, "images": 64 * s, "distortion": 40_000 / s} for s in range(50, 2001, 50)]

    picture = Progress()(Falling())
    picture.figure.canvas.draw()
    axes = panels(picture)[0]
    assert axes.get_yscale() == "log"
    assert {"20", "100", "500"} <= {label.get_text() for label in axes.get_yticklabels(which="both")}
    assert not any("$" in label.get_text() for label in axes.get_yticklabels(which="both"))


def test_wide_bands_of_few_seeds_do_not_stretch_a_logarithmic_axis():
    class Falling(Trained):
        @property
        def log(self):
            scale = 10_000 * (1 + self.seed)
            return [{"step": s, "images": 64 * s, "distortion": scale / s} for s in range(50, 2001, 50)]

    axes = panels(Progress()([Falling(), Falling(seed=1)]))[0]
    assert axes.get_yscale() == "log"
    assert axes.get_ylim() == pytest.approx((15_000 / 2000 / 2, 15_000 / 50 * 2))
