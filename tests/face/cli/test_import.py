"""`unweave import`: a run of others' weights, and one sentence where it cannot."""

import json

import pytest
import torch
from torch import nn

from unweave.face.cli.app import main
from unweave.run.run import Run


def joint_state():
    """Weights under JointVAE's names, for 32 x 32 images, 4 continuous latents and 3 categories."""
    layers = {
        "img_to_features.0": nn.Conv2d(1, 32, 4),
        "img_to_features.2": nn.Conv2d(32, 64, 4),
        "img_to_features.4": nn.Conv2d(64, 64, 4),
        "features_to_hidden.0": nn.Linear(1024, 256),
        "fc_mean": nn.Linear(256, 4),
        "fc_log_var": nn.Linear(256, 4),
        "fc_alphas.0": nn.Linear(256, 3),
        "latent_to_features.0": nn.Linear(7, 256),
        "latent_to_features.2": nn.Linear(256, 1024),
        "features_to_img.0": nn.ConvTranspose2d(64, 32, 4),
        "features_to_img.2": nn.ConvTranspose2d(32, 32, 4),
        "features_to_img.4": nn.ConvTranspose2d(32, 1, 4),
    }
    return {f"{name}.{part}": value for name, layer in layers.items() for part, value in layer.state_dict().items()}


@pytest.fixture
def theirs(tmp_path):
    torch.save(joint_state(), tmp_path / "model.pt")
    specs = {"latent_spec": {"cont": 4, "disc": [3]}, "dataset": "mnist", "batch_size": 64, "epochs": [100]}
    (tmp_path / "specs.json").write_text(json.dumps(specs))
    return tmp_path / "model.pt"


def test_a_run_that_encode_and_sample_take(theirs, tmp_path, capsys):
    out = str(tmp_path / "run")
    data = ["--data", "dsprites", "--data.size", "32", "--data.hold", "lazy"]
    assert main(["import", str(theirs), "--from", "jointvae", "--out", out, *data]) == 0
    assert "joint-vae on dsprites, seed 0: imported into" in capsys.readouterr().out
    run = Run(out)
    assert run.spec.training.steps == 100 * 938
    assert run.category_sizes == (3,)
    assert main(["encode", out, "--out", str(tmp_path / "c.csv"), "--limit", "4"]) == 0
    assert main(["sample", out, "--n", "3", "--out", str(tmp_path / "s.npz")]) == 0


@pytest.mark.parametrize(
    ("words", "rule"),
    [
        ("import FILE --from jointvae", "import needs --out"),
        ("import FILE --out RUN", "import needs --from"),
        ("import FILE --from pythae --out RUN", "source must be one of disvae, jointvae"),
        ("import FILE --from disvae --out RUN", "file must hold encoder.mu_logvar_gen.weight"),
        ("import FILE.x --from disvae --out RUN", "which is none"),
        ("import FILE --from jointvae --out RUN --data dsprites", "images of shape (1, 32, 32)"),
    ],
)
def test_wrong_wishes_get_one_sentence(theirs, tmp_path, refused, words, rule):
    refused(words.replace("FILE", str(theirs)).replace("RUN", f"{tmp_path}/run"), rule)
    assert not (tmp_path / "run").exists()
