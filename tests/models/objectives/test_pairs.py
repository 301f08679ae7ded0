"""What pairs share and how it is averaged, against loops over single numbers."""

import math

import pytest
import torch

from unweave.base.errors import InputError
from unweave.engine.spec import Spec
from unweave.models.distributions.normal import DiagonalNormal
from unweave.models.objectives.ada_gvae import AdaGVAE
from unweave.models.objectives.ada_ml_vae import AdaMLVAE
from unweave.models.objectives.group_vae import GroupVAE
from unweave.models.objectives.pairs import divergences, halves, mean_of_densities

METHODS = [AdaGVAE(), AdaMLVAE(), GroupVAE(k=2), GroupVAE(k=1, averaged="densities")]


def posterior(pairs: int = 5, d: int = 4, seed: int = 0) -> DiagonalNormal:
    rng = torch.Generator().manual_seed(seed)
    mean, log_variance = (torch.randn(2 * pairs, d, generator=rng, dtype=torch.float64) for _ in range(2))
    return DiagonalNormal(mean, log_variance)


def by_hand(objective, q: DiagonalNormal) -> tuple[list[list[float]], list[list[float]]]:
    """Means and variances that codes are drawn from, number by number."""
    mean, variance = q.mean.tolist(), q.log_variance.exp().tolist()
    n, d = len(mean) // 2, len(mean[0])
    for i in range(n):
        a, b = i, n + i
        delta = [
            0.5 * (variance[a][j] / variance[b][j] + (mean[a][j] - mean[b][j]) ** 2 / variance[b][j] - 1)
            + 0.5 * math.log(variance[b][j] / variance[a][j])
            for j in range(d)
        ]
        if isinstance(objective, GroupVAE):
            shared = sorted(range(d), key=lambda j: delta[j])[: d - objective.k]
        else:
            shared = [j for j in range(d) if delta[j] < (max(delta) + min(delta)) / 2]
        for j in shared:
            v, w, m, o = variance[a][j], variance[b][j], mean[a][j], mean[b][j]
            if isinstance(objective, AdaMLVAE) or getattr(objective, "averaged", "") == "densities":
                new = 2 * v * w / (v + w)
                at = new * (m / v + o / w) / 2
            else:
                new, at = (v + w) / 2, (m + o) / 2
            variance[a][j] = variance[b][j] = new
            mean[a][j] = mean[b][j] = at
    return mean, variance


@pytest.mark.parametrize("objective", METHODS, ids=str)
def test_drawn_from_is_what_a_loop_makes(objective):
    q = posterior()
    made = objective.drawn_from(q)
    mean, variance = by_hand(objective, q)
    assert torch.allclose(made.mean, torch.tensor(mean, dtype=torch.float64))
    assert torch.allclose(made.log_variance.exp(), torch.tensor(variance, dtype=torch.float64))


def test_divergence_is_torchs_own():
    first, second = halves(posterior())
    normal = torch.distributions.Normal
    ours = divergences(first, second)
    theirs = torch.distributions.kl_divergence(normal(first.mean, first.std), normal(second.mean, second.std))
    assert torch.allclose(ours, theirs)


def test_the_mean_of_densities_is_their_geometric_mean():
    first, second = halves(posterior())
    made = mean_of_densities(first, second)
    z = torch.linspace(-3, 3, 7, dtype=torch.float64)
    for i in range(5):
        for j in range(4):
            both = [q.log_prob_each(z[:, None, None].expand(7, 5, 4))[:, i, j] for q in (first, second, made)]
            gap = both[2] - (both[0] + both[1]) / 2
            assert torch.allclose(gap, gap[0].expand(7))  # up to a constant: normalised


def test_adaptive_pairs_share_some_and_not_all():
    q = posterior(pairs=200, d=10)
    made = AdaGVAE().drawn_from(q)
    first, second = halves(made)
    alike = (first.mean == second.mean).sum(1)
    assert alike.min() >= 1
    assert alike.max() <= 9


def test_the_gradient_goes_through_the_average_alone():
    q = posterior()
    q.mean.requires_grad_()
    objective = GroupVAE(k=1)
    objective.drawn_from(q).mean[:5].sum().backward()
    grad = q.mean.grad
    assert torch.allclose(grad[:5] + grad[5:], torch.ones(5, 4, dtype=torch.float64))
    assert set(grad[5:].unique().tolist()) == {0.0, 0.5}


@pytest.mark.parametrize(("method", "settings", "rule"), [
    ("group-vae", {"k": 10}, "fewer than the latents"),
    ("ada-gvae", {"latents": 1}, "at least 2"),
])  # fmt: skip
def test_too_few_latents_are_refused(method, settings, rule):
    from unweave.base.seeds import Generators

    spec = Spec.make(method, data="dsprites", **{"data.size": 32, "net": "conv", **settings})
    with pytest.raises(InputError, match=rule):
        spec.build_vae(Generators(0))
