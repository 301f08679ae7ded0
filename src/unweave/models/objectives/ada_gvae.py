"""Ada-GVAE: learns from pairs that differ in a few factors; which and how many is unknown."""

from dataclasses import dataclass

from unweave.base.records import Posterior
from unweave.models.distributions.normal import DiagonalNormal
from unweave.models.objectives.pairs import AdaptivePairs, mean_of_moments


@dataclass(frozen=True)
class AdaGVAE(AdaptivePairs):
    """-E log p(x|z) + beta KL(q'(z|x) || p(z)): in latents that a pair shares, q' has both posteriors' mean moments.

    Latent j is shared where delta_j = KL(q(z_j|x1) || q(z_j|x2)) < (max delta + min delta) / 2. Nats per image; a batch
    of n images holds n / 2 pairs, which `pairs` says where to find. Source: Locatello et al. 2020,
    https://arxiv.org/abs/2002.02886.

    >>> AdaGVAE().beta
    1.0
    """

    def average(self, first: Posterior, second: Posterior) -> DiagonalNormal:
        return mean_of_moments(first, second)
