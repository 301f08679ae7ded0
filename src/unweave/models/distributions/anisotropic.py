"""A normal prior with a separate variance for every latent: given, taken from the data, or learned."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from torch import Tensor, nn

from unweave.base.checks import POSITIVE
from unweave.base.errors import InputError
from unweave.base.records import Codes, Images, PerImage, PerLatent, Posterior
from unweave.base.seeds import normal
from unweave.base.settings import Settings
from unweave.models.distributions.normal import log_normal

Start = Literal["iso", "pca"]
LEGACY_RANKS = 20  # how many singular values the released code computes, whatever the number of latents


@dataclass(frozen=True)
class Spread(Settings):
    """Settings of the variances that a prior gives its latents: v_j = total softmax(l)_j.

    `total` is fixed: `scale` x d, or `scale` x the sum of `variances` where those are given. So learning l moves
    variance between latents and can neither collapse nor blow up the prior.
    """

    variances: Annotated[tuple[float, ...] | None, "variance of each latent [equal]", POSITIVE] = None
    start: Annotated[Start, "iso: equal variances; pca: in proportion to the data's leading ones"] = "iso"
    learn: Annotated[bool, "train the variances, too, with a constant sum"] = False
    scale: Annotated[float, "mean of the variances, or a factor on the given ones", POSITIVE] = 1.0
    legacy_pca: Annotated[bool, "initialise like the released code of Mathieu et al.: see `pca_variances`"] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.variances is not None and self.start == "pca":
            raise InputError("start must be iso where variances are given, got pca")
        if self.legacy_pca and self.start != "pca":
            raise InputError(f"legacy_pca needs start to be pca, got {self.start}")

    def spread(self, latents: int, images: Callable[[], Images] | None = None) -> Variances:
        """The variances as a module. Without `images` a start by PCA is left open, for weights yet to be loaded."""
        if self.variances is not None and len(self.variances) != latents:
            raise InputError(f"variances must be as many as the latents ({latents}), got {len(self.variances)}")
        given = torch.ones(latents) if self.variances is None else torch.tensor(self.variances)
        total = self.scale * (latents if self.variances is None else sum(self.variances))
        if self.start == "pca" and images is not None:
            given = pca_variances(images(), latents, legacy=self.legacy_pca)
        return Variances(given.log(), total, learn=self.learn)


class Variances(nn.Module):
    """v_j = total softmax(l)_j, all positive, with a fixed sum; l is a parameter where it is learned."""

    logits: Tensor

    def __init__(self, logits: Tensor, total: float, *, learn: bool) -> None:
        super().__init__()
        self.total, self.latents = total, len(logits)
        if learn:
            self.logits = nn.Parameter(logits)
        else:
            self.register_buffer("logits", logits)

    def log(self) -> Tensor:
        """Log variances, (d,)."""
        return math.log(self.total) + self.logits.log_softmax(0)

    def std(self) -> Tensor:
        """Standard deviations, (d,)."""
        return (0.5 * self.log()).exp()


def pca_variances(images: Images, latents: int, *, legacy: bool = False) -> Tensor:
    """Variances of `images` (n, C, H, W) along their first principal directions, largest first, (d,).

    `legacy` is what the released code of Mathieu et al. does: of the twenty largest singular values of the images
    without centring, in rising order, the squares of the first d, that is ranks 20, 19 and so on, and not the
    leading ones. Fewer directions with any variance than latents raise InputError.

    >>> pca_variances(torch.tensor([[3.0, 0.0], [-3.0, 0.0], [0.0, 1.0], [0.0, -1.0]])[:, None, None], 2)
    tensor([4.5000, 0.5000])
    """
    from sklearn.utils.extmath import randomized_svd

    rows = images.flatten(1).double()
    rows = rows if legacy else rows - rows.mean(0)
    most, wanted = min(rows.shape), LEGACY_RANKS if legacy else latents
    if not latents <= wanted <= most:
        limit = "20 or fewer, with 20 images and pixels or more," if legacy else f"{most} or fewer"
        raise InputError(f"latents must be {limit} for variances from the data, got {latents}")
    _, values, _ = randomized_svd(rows.numpy(), n_components=wanted, random_state=0)
    if values[-1] <= 1e-6 * values[0]:
        rank = int((values > 1e-6 * values[0]).sum())
        raise InputError(f"start by pca needs data that vary in {wanted} directions, got {rank}")
    chosen = values[::-1][:latents] if legacy else values
    return torch.from_numpy(chosen.copy()).square().div(len(rows)).float()


@dataclass(frozen=True)
class Anisotropic(Spread):
    """p(z) = N(0, diag(v)): latents differ in size, so a rotated code is no longer as good as the true one.

    Source: Mathieu et al. 2019, https://arxiv.org/abs/1812.02833.

    >>> Anisotropic(variances=(4.0, 1.0)).build(2).log_prob(torch.zeros(1, 2))
    tensor([-2.5310])
    """

    def build(self, latents: int, images: Callable[[], Images] | None = None) -> AnisotropicPrior:
        """The prior as a module; `images` gives the data that a start by PCA looks at."""
        return AnisotropicPrior(self.spread(latents, images))


class AnisotropicPrior(nn.Module):
    """N(0, diag(v)) with the variances of `spread`."""

    factorised = True

    def __init__(self, spread: Variances) -> None:
        super().__init__()
        self.spread = spread

    def log_prob_each(self, z: Codes) -> PerLatent:
        """Log density of every latent, (n, d)."""
        return log_normal(z, torch.zeros_like(z), self.spread.log())

    def log_prob(self, z: Codes) -> PerImage:
        """Log density of the whole code, (n,)."""
        return self.log_prob_each(z).sum(-1)

    def sample(self, n: int, rng: torch.Generator) -> Codes:
        """`n` draws, (n, d), with gradient to the variances."""
        std = self.spread.std()
        return std * normal(rng, (n, self.spread.latents)).to(std)

    def kl_each(self, posterior: Posterior) -> PerLatent:
        """KL(N(m, s^2) || N(0, v)) = (log v - log s^2 + (s^2 + m^2) / v - 1) / 2 of every latent, (n, d)."""
        q, log_v = posterior, self.spread.log()
        return 0.5 * (log_v - q.log_variance + (q.log_variance.exp() + q.mean.square()) * (-log_v).exp() - 1)
