"""The Ray engine: the same bytes as the local one, with lost workers, and with results through the object store."""

import shutil

import pytest

from unweave.base.errors import InputError
from unweave.studies import ray as engine
from unweave.studies.conduct import Options, conduct
from unweave.studies.expansion import expand
from unweave.studies.trial import Job, states

from .conftest import TINY, in_process, job, weights


def test_without_ray_an_error_says_what_to_install(tiny, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "ray", None)
    study = tiny()
    with pytest.raises(InputError, match=r"pip install 'unweave\[ray\]'"):
        conduct(study, expand(study), Options(engine="ray"))


def test_a_worker_that_does_not_see_the_folder_sends_its_run_back(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path / "elsewhere"))
    study, whole = tiny(), tiny(out=tmp_path / "whole")
    trial = expand(study)[0]
    events, packed = engine.do(job(study, trial), None, {})
    assert events[-1].kind == "done"
    assert not study.folder.exists()
    conduct_here(whole, monkeypatch)
    assert packed["weights.safetensors"] == weights(whole)[trial.name]
    assert set(packed) == {"settings.json", "weights.safetensors", "log.jsonl", "done.json", "trial.json"}
    assert not list((tmp_path / "elsewhere").glob("*/runs/*"))
    events, again = engine.do(job(study, trial), None, packed)  # trained already: only scored
    assert [event.kind for event in events] == ["scoring", "done"]
    assert again["weights.safetensors"] == packed["weights.safetensors"]


def conduct_here(study, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr("unweave.studies.local.run", in_process)
        conduct(study, expand(study))


@pytest.fixture(scope="session")
def cluster():
    """Ray with two places, started once."""
    ray = pytest.importorskip("ray", reason="ray is not installed: pip install 'unweave[ray]'")
    import os

    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    engine.start(ray, 2, None)
    yield ray
    ray.shutdown()


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.xdist_group("ray")
@pytest.mark.parametrize("store", [False, True], ids=["shared folder", "object store"])
def test_two_workers_give_the_bytes_of_the_local_engine_though_one_is_killed(
    cluster, tiny, tmp_path, plugin, monkeypatch, store
):
    deadly = {**TINY["settings"], "data": "deadly", "steps": 12}
    study, whole = (tiny(out=tmp_path / name, settings=deadly) for name in ("cut", "whole"))
    conduct_here(whole, monkeypatch)
    (tmp_path / "deadly").touch()
    jobs = [Job.of(study, trial, threads=1, owner=f"o{store}", plugin=str(plugin)) for trial in expand(study)]
    kinds = [event.kind for event in engine.run(jobs, workers=2, store=store) if event is not None]
    assert kinds.count("lost") == 1
    assert kinds.count("done") == 4
    assert weights(study) == weights(whole)
    assert set(states(study, expand(study)).values()) == {"done"}
    assert not list((study.folder / "claims").glob("[!.]*"))
    assert not list(study.folder.glob(".seen*"))
    shutil.rmtree(study.folder)
