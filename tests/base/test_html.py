"""What pages and notebooks show of pictures, scores and runs: escaped, with words for those who do not see."""

import re

import pytest

import unweave
from unweave.base import html
from unweave.base.records import Score, scores_html
from unweave.run.run import Run, Runs

EVIL = '<script>alert("x")</script>\'"><img src=x onerror=alert(1)>'
TINY = {
    "data": "dsprites", "data.size": 32, "data.hold": "lazy", "net": "conv", "net.channels": (4, 4, 4), "net.hidden": 8,
    "batch": 4, "latents": 2, "steps": 1, "threads": 1, "callbacks": [],
}  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return unweave.train("vae", out=tmp_path_factory.mktemp("shown") / "<b>first", **TINY)


def test_a_score_shows_its_number_its_interval_and_its_parts():
    shown = Score(0.8123, interval=(0.79, 0.83), floor=0.3, ceiling=1.0, per_factor={"scale": 0.5})._repr_html_()
    for words in ("0.812", "0.790 to 0.830", "0.300", "1.000", "scale", "0.500", "noise", "truth"):
        assert words in shown


def test_a_score_that_is_not_to_be_had_says_why_and_one_that_is_lower_better_says_so():
    assert "there is no life" in Score(float("nan"), reason="there is no life")._repr_html_()
    assert "nats per image; lower is better" in Score(3.0, unit="nats per image", higher_is_better=False)._repr_html_()


def test_hostile_names_stay_text():
    bad = Score(1.0, parts={EVIL: 1.0}, per_factor={EVIL: 2.0}, unit=EVIL, reason=EVIL)
    for shown in (
        bad._repr_html_(),
        scores_html({EVIL: bad}),
        html.table([EVIL], [[EVIL, EVIL]], EVIL),
        html.boxed(EVIL, [EVIL] * 2, [[EVIL, EVIL]]),
        html.figure(html.image(b"", (1, 1), EVIL), EVIL),
        html.listed([EVIL]),
    ):
        assert "<script" not in shown
        assert {tag.lower() for tag in re.findall(r"<(\w+)", shown)} <= set(
            "table thead tbody caption tr th td div p ul li figure figcaption img".split()
        )
        assert shown.count("<img") <= 1
        assert "&lt;script&gt;" in shown


def test_long_tables_are_cut_and_say_so():
    shown = html.table(["a", "b"], [[f"row {k}", k] for k in range(60)])
    assert "row 49" in shown
    assert "row 50" not in shown
    assert "and 10 rows more" in shown


def test_a_run_shows_itself_before_and_after_it_is_scored(run):
    opened = Run(run.path)
    assert "Not scored yet." in opened._repr_html_()
    assert "&lt;b&gt;first" in opened._repr_html_()
    assert "vae" not in vars(opened)  # no weights were loaded for it
    run.evaluate(["gaussian-total-correlation"])
    assert "gaussian-total-correlation" in opened._repr_html_()
    assert len(opened._repr_html_()) < 5_000


def test_runs_are_a_table_with_a_column_a_score(run):
    run.evaluate(["gaussian-total-correlation"])
    shown = Runs([run, Run(run.path)])._repr_html_()
    assert shown.count("&lt;b&gt;first") == 2
    assert "gaussian-total-correlation" in shown
    assert "<table>" in Runs()._repr_html_()


def test_a_picture_is_shown_at_its_size_with_its_words(run):
    picture = run.draw("reconstructions", images=2)
    shown = picture._repr_html_()
    width, height = picture.size
    assert f'width="{width}" height="{height}"' in shown
    assert html.escape(picture.alt) in shown
    assert picture._repr_png_().startswith(b"\x89PNG")
