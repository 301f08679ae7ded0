"""Ada-ML-VAE: like Ada-GVAE, but averages the densities of a pair instead of their moments."""

from dataclasses import dataclass

from unweave.base.records import Posterior
from unweave.models.distributions.normal import DiagonalNormal
from unweave.models.objectives.pairs import AdaptivePairs, mean_of_densities


@dataclass(frozen=True)
class AdaMLVAE(AdaptivePairs):
    """-E log p(x|z) + beta KL(q'(z|x) || p(z)): in latents that a pair shares, q' is the mean of both densities.

    Latent j is shared where delta_j = KL(q(z_j|x1) || q(z_j|x2)) < (max delta + min delta) / 2. The mean is the
    normalised geometric one, in which the surer posterior counts more. Nats per image; a batch of n images holds n / 2
    pairs. Source: Locatello et al. 2020, https://arxiv.org/abs/2002.02886.

    >>> AdaMLVAE(beta=2).beta
    2
    """

    def average(self, first: Posterior, second: Posterior) -> DiagonalNormal:
        return mean_of_densities(first, second)
