"""A tree of latents as a prior: each latent depends on its parent."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Literal, NoReturn

import torch
from torch import Tensor, nn

from unweave.base.checks import Range
from unweave.base.errors import InputError
from unweave.base.records import Codes, Images, PerImage, PerLatent, Posterior
from unweave.base.seeds import choices, normal
from unweave.base.settings import Settings
from unweave.models.distributions.normal import log_normal

Conditional = Literal["learned", "linear"]
CENTRES = (-2.5, -1.5, -0.5, 0.5, 1.5, 2.5)  # where the steps of a learned conditional stand, in units of the root
ROOT = -1
BETWEEN = Range(-1, 1, above=True, below=True)


@dataclass(frozen=True)
class Hierarchical(Settings):
    """p(z) = prod_j p(z_j | z_parent(j)): a tree of dependencies.

    A root is N(0, 1), or, with `clusters` of 2 or more, a mixture of as many normals with equal shares, which start
    evenly spaced with variance 1 in all: a category in one latent. With rho the `correlation`, a child is

    - linear: N(rho z_parent, 1 - rho^2), so that every latent by itself is N(0, 1) and the rate has a closed form;
    - learned: N(m(z_parent), v(z_parent)), which starts as the linear one; m and log v gain a step a tanh(2 (z - c))
      at each of six places c, whose heights a are trained with the rest. So a child can be told apart by its parent
      in place and in width, for instance be idle unless the parent is on. The clusters' places, widths and shares are
    trained, too.

    `parents` holds for every latent the number of its parent, which has to come before it, or -1 for a root. Without
    it the tree is binary: latent 0 is the root and the parent of latent j is (j - 1) // 2.
    Source: hierarchical dependencies, named as a structure to decompose into by Mathieu et al. 2019,
    https://arxiv.org/abs/1812.02833; the conditionals are our own.

    >>> Hierarchical(conditional="linear").build(2).log_prob(torch.tensor([[1.0, 1.0], [1.0, -1.0]]))
    tensor([-2.3607, -3.6940])
    """

    parents: Annotated[tuple[int, ...] | None, "index of each latent's parent, -1 for a root [a binary tree]"] = None
    conditional: Annotated[
        Conditional, "how a child depends on its parent: learned, or linear with the given correlation"
    ] = "learned"
    correlation: Annotated[float, "correlation of parent and child: the initial value, or a constant", BETWEEN] = 0.5
    clusters: Annotated[int, "number of normals in the mixture of a root; 1 is N(0, 1)", Range(1)] = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        for child, parent in enumerate(self.parents or ()):
            if not ROOT <= parent < child:
                raise InputError(
                    f"parents must name a latent that comes before its child or -1, got {parent} for latent {child}"
                )

    def build(self, latents: int, images: Callable[[], Images] | None = None) -> HierarchicalPrior:
        """The prior as a module. `images` are there for priors that start from data."""
        parents = tuple((j - 1) // 2 for j in range(latents)) if self.parents is None else self.parents
        if len(parents) != latents:
            raise InputError(f"parents must be as many as the latents ({latents}), got {len(parents)}")
        return HierarchicalPrior(parents, self.correlation, self.clusters, learn=self.conditional == "learned")


class HierarchicalPrior(nn.Module):
    """Latents whose parents are `parents`, correlated by `correlation` along the tree at the start."""

    factorised = False
    parent: Tensor
    rooted: Tensor
    centres: Tensor

    def __init__(self, parents: tuple[int, ...], correlation: float, clusters: int, *, learn: bool) -> None:
        super().__init__()
        self.parents, self.correlation, self.learn = parents, correlation, learn
        self.register_buffer("parent", torch.tensor([max(0, each) for each in parents]), persistent=False)
        self.register_buffer("rooted", torch.tensor([each == ROOT for each in parents]), persistent=False)
        self.register_buffer("centres", torch.tensor(CENTRES), persistent=False)
        if learn:
            self.mean_steps = nn.Parameter(torch.zeros(len(parents), len(CENTRES)))
            self.log_variance_steps = nn.Parameter(torch.zeros(len(parents), len(CENTRES)))
        self.clusters = Clusters(clusters, learn=learn) if clusters > 1 else None

    def conditional(self, given: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log variance of every latent, (n, d) both, where its parent has the value in `given` (n, d)."""
        child = (~self.rooted).to(given)
        mean, log_v = self.correlation * given, torch.full_like(given, math.log1p(-(self.correlation**2)))
        if self.learn:
            steps = (2 * (given[..., None] - self.centres.to(given))).tanh()
            mean = mean + (steps * self.mean_steps).sum(-1)
            log_v = log_v + (steps * self.log_variance_steps).sum(-1)
        return child * mean, child * log_v

    def log_prob_given(self, z: Codes) -> PerLatent:
        """Log p(z_j | z_parent(j)) of every latent, (n, d)."""
        given = log_normal(z, *self.conditional(z[:, self.parent]))
        return given if self.clusters is None else torch.where(self.rooted, self.clusters.log_prob(z), given)

    def log_prob(self, z: Codes) -> PerImage:
        """Log density of the whole code, (n,)."""
        return self.log_prob_given(z).sum(-1)

    def log_prob_each(self, z: Codes) -> NoReturn:
        """Refused with InputError: the density is no product over latents."""
        raise InputError(f"log_prob_each needs a prior that factorises, got a tree of {z.shape[-1]} latents")

    def sample(self, n: int, rng: torch.Generator) -> Codes:
        """`n` draws, (n, d), parents first, with gradient to what is learned."""
        noise = normal(rng, (n, len(self.parents))).to(self.centres)
        columns: list[Tensor] = []
        for j, parent in enumerate(self.parents):
            if parent == ROOT and self.clusters is not None:
                columns.append(self.clusters.sample(noise[:, j], rng))
                continue
            given = torch.zeros_like(noise) if parent == ROOT else columns[parent][:, None].expand_as(noise)
            mean, log_v = self.conditional(given)
            columns.append(mean[:, j] + (0.5 * log_v[:, j]).exp() * noise[:, j])
        return torch.stack(columns, dim=1)

    def kl_each(self, posterior: Posterior) -> PerLatent | None:
        """E_q(z_parent) KL(q(z_j) || p(z_j | z_parent)) of every latent, (n, d); None for what is learned or clustered.

        With rho and v = 1 - rho^2: (log v - log s_j^2 - 1 + (s_j^2 + (m_j - rho m_p)^2 + rho^2 s_p^2) / v) / 2.
        """
        if self.learn or self.clusters is not None:
            return None
        q, rho = posterior, self.correlation
        variance = q.log_variance.exp()
        mean, log_v = self.conditional(q.mean[:, self.parent])
        spread = torch.where(self.rooted, torch.zeros_like(variance), rho**2 * variance[:, self.parent])
        squares = variance + (q.mean - mean).square() + spread
        return 0.5 * (log_v - q.log_variance - 1 + squares * (-log_v).exp())


class Clusters(nn.Module):
    """sum_k w_k N(m_k, v_k) of one latent: `count` normals a step apart, each a quarter of a step wide at the start."""

    means: Tensor
    log_variances: Tensor
    logits: Tensor

    def __init__(self, count: int, *, learn: bool) -> None:
        super().__init__()
        even = torch.arange(count, dtype=torch.float32) - (count - 1) / 2
        step = ((count**2 - 1) / 12 + 1 / 16) ** -0.5  # so that the variance of the whole is 1
        start = {
            "means": step * even,
            "log_variances": torch.full((count,), 2 * math.log(step / 4)),
            "logits": torch.zeros(count),
        }
        for name, value in start.items():
            self.register_parameter(name, nn.Parameter(value)) if learn else self.register_buffer(name, value)

    def log_prob(self, z: Codes) -> PerLatent:
        """Log density, elementwise."""
        each = log_normal(z[..., None], self.means, self.log_variances)
        return torch.logsumexp(each + self.logits.log_softmax(0), dim=-1)

    def sample(self, noise: Tensor, rng: torch.Generator) -> Tensor:
        """Draws (n,) from standard normal `noise` (n,), with no gradient through the choice of clusters."""
        chosen = choices(rng, self.logits.detach().softmax(0), len(noise)).to(noise.device)
        return self.means[chosen] + (0.5 * self.log_variances[chosen]).exp() * noise
