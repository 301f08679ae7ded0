"""The Python face: train, open, encode, decode, evaluate, draw, and tables of runs."""

import json
import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

import unweave
from unweave.face.cli.app import main
from unweave.run.run import Run

TINY = {
    "data": "dsprites", "data.size": 32, "data.hold": "lazy", "net": "conv", "net.channels": (4, 4, 4), "net.hidden": 8,
    "batch": 4, "latents": 3, "steps": 6, "threads": 1, "callbacks": [],
}  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return unweave.train("beta-vae", beta=2, out=tmp_path_factory.mktemp("runs") / "b2", **TINY)


@pytest.fixture
def small_pool(monkeypatch):
    monkeypatch.setattr("unweave.run.run.POOL", 2000)


def test_a_run_has_rates_and_always_the_same_reference_images(run):
    assert run.title == "beta-vae on dsprites, seed 0"
    assert run.kl_per_latent.shape == (3,)
    assert (run.kl_per_latent >= 0).all()
    assert run.reference_images(5).shape == (5, 1, 32, 32)
    assert torch.equal(run.reference_images(5), run.reference_images(5))


def test_codes_are_posterior_means_and_do_not_depend_on_the_batch(run):
    x = run.random_images(7)
    codes = run.encode(x)
    assert codes.shape == (7, 3)
    with torch.no_grad():
        assert torch.allclose(codes, run.vae.encode(x).posterior.mean)
        assert torch.allclose(codes[:1], run.encode(x[:1]), atol=1e-5)
    images = run.decode(codes)
    assert images.shape == (7, 1, 32, 32)
    assert 0 <= images.min() <= images.max() <= 1


def test_an_opened_run_is_the_trained_one(run):
    again = Run(run.path)
    x = run.random_images(3)
    assert torch.equal(again.encode(x), run.encode(x))
    assert again.finished
    assert again.done["images"] == 24


def test_fit_is_the_elbo_with_its_floor(run):
    fit = run.fit(600)
    assert fit["distortion"] == pytest.approx(fit["distortion_floor"] + fit["distortion_excess"])
    assert 8 < fit["distortion_floor"] < 12  # grey edges of averaged images; about 9.8 nats
    assert fit["rate"] == pytest.approx(run.kl_per_latent.sum(), rel=0.2)
    assert run.fit(600) == fit


def test_scores_are_kept_and_not_made_twice(run, small_pool, monkeypatch):
    first = run.evaluate(["mig"])["mig"]
    stored = json.loads((run.path / "metrics.json").read_text())
    assert stored["format"] == 1
    assert len(stored["scores"]) == 1
    monkeypatch.setattr(Run, "probe", property(lambda self: pytest.fail("encoded again")))
    assert Run(run.path).evaluate(["mig"])["mig"].value == first.value
    assert run.scores["mig"].per_factor == first.per_factor


def test_other_settings_of_a_metric_are_kept_beside_the_first(run, small_pool):
    run.evaluate(["mig"])
    run.evaluate(["mig"], {"mig": {"bins": 10}})
    assert run.evaluate(["mig bins=10"]) == run.evaluate(["mig bins=30"], {"mig": {"bins": 10}})
    keys = json.loads((run.path / "metrics.json").read_text())["scores"]
    assert len({key for key in keys if key.startswith("mig")}) >= 2


def test_data_without_factors_get_the_scores_that_need_none_on_images_kept_from_training(tmp_path):
    run = unweave.train("vae", data="pinwheel", latents=2, steps=4, threads=1, callbacks=[], out=tmp_path / "p")
    assert run.probe.data.part == "test"
    assert np.array_equal(run.probe.labels, run.probe.data.labels)
    applies, refused = run.metrics()
    assert {"hoyer", "overlap", "prior-match", "elbo-decomposition", "iwae"} <= set(applies)
    assert refused["mig"] == "MIG needs the true factors of every row, which this probe does not have"
    assert "needs categorical codes or a prior with modes" in refused["cluster-accuracy"]
    scores = run.evaluate(["mig", "hoyer", "overlap"])
    assert list(scores) == ["hoyer", "overlap"]
    assert scores["hoyer"].settings["rows"] == 400


def test_settings_decide_whether_a_metric_applies(tmp_path):
    prior = {"prior": "mixture", "prior.components": 3}
    run = unweave.train(
        "vae",
        data="identity",
        batch=4,
        steps=2,
        latents=2,
        threads=1,
        callbacks=[],
        out=tmp_path / "i",
        net="pinwheel-mlp",
        **prior,
        **{"data.sizes": (3, 4)},
    )
    assert "needs a factor named shape, labels" in run.metrics("cluster-accuracy")[1]["cluster-accuracy"]
    named = {"cluster-accuracy": {"factor": "factor-0"}}
    assert run.metrics("cluster-accuracy", named)[0] == ["cluster-accuracy"]
    score = run.evaluate("cluster-accuracy", named)["cluster-accuracy"]
    assert score.settings["told_by"] == "the prior's nearest mode"


def test_tables_of_runs(run, small_pool):
    run.evaluate(["mig"])
    rows = unweave.runs(run.path.parent).table()
    assert list(rows[0]) == "run method data seed metric factor value low high settings_hash saw".split()
    assert {row["factor"] for row in rows if row["metric"] == "mig"} == {"", "shape", "scale", "orientation", "x", "y"}
    assert all(row["settings_hash"] == run.spec.hash for row in rows)


def test_weights_that_do_not_fit_are_refused_before_they_are_loaded(run, tmp_path):
    for name in ("settings.json", "weights.safetensors"):
        (tmp_path / name).write_bytes((run.path / name).read_bytes())
    tensors = load_file(tmp_path / "weights.safetensors")
    save_file({**tensors, "intruder": torch.zeros(3)}, tmp_path / "weights.safetensors")
    with pytest.raises(unweave.InputError, match=r"does not hold the weights that settings\.json calls for: intruder"):
        _ = Run(tmp_path).vae
    (tmp_path / "weights.safetensors").write_bytes(b"not weights")
    with pytest.raises(unweave.InputError, match=r"weights\.safetensors cannot be read"):
        _ = Run(tmp_path).vae


def test_settings_that_call_for_huge_weights_are_refused_without_allocating(run, tmp_path):
    for name in ("settings.json", "weights.safetensors"):
        (tmp_path / name).write_bytes((run.path / name).read_bytes())
    stored = json.loads((tmp_path / "settings.json").read_text())
    stored["training"]["latents"] = 10**11
    del stored["#sum"]
    (tmp_path / "settings.json").write_text(json.dumps(stored))
    with pytest.raises(unweave.InputError, match="does not hold the weights"):
        _ = Run(tmp_path).vae


def test_two_evaluations_at_once_lose_no_score_and_no_calibration(run, tmp_path, small_pool, monkeypatch):
    from unweave.metrics.scores.mig import MIG

    place = shutil.copytree(run.path, tmp_path / "run")
    (place / "metrics.json").unlink(missing_ok=True)
    score = MIG.__call__

    def meanwhile(self, probe):
        monkeypatch.setattr(MIG, "__call__", score)
        Run(place).evaluate(["sap", "mig"])
        return score(self, probe)

    monkeypatch.setattr(MIG, "__call__", meanwhile)
    Run(place).evaluate(["mig"], calibrate=False)
    assert set(Run(place).scores) == {"sap", "mig"}
    assert Run(place).scores["mig"].floor is not None


@pytest.mark.parametrize("name", ["metrics.json", "doctor.json", "subspaces.json"])
def test_what_can_be_made_again_is_set_aside_where_it_is_damaged(run, tmp_path, small_pool, name, capsys):
    place = shutil.copytree(run.path, tmp_path / "run")
    commands = [["evaluate", str(place), "--metrics", "mig"], ["doctor", str(place)]]
    assert [main(each) for each in commands] == [0, 0]
    whole = json.loads((place / name).read_text())
    (place / name).write_text((place / name).read_text().replace("0", "1"))
    if name == "subspaces.json":
        (place / "doctor.json").unlink()
    capsys.readouterr()
    assert [main(each) for each in commands] == [0, 0]
    assert f"kept as {name}.damaged" in capsys.readouterr().err
    assert json.loads((place / name).read_text()).keys() == whole.keys()


def test_an_unfinished_run_says_so(run, tmp_path):
    (tmp_path / "settings.json").write_bytes((run.path / "settings.json").read_bytes())
    with pytest.raises(unweave.InputError, match="is not finished"):
        _ = Run(tmp_path).vae


def test_traversals_save(run, tmp_path):
    assert run.traverse().save(tmp_path / "t.png").stat().st_size > 1000


def test_the_readme_example_of_metrics_on_arrays():
    factors = np.stack(np.meshgrid(np.arange(4), np.arange(5), indexing="ij"), -1).reshape(-1, 2).repeat(20, axis=0)
    assert unweave.metrics.mig(factors.astype(float), factors).value > 0.9


def test_importing_unweave_is_light():
    assert {"train", "runs", "metrics", "data", "Run"} <= set(dir(unweave))
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = unweave.nonsense
