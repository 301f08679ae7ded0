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


@pytest.mark.parametrize("method", registry.methods.names())
def test_trains_is_scored_drawn_and_reported(method, tmp_path, monkeypatch):
    monkeypatch.setattr("unweave.run.run.POOL", 1500)
    own = {setting.name for setting in settings_of(registry.methods.get(method))}
    small = {name: value for name, value in SMALL.items() if name in own}
    run = unweave.train(method, out=tmp_path / "run", **{**TINY, **small})
    scores = run.evaluate(["mig", "factor-vae-score"], {"factor-vae-score": {"votes": 200, "held_out": 100}})
    assert set(scores) == {"mig", "factor-vae-score"}
    assert run.fit(200)["distortion"] > 0
    assert run.traverse().save(tmp_path / "t.png").stat().st_size > 1000
    page = write([run], tmp_path / "page.html").read_text()
    assert run.title in page
    assert page.count("<img") >= 3
    assert "Not drawn" not in page
