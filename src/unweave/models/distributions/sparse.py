"""A sparse prior: each latent is near zero most of the time and free otherwise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import torch
from torch import nn

from unweave.base.checks import FRACTION, POSITIVE
from unweave.base.records import Codes, Images, PerImage, PerLatent, Posterior
from unweave.base.seeds import normal, uniform
from unweave.models.distributions.anisotropic import Spread, Variances
from unweave.models.distributions.normal import log_normal


@dataclass(frozen=True)
class Sparse(Spread):
    """p(z) = prod_j (1 - gamma) N(z_j; 0, v_j) + gamma N(z_j; 0, sigma0^2): a slab and a narrow spike.

    gamma is the share of the spike and sigma0 its standard deviation (0.05, as in the released code; the text writes
    a variance). gamma = 0 is the slab alone, the anisotropic prior. It factorises.
    Source: Mathieu et al. 2019, https://arxiv.org/abs/1812.02833.

    >>> Sparse().build(1).log_prob(torch.tensor([[0.0], [1.0]]))
    tensor([ 1.8661, -3.0284])
    """

    gamma: Annotated[float, "probability of the spike: how often a latent is near zero", FRACTION] = 0.8
    sigma0: Annotated[float, "standard deviation of the spike", POSITIVE] = 0.05

    def build(self, latents: int, images: Callable[[], Images] | None = None) -> SparsePrior:
        """The prior as a module; `images` gives the data that a start by PCA looks at."""
        return SparsePrior(self.spread(latents, images), self.gamma, self.sigma0)


class SparsePrior(nn.Module):
    """The slab has the variances of `slab`; the spike weighs `gamma` and has standard deviation `sigma0`."""

    factorised = True

    def __init__(self, slab: Variances, gamma: float, sigma0: float) -> None:
        super().__init__()
        self.slab, self.gamma, self.sigma0 = slab, gamma, sigma0

    def log_prob_each(self, z: Codes) -> PerLatent:
        """Log density of every latent, (n, d); a share of 0 enters as log 0 = -infinity, without harm."""
        zero = torch.zeros_like(z)
        free, near = (z.new_full((), share).log() for share in (1 - self.gamma, self.gamma))
        slab = log_normal(z, zero, self.slab.log())
        spike = log_normal(z, zero, 2 * z.new_full((), self.sigma0).log())
        return torch.logaddexp(free + slab, near + spike)

    def log_prob(self, z: Codes) -> PerImage:
        """Log density of the whole code, (n,)."""
        return self.log_prob_each(z).sum(-1)

    def sample(self, n: int, rng: torch.Generator) -> Codes:
        """`n` draws, (n, d), with gradient to the slab's variances but not through the choice."""
        shape = (n, self.slab.latents)
        std = self.slab.std()
        spiked = (uniform(rng, shape) < self.gamma).to(std.device)
        noise = normal(rng, shape).to(std)
        return torch.where(spiked, self.sigma0 * noise, std * noise)

    def kl_each(self, posterior: Posterior) -> None:
        """None: there is no closed form, so the rate is estimated from the sample."""
        return
