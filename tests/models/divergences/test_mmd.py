"""Squared MMD: against the definition in loops, for equal and unequal distributions, and its gradient."""

import pytest
import torch

from unweave.base.errors import InputError
from unweave.models.divergences.mmd import SCALES, mmd_joint, mmd_per_latent


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def samples(n=9, d=3, seed=0):
    return torch.randn(n, d, generator=rng(seed), dtype=torch.float64)


def by_definition(x, y, width):
    """One pair of points at a time, straight from the formula; x and y (n, d) are compared as whole points."""
    n = len(x)

    def k(a, b):
        return width / (width + float(((a - b) ** 2).sum()))

    within = sum(k(x[i], x[j]) + k(y[i], y[j]) for i in range(n) for j in range(n) if i != j)
    across = sum(k(x[i], y[j]) for i in range(n) for j in range(n))
    return within / (n * (n - 1)) - 2 * across / n**2


def test_each_latent_equals_the_definition():
    x, y = samples(), 0.5 + 2 * samples(seed=1)
    expected = [sum(by_definition(x[:, [j]], y[:, [j]], 2 * s) for s in SCALES) for j in range(3)]
    torch.testing.assert_close(mmd_per_latent(x, y), torch.tensor(expected, dtype=torch.float64))


def test_the_joint_form_equals_the_definition():
    x, y = samples(), 0.5 + 2 * samples(seed=1)
    expected = sum(by_definition(x, y, 2 * 3 * s) for s in SCALES)
    assert mmd_joint(x, y).item() == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("mmd", [lambda x, y: mmd_per_latent(x, y).sum(), mmd_joint], ids=["latents", "joint"])
def test_gradients_are_those_of_finite_differences(mmd):
    x, y = samples(6), samples(6, seed=1).requires_grad_()
    assert torch.autograd.gradcheck(lambda y: mmd(x, y), y)
    assert torch.autograd.gradcheck(lambda y: mmd(y, x), y)  # of a prior that learns, if it should


@pytest.mark.parametrize("mmd", [lambda x, y: mmd_per_latent(x, y).sum(), mmd_joint], ids=["latents", "joint"])
def test_equal_distributions_give_zero_on_average_and_others_do_not(mmd):
    same = torch.stack([mmd(samples(100, seed=2 * k), samples(100, seed=2 * k + 1)) for k in range(60)])
    assert same.mean().abs().item() < 3 * same.std().item() / 60**0.5
    assert same.min() < 0  # unbiased, so not clamped
    assert mmd(samples(100), 1 + samples(100, seed=1)) > 10 * same.std()


def test_only_the_joint_form_sees_dependence():
    x = samples(400, 2)
    drawn = samples(400, 2, seed=1)
    tied = drawn[:, :1].expand(-1, 2).contiguous()  # the same marginals, perfectly dependent
    noise = torch.stack([mmd_joint(samples(400, 2, seed=9 + k), x) for k in range(10)]).std()
    assert mmd_joint(x, tied) > 8 * noise
    assert mmd_per_latent(x, tied).abs().max() < 0.05


@pytest.mark.parametrize("shapes", [((1, 2), (1, 2)), ((4, 2), (5, 2)), ((4, 2), (4, 3))])
def test_samples_of_unlike_shape_or_one_row_are_refused(shapes):
    for mmd in (mmd_per_latent, mmd_joint):
        with pytest.raises(InputError, match="samples must be two of one shape"):
            mmd(torch.zeros(shapes[0]), torch.zeros(shapes[1]))
