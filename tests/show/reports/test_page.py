"""The report: one file that needs nothing else, says everything and lets nothing in."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from tests.show.conftest import Disc

from unweave.base.errors import InputError
from unweave.base.records import Score
from unweave.metrics.doctor import Finding
from unweave.show.reports import page, write
from unweave.subspaces import Block

VOID = {"meta", "img", "br", "link"}
EVIL = '<script>alert("x")</script>\'"><img src=x onerror=alert(1)>'


class Tree(HTMLParser):
    """Start tags with their attributes, text by tag, and every tag that is not closed as it should be."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.open, self.wrong, self.words = [], [], [], []
        self.feed(text)
        self.close()
        self.wrong += self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)

    def handle_data(self, data):
        if not self.open or self.open[-1] != "style":
            self.words.append(data.strip())

    def all(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]

    @property
    def text(self):
        return " ".join(word for word in self.words if word)


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    return write([Disc()], tmp_path_factory.mktemp("page") / "report.html").read_text("utf-8")


def test_parses_and_every_tag_is_closed(text):
    tree = Tree(text)
    assert not tree.wrong
    assert tree.all("html") == [{"lang": "en"}]
    assert len(tree.all("h1")) == len(tree.all("main")) == 1


def test_needs_no_network_no_script_and_no_other_file(text):
    tree = Tree(text)
    assert not {"script", "link", "iframe", "object", "base", "form"} & {tag for tag, _ in tree.tags}
    for _, attributes in tree.tags:
        for name in ("src", "href", "srcset", "poster", "action"):
            assert attributes.get(name, "#").startswith(("data:", "#"))
        assert not any(name.startswith("on") for name in attributes)
    assert "http://" not in text
    assert "https://" not in text
    assert not re.search(r"url\((?!['\"]?(data:|#))", text)
    assert "@import" not in text
    policy = next(meta["content"] for meta in tree.all("meta") if "http-equiv" in meta)
    assert "default-src 'none'" in policy


def test_every_picture_is_there_with_words_and_size(text, fake):
    images = Tree(text).all("img")
    kinds = [image["src"].split(";")[0] for image in images]
    assert kinds == [
        "data:image/png",
        "data:image/png",
        "data:image/gif",
        "data:image/svg+xml",
        "data:image/svg+xml",
    ]
    assert all(len(image["alt"]) > 30 and int(image["width"]) > 100 < int(image["height"]) for image in images)
    assert "z3 3.14 nats" in images[1]["alt"]


def test_says_what_was_run_and_how_to_make_it_again(text, fake):
    shown = Tree(text).text
    assert "4 of 10 latents carry information" in shown
    for words in (
        "discs",
        "factor-vae",
        "5,000",
        "320,000",
        "2.9",
        "method.gamma",
        "32, 64, 128",
        "2.13.0",
        "0123abc",
    ):
        assert words in shown
    assert fake.reproduce in shown


def test_table_of_scores(text):
    shown = Tree(text).text
    verdict = "73 % of the way from noise (0.31) to the true factors (1.00)"
    assert f"factor-vae-score 0.812 0.790 to 0.830 0.310 1.000 {verdict} in sample 0.823, held out 0.812" in shown
    assert "needs at least 100 draws with known factors" in shown
    assert "reconstruction 24.3" in shown
    assert "nats per image; lower is better" in shown
    assert "votes shape scale position x position y z1 0 0 0 190 z3 0 0 201 3" in shown


def test_without_scores_factors_or_log(fake, tmp_path):
    bare = replace(fake, scores={}, information=None, log=[], settings={}, made_with={})
    shown = Tree(write([bare], tmp_path / "r.html").read_text("utf-8"))
    assert not shown.wrong
    assert "Not scored yet." in shown.text
    assert "Not drawn: curves need a log" in shown.text
    assert "Not drawn: mutual-information needs a data set with known factors" in shown.text


def test_each_plane_has_a_figure(fake, tmp_path):
    plane = Block((3, 1), (0.0, 0.0), ((1.0, 0.0), (0.0, 1.0)))
    sphere = Block((0, 2, 5), (0.0,) * 3, tuple(map(tuple, np.eye(3).tolist())))
    found = SimpleNamespace(blocks=(plane, sphere, replace(plane, latents=(4, 9))))
    shown = Tree(write([replace(fake, subspaces=found)], tmp_path / "r.html").read_text("utf-8"))
    assert not shown.wrong
    assert shown.text.count("Planes: pairs of latents") == 1
    assert [who for who in ("z3 and z1", "z4 and z9") if any(f"plane of {who}," in i["alt"] for i in shown.all("img"))]
    assert sum("in the plane of" in image["alt"] for image in shown.all("img")) == 2


def test_what_the_doctor_found_is_told_with_its_numbers(fake, tmp_path):
    assert "What the codes are like" not in Tree(write([fake], tmp_path / "r.html").read_text("utf-8")).text
    found = [
        Finding("live latents", f"All live. {EVIL}", True, {"kl": [0.5, 2.0]}),
        Finding("missing factors", "No latent carries shape.", False, {"together": {"shape": 0.01}}),
    ]
    shown = Tree(write([replace(fake, findings=found)], tmp_path / "r.html").read_text("utf-8"))
    assert not shown.wrong
    assert "script" not in {name for name, _ in shown.tags}
    for words in (f"All live. {EVIL}", "Look here: No latent carries shape.", "live latents: kl 0.5, 2", "shape 0.01"):
        assert words in shown.text


def test_hostile_names_stay_text(fake, text, tmp_path):
    hostile = replace(
        fake,
        name=EVIL,
        title=EVIL,
        reproduce=EVIL,
        information=(fake.information[0], [EVIL, "b", "c", "d"]),
        units={EVIL: EVIL, "distortion": EVIL},
        settings={EVIL: EVIL, "method": {"name": EVIL}, "data": EVIL, "training": {EVIL: EVIL, "seed": EVIL}},
        made_with={EVIL: {EVIL: EVIL}, "minutes": EVIL},
        scores={
            EVIL: Score(
                1.0,
                parts={EVIL: 1.0},
                per_factor={EVIL: 0.5},
                reason=EVIL,
                unit=EVIL,
                tables={EVIL: {EVIL: EVIL}, "m": [[EVIL]], "rows": [EVIL], "columns": [EVIL], "list": [EVIL]},
                settings={EVIL: [EVIL]},
            )
        },
    )
    known = {name for _, attributes in Tree(text).tags for name in attributes}
    attacked = write([hostile, hostile], tmp_path / "r.html").read_text("utf-8")
    assert "<script" not in attacked
    for shown in (Tree(attacked), Tree(page.render([hostile], 1.0, moving=False))):
        assert not shown.wrong
        assert not shown.all("script")
        assert {name for _, attributes in shown.tags for name in attributes} <= known | {"href"}
        assert EVIL in shown.text


def test_several_runs_have_a_section_each_and_one_table(fake, tmp_path):
    other = replace(fake, title="beta-vae on discs, seed 1", scores={"mig": Score(0.2, interval=(0.1, 0.3))})
    tree = Tree(write([fake, other], tmp_path / "r.html").read_text("utf-8"))
    assert not tree.wrong
    assert [a["id"] for a in tree.all("article")] == ["run-1", "run-2"]
    assert [a["href"] for a in tree.all("a")] == ["#run-1", "#run-2"]
    assert "mig 0.410 (0.400 to 0.420) 0.200 (0.100 to 0.300)" in tree.text
    assert "factor-vae-score 0.812 (0.790 to 0.830) \N{EN DASH}" in tree.text
    assert "factor-vae-score 73 % of 0.310 to 1.000 \N{EN DASH}" in tree.text
    assert "No setting of training." in tree.text


def test_a_comparison_says_what_sets_runs_apart_and_names_those_of_one_title(fake, tmp_path):
    training = {**fake.settings["training"], "seed": 3, "threads": 9}
    other = replace(fake, name="disc-1", settings={**fake.settings, "training": training})
    tree = Tree(write([fake, other], tmp_path / "r.html").read_text("utf-8"))
    title = fake.title
    assert f"setting {title} (disc-0) {title} (disc-1) training.seed 0 3" in tree.text
    apart = tree.text.partition("What sets them apart")[2].partition("together all latents")[0]
    assert "threads" not in apart


def test_many_differences_are_folded(fake):
    other = replace(fake, settings={**fake.settings, "net": {f"setting-{k}": k for k in range(20)}})
    shown = page.render([fake, other], 1.0, moving=False)
    assert "<summary>22 settings</summary>" in shown


def test_scores_in_training_are_drawn_where_a_run_has_them(fake):
    assert "Scores while it was trained" not in page.render([fake], 1.0, moving=False)
    scored = replace(fake)
    scored.log = [{**line, "images": 64 * line["step"]} for line in fake.log]
    scored.progress = [
        {"step": s, "images": 64 * s, "seconds": 9.0, "scoring_seconds": 1.0, "mig": {"value": 0.2, "interval": None}}
        for s in (1000, 2000)
    ]
    shown = Tree(page.render([scored], 1.0, moving=False))
    assert "Scores while it was trained" in shown.text
    assert any("scoring took 2.0 s beside 9.0 s of training" in image["alt"] for image in shown.all("img"))
    both = Tree(page.render([scored, scored], 1.0, moving=False)).text
    assert "Scores while they were trained" in both


def test_runs_are_compared_by_rate_and_distortion(fake):
    shown = Tree(page.render([fake, fake], 1.0, moving=False))
    assert "How much is told and how much is lost" in shown.text
    assert any("disc-0: 8.0 and 24.0" in image["alt"] for image in shown.all("img"))


def noisy(fake):
    noise = np.random.default_rng(0)
    loud = replace(fake, channels=3)
    loud.decode = lambda codes, categories=None: torch.from_numpy(
        noise.random((len(codes), 3, 64, 64), dtype=np.float32)
    )
    return loud


def test_noise_stays_below_five_megabytes_by_losing_its_motion(fake, tmp_path, monkeypatch):
    monkeypatch.setattr(page, "MOVING_LIMIT", 100_000_000)
    out = write([noisy(fake)], tmp_path / "r.html")
    assert 1_500_000 < out.stat().st_size <= 5_000_000
    assert "image/gif" not in out.read_text("utf-8")


def test_a_moving_picture_that_stays_too_large_is_left_out(fake, monkeypatch):
    monkeypatch.setattr(page, "MOVING_LIMIT", 1000)
    assert "image/gif" not in page.render([fake], 1.0)


def test_motion_goes_first_then_resolution_then_the_page_is_refused(fake, tmp_path, monkeypatch):
    sizes = {(2.0, True): 30, (2.0, False): 20, (1.0, False): 10}
    monkeypatch.setattr(page, "render", lambda _, scale, *, moving: "x" * sizes[scale, moving])
    for limit in (30, 20, 10):
        monkeypatch.setattr(page, "LIMIT", limit)
        assert write([fake], tmp_path / "r.html").stat().st_size == limit
    monkeypatch.setattr(page, "LIMIT", 9)
    with pytest.raises(InputError, match="a report must stay below 5 MB"):
        write([fake], tmp_path / "r2.html")
    assert not (tmp_path / "r2.html").exists()


def test_half_resolution_without_motion_is_smaller(fake, text):
    small = page.render([fake], 1.0, moving=False)
    assert len(small) < 0.7 * len(text)
    assert "image/gif" not in small


def test_refusals(fake, tmp_path):
    with pytest.raises(InputError, match="a report needs at least one run"):
        write([], tmp_path / "r.html")
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="out must be a file that can be written"):
        write([fake], tmp_path / "file" / "r.html")


def test_narrow_pages_scroll_only_inside_boxes(text):
    tree = Tree(text)
    assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in tree.all("meta")
    for tag in ("table", "img"):
        for at, (name, _) in enumerate(tree.tags):
            if name == tag:
                before = [attrs.get("class", "") for other, attrs in tree.tags[:at] if other == "div"]
                assert "box" in before[-1]
    assert ".box { overflow-x: auto" in text


@pytest.mark.parametrize("rule", ["@media print", "prefers-color-scheme: dark"])
def test_style_covers(rule, text):
    assert rule in text
