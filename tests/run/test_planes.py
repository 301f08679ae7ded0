"""Codes read in planes: found once for the weights of a run, told in scores, files, words and on the command line."""

import json

import numpy as np
import pytest
import torch

import unweave
from unweave.base.errors import InputError
from unweave.base.files import read_json, write_json
from unweave.base.records import Encoded
from unweave.face.cli.app import main
from unweave.run.run import Run
from unweave.run.scorebook import SUBSPACES
from unweave.show.codes import encode_to
from unweave.show.figures.traversal import Traversal
from unweave.subspaces import find_subspaces
from unweave.subspaces.reading import findings_of, in_planes


def round_codes(turns):
    """A ring in the first two latents, whose radius is neither constant nor normal, and something else in the third."""
    radius = 1.4 + 0.1 * np.sin(37 * turns)
    return np.stack([radius * np.cos(turns), radius * np.sin(turns), np.sin(11 * turns)], axis=1)


def encoder(images):
    """The angle of a clock's hand, from the middle of its light."""
    middle = torch.arange(16) - 7.5
    shade = images[:, 0] / images[:, 0].sum((1, 2), keepdim=True)
    x, y = (shade.sum(1) * middle).sum(1), -(shade.sum(2) * middle).sum(1)
    codes = torch.from_numpy(round_codes(torch.atan2(y, x).double().numpy())).float()
    return Encoded(codes, torch.ones_like(codes), torch.full_like(codes, 1.5))


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    out = tmp_path_factory.mktemp("planes") / "run"
    settings = {"data": "circle", "data.angles": 600, "latents": 3, "steps": 1, "batch": 8, "threads": 1}
    return unweave.train("vae", out=out, callbacks=[], **settings).path


@pytest.fixture
def run(trained, monkeypatch):
    for kept in (SUBSPACES, "metrics.json", "doctor.json"):
        (trained / kept).unlink(missing_ok=True)
    monkeypatch.setattr(Run, "posterior", lambda self, images: encoder(images))
    return Run(trained)


def test_planes_are_found_once_and_kept_with_the_weights(run, monkeypatch):
    assert [block.latents for block in run.subspaces.blocks] == [(0, 1)]
    monkeypatch.setattr("unweave.run.run.find_subspaces", None)
    assert Run(run.path).subspaces == run.subspaces
    path = run.path / SUBSPACES
    write_json(path, {**read_json(path), "of": "00000000"})
    with pytest.raises(TypeError):  # of other weights: looked for again
        _ = Run(run.path).subspaces


def test_scores_say_which_codes_they_read_and_stand_beside_each_other(run):
    means = run.evaluate(["mig"], calibrate=False)["mig"]
    planes = run.evaluate(["mig"], calibrate=False, codes="planes")["mig"]
    assert means.settings["codes"] == means.codes == "means"
    assert planes.settings["codes"] == "planes"
    assert planes.settings["columns"] == ["latent 2", "radius 0+1", "cos 0+1", "sin 0+1"]
    assert np.shape(planes.tables["normalised"]) == (1, 4)
    assert run.scores == {"mig": means, "mig (planes)": planes}
    assert Run(run.path).evaluate(["mig"], calibrate=False)["mig"] == means


def test_scores_of_an_older_search_do_not_count(run, monkeypatch):
    run.evaluate(["mig"], calibrate=False, codes="planes")
    monkeypatch.setattr("unweave.run.scorebook.IN_PLANES", " planes v0")
    assert run.scores == {}


def test_a_score_of_planes_is_cited_as_its_metric(run, capsys):
    run.evaluate(["mig"], calibrate=False, codes="planes")
    assert main(["cite", str(run.path)]) == 0
    assert "mig (metric)" in capsys.readouterr().out


def test_what_needs_the_model_does_not_read_planes(run):
    assert run.evaluate(["iwae", "elbo-decomposition"], codes="planes") == {}
    assert run.metrics(["iwae"])[0] == ["iwae"]
    assert "codes in planes" in run.metrics(["iwae"], codes="planes")[1]["iwae"]
    with pytest.raises(InputError, match="codes must be one of means, planes"):
        run.evaluate(["mig"], codes="polar")


def test_the_doctor_names_the_plane(run):
    (finding,) = [each for each in run.findings if each.topic == "planes"]
    assert "Latents 0 and 1 form a plane" in finding.sentence
    assert finding.numbers["latents"] == [0, 1]


def test_few_images_are_a_stated_skip(tmp_path):
    made = unweave.train(
        "vae",
        data="circle",
        **{"data.angles": 100},
        latents=2,
        steps=1,
        batch=8,
        threads=1,
        out=tmp_path / "few",
        callbacks=[],
    )
    assert made.subspaces.blocks == ()
    assert "200" in made.subspaces.skipped
    assert any("not searched for" in each.sentence for each in made.findings)


def test_files_of_codes_hold_the_planes_beside_the_codes(run, tmp_path):
    with np.load(encode_to(run, tmp_path / "codes.npz", limit=50, codes="planes")) as held:
        assert held["planes_columns"].tolist() == ["radius 0+1", "cos 0+1", "sin 0+1"]
        np.testing.assert_allclose(np.hypot(held["planes"][:, 1], held["planes"][:, 2]), 1)
        polar, _ = run.subspaces.polar(held["codes"])
        np.testing.assert_allclose(held["planes"], polar[:, 1:])
    with np.load(encode_to(run, tmp_path / "means.npz", limit=5)) as held:
        assert "planes" not in held


def test_a_probe_in_planes_keeps_what_is_known_of_its_rows():
    turns = np.random.default_rng(0).uniform(0, 2 * np.pi, 1000)
    codes = round_codes(turns)
    probe = unweave.metrics.Probe(
        codes, np.stack([turns, turns > 3], axis=1), factor_names=["turn", "late"], kl_per_latent=[2.0, 1.0, 0.5]
    )
    found = find_subspaces(codes)
    read = in_planes(probe, found)
    assert read.kl_per_latent.tolist() == [0.5, 3.0, 3.0, 3.0]
    assert (read.factor_names, read.continuous) == (("turn", "late"), ("turn",))
    np.testing.assert_array_equal(read.values, probe.values)
    np.testing.assert_allclose(found.inverse(read.codes), codes)


def test_a_traversal_goes_once_round_and_from_the_middle_outwards(run, monkeypatch):
    asked: list[torch.Tensor] = []
    decode = Run.decode
    monkeypatch.setattr(Run, "decode", lambda self, codes, *rest: asked.append(codes) or decode(self, codes, *rest))
    picture = Traversal(codes="planes", steps=5)(run)
    turn, out, other = asked[-1].double().numpy().reshape(3, 5, 3)
    (plane,) = run.subspaces.blocks
    angles = np.unwrap(np.arctan2(*plane.polar(turn)[:, :0:-1].T))
    np.testing.assert_allclose(np.diff(angles), np.pi / 2, atol=1e-5)
    reach = np.quantile(plane.polar(run.encode(run.reference_images(1000)).double().numpy())[:, 0], 0.9)
    np.testing.assert_allclose(plane.polar(out)[:, 0], np.linspace(0, reach, 5), atol=1e-5)
    np.testing.assert_allclose(plane.polar(turn)[:, 0], max(reach, plane.polar(other)[0, 0]), atol=1e-5)
    assert len({*turn[:, 2], *out[:, 2]}) == 1
    np.testing.assert_allclose(other[:, 2], np.linspace(-2, 2, 5))
    assert "planes as their rows say" in picture.alt


def test_the_command_line_scores_and_walks_planes(run, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["evaluate", str(run.path), "--metrics", "mig", "--codes", "planes", "--no-calibrate"]) == 0
    assert "latents 0 and 1 read as radius and angle" in " ".join(capsys.readouterr().out.split())
    assert main(["traverse", str(run.path), "--codes", "planes", "--out", "walk.png"]) == 0
    np.save("codes.npy", round_codes(np.linspace(0, 2 * np.pi, 2000)))
    np.save("factors.npy", np.arange(2000) // 100)
    capsys.readouterr()
    assert main(["score", "codes.npy", "factors.npy", "--codes", "planes", "--metrics", "mig", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["mig"]["settings"]["blocks"] == [[0, 1]]
    assert main(["evaluate", str(run.path), "--codes", "circles"]) == 2
    assert "codes must be one of means, planes" in capsys.readouterr().err


def test_the_doctor_of_plain_codes_speaks_of_latents_and_not_of_columns(tmp_path, capsys):
    path = tmp_path / "codes.npy"
    np.save(path, round_codes(np.linspace(0, 2 * np.pi, 2000)))
    assert main(["score", str(path), "--codes", "planes", "--metrics", "hoyer"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "All 3 latents are live" in said
    assert "Latents 0 and 1 form a plane: neither" in said


def test_a_sphere_of_three_latents_has_a_direction():
    points = np.random.default_rng(0).normal(size=(4000, 3))
    (finding,) = findings_of(find_subspaces(points / np.linalg.norm(points, axis=1, keepdims=True)))
    assert "Latents 0, 1 and 2 form a block: none" in finding.sentence
    assert "direction from the centre" in finding.sentence
