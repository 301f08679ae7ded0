"""Runs whose codes have categories: encoded, decoded, scored and drawn like any other."""

import math

import numpy as np
import pytest
import torch

from unweave.base.errors import InputError
from unweave.models import trained as models
from unweave.run import run as runs
from unweave.run.launch import resolve, train
from unweave.run.recipes import load
from unweave.run.run import Run

TINY = {
    "data": "dsprites", "data.size": 32, "data.hold": "lazy", "net": "conv", "net.channels": (4, 4, 4), "net.hidden": 8,
    "batch": 8, "latents": 3, "steps": 12, "lr": 1e-3,
}  # fmt: skip
METHODS = {
    "joint-vae": {"categories": (3, 2)},
    "cascade-vae": {"stage_steps": 3, "warmup_stages": 2, "categories": 4},
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> dict[str, Run]:
    folder = tmp_path_factory.mktemp("discrete")
    return {method: train(method, out=folder / method, callbacks=(), **TINY, **own) for method, own in METHODS.items()}


@pytest.fixture(params=METHODS)
def run(request, trained) -> Run:
    return trained[request.param]


def sizes(run: Run) -> tuple[int, ...]:
    return {"joint-vae": (3, 2), "cascade-vae": (4,)}[run.spec.method.name]


def test_images_are_encoded_to_means_and_numbers_of_categories(run):
    images = run.random_images(20)
    found = run.posterior(images)
    assert found.mean.shape == (20, 3)
    assert found.categories.shape == (20, len(sizes(run)))
    assert np.issubdtype(found.categories.dtype, np.integer)
    assert (found.categories >= 0).all()
    assert (found.categories < np.array(sizes(run))).all()
    assert np.array_equal(run.categories(images).numpy(), found.categories)


def test_chunks_do_not_matter(run, monkeypatch):
    images = run.random_images(9)
    whole, decoded = run.categories(images), run.decode(run.encode(images), run.categories(images))
    monkeypatch.setattr(models, "CHUNK", 4)
    assert torch.equal(run.categories(images), whole)
    assert torch.allclose(run.decode(run.encode(images), whole), decoded, atol=1e-6)


def test_decoding_takes_the_categories_it_is_given_and_the_first_ones_without(run):
    codes = run.encode(run.random_images(5))
    last = torch.tensor([[size - 1 for size in sizes(run)]]).expand(5, -1)
    first = torch.zeros_like(last)
    assert torch.equal(run.decode(codes), run.decode(codes, first))
    assert not torch.equal(run.decode(codes), run.decode(codes, last))
    places = torch.zeros(5, sum(sizes(run)))
    places[:, np.cumsum(sizes(run)) - 1] = 1
    with torch.no_grad():
        direct = torch.sigmoid(run.vae.decoder(torch.cat([codes, places], dim=1)))
    assert torch.allclose(run.decode(codes, last), direct, atol=1e-6)


def test_the_fit_knows_the_rate_of_the_categories(run):
    fit = run.fit(200)
    bound = sum(map(math.log, sizes(run)))
    if run.spec.method.name == "cascade-vae":
        assert fit["rate_of_categories"] == pytest.approx(bound, rel=1e-5)
    else:
        assert 0 <= fit["rate_of_categories"] <= bound
    assert math.isfinite(fit["distortion"])


def test_the_cascade_comes_back_best_with_the_category_of_the_image(trained):
    run = trained["cascade-vae"]
    images = run.random_images(30)
    codes, own = run.encode(images), run.categories(images)
    target = images.flatten(1)

    def nll(categories):
        decoded = run.decode(codes, categories).flatten(1).clamp(1e-6, 1 - 1e-6)
        return -(target * decoded.log() + (1 - target) * (1 - decoded).log()).sum(1)

    best = nll(own)
    for k in range(4):
        assert (best <= nll(torch.full((30, 1), k)) + 1e-2).all()


def test_scores_see_the_categories(run, monkeypatch):
    monkeypatch.setattr(runs, "POOL", 2000)
    assert run.probe.categories.shape == (2000, len(sizes(run)))
    score = run.evaluate(["factor-vae-score"], {"factor-vae-score": {"votes": 50, "held_out": 50, "min_kl": 0.0}})
    rows = score["factor-vae-score"].tables["rows"]
    assert rows[3:] == [f"category {number}" for number in range(len(sizes(run)))]


def test_pictures_show_images_with_their_own_categories(run, monkeypatch):
    seen = []
    decode = type(run).decode
    monkeypatch.setattr(
        type(run),
        "decode",
        lambda self, codes, categories=None: seen.append(categories) or decode(self, codes, categories),
    )
    run.draw("reconstructions", images=4)
    assert torch.equal(seen.pop(), run.categories(run.reference_images(4)))
    run.traverse(steps=3, image=1, frames=2, references=2, blocks=0).gif()
    categories = run.categories(run.reference_images(3))
    again, walk, *film = seen
    assert torch.equal(walk, categories[1:2].expand(9, -1))
    assert torch.equal(again, categories)
    assert all(torch.equal(frame, categories[:2].repeat(3, 1)) for frame in film)


def test_a_run_that_ended_in_the_warm_up_has_no_categories(tmp_path):
    run = train("cascade-vae", out=tmp_path / "run", callbacks=(), **TINY)
    images = run.random_images(6)
    assert run.posterior(images).categories is None
    assert run.categories(images) is None
    assert "rate_of_categories" not in run.fit(50)
    with torch.no_grad():
        direct = torch.sigmoid(run.vae.decoder(torch.cat([run.encode(images), torch.zeros(6, 3)], dim=1)))
    assert torch.allclose(run.decode(run.encode(images)), direct, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "method", "expected"),
    [
        (
            "joint-vae-dsprites-published",
            "joint-vae",
            {"latents": 6, "lr": 5e-4, "gamma": 150, "anneal_steps": 300_000},
        ),
        ("cascade-vae-dsprites-published", "cascade-vae", {"latents": 6, "light": 1.0, "heavy": 10, "l2": 4e-5}),
        ("cascade-vae-c-dsprites-published", "cascade-vae-c", {"latents": 10, "stage_steps": 20_000, "steps": 300_000}),
        ("cascade-vae-dsprites-laptop", "cascade-vae", {"stage_steps": 1000, "arrival_steps": 1000, "data.size": 32}),
        ("joint-vae-dsprites-laptop", "joint-vae", {"data.size": 32}),
    ],
)
def test_recipes_of_these_methods_resolve(name, method, expected):
    assert load(name).method == method
    flat = resolve(method, recipe=name).flat()
    assert {key: flat[key] for key in expected} == expected
    with pytest.raises(InputError, match=f"recipe {name} is for {method}"):
        resolve("vae", recipe=name)
