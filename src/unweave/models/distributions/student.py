"""Student's t as a prior: heavy tails, and not rotation invariant."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import torch
from torch import nn

from unweave.base.checks import POSITIVE
from unweave.base.records import Codes, Images, PerImage, PerLatent, Posterior
from unweave.base.seeds import uniform
from unweave.models.distributions.anisotropic import Spread, Variances


@dataclass(frozen=True)
class Student(Spread):
    """p(z) = prod_j t(z_j; df, 0, sqrt(v_j)), with the squared scales v of an anisotropic prior.

    The joint density depends on the direction of z, so the rotation that a normal prior allows is gone. With growing
    df it becomes N(0, diag(v)). Source: Mathieu et al. 2019, https://arxiv.org/abs/1812.02833.

    >>> Student(df=9).build(1).log_prob(torch.zeros(1, 1))
    tensor([-0.9467])
    """

    df: Annotated[float, "degrees of freedom: the fewer, the heavier the tails", POSITIVE] = 9.0

    def build(self, latents: int, images: Callable[[], Images] | None = None) -> StudentPrior:
        """The prior as a module; `images` gives the data that a start by PCA looks at."""
        return StudentPrior(self.spread(latents, images), self.df)


class StudentPrior(nn.Module):
    """Independent t distributions with `df` degrees of freedom and the squared scales of `spread`."""

    factorised = True
    waits = True  # samples are scipy's, on the processor

    def __init__(self, spread: Variances, df: float) -> None:
        super().__init__()
        self.spread, self.df = spread, df

    def log_prob_each(self, z: Codes) -> PerLatent:
        """Log density of every latent, (n, d)."""
        df, log_v = self.df, self.spread.log()
        constant = math.lgamma((df + 1) / 2) - math.lgamma(df / 2) - 0.5 * math.log(df * math.pi)
        return constant - 0.5 * log_v - (df + 1) / 2 * (z.square() * (-log_v).exp() / df).log1p()

    def log_prob(self, z: Codes) -> PerImage:
        """Log density of the whole code, (n,)."""
        return self.log_prob_each(z).sum(-1)

    def sample(self, n: int, rng: torch.Generator) -> Codes:
        """`n` draws by the inverse distribution function, (n, d), with gradient to the scales."""
        from scipy.special import stdtrit

        share = uniform(rng, (n, self.spread.latents), torch.float64).cpu().clamp(1e-15, 1 - 1e-15)
        std = self.spread.std()
        return std * torch.from_numpy(stdtrit(self.df, share.numpy())).to(std)

    def kl_each(self, posterior: Posterior) -> None:
        """None: there is no closed form, so the rate is estimated from the sample."""
        return
