"""Every registered method, by name alone: trained, scored, drawn and reported, with no special case on the way."""

import pytest

import unweave
from unweave.base import registry
from unweave.base.settings import settings_of
from unweave.show.reports import write

TINY = {
    "data": "dsprites",
    "data.size": 32,
    "data.hold": "lazy",
    "net": "conv",
    "net.channels": (4, 4, 4),
    "net.hidden": 8,
    "batch": 8,
    "latents": 3,
    "steps": 30,
    "threads": 1,
    "callbacks": [],
}
SMALL = {"critic_layers": 1, "critic_width": 8, "warmup_stages": 1, "stage_steps": 5}  # for methods that have them


KINDS = ("factor-vae", "joint-vae", "cascade-vae")  # no categories, categories of an image, categories assigned
METHODS = registry.methods.names()


@pytest.fixture
def run_of(tmp_path, monkeypatch):
    monkeypatch.setattr("unweave.run.run.POOL", 1500)

    def trained(method):
        own = {setting.name for setting in settings_of(registry.methods.get(method))}
        small = {name: value for name, value in SMALL.items() if name in own}
        return unweave.train(method, out=tmp_path / "run", **{**TINY, **small})

    return trained


@pytest.mark.parametrize("method", METHODS)
def test_is_trained_scored_and_drawn(method, run_of, tmp_path):
    run = run_of(method)
    scores = run.evaluate(
        ["mig", "factor-vae-score"], {"factor-vae-score": {"votes": 200, "held_out": 100}}, calibrate=False
    )
    assert set(scores) == {"mig", "factor-vae-score"}
    assert run.fit(200)["distortion"] > 0
    assert run.traverse().save(tmp_path / "t.png").stat().st_size > 1000


@pytest.mark.parametrize("method", [pytest.param(m, marks=[] if m in KINDS else pytest.mark.slow) for m in METHODS])
def test_is_reported(method, run_of, tmp_path):
    run = run_of(method)
    run.evaluate(["mig"])
    page = write([run], tmp_path / "page.html").read_text()
    assert run.title in page
    assert page.count("<img") >= 3
    assert "Not drawn" not in page
