"""What is chosen for data of the user's own, and that what was said, and published data, stay as they are."""

import shlex

import numpy as np
import pytest
import torch
from PIL import Image

import unweave
from unweave import Unweaver
from unweave.base import registry
from unweave.base.errors import InputError
from unweave.engine import Spec, suited
from unweave.engine.loop import Loop
from unweave.engine.spec import Training
from unweave.face.cli.app import main
from unweave.run.launch import resolve

pytestmark = pytest.mark.usefixtures("own_cache")

PICTURES = np.random.default_rng(0).integers(0, 256, (40, 20, 24), dtype=np.uint8)
ROWS = np.random.default_rng(0).normal(size=(300, 12))
FIELDS = ("steps", "lr", "standardise_every", "ease", "ease_hold", "ease_steps", "batch", "latents")


def chosen(spec):
    return {name: getattr(spec.training, name) for name in FIELDS} | {"net": spec.net.name}


def test_pictures_get_what_the_recipes_know():
    spec = Spec.make("beta-tcvae", data=PICTURES)
    assert chosen(spec) == {
        "net": "broadcast", "steps": 1000, "lr": 1e-3, "standardise_every": 100, "ease": 0.1, "ease_hold": 333,
        "ease_steps": 333, "batch": 40, "latents": 10,
    }  # fmt: skip
    assert "net broadcast, means without a sigmoid, 1,000 steps (1,000 passes), lr 0.001" in spec.account[-1]
    assert not spec.likelihood.settings.squash
    assert Spec.make("beta-tcvae", data=np.zeros((9, 70, 70)) + np.arange(9)[:, None, None]).net.name == "conv"


def test_rows_get_the_rate_and_standardised_codes_but_no_easing():
    spec = Spec.make("vae", data=ROWS)
    assert chosen(spec) == {
        "net": "mlp", "steps": 1000, "lr": 1e-3, "standardise_every": 100, "ease": 1.0, "ease_hold": 0,
        "ease_steps": 0, "batch": 64, "latents": 10,
    }  # fmt: skip
    assert "net" not in spec.account[-1]


def test_the_estimator_and_train_choose_alike(tmp_path):
    for data in (PICTURES, ROWS):
        model = Unweaver("beta-vae", random_state=0, threads=1, steps=6).fit(data)
        spec = Spec.make("beta-vae", data=data, steps=6, seed=0, threads=1)
        kept = model._stored
        assert {name: kept["training"][name] for name in FIELDS} == {
            k: v for k, v in chosen(spec).items() if k != "net"
        }
        assert kept["net"]["name"] == spec.net.name
        assert kept["account"][-1] == spec.account[-1]


def test_the_estimator_takes_the_published_settings_where_that_is_said():
    model = Unweaver("vae", recipe="published", steps=2, batch=8, random_state=0).fit(PICTURES)
    assert (
        model._stored["training"] | {"threads": None}
        == Spec.make(
            "vae",
            data=PICTURES,
            recipe="published",
            steps=2,
            batch=8,
            checkpoint_every=model._stored["training"]["checkpoint_every"],
        ).plain()["training"]
    )
    with pytest.raises(InputError, match="recipe must be published"):
        Unweaver("vae", recipe="vae-of-mine").fit(PICTURES)


def test_what_was_said_stays():
    spec = Spec.make("beta-vae", data=PICTURES, **{"likelihood.squash": True})
    assert spec.likelihood.settings.squash
    said = {"steps": 50, "lr": None, "standardise_every": 7, "ease_hold": 0, "net": "conv", "batch": 8}
    spec = Spec.make("beta-vae", data=PICTURES, likelihood="bernoulli", **said)
    assert chosen(spec) == {**said, "ease": 1.0, "ease_steps": 0, "latents": 10}
    assert not [line for line in spec.account if "chosen" in line]


def test_the_published_recipe_chooses_nothing():
    spec = Spec.make("factor-vae", data=PICTURES, recipe="published", batch=8)
    assert spec.training == Training(batch=8)
    assert (spec.net.name, spec.objective) == ("conv", registry.methods.get("factor-vae")())
    assert spec.likelihood.settings.squash
    assert not [line for line in spec.account if "chosen" in line]


def test_published_data_keep_their_settings():
    spec = Spec.make("factor-vae", data="dsprites")
    assert (spec.training, spec.net.name, spec.account) == (Training(), "dlib-conv", ())


@pytest.mark.parametrize("data", [PICTURES, ROWS], ids=["pictures", "rows"])
@pytest.mark.parametrize("method", registry.methods.names())
def test_every_method_can_be_trained_with_what_is_chosen(method, data):
    paired = {"pairs": "neighbours"} if registry.methods.get(method).paired else {}
    spec = Spec.make(method, data=data, **paired)
    standardised = spec.training.standardise_every > 0
    assert standardised == registry.methods.get(method).standardises
    assert (spec.training.ease < 1) == (spec.objective.eases and data is PICTURES)


@pytest.mark.parametrize(
    "other", [{"prior": "student-t"}, {"net": "pinwheel-mlp"}], ids=["another prior", "another net"]
)
def test_codes_that_cannot_be_standardised_are_left_alone(other):
    data = ROWS[:, :2] if "net" in other else ROWS
    assert Spec.make("vae", data=data, **other).training.standardise_every == 0


@pytest.mark.parametrize("recipe", [None, "published"])
@pytest.mark.parametrize("method", ["beta-tcvae", "factor-vae"])
def test_the_command_of_a_run_makes_the_same_run_again(method, recipe):
    spec = Spec.make(method, data=PICTURES, recipe=recipe, batch=8, latents=3)
    words = shlex.split(spec.command)
    again = {}
    for flag, value in zip(words[3:], [*words[4:], ""], strict=True):
        if flag.startswith("--"):
            switch, name = value.startswith("--") or not value, flag.removeprefix("--")
            part, dot, own = name.rpartition(".")
            if switch:
                again[part + dot + own.removeprefix("no-")] = not own.startswith("no-")
            else:
                again[name] = None if value == "none" else value
    same = Spec.make(words[2], **{name.replace("-", "_"): value for name, value in again.items()})
    assert same.hash == spec.hash


@pytest.mark.parametrize(
    ("rows", "batch", "steps"), [(2, 2, 1000), (1_000, 64, 3125), (10**6, 64, 8000), (1_000, 10, 8000)]
)
def test_steps_by_the_number_of_rows(rows, batch, steps):
    assert suited.steps_for(rows, batch) == steps


def test_the_command_of_a_run_on_pictures_makes_it_again(tmp_path):
    for k in range(20):
        Image.fromarray(np.full((16, 16), 10 * k, np.uint8)).save(tmp_path / f"{k:02d}.png")
    spec = resolve("beta-vae", data=f"folder:{tmp_path}", steps=20)
    assert "--likelihood.no-squash" in spec.command
    assert main([*shlex.split(spec.command)[1:], "--out", str(tmp_path / "run")]) == 0
    assert unweave.Run(tmp_path / "run").spec.hash == spec.hash


def test_pairs_of_pictures_fill_the_batch_that_is_chosen(tmp_path):
    for k in range(9):
        Image.fromarray(np.full((16, 16), 10 * k, np.uint8)).save(tmp_path / f"{k}.png")
    (tmp_path / "pairs.csv").write_text("0,1\n2,3\n")
    data = f"folder:{tmp_path}"
    assert resolve("ada-gvae", data=data, pairs="neighbours").training.batch == 8
    assert resolve("ada-gvae", data=data, pairs=str(tmp_path / "pairs.csv")).training.batch == 4


def test_bf16_is_no_reason_to_refuse_standardised_codes():
    settings = {"standardise_every": 2, "precision": "bf16", "device": "cpu", "steps": 2, "batch": 8}
    assert Loop(resolve("vae", data="circle", **settings)).state.vae.numbers is torch.bfloat16
