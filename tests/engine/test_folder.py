"""The folder of a run: what is written, what is refused, and that nothing of a user's is lost."""

import errno
import io
import json

import pytest
import torch
from safetensors.torch import load_file

from unweave.base.errors import CannotWrite, Diverged, InputError
from unweave.engine import Callback, Spec, folder, train


def test_a_finished_run_holds_the_promised_files(tiny, tmp_path):
    out = train(tiny(), tmp_path / "r")
    assert {p.name for p in out.iterdir()} == {"settings.json", "weights.safetensors", "log.jsonl", "done.json"}
    settings = json.loads((out / "settings.json").read_text())
    assert settings["format"] == 1
    assert {"torch", "threads", "commit", "unweave"} <= settings["made_with"].keys()
    assert Spec.from_plain(settings).hash == settings["hash"] == tiny().hash
    lines = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    assert lines[0]["units"]["total_correlation"] == "nats per image"
    logged = {"loss", "distortion", "kl", "kl_per_latent", "lr", "images_per_second", "critic_accuracy"}
    assert logged <= lines[1].keys()
    assert json.loads((out / "done.json").read_text())["images"] == 48


def test_same_seed_same_bytes_and_another_seed_others(tiny, tmp_path):
    made = [train(tiny(seed=s), tmp_path / str(n)) for n, s in enumerate((0, 0, 1))]
    first, again, other = (p.joinpath("weights.safetensors").read_bytes() for p in made)
    assert first == again != other


def test_checkpoints_can_be_kept(tiny, tmp_path):
    out = train(tiny(keep_checkpoints=True), tmp_path / "r")
    assert [p.name for p in sorted((out / "checkpoints").iterdir())] == [
        "step-000000004.safetensors", "step-000000008.safetensors",
    ]  # fmt: skip


def test_a_finished_an_unfinished_and_a_foreign_folder_are_refused(tiny, tmp_path):
    out = train(tiny(), tmp_path / "r")
    with pytest.raises(InputError, match="holds a finished run"):
        train(tiny(), out)
    (out / "done.json").unlink()
    with pytest.raises(InputError, match="holds an unfinished run; --resume"):
        train(tiny(), out)
    foreign = tmp_path / "thesis"
    foreign.mkdir()
    (foreign / "chapter1.tex").write_text("years of work")
    with pytest.raises(InputError, match="holds other files"):
        train(tiny(), foreign)
    train(tiny(), foreign, overwrite=True)
    assert (foreign / "chapter1.tex").read_text() == "years of work"


def test_overwriting_replaces_the_run_and_its_scores(tiny, tmp_path):
    out = train(tiny(), tmp_path / "r")
    (out / "metrics.json").write_text("{}")
    (out / "notes.txt").write_text("mine")
    train(tiny(seed=1), out, overwrite=True)
    assert not (out / "metrics.json").exists()
    assert (out / "notes.txt").exists()


def test_resume_of_nothing_and_of_a_file_is_refused(tiny, tmp_path):
    with pytest.raises(InputError, match="resume needs a run"):
        train(tiny(), tmp_path / "nothing", resume=True)
    (tmp_path / "file").write_text("")
    for out, rule in (("file", "out must be a folder"), ("file/below", "out must be a folder that can be written to")):
        with pytest.raises(InputError, match=rule):
            train(tiny(), tmp_path / out)


def test_a_newer_format_is_refused_by_name(tiny, tmp_path):
    out = train(tiny(), tmp_path / "r")
    stored = json.loads((out / "settings.json").read_text())
    (out / "settings.json").write_text(json.dumps({**stored, "format": 2}))
    with pytest.raises(InputError, match="has format 2, newer than the 1"):
        folder.read_spec(out)


@pytest.mark.parametrize("group", ["method", "data", "net", "prior", "likelihood"])
def test_settings_that_name_code_to_import_are_refused(group, tiny, tmp_path):
    stored = {"format": 1, **tiny("vae").plain()}
    for name in ("os:system", "builtins.eval", "../../evil.py", "unweave.models.objectives.vae:VAEObjective"):
        named = {**stored, group: {**stored[group], "name": name}}
        (tmp_path / "settings.json").write_text(json.dumps(named))
        with pytest.raises(InputError, match="unknown"):
            folder.read_spec(tmp_path)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 1}', '{"no": "format"}', '{"format": 1, "method": 3}'])
def test_broken_settings_are_refused_with_the_file_named(text, tmp_path):
    (tmp_path / "settings.json").write_text(text)
    with pytest.raises(InputError, match=r"settings\.json"):
        folder.read_spec(tmp_path)


def test_a_loss_that_is_not_a_number_stops_with_step_term_and_checkpoint(tiny, tmp_path, monkeypatch):
    from unweave.models.objectives.vae import VAEObjective

    original = VAEObjective.__call__

    def breaks(self, at):
        terms = original(self, at)
        return at.terms(kl=(1.0, terms["kl"].value * (float("nan") if at.step == 9 else 1.0)))

    monkeypatch.setattr(VAEObjective, "__call__", breaks)
    with pytest.raises(Diverged, match=r"kl became nan at step 10; .* that of step 8"):
        train(tiny("vae"), tmp_path / "r")
    assert (tmp_path / "r" / "checkpoints" / "step-000000008.safetensors").exists()
    assert not (tmp_path / "r" / "weights.safetensors").exists()


def test_gradient_clipping_and_rate_schedule_act(tiny, tmp_path):
    plain = train(tiny("vae"), tmp_path / "a")
    clipped = train(tiny("vae", clip=0.01), tmp_path / "b")
    assert plain.joinpath("weights.safetensors").read_bytes() != clipped.joinpath("weights.safetensors").read_bytes()
    out = train(tiny("vae", lr_warmup=6, lr_final=0.1), tmp_path / "c")
    rates = [json.loads(line)["lr"] for line in (out / "log.jsonl").read_text().splitlines()[1:]]
    assert rates[0] == pytest.approx(0.5e-3)
    assert rates[-1] < rates[-2] <= 1e-3


def test_weights_are_plain_safetensors_of_the_model(tiny, tmp_path):
    spec = tiny()
    out = train(spec, tmp_path / "r")
    assert {name: tuple(t.shape) for name, t in load_file(out / "weights.safetensors").items()} == spec.shapes()
    assert all(t.dtype == torch.float32 for t in load_file(out / "weights.safetensors").values())


def test_while_a_run_is_trained_nobody_else_gets_into_its_folder(tiny, tmp_path):
    refused = []

    class Second(Callback):
        def on_step_end(self, step, loss):
            for how in ({"resume": True}, {"overwrite": True}):
                if step == 5:
                    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
                    with pytest.raises(InputError, match="is in use by process") as told:
                        train(tiny(), tmp_path / "run", **how)
                    refused.append(str(told.value))
                    assert {path: path.read_bytes() for path in before} == before

    train(tiny(), tmp_path / "run", callbacks=[Second()])
    assert len(refused) == 2
    assert not [path for path in (tmp_path / "run").iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("when", [1, 4, 9])
def test_a_full_disk_says_what_is_kept_and_with_room_it_goes_on(tiny, tmp_path, monkeypatch, when):
    from unweave.base import files

    whole = train(tiny(), tmp_path / "whole")
    count = []

    class Full(io.FileIO):
        def write(self, data):
            count.append(1)
            if len(count) < when + 2:
                return super().write(data)
            super().write(bytes(data)[: len(data) // 2])
            raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr(files, "raw", Full)
        with pytest.raises(CannotWrite, match=r"No space left on device.*; --resume goes on with it"):
            train(tiny(), tmp_path / "run")
    train(tiny(), tmp_path / "run", resume=True)
    assert (whole / "weights.safetensors").read_bytes() == (tmp_path / "run" / "weights.safetensors").read_bytes()
    assert {each.name for each in whole.iterdir()} == {each.name for each in (tmp_path / "run").iterdir()}
