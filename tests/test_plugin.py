"""The example plug-in, installed as a user would: trained, resumed and scored by name, and held to the contracts."""

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
import pytest
import unweave
from unweave import registry
from unweave.engine.callbacks import Callback

class Stop(Callback):
    def on_step_end(self, step, loss):
        if step == 5:
            raise RuntimeError("power cut")

settings = {"data": "dsprites", "data.size": 32, "data.hold": "lazy", "net": "tiny-mlp", "net.hidden": 16, "bits": 0.1,
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
import unweave.run.run
unweave.run.run.POOL = 2000
print("mig", unweave.Run(out / "cut").evaluate(["mig"])["mig"].value)
ours = ["-k", "free-bits-vae or tiny-mlp"]
raise SystemExit(pytest.main(["--pyargs", sys.argv[2], "-q", "-p", "no:cacheprovider", *ours]))
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


def test_trains_resumes_is_scored_by_name_and_keeps_the_contracts(installed, tmp_path):
    paths = os.pathsep.join([str(installed), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-c", SESSION, str(tmp_path), "unweave.contracts"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": paths},
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "mig" in done.stdout
    closing = done.stdout.strip().splitlines()[-1]
    assert "passed" in closing
    assert int(closing.split(" passed")[0].split()[-1]) > 10
    settings = json.loads((tmp_path / "cut" / "settings.json").read_text())
    assert settings["plugins"] == {
        "methods:free-bits-vae": "unweave-example 0.1.0",
        "net:tiny-mlp": "unweave-example 0.1.0",
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
