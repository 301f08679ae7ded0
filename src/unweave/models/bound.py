"""The evidence lower bound (ELBO) of images, in its parts."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from unweave.base.records import Images, PerImage
from unweave.base.seeds import Generators
from unweave.models.distributions.categorical import kl_to_uniform
from unweave.models.vae import VAE


@dataclass(frozen=True)
class Bound:
    """ELBO = -(distortion + rate + rate_of_categories) of each image, nats (n,), and its parts likewise.

    `distortion` is -log p(x|z) of one z ~ q(z|x), in [0, inf) for pixels that are probabilities; `rate` is
    KL(q(z|x) || p(z)), or log q(z|x) - log p(z) of that z where the prior has no formula for it; `rate_of_categories`
    is their KL against equal shares, log S each where there are no probabilities, 0 where there are none.

    >>> one = torch.ones(1)
    >>> Bound(distortion=60 * one, rate=7 * one, rate_of_categories=0 * one).elbo
    tensor([-67.])
    """

    distortion: PerImage
    rate: PerImage
    rate_of_categories: PerImage

    @property
    def elbo(self) -> PerImage:
        """The bound on log p(x) itself, nats (n,)."""
        return -(self.distortion + (self.rate + self.rate_of_categories))


@torch.no_grad()
def bound(vae: VAE, x: Images, rng: Generators) -> Bound:
    """The bound of images (n, C, H, W) by one draw of z each; the method's weights have no part in it.

    Where the model standardises data the density is that of the standardised numbers. Call `eval()` first.
    """
    at = vae(x, rng)
    each = at.prior.kl_each(at.posterior)
    rate: Tensor = at.posterior.log_prob(at.z) - at.prior.log_prob(at.z) if each is None else each.sum(1)
    chosen = at.one_hot if at.categories is None else at.categories
    sizes = vae.category_sizes
    categorical = torch.zeros_like(rate) if chosen is None or not sizes else kl_to_uniform(chosen, sizes).sum(1)
    return Bound(at.distortion, rate, categorical)
