"""What is said where the device that was asked for is not there."""

import json

import pytest
import torch

from unweave.base.errors import InputError
from unweave.engine import folder, train
from unweave.engine.device import check_there
from unweave.run.launch import train as launch
from unweave.run.run import Run


@pytest.fixture
def no_card(monkeypatch):
    """A machine where torch sees no card, with a build of torch that has CUDA or not."""

    def machine(*, built: bool) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
        monkeypatch.setattr(torch.backends.cuda, "is_built", lambda: built)
        monkeypatch.setattr(torch.version, "cuda", "12.8" if built else None)
        monkeypatch.setattr(torch.version, "hip", None)
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)

    return machine


def test_a_build_without_cuda_is_named_and_where_another_one_is(no_card):
    no_card(built=False)
    with pytest.raises(InputError, match=r"without CUDA.*pytorch\.org") as refused:
        check_there("cuda")
    assert torch.__version__ in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(("hidden", "says"), [("", "CUDA_VISIBLE_DEVICES is ''"), ("-1", "'-1'"), ("0", "nvidia-smi")])
def test_a_build_with_cuda_that_sees_no_card_says_why(no_card, monkeypatch, hidden, says):
    no_card(built=True)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", hidden)
    with pytest.raises(InputError, match=r"built for CUDA 12\.8.*sees no card") as refused:
        check_there("cuda")
    assert says in str(refused.value)


def test_mps_is_refused_alike(monkeypatch):
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(InputError, match="got mps: torch"):
        check_there("mps")


def test_training_leaves_no_folder_behind(no_card, tiny, tmp_path):
    no_card(built=False)
    with pytest.raises(InputError, match="got cuda"):
        train(tiny(device="cuda"), tmp_path / "run")
    with pytest.raises(InputError, match="got cuda"):
        launch("vae", data="no such data are looked at", device="cuda", out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_run_of_another_machine_opens_where_its_device_is_missing(no_card, tiny, tmp_path):
    """It was trained on a card; scores and pictures need none."""
    no_card(built=False)
    run = train(tiny("vae", steps=2), tmp_path / "run")
    stored = json.loads((run / folder.SETTINGS).read_text())
    for changed, file in ((stored, folder.SETTINGS), (json.loads((run / folder.DONE).read_text()), folder.DONE)):
        changed.pop("#sum", None), changed.pop("sums", None)
        if "training" in changed:
            changed["training"]["device"] = "cuda"
        (run / file).write_text(json.dumps(changed))
    assert Run(run).vae is not None
    assert folder.read_spec(run)[0].training.device == "cuda"
