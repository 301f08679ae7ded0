"""A model without its data: what it takes, gives, refuses and draws."""

import numpy as np
import pytest
import torch

import unweave
from unweave.base.errors import InputError
from unweave.run.run import Run

TINY = {
    "data": "dsprites", "data.size": 32, "data.hold": "lazy", "net": "conv", "net.channels": (4, 4, 4), "net.hidden": 8,
    "batch": 4, "latents": 2, "steps": 2, "threads": 1, "callbacks": [],
}  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "j"
    return unweave.train("joint-vae", categories=(3, 2), out=out, **TINY)


@pytest.fixture(scope="module")
def model(run):
    return run.model


def test_it_says_what_the_run_says_bit_for_bit(run, model):
    images = run.random_images(700)  # two chunks
    found, expected = model.posterior(images), run.posterior(images)
    for name in ("mean", "std", "kl", "categories"):
        assert np.array_equal(getattr(found, name), getattr(expected, name)), name
    assert found.probabilities.shape == (700, 5)
    assert np.allclose(found.probabilities[:, :3].sum(1), 1)
    assert np.array_equal(found.probabilities[:, 3:].argmax(1), found.categories[:, 1])
    codes, categories = model.encode(images.numpy()), model.categories(images)
    assert torch.equal(model.decode(codes, categories), run.decode(codes, categories))
    assert torch.equal(model.decode(codes), run.decode(codes))


def test_samples_go_through_all_categories_and_come_again(model):
    drawn = model.sample(8, seed=1)
    assert drawn.images.shape == (8, 1, 32, 32)
    assert drawn.categories.tolist() == [[0, 0], [0, 0], [0, 1], [0, 1], [1, 0], [1, 1], [2, 0], [2, 1]]
    assert torch.equal(drawn.images, model.decode(drawn.codes, drawn.categories))
    assert torch.equal(drawn.codes, model.sample(8, seed=1).codes)
    assert not torch.equal(drawn.codes, model.sample(8, seed=2).codes)


def test_codes_of_samples_follow_the_prior(model):
    codes = model.sample(4000).codes
    assert codes.mean(0).abs().max() < 0.1
    assert (codes.std(0) - 1).abs().max() < 0.1


def test_of_too_many_combinations_random_ones_are_drawn(run, monkeypatch):
    monkeypatch.setattr("unweave.models.trained.MOST_BLOCKS", 5)
    numbers = run.model.sample(600).categories
    assert numbers.shape == (600, 2)
    assert set(map(tuple, numbers.tolist())) == {(a, b) for a in range(3) for b in range(2)}
    assert numbers[:10].tolist() != sorted(numbers[:10].tolist())


@pytest.mark.parametrize(
    ("images", "rule"),
    [
        (np.zeros((2, 1, 64, 64)), "shape (n, 1, 32, 32), got (2, 1, 64, 64)"),
        (np.zeros((32, 32)), "got (32, 32)"),
        (np.zeros((0, 1, 32, 32)), "1 or more, got 0"),
        (np.full((1, 1, 32, 32), 255), "between 0 and 1, got 255 to 255"),
        (np.full((1, 1, 32, 32), np.nan), "finite"),
        ("picture", "must be numbers, got str"),
    ],
)
def test_images_it_cannot_have_been_trained_on_are_refused(model, images, rule):
    with pytest.raises(InputError) as refused:
        model.encode(images)
    assert rule in str(refused.value)


@pytest.mark.parametrize(
    ("codes", "categories", "rule"),
    [
        (np.zeros((3, 4)), None, "codes must have shape (n, 2), got (3, 4)"),
        (np.zeros((3, 2)), np.zeros((3, 2)), "integers of shape (3, 2)"),
        (np.zeros((3, 2)), np.zeros((3, 1), int), "integers of shape (3, 2)"),
        (np.zeros((3, 2)), np.array([[0, 0], [0, 2], [0, 0]]), "between 0 and 1, got 0 to 2"),
    ],
)
def test_codes_that_are_none_of_its_own_are_refused(model, codes, categories, rule):
    with pytest.raises(InputError) as refused:
        model.decode(codes, categories)
    assert rule in str(refused.value)


def test_a_run_that_is_not_finished_has_no_model(run, tmp_path):
    (tmp_path / "settings.json").write_bytes((run.path / "settings.json").read_bytes())
    with pytest.raises(InputError, match="not finished"):
        _ = Run(tmp_path).model
