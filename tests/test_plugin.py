"""The example plug-in, installed as a user would: trained, stopped, resumed and scored by name.

The contracts of what it brings are in test_one_file_one_line.py.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

SESSION = """
import sys
from pathlib import Path
import unweave
from unweave.base import registry
from unweave.engine.callbacks import Callback

class Stop(Callback):
    def on_step_end(self, step, loss):
        if step == 5:
            raise RuntimeError("power cut")

settings = {"data": "bars", "data.size": 8, "net": "tiny-mlp", "net.hidden": 16, "prior": "laplace", "bits": 0.1,
            "batch": 8, "latents": 3, "steps": 8, "checkpoint_every": 3, "threads": 1, "callbacks": []}
out = Path(sys.argv[1])
assert registry.methods.origin("free-bits-vae") == "unweave-example 0.1.0"
whole = unweave.train("free-bits-vae", out=out / "whole", **settings)
try:
    unweave.train("free-bits-vae", out=out / "cut", **{**settings, "callbacks": [Stop()]})
except RuntimeError:
    pass
cut = unweave.train("free-bits-vae", out=out / "cut", resume=True, **settings)
assert (cut.path / "weights.safetensors").read_bytes() == (whole.path / "weights.safetensors").read_bytes()
print(cut.evaluate(["matched-correlation"])["matched-correlation"].value)
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    target = tmp_path_factory.mktemp("site")
    pip = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--no-deps",
        "--no-build-isolation",
        "--no-index",
        "--quiet",
    ]
    done = subprocess.run(
        [*pip, "--target", str(target), str(ROOT / "examples/plugin")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return target


def test_trains_resumes_and_is_scored_by_name(installed, tmp_path):
    paths = os.pathsep.join([str(installed), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-c", SESSION, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": paths},
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert 0 <= float(done.stdout.splitlines()[-1]) <= 1
    settings = json.loads((tmp_path / "cut" / "settings.json").read_text())
    assert settings["plugins"] == {
        f"{kind}:{name}": "unweave-example 0.1.0"
        for kind, name in {"methods": "free-bits-vae", "data": "bars", "net": "tiny-mlp", "prior": "laplace"}.items()
    }


def test_without_the_package_its_runs_are_refused_by_name(installed, tmp_path):
    from unweave.base.errors import InputError
    from unweave.engine import folder

    (tmp_path / "settings.json").write_text(
        json.dumps(
            {
                "format": 1,
                "method": {"name": "free-bits-vae"},
                "data": {"name": "dsprites"},
                "net": {"name": "conv"},
                "prior": {"name": "isotropic"},
                "likelihood": {"name": "bernoulli"},
                "training": {},
            }
        )
    )
    with pytest.raises(InputError, match="unknown method 'free-bits-vae'"):
        folder.read_spec(tmp_path)
