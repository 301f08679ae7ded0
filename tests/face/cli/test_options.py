"""Options are what the settings say: type, range, choices and default in the help, one converter, former names."""

import json
import re
from dataclasses import dataclass
from typing import Annotated, Literal

import pytest

from unweave.base import registry
from unweave.base.checks import Range
from unweave.base.settings import Formerly, Renamed, Settings, build, changed, kind_of, settings_of
from unweave.engine.spec import Spec, Training
from unweave.face.cli.app import main
from unweave.face.cli.options import options_of
from unweave.run.run import Run


@dataclass(frozen=True)
class Thing(Settings):
    """Settings of every kind."""

    width: Annotated[int, "units", Range(1), Formerly("units")] = 8
    rates: Annotated[tuple[float, ...] | None, "one a layer"] = None
    start: Annotated[Literal["iso", "pca"], "how it starts"] = "iso"


def test_help_shows_type_range_choices_and_default(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    assert main("train factor-vae --data dsprites --help".split()) == 0
    shown = re.sub(r"[│\s]+", " ", capsys.readouterr().out)
    for shape in (
        r"--critic-betas FLOAT,FLOAT [^\[]*\(between 0 and 1, 1 excluded\) \[0\.5,0\.9\]",
        r"--latents INT [^\[]*\(1 or more\) \[10\]",
        r"--device CHOICE [^\[]*\[auto\] \[choices: auto, cpu, cuda, mps\]",
        r"--prior CHOICE prior [^:]*\[choices: isotropic, anisotropic,",
        r"--critic-steps INT",
    ):
        assert re.search(shape, shown), shape
    assert "STR" not in shown
    assert "--d-steps" not in shown


@pytest.mark.parametrize("kind", registry.ALL)
def test_every_setting_of_everything_is_an_option_of_its_type(kind):
    for name in registry.ALL[kind].names():
        cls = registry.ALL[kind].get(name)
        hidden = set(getattr(cls, "found", ()))
        wanted = {f"x.{each.name}" for each in settings_of(cls)} - {f"x.{each}" for each in hidden}
        former = {f"x.{each.formerly}" for each in settings_of(cls) if each.formerly}
        assert set(options_of(cls, name, "x.")) == wanted | former


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (int | None, "a whole number, or none"),
        (tuple[int, int], "2 whole numbers with commas between"),
        (int | tuple[int, ...] | None, "a whole number or whole numbers with commas between, or none"),
        (tuple[str, ...], "words with commas between"),
        (bool, "yes or no"),
        (Literal["iso", "pca"], "one of iso, pca"),
    ],
)
def test_types_in_words(kind, words):
    assert kind_of(kind) == words


@pytest.mark.parametrize(
    ("given", "rule"),
    [
        ({"width": "0"}, "width must be 1 or more"),
        ({"width": "2.5"}, "width must be a whole number"),
        ({"rates": "1,x"}, "rates must be numbers with commas between, or none"),
        ({"start": "pcb"}, "start must be one of iso, pca"),
        ({"width": 3, "units": 4}, "width must be given once"),
    ],
)
@pytest.mark.filterwarnings("ignore::unweave.base.settings.Renamed")
def test_what_a_setting_cannot_be_is_refused_in_our_words(given, rule):
    with pytest.raises(ValueError, match=rf"^{re.escape(rule)}"):
        build(Thing, given, of="thing")


def test_the_same_rules_hold_for_an_instance():
    with pytest.raises(ValueError, match="start must be one of iso, pca"):
        Thing(start="pcb")  # pyright: ignore[reportArgumentType]
    assert Thing(rates=(1.0,)).rates == (1.0,)


def test_a_former_name_is_taken_with_a_warning_and_hashed():
    with pytest.warns(Renamed, match="units is now called width"):
        made = build(Thing, {"units": "3"}, of="thing")
    assert made == build(Thing, {"units": 3}, of="thing", stored=True) == Thing(width=3)
    assert changed(made, formerly=True) == {"units": 3}
    assert changed(made) == {"width": 3}


@pytest.mark.parametrize(("method", "hashed"), [("factor-vae", "0bf3152a"), ("aae", "175b4bde")])
def test_d_steps_is_critic_steps_and_no_run_gets_another_hash(method, hashed):
    now = Spec.make(method, data="dsprites", critic_steps=3)
    assert now.hash == hashed  # what it was when the setting was called d_steps
    with pytest.warns(Renamed, match="d_steps is now called critic_steps"):
        assert Spec.make(method, data="dsprites", d_steps=3).hash == hashed
    stored = now.plain()
    stored["method"]["d_steps"] = stored["method"].pop("critic_steps")
    assert Spec.from_plain(stored) == now


def test_the_former_name_of_an_option_still_works(tiny, tmp_path, capsys):
    words = ["train", "factor-vae", *tiny, "--critic-width", "8", "--out", str(tmp_path / "r")]
    assert main([*words, "--d-steps", "2"]) == 0
    assert capsys.readouterr().err.splitlines()[0] == "unweave: d_steps is now called critic_steps"
    assert json.loads((tmp_path / "r" / "settings.json").read_text())["method"]["critic_steps"] == 2
    assert "--critic-steps 2" in Run(tmp_path / "r").spec.command
    assert main([*words, "--d-steps", "3", "--resume"]) == 2
    assert "critic_steps (given 3, stored 2)" in capsys.readouterr().err


def test_training_keeps_its_types():
    assert {each.name for each in settings_of(Training) if each.type in (int, float) and each.range is None} == set()
