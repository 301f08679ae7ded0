import json

import pytest

from unweave.base.errors import InputError, Interrupted
from unweave.engine import Spec
from unweave.engine.scoring import read_scores
from unweave.engine.training import train
from unweave.run.run import Run

TINY = {
    "data": "dsprites", "data.size": 32, "data.hold": "lazy", "net": "conv", "net.channels": (4, 8), "net.hidden": 16,
    "latents": 3, "batch": 8, "steps": 6, "log_every": 3, "checkpoint_every": 2, "threads": 1,
}  # fmt: skip
SCORED = {"score_every": 2, "score_metrics": ("factor-vae-score", "mig"), "score_images": 300}


def weights(run):
    return (run / "weights.safetensors").read_bytes()


def test_scores_are_written_as_training_goes_and_change_nothing_else(tmp_path):
    plain = train(Spec.make("factor-vae", **TINY), tmp_path / "plain")
    scored = train(Spec.make("factor-vae", **TINY, **SCORED), tmp_path / "scored")
    assert weights(plain) == weights(scored)
    lines = read_scores(scored)
    assert [(line["step"], line["images"]) for line in lines] == [(2, 16), (4, 32), (6, 48)]
    for line in lines:
        assert 0 <= line["factor-vae-score"]["value"] <= 1
        assert {"mig", "live_latents", "seconds", "scoring_seconds"} <= line.keys()
    assert read_scores(plain) == []
    assert Run(scored).progress == lines
    assert Spec.make("factor-vae", **TINY, **SCORED).hash == Spec.make("factor-vae", **TINY).hash


def test_the_last_line_is_what_evaluating_as_many_images_gives(tmp_path):
    from unweave.metrics.probe import Probe
    from unweave.metrics.scores.factor_vae_score import FactorVAEScore

    run = Run(train(Spec.make("vae", **TINY, **SCORED), tmp_path / "run"))
    probe = Probe.of_encoder(run.posterior, run.data, n=300, seed=0)
    assert run.progress[-1]["factor-vae-score"]["value"] == FactorVAEScore()(probe).value


def test_metrics_take_settings(tmp_path):
    from unweave.metrics.probe import Probe
    from unweave.metrics.scores.factor_vae_score import FactorVAEScore

    asked = {**SCORED, "score_metrics": ("factor-vae-score preset=cascade votes=300", "mig")}
    spec = Spec.make("vae", **TINY, **asked)
    assert "'factor-vae-score preset=cascade votes=300,mig'" in spec.command
    run = Run(train(spec, tmp_path / "run"))
    probe = Probe.of_encoder(run.posterior, run.data, n=300, seed=0)
    expected = FactorVAEScore(preset="cascade", votes=300)(probe).value
    assert run.progress[-1]["factor-vae-score"]["value"] == expected != FactorVAEScore()(probe).value
    assert run.progress[-1]["mig"]["value"] is not None


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (("mig bin=40",), "unknown setting of mig 'mig.bin'"),
        (("mig bins=many",), "mig.bins must be"),
        (("mig bins",), "settings of mig must be written name=value"),
        (("mig bins=20 bins=40",), "settings of mig must say bins once"),
        (("mig", "mig bins=40"), "score_metrics must name every metric once"),
        ((" ",), "unknown metric of score_metrics ''"),
    ],
)
def test_wrong_settings_of_metrics_are_refused_before_training(wanted, message):
    with pytest.raises(InputError, match=message):
        Spec.make("vae", **TINY, score_every=2, score_metrics=wanted)


def test_time_spent_scoring_is_not_time_of_training(tmp_path):
    run = Run(train(Spec.make("vae", **TINY, **SCORED), tmp_path / "run"))
    apart = sum(line["scoring_seconds"] for line in run.progress)
    assert apart > 0
    assert run.progress[-1]["seconds"] <= run.done["seconds"] + 0.02


def test_a_category_counts_from_when_the_decoder_has_seen_it(tmp_path):
    from unweave.metrics.probe import Probe
    from unweave.metrics.scores.cluster_accuracy import ClusterAccuracy

    cascade = {"stage_steps": 2, "warmup_stages": 2, "arrival_steps": 1}
    scored = {**SCORED, "score_metrics": ("cluster-accuracy", "factor-vae-score")}
    run = Run(train(Spec.make("cascade-vae", **{**TINY, **cascade, **scored}), tmp_path / "run"))
    assert [line["step"] for line in run.progress] == [2, 4, 6]
    assert [line["cluster-accuracy"] is None for line in run.progress] == [True, True, False]
    assert all(line["factor-vae-score"] is not None for line in run.progress)
    probe = Probe.of_encoder(run.posterior, run.data, n=300, seed=0)
    assert run.progress[-1]["cluster-accuracy"]["value"] == ClusterAccuracy()(probe).value


def test_a_resumed_run_has_every_line_once(tmp_path, stop_after):
    spec = Spec.make("vae", **TINY, **SCORED)
    whole = train(spec, tmp_path / "whole")
    with pytest.raises(Interrupted):
        train(spec, tmp_path / "cut", callbacks=[stop_after(5)])
    (tmp_path / "cut" / "scores.jsonl").open("a").write(json.dumps({"step": 6}) + "\n")
    cut = train(spec, tmp_path / "cut", resume=True)

    def values(run):
        return [{k: v for k, v in line.items() if "seconds" not in k} for line in read_scores(run)]

    assert values(cut) == values(whole)


def test_metrics_that_are_unknown_or_do_not_apply_are_refused(tmp_path):
    with pytest.raises(InputError, match="metric of score_metrics 'migg'"):
        Spec.make("vae", **TINY, score_metrics=("migg",))
    spec = Spec.make("vae", data="pinwheel", steps=4, latents=2, score_every=2, score_metrics=("mig",), batch=8)
    with pytest.raises(InputError, match="score_metrics cannot have mig"):
        train(spec, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_what_is_refused_after_a_look_at_the_data_costs_no_finished_run(tmp_path):
    settings = {"data": "pinwheel", "steps": 4, "latents": 2, "batch": 8}
    run = train(Spec.make("vae", **settings), tmp_path / "run")
    before = {path.name: path.read_bytes() for path in run.iterdir() if path.is_file()}
    with pytest.raises(InputError, match="score_metrics cannot have mig"):
        train(Spec.make("vae", **settings, score_every=2, score_metrics=("mig",)), run, overwrite=True)
    assert {path.name: path.read_bytes() for path in run.iterdir() if path.is_file()} == before


def test_data_that_are_not_there_leave_no_folder_behind(tmp_path, monkeypatch):
    monkeypatch.setenv("UNWEAVE_CACHE", str(tmp_path / "cache"))
    with pytest.raises(InputError, match="mnist needs the file"):
        train(Spec.make("vae", data="mnist", net="conv", steps=4), tmp_path / "run")
    assert not (tmp_path / "run").exists()
