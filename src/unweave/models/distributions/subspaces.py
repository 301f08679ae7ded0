"""Independent subspaces as a prior: blocks of latents whose density depends only on the distance from the centre."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Literal, NoReturn, get_args

import numpy as np
import torch
from torch import Tensor, nn

from unweave.base import checks
from unweave.base.checks import POSITIVE, Range
from unweave.base.errors import InputError
from unweave.base.records import Codes, Images, PerImage, PerLatent, Posterior
from unweave.base.seeds import normal, uniform
from unweave.base.settings import Settings

Radial = Literal["ring", "student-t", "normal"]
GRID = 4_097  # radii at which the distribution function of a ring is tabulated
REACH = 9.0  # widths beyond the ring where the table ends; farther out lies less than 1e-17 of a pair, 1e-12 of ten


@dataclass(frozen=True)
class Subspaces(Settings):
    """p(z) = prod_b p_b(|z_b|): independent blocks of latents, each of them the same in all its directions.

    In a block of k latents, with r = |z_b| and s the `scale`:

    - ring: p(z_b) proportional to exp(-(r - R)^2 / 2 w^2), with R = s `radius` and w = s `width`;
    - student-t: the multivariate t density with `df` degrees of freedom and scale s;
    - normal: N(0, s^2 I).

    A ring in a block of two has room for an angle, which a normal density has not: its mass lies in the middle, where
    all angles meet. Blocks are of two latents unless `sizes` says otherwise, the last one of a single latent where
    their number is odd; a single latent without a `radial` of its own is normal. The density does not factorise over
    latents. Source: independent subspaces, Hyvarinen and Hoyer 2000, named as a structure to decompose into by
    Mathieu et al. 2019, https://arxiv.org/abs/1812.02833; the ring and its constants are our own.

    >>> Subspaces().build(2).log_prob(torch.tensor([[1.414, 0.0], [0.0, 0.0]]))
    tensor([ -0.8005, -98.7907])
    """

    sizes: Annotated[tuple[int, ...] | None, "latents of each block, in order [two each]", Range(1)] = None
    radial: Annotated[tuple[Radial, ...], "density of each block: ring, student-t or normal; one for all"] = ("ring",)
    radius: Annotated[float, "radius of rings; the default gives both latents of a pair variance 1", Range(0)] = 1.4
    width: Annotated[float, "standard deviation across a ring", POSITIVE] = 0.1
    df: Annotated[float, "degrees of freedom of student-t", POSITIVE] = 9.0
    scale: Annotated[float, "scale of the codes", POSITIVE] = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.radial:
            raise InputError("radial must name one density for all blocks or one for each, got none")
        for each in self.radial:
            checks.one_of(get_args(Radial), radial=each)

    def blocks(self, latents: int) -> tuple[tuple[Radial, int], ...]:
        """Density and size of every block; sizes that are not `latents` together raise InputError."""
        sizes = (2,) * (latents // 2) + (1,) * (latents % 2) if self.sizes is None else self.sizes
        if sum(sizes) != latents:
            raise InputError(f"sizes must add up to the latents ({latents}), got {sum(sizes)}")
        if len(self.radial) not in (1, len(sizes)):
            raise InputError(
                f"radial must name one density or as many as blocks ({len(sizes)}), got {len(self.radial)}"
            )
        one_for_all = len(self.radial) == 1
        radial = self.radial * len(sizes) if one_for_all else self.radial
        alone = one_for_all and self.sizes is None  # then a single latent that is left over is normal
        return tuple(
            ("normal" if size == 1 and alone else each, size) for size, each in zip(sizes, radial, strict=True)
        )

    def build(self, latents: int, images: Callable[[], Images] | None = None) -> SubspacesPrior:
        """The prior as a module; this one has nothing to learn. `images` are there for priors that start from data."""
        made = {
            "ring": lambda k: Ring(k, self.radius, self.width),
            "student-t": lambda k: Tails(k, self.df),
            "normal": Ball,
        }
        return SubspacesPrior([made[radial](size) for radial, size in self.blocks(latents)], self.scale)


class SubspacesPrior(nn.Module):
    """Independent blocks of latents, whose densities in units of `scale` are `blocks`, in order."""

    factorised = False
    waits = True  # samples are scipy's, on the processor

    def __init__(self, blocks: list[Ring | Ball | Tails], scale: float) -> None:
        super().__init__()
        self.blocks, self.scale = blocks, scale
        self.sizes = [block.size for block in blocks]
        self.normal = all(isinstance(block, Ball) for block in blocks)

    def log_prob(self, z: Codes) -> PerImage:
        """Log density of the whole code, (n,)."""
        parts = (z / self.scale).split(self.sizes, dim=1)
        each = [block.log_prob(part.square().sum(1)) for block, part in zip(self.blocks, parts, strict=True)]
        return torch.stack(each).sum(0) - z.shape[1] * math.log(self.scale)

    def log_prob_each(self, z: Codes) -> NoReturn:
        """Refused with InputError: the density is no product over latents."""
        raise InputError(f"log_prob_each needs a prior that factorises, got subspaces of sizes {self.sizes}")

    def sample(self, n: int, rng: torch.Generator) -> Codes:
        """`n` draws, (n, d): in each block an even direction times a radius by its inverse distribution function."""
        made: list[Tensor] = []
        for block in self.blocks:
            towards = normal(rng, (n, block.size), torch.float64).cpu()  # radii are scipy's
            share = uniform(rng, (n,), torch.float64).cpu().clamp(1e-15, 1 - 1e-15)
            radius = torch.from_numpy(block.radius_at(share.numpy()))
            made.append(self.scale * radius[:, None] * towards / towards.norm(dim=1, keepdim=True))
        return torch.cat(made, dim=1).float()

    def kl_each(self, posterior: Posterior) -> PerLatent | None:
        """That of N(0, s^2 I), (n, d), where every block is normal; else None, and the rate comes from the sample."""
        return normal_kl(posterior, self.scale) if self.normal else None


@dataclass(frozen=True)
class Ball:
    """N(0, I) in `size` dimensions."""

    size: int

    def log_prob(self, squared: Tensor) -> PerImage:
        """Log density at squared distances from the middle, (n,)."""
        return -0.5 * (squared + self.size * math.log(2 * math.pi))

    def radius_at(self, share: np.ndarray) -> np.ndarray:
        """The radius within which `share` of the mass lies, elementwise."""
        from scipy.special import gammaincinv

        return np.sqrt(2 * gammaincinv(self.size / 2, share))


@dataclass(frozen=True)
class Tails:
    """The multivariate t distribution with `df` degrees of freedom in `size` dimensions."""

    size: int
    df: float

    def log_prob(self, squared: Tensor) -> PerImage:
        """Log density at squared distances from the middle, (n,)."""
        k, df = self.size, self.df
        constant = math.lgamma((df + k) / 2) - math.lgamma(df / 2) - 0.5 * k * math.log(df * math.pi)
        return constant - 0.5 * (df + k) * (squared / df).log1p()

    def radius_at(self, share: np.ndarray) -> np.ndarray:
        """The radius within which `share` of the mass lies, elementwise: r^2 / k has an F distribution."""
        from scipy.special import fdtri

        return np.sqrt(self.size * fdtri(self.size, self.df, share))


@dataclass(frozen=True)
class Ring:
    """exp(-(r - R)^2 / 2 w^2) / c in `size` dimensions: mass at the distance `radius`, `width` thick."""

    size: int
    radius: float
    width: float

    def log_prob(self, squared: Tensor) -> PerImage:
        """Log density at squared distances from the middle, (n,); its gradient in the middle itself is 0."""
        away = (squared + torch.finfo(squared.dtype).tiny).sqrt() - self.radius
        return -0.5 * (away / self.width).square() - self.log_constant

    @cached_property
    def log_constant(self) -> float:
        """Log of c: the surface of the unit sphere, 2 pi^(k / 2) / Gamma(k / 2), times the mass within infinity."""
        surface = math.log(2) + 0.5 * self.size * math.log(math.pi) - math.lgamma(self.size / 2)
        return surface + math.log(self.mass_within(math.inf).item())

    def mass_within(self, r: np.ndarray | float) -> np.ndarray:
        """Integral of t^(k - 1) exp(-(t - R)^2 / 2 w^2) from 0 to `r`, elementwise, by recursion over k."""
        from scipy.special import erf

        r = np.asarray(r, dtype=np.float64)
        radius, width = self.radius, self.width
        end = np.exp(-0.5 * ((r - radius) / width) ** 2)
        start = math.exp(-0.5 * (radius / width) ** 2)
        shares = erf((r - radius) / width / math.sqrt(2)) + erf(radius / width / math.sqrt(2))
        before, now = np.zeros_like(r), width * math.sqrt(math.pi / 2) * shares
        finite = np.where(np.isinf(r), 0.0, r)  # at infinity the density is 0 whatever the power before it
        for m in range(1, self.size):
            boundary = finite ** (m - 1) * end - (start if m == 1 else 0.0)
            before, now = now, radius * now + (m - 1) * width**2 * before - width**2 * boundary
        return now

    def radius_at(self, share: np.ndarray) -> np.ndarray:
        """The radius within which `share` of the mass lies, elementwise, between tabulated radii by a straight line."""
        table = np.linspace(max(0.0, self.radius - REACH * self.width), self.radius + REACH * self.width, GRID)
        mass = self.mass_within(table)
        return np.interp(share, mass / self.mass_within(math.inf), table)


def normal_kl(posterior: Posterior, scale: float) -> PerLatent:
    """KL(N(m, s^2) || N(0, scale^2)) of every latent, (n, d)."""
    log_v, q = 2 * math.log(scale), posterior
    return 0.5 * (log_v - q.log_variance + (q.log_variance.exp() + q.mean.square()) / scale**2 - 1)
