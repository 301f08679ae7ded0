"""What is named is fixed in every image and the rest is not, also where things were never seen together."""

import numpy as np
import pytest
import torch

from unweave import train
from unweave.base.errors import InputError
from unweave.metrics.probe import Probe
from unweave.metrics.scores.mig import holders
from unweave.run.compose import compose
from unweave.run.names import save_name

NAMES = ("shape", "size", "place")


class Plain:
    """A decoder that shows its codes as pixels."""

    category_sizes = (3,)

    def decode(self, codes, categories=None):
        return codes[:, None, None, :]


@pytest.fixture
def probe():
    """Codes that are the factors, the third one in two latents, and a latent of noise; large hearts do not occur."""
    rng = np.random.default_rng(0)
    factors = np.stack([rng.integers(3, size=4000), rng.integers(6, size=4000), rng.integers(8, size=4000)], axis=1)
    factors = factors[(factors[:, 0] != 2) | (factors[:, 1] < 3)]
    turn = 2 * np.pi * factors[:, 2] / 8
    codes = np.column_stack([factors[:, 1], rng.normal(size=len(factors)), np.cos(turn), np.sin(turn), factors[:, 0]])
    categories = rng.integers(3, size=len(factors))
    return Probe(codes + rng.normal(scale=0.02, size=codes.shape), factors, factor_names=NAMES, categories=categories)


def made(probe, wanted, n=200, **names):
    latents = {**{f"z{j}": j for j in range(5)}, **names}
    return compose(Plain(), probe, {"shape": ("square", "ellipse", "heart")}, latents, wanted, n)


def test_each_factor_gets_the_latents_that_tell_it(probe):
    assert holders(probe) == {"shape": [4], "size": [0], "place": [2, 3]}


@pytest.mark.parametrize(
    ("wanted", "latent", "value"),
    [
        ("size=0", 0, 0), ("size=largest", 0, 5), ("size=small", 0, 0), ("shape=heart", 4, 2), ("shape=1", 4, 1),
        ("z1=2.5", 1, 2.5), ("noise=-1", 1, -1),
    ],
)  # fmt: skip
def test_what_is_named_is_fixed(wanted, latent, value, probe):
    codes = made(probe, wanted, noise=1).codes.numpy()
    assert np.abs(codes[:, latent] - value).max() < 0.2
    others = [j for j in range(5) if j != latent]
    assert (codes[:, others].std(0) > 0.3).all()


def test_things_meet_that_were_never_seen_together(probe):
    seen = (probe.factors[:, 0] == 2) & (probe.factors[:, 1] == 5)
    assert not seen.any()
    composed = made(probe, "shape=heart,size=largest,place=2")
    codes = composed.codes.numpy()
    assert np.abs(codes[:, [4, 0, 2, 3]] - [2, 5, 0, 1]).max() < 0.2
    assert composed.fixed["place"] == "place 2 (z2, z3)"


def test_a_category_is_fixed_and_the_rest_is_drawn_anew_each_seed(probe):
    composed = made(probe, "category=2")
    assert composed.categories.unique().tolist() == [2]
    assert torch.equal(composed.images, made(probe, "category=2").images)


@pytest.mark.parametrize(
    ("wanted", "rule"),
    [
        ("size", "name=value"),
        ("size=1,size=2", "say size once"),
        ("weight=1", "unknown name to set 'weight'"),
        ("size=9", "size must lie between 0 and 5"),
        ("size=huge", "size must be a number or one of"),
        ("shape=cross", "square, ellipse, heart"),
        ("z1=wide", "z1 must be a number or one of"),
        ("size=1,z0=2", "fix a latent once, got z0 by size and z0"),
        ("category=3", "category must be a number from 0 to 2"),
        ("category=\u00b2", "category must be a number from 0 to 2"),
    ],
)
def test_wishes_that_cannot_be_had_are_one_sentence(wanted, rule, probe):
    with pytest.raises(InputError, match=rule):
        made(probe, wanted)


def test_a_factor_that_no_latent_tells_is_said(probe):
    blind = Probe(np.random.default_rng(1).normal(size=(len(probe), 2)), probe.factors, factor_names=NAMES)
    with pytest.raises(InputError, match="a factor that a latent tells, got size"):
        made(blind, "size=1")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    tiny = {"data": "dsprites", "data.size": 32, "data.hold": "lazy", "net": "conv", "net.channels": (4, 4, 4)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("unweave.run.run.SHOWN", 300)
        about = {"net.hidden": 8, "batch": 8, "latents": 3, "steps": 4, "threads": 1, "callbacks": []}
        yield train("vae", out=tmp_path_factory.mktemp("runs") / "run", **tiny, **about)


def test_a_run_composes_by_its_latents_names_and_shows_them(run, tmp_path, capsys, monkeypatch):
    from unweave.face.cli.app import main

    monkeypatch.setattr("unweave.run.run.SHOWN", 300)
    assert main(["name", str(run.path), "1=how wide", "z2=tall"]) == 0
    assert capsys.readouterr().out == "z1  how wide\nz2  tall\n"
    assert (run.called(0), run.called(1)) == ("z0", "z1 how wide")
    assert "z1 how wide" in run.traverse().alt
    composed = run.compose({"how wide": 1.5}, samples=5, rest="prior")
    assert composed.codes[:, 1].tolist() == [1.5] * 5
    assert composed.images.shape == (5, 1, 32, 32)
    out = tmp_path / "c.png"
    assert main(["compose", str(run.path), "--set", "tall=large", "--samples", "4", "--out", str(out)]) == 0
    assert "tall large (z2)" in capsys.readouterr().out
    assert out.read_bytes().startswith(b"\x89PNG")
    assert main(["name", str(run.path), "7=far"]) == 2
    assert "latents 0 to 2" in capsys.readouterr().err
    assert main(["name", str(run.path), "\u00b2=far"]) == 2
    assert "latents 0 to 2" in capsys.readouterr().err
    assert main(["name", str(run.path), "0=deep", "1=z2"]) == 2  # and z0 keeps its name, too
    assert "another latent" in capsys.readouterr().err
    assert main(["name", str(run.path), "2=how wide", "1=tall"]) == 0
    assert capsys.readouterr().out == "z1  tall\nz2  how wide\n"
    save_name(run.path, 3, 1, "z2", False)
    assert run.compose("z2=1.5", samples=2).codes[:, 2].tolist() == [1.5] * 2
    save_name(run.path, 3, 1, "", False)
    assert run.called(1) == "z1"


@pytest.mark.parametrize(
    ("wanted", "out", "rule"),
    [("", "c.png", "set must name"), (" , ", "c.png", "set must name"), ("z1=1", "c.gif", "out must end in .png or")],
)
def test_the_command_refuses_before_it_computes(run, tmp_path, capsys, monkeypatch, wanted, out, rule):
    from unweave.face.cli.app import main

    monkeypatch.setattr("unweave.show.figures.composition.Composition.__call__", lambda *_: pytest.fail("computed"))
    assert main(["compose", str(run.path), "--set", wanted, "--out", str(tmp_path / out)]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert rule in told.err
