"""Numbers and categories together: against brute force, sums over all outcomes, and what is refused."""

import itertools
import math

import pytest
import torch
from scipy import integrate

from unweave.base.errors import InputError
from unweave.base.registry import likelihoods
from unweave.models.distributions.likelihoods import Gaussian
from unweave.models.distributions.mixed import Mixed

SIZES = (3, 2)  # behind two numbers


def rows(n=4, seed=0):
    """Two numbers and two one-hot categories each."""
    rng = torch.Generator().manual_seed(seed)
    hot = [torch.eye(size)[torch.randint(size, (n,), generator=rng)] for size in SIZES]
    return torch.cat([torch.randn(n, 2, generator=rng), *hot], dim=1)[:, None, None]


def outputs(n=4, channels=1):
    return 3 * torch.randn(n, channels, 1, 7, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("learn", [False, True])
def test_the_density_is_that_of_normals_and_categories(learn):
    likelihood = Mixed(scale=0.4, learn_scale=learn, categories=SIZES)
    x, output = rows(), outputs(channels=likelihood.outputs)
    for row, values, nll in zip(x, output, likelihood.nll(output, x), strict=True):
        expected = 0.0
        for k in range(2):
            scale = torch.nn.functional.softplus(values[1, 0, k]) + 1e-6 if learn else 0.4
            expected -= torch.distributions.Normal(values[0, 0, k], scale).log_prob(row[0, 0, k])
        for begin, end in ((2, 5), (5, 7)):
            level = row[0, 0, begin:end].argmax()
            expected -= torch.distributions.Categorical(logits=values[0, 0, begin:end]).log_prob(level)
        torch.testing.assert_close(nll, expected)


def test_it_sums_to_one_over_numbers_and_all_levels():
    likelihood, output = Mixed(scale=0.3, categories=SIZES), outputs(1).double()[..., 1:]
    total = 0.0
    for levels in itertools.product(*(range(size) for size in SIZES)):
        hot = torch.cat([torch.eye(size)[level] for size, level in zip(SIZES, levels, strict=True)]).double()

        def density(x, hot=hot):
            row = torch.cat([torch.tensor([x], dtype=torch.float64), hot])[None, None, None]
            return math.exp(-likelihood.nll(output, row).item())

        mean = output.flatten()[0].item()
        total += integrate.quad(density, mean - 5, mean + 5, points=[mean])[0]
    assert total == pytest.approx(1, abs=1e-6)


def test_expected_rows_hold_means_and_probabilities():
    output = outputs()
    image = Mixed(categories=SIZES).image(output)
    assert torch.equal(image[..., :2], output[..., :2])
    torch.testing.assert_close(image[..., 2:5], output[..., 2:5].softmax(-1))
    torch.testing.assert_close(image[..., 5:].sum(-1), torch.ones(4, 1, 1))
    learned = outputs(channels=2)
    assert torch.equal(Mixed(categories=SIZES, learn_scale=True).image(learned)[..., :2], learned[:, :1, :, :2])


def test_without_categories_it_is_the_gaussian():
    x, output = rows(), outputs()
    torch.testing.assert_close(Mixed(scale=0.7).nll(output, x), Gaussian(scale=0.7, squash=False).nll(output, x))
    assert torch.equal(Mixed().image(output), output)
    torch.testing.assert_close(Mixed(scale=0.7).floor(x), Gaussian(scale=0.7).floor(x))


def test_categories_alone_need_no_scale():
    x = rows()[..., 2:]
    uniform = Mixed(categories=SIZES, learn_scale=True).nll(torch.zeros(4, 2, 1, 5), x)
    torch.testing.assert_close(uniform, torch.full((4,), math.log(6)))
    assert (Mixed(categories=SIZES, learn_scale=True).floor(x) == 0).all()


def test_the_floor_is_reached_by_the_best_output_and_by_no_other():
    likelihood = Mixed(scale=0.4, categories=SIZES)
    x = rows()
    x[0, 0, 0, 2:5] = torch.tensor([0.5, 0.25, 0.25])  # a missing cell filled with shares
    best = torch.cat([x[..., :2], (x[..., 2:] + 1e-9).log()], dim=-1)
    torch.testing.assert_close(likelihood.nll(best, x), likelihood.floor(x), atol=1e-5, rtol=0)
    assert (likelihood.nll(best + 0.1 * outputs(), x) > likelihood.floor(x)).all()
    assert (Mixed(categories=SIZES, learn_scale=True).floor(x) == -math.inf).all()


def test_every_output_that_counts_gets_a_gradient():
    for learn in (False, True):
        likelihood = Mixed(categories=SIZES, learn_scale=learn)
        output = outputs(channels=likelihood.outputs).requires_grad_()
        likelihood.nll(output, rows()).sum().backward()
        moved = output.grad.abs().sum(0).flatten() > 0
        assert moved.tolist() == [True] * 7 + ([True] * 2 + [False] * 5 if learn else [])


def test_bad_settings_and_rows_are_refused():
    with pytest.raises(InputError, match="scale must be more than 0"):
        Mixed(scale=0)
    with pytest.raises(InputError, match="categories must be 1 or more"):
        Mixed(categories=(2, 0))
    with pytest.raises(InputError, match="categories must add up to 7 or fewer"):
        Mixed(categories=(8,)).nll(outputs(), rows())
    assert likelihoods.get("mixed") is Mixed
