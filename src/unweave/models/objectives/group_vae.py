"""Group VAE: learns from pairs, given the number of latents in which they differ."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import torch
from torch import Tensor

from unweave.base.checks import Range
from unweave.base.records import Posterior
from unweave.models.distributions.normal import DiagonalNormal
from unweave.models.objectives.pairs import PairedVAE, divergences, mean_of_densities, mean_of_moments


@dataclass(frozen=True)
class GroupVAE(PairedVAE):
    """-E log p(x|z) + beta KL(q'(z|x) || p(z)): q' keeps the k latents in which a pair differs most, averages the rest.

    Latents are ordered by delta_j = KL(q(z_j|x1) || q(z_j|x2)); all but the k largest are shared. `averaged` takes the
    moments of both posteriors (GVAE) or their densities (ML-VAE). Nats per image; a batch of n images holds n / 2
    pairs. Sources: Hosoya 2019, https://arxiv.org/abs/1809.02383; Bouchacourt et al. 2018; with k known, Locatello et
    al. 2020, https://arxiv.org/abs/2002.02886.

    >>> GroupVAE(k=2).averaged
    'moments'
    """

    k: Annotated[int, "latents in which the two of a pair differ", Range(1)] = 1
    averaged: Annotated[Literal["moments", "densities"], "what is averaged of the two posteriors"] = "moments"

    def shares(self, first: Posterior, second: Posterior) -> Tensor:
        delta = divergences(first, second)
        most = delta.topk(self.k, dim=1).indices
        return torch.ones_like(delta, dtype=torch.bool).scatter(1, most, False)

    def average(self, first: Posterior, second: Posterior) -> DiagonalNormal:
        return (mean_of_moments if self.averaged == "moments" else mean_of_densities)(first, second)

    def refuses(self, vae: Any) -> str | None:
        have = vae.latents.continuous
        few = f"k must be fewer than the latents, so that a pair shares some; got {self.k} of {have}"
        return super().refuses(vae) or (few if self.k >= have else None)
