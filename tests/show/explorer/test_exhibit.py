"""What the page is told: facts, frames, and pictures prepared as the run's own were."""

import dataclasses
import io
import json
from base64 import b64decode
from importlib.resources import files

import numpy as np
import pytest
import torch
from PIL import Image

from unweave.base import style
from unweave.base.errors import InputError
from unweave.data.own.folder import Folder
from unweave.run.run import Run
from unweave.show.explorer.exhibit import Exhibit, _scaled, exhibit
from unweave.subspaces import Block, Subspaces


@pytest.fixture(scope="module")
def shown(trained):
    return exhibit(trained)


def picture(pixels, mode=None, form="png"):
    stream = io.BytesIO()
    Image.fromarray(pixels, mode).save(stream, form)
    return stream.getvalue()


def test_latents_are_sorted_by_kl_and_dead_ones_are_marked(trained, shown, monkeypatch):
    rates = [one["kl"] for one in shown.facts["latents"]]
    assert rates == sorted(rates, reverse=True)
    monkeypatch.setitem(vars(trained), "kl_per_latent", np.array([0.05, 2.0, 0.1]))
    facts = exhibit(trained).facts
    assert [(one["index"], one["dead"]) for one in facts["latents"]] == [(1, False), (2, False), (0, True)]
    assert facts["summary"] == "2 of 3 latents carry information, 2.1 nats per image in all."


def test_planes_are_shown_where_they_are_known_or_asked_for(run, monkeypatch):
    plane = Block((0, 2), (0.5, 0.0), ((2.0, 0.3), (0.0, 1.0)))
    known = Subspaces(3, 2000, 0, 0.05, (0, 2), (), (plane, dataclasses.replace(plane, latents=(0, 1, 2))), ())
    monkeypatch.setattr(Run, "_find_subspaces", lambda self: known)
    assert exhibit(run).facts["planes"] == []  # nobody has looked for any
    (told,) = exhibit(run, "planes").facts["planes"]
    assert (told["latents"], told["centre"]) == ([0, 2], [0.5, 0.0])
    np.testing.assert_allclose(np.array(told["matrix"]) @ told["back"], np.eye(2), atol=1e-12)
    density = np.frombuffer(b64decode(told["density"]), np.uint8)
    assert (density.size, density.max()) == (96 * 96, 255)
    assert exhibit(run).facts["planes"] == [told]
    assert exhibit(run, "means").facts["planes"] == []
    monkeypatch.setattr(type(run.data), "at_hand", False)
    (bare,) = exhibit(run).facts["planes"]
    assert (told["matrix"], set(b64decode(bare["density"]))) == (bare["matrix"], {0})


def test_angles_have_the_figures_colours():
    code = files("unweave.show.explorer").joinpath("static/picture.js").read_text("utf-8")
    assert f"const CYCLE = {json.dumps(list(style.CYCLE))}" in code


def test_a_prior_without_a_kl_of_each_latent_says_so(trained, monkeypatch):
    monkeypatch.setitem(vars(trained), "kl_per_latent", np.full(3, np.nan))
    facts = exhibit(trained).facts
    assert [(one["kl"], one["dead"]) for one in facts["latents"]] == [(None, False)] * 3
    assert "gives no KL" in facts["summary"]


def test_frames_are_the_pixels_that_the_run_decodes(trained, shown):
    rows = np.array([[0.5, -1, 2, 2, 1], [0, 0, 0, 0, 0]], np.float32)
    meant = trained.decode(torch.tensor(rows[:, :3]), torch.tensor(rows[:, 3:], dtype=torch.long))
    found = np.frombuffer(shown.decoded(rows), np.uint8).reshape(2, 1, 32, 32)
    assert np.abs(found / 255 - meant.numpy()).max() <= 0.5 / 255 + 1e-6


@pytest.mark.parametrize(
    ("row", "rule"),
    [
        ([np.nan, 0, 0, 0, 0], "finite"),
        ([0, np.inf, 0, 0, 0], "finite"),
        ([0, 0, 1001, 0, 0], "between -1000 and 1000"),
        ([0, 0, 0, 0.5, 0], "whole numbers"),
        ([0, 0, 0, 3, 0], "categories must lie between 0 and 2"),
        ([0, 0, 0, 0, -1], "categories must lie between 0 and 1"),
    ],
)
def test_codes_must_be_finite_and_bounded(shown, row, rule):
    with pytest.raises(InputError, match=rule):
        shown.decoded(np.array([row], np.float32))


def test_an_image_of_the_data_comes_with_its_code(trained, shown):
    image = trained.data.images(np.array([123_456]))
    found = shown.image(123_456)
    assert found["codes"] == pytest.approx(trained.encode(image)[0].tolist(), abs=1e-4)
    assert found["categories"] == trained.categories(image)[0].tolist()
    assert b64decode(found["frame"]) == (image * 255).round().to(torch.uint8).numpy().tobytes()
    with pytest.raises(InputError, match="from 0 to 737279"):
        shown.image(737_280)


def test_an_upload_is_shown_and_encoded(trained, shown):
    meant = shown.image(99)
    pixels = np.frombuffer(b64decode(meant["frame"]), np.uint8).reshape(32, 32)
    found = shown.upload(picture(pixels))
    assert (found["frame"], found["categories"]) == (meant["frame"], meant["categories"])
    assert found["codes"] == pytest.approx(meant["codes"], abs=1e-3)
    assert shown.upload(picture(np.stack([pixels] * 3, axis=-1))) == found  # grey again


@pytest.mark.parametrize("fit", ["stretch", "crop", "pad"])
def test_an_upload_is_prepared_as_the_folder_was(shown, tmp_path, fit):
    for k in range(2):
        pixels = np.random.default_rng(k).integers(0, 200, (50, 80, 3), np.uint8)
        (tmp_path / f"{k}.png").write_bytes(picture(pixels))
    folder = Folder(str(tmp_path), size=32, channels=1, fit=fit, scale="minmax").resolved()
    frame = shown.frames(folder.images(np.array([1])))
    of_folder = dataclasses.replace(shown, data=folder)
    assert b64decode(of_folder.upload((tmp_path / "1.png").read_bytes())["frame"]) == frame


def test_an_upload_that_is_no_picture_is_refused(shown, monkeypatch):
    with pytest.raises(InputError, match="it is no PNG, JPEG"):
        shown.upload(b"hello")
    monkeypatch.setattr("unweave.show.explorer.exhibit.MAX_PIXELS", 100)
    with pytest.raises(InputError, match="more than the 100 allowed"):
        shown.upload(picture(np.zeros((11, 10), np.uint8)))


def test_a_folders_own_ends_hold_for_uploads_of_its_depth():
    folder = Folder("x", low=10, high=60)
    eight, sixteen = np.array([[[35]]], np.uint8), np.array([[[65_535]]], np.uint16)
    assert _scaled(eight, folder).item() == 0.5
    assert _scaled(sixteen, folder).item() == 1  # not of its depth: its own full range
    assert _scaled(sixteen, dataclasses.replace(folder, high=131_060.0)).item() == 0.5
    assert _scaled(eight, None).item() == pytest.approx(35 / 255)


def test_a_table_comes_as_numbers_between_the_ends_of_its_columns(table):
    shown = exhibit(table)
    assert shown.facts["vector"]
    assert not shown.facts["upload"]
    assert [column["name"] for column in shown.facts["columns"]] == ["a", "<b>", "kind=a", "kind=b", "kind=c"]
    assert [(c["low"], c["high"]) for c in shown.facts["columns"]] == [(0, 6), (1000, 1004), (0, 1), (0, 1), (0, 1)]
    row = np.frombuffer(b64decode(shown.image(8)["frame"]), "<f4")
    assert row.tolist() == [1, 1003, 0, 0, 1]
    with pytest.raises(InputError, match="a model of pictures"):
        shown.upload(b"x")


def test_without_its_data_a_run_still_opens(table, tmp_path, monkeypatch):
    monkeypatch.setattr(type(table.data), "at_hand", False)
    shown = exhibit(Run(table.path))
    assert shown.data is None
    assert "not on this machine" in shown.facts["missing"]
    assert (shown.facts["size"], shown.facts["references"]) == (0, [])
    assert all(one["kl"] is not None for one in shown.facts["latents"])  # as logged
    assert shown.facts["columns"][0]["low"] < 3 < shown.facts["columns"][0]["high"]
    assert len(shown.decoded(np.zeros((2, 3), np.float32))) == 2 * 5 * 4
    with pytest.raises(InputError, match="must be on this machine"):
        shown.image(0)


def test_images_that_are_no_pixels_are_shown_between_their_ends(shown):
    odd = dataclasses.replace(shown, low=-2.0, high=2.0)
    assert isinstance(odd, Exhibit)
    assert list(odd.frames(torch.tensor([-3.0, -2.0, 0.0, 2.0]).view(1, 1, 2, 2))) == [0, 0, 128, 255]
