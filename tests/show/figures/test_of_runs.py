"""Figures of real runs, untrained but whole: classes by label and by factor, blocks, several runs by command."""

import gzip
import importlib

import numpy as np
import pytest

from unweave.base.errors import InputError
from unweave.data.published.fashion_mnist import SOURCE
from unweave.face.cli.app import main
from unweave.run import run as runs
from unweave.run.launch import train
from unweave.run.run import Run, Runs

TINY = {"net": "conv", "net.channels": (4, 4), "net.hidden": 8, "batch": 8, "steps": 2, "latents": 3}
SPRITES = {"data": "dsprites", "data.size": 32, "data.hold": "lazy"}


def idx(array: np.ndarray) -> bytes:
    header = np.array([2048 + array.ndim, *array.shape], ">i4").tobytes()
    return gzip.compress(header + array.astype(np.uint8).tobytes())


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("figures")


@pytest.fixture(scope="module")
def clothes(place) -> Run:
    """A run on a folder of noise in which the classes 0, 1 and 9 occur."""
    rng = np.random.default_rng(0)
    for file in SOURCE.files:
        content = rng.integers(0, 256, (30, 28, 28)) if "images" in file.name else np.arange(30) % 3 * np.array(9) // 2
        (place / file.name).write_bytes(idx(content))
    data = {"data": "fashion-mnist", "data.folder": str(place)}
    return train("decomposition-vae", out=place / "clothes", callbacks=(), **data, **TINY)


@pytest.fixture(scope="module")
def sprites(place) -> Run:
    soon = {"stage_steps": 1, "warmup_stages": 1}
    return train("cascade-vae", out=place / "sprites", callbacks=(), **soon, **SPRITES, **TINY)


@pytest.fixture(autouse=True)
def small_pools(monkeypatch):
    monkeypatch.setattr(runs, "POOL", 60)
    monkeypatch.setattr(runs, "SHOWN", 60)


def test_runs_tell_categories_or_none(clothes, sprites):
    assert (clothes.category_sizes, sprites.category_sizes) == ((), (3,))


def test_classes_by_label_are_those_of_the_held_out_images(clothes):
    found = clothes.classes()
    assert found.names == ("T-shirt/top", "Coat", "Ankle boot")
    held_out = clothes.data.held_out
    for k, number in enumerate((0, 4, 9)):
        rows = np.flatnonzero(found.labels == k)
        images = held_out.images(np.flatnonzero(held_out.labels == number))
        wanted = np.sort(clothes.posterior(images).mean, axis=0)
        np.testing.assert_allclose(np.sort(found.codes[rows], axis=0), wanted, atol=1e-5)
        np.testing.assert_allclose(clothes.posterior(found.images(rows)).mean, found.codes[rows], atol=1e-5)


def test_classes_by_factor(sprites):
    assert sprites.classes().names == ("shape 1", "shape 2", "shape 3")
    found = sprites.classes("scale")
    assert found.names[0] == "scale 0.5"
    with pytest.raises(InputError, match="unknown factor 'scal'"):
        sprites.classes("scal")


def test_data_without_factors_refuse_a_factor(clothes):
    with pytest.raises(InputError, match="factor must be one that fashion-mnist has"):
        clothes.classes("scale")


def test_data_without_classes_have_none(clothes, monkeypatch):
    monkeypatch.setattr(type(clothes.data), "labels", None)
    fresh = Run(clothes.path)
    assert fresh.classes() is None
    for figure in ("class-magnitudes", "active-dimensions", "latent-pairs"):
        with pytest.raises(InputError, match=f"{figure} needs a data set with classes"):
            fresh.draw(figure)


def test_commands_draw_one_run_and_several(clothes, sprites, tmp_path, capsys):
    first, second = str(clothes.path), str(sprites.path)
    for words in (["class-magnitudes", first], ["active-dimensions", second, "--factor", "scale", "--blocks", "2"]):
        assert main(["draw", *words]) == 0
        assert (Run(words[1]).path / "figures" / f"{words[0]}.png").exists()
    assert main(["draw", "aggregate-posterior", first, second, "--cells", "20", "--out", str(tmp_path / "a.png")]) == 0
    assert (tmp_path / "a.png").exists()
    assert main(["draw", "aggregate-posterior", second, first, "--cells", "20"]) == 0
    assert (sprites.path / "figures" / "aggregate-posterior.png").exists()
    for words, rule in (
        (["traversal", first, second], "traversal is a figure of one run"),
        (["curves"], "draw needs the folder of a run"),
        (["hoyer-alpha", first, second], "needs runs of a method with alpha"),
    ):
        capsys.readouterr()
        assert main(["draw", *words]) == 2
        assert rule in capsys.readouterr().err


def test_hoyer_scores_are_taken_or_made_and_kept(clothes, monkeypatch):
    metric = importlib.import_module("unweave.metrics.scores.hoyer")
    monkeypatch.setattr(metric, "live_latents", lambda codes, *_: np.ptp(codes, axis=0) > 0)
    alone = Run(clothes.path)
    alt = Runs([alone]).draw("hoyer-alpha").alt
    assert f"{alone.scores['hoyer'].value:.3f} at alpha 1" in alt
    again = Run(clothes.path)
    assert Runs([again]).draw("hoyer-alpha").alt == alt
    assert "probe" not in vars(again)  # nothing was encoded a second time


def test_traversal_has_a_block_for_each_category(sprites, monkeypatch):
    seen = []
    usual = sprites.decode
    monkeypatch.setattr(
        sprites, "decode", lambda z, categories=None: (seen.append(categories), usual(z, categories))[1]
    )
    sprites.traverse(steps=3)
    assert [each.unique().tolist() for each in seen[1:]] == [[0], [1], [2]]
