"""Likelihoods p(x|z) of images: how far a reconstruction is from its image, in nats per image."""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from unweave.base.checks import POSITIVE
from unweave.base.records import Images, PerImage
from unweave.base.settings import Settings

_WEIGHT = "weight of the distortion in every objective; scores ignore it"


def _total(values: Tensor) -> Tensor:
    """Sum over channels and pixels."""
    return values.flatten(1).sum(1)


@dataclass(frozen=True)
class Likelihood(Settings, ABC):
    """A decoder's output read as a distribution of pixels, all independent given z."""

    distortion_weight: Annotated[float, _WEIGHT, POSITIVE] = 1.0

    unit_interval: ClassVar[bool] = False  # whether it reads targets as numbers in [0, 1] and nothing else

    @property
    def outputs(self) -> int:
        """How many numbers the decoder gives per pixel and channel, side by side in the channel dimension."""
        return 1

    @abstractmethod
    def nll(self, output: Images, x: Images) -> PerImage:
        """-log p(x|z), summed over pixels and channels, nats per image (n,)."""

    @abstractmethod
    def image(self, output: Images) -> Images:
        """The expected image; in [0, 1] wherever the likelihood keeps means there."""

    @abstractmethod
    def floor(self, x: Images) -> PerImage:
        """The least `nll` that any decoder output could reach for `x`, nats per image (n,)."""


@dataclass(frozen=True)
class Bernoulli(Likelihood):
    """Pixels in [0, 1] as probabilities of white; the decoder gives logits.

    -log p = sum_i softplus(l_i) - x_i l_i. For grey pixels the least value is their entropy, not 0.

    >>> Bernoulli().nll(torch.zeros(1, 1, 2, 2), torch.ones(1, 1, 2, 2))
    tensor([2.7726])
    """

    unit_interval: ClassVar[bool] = True

    def nll(self, output: Images, x: Images) -> PerImage:
        return _total(F.binary_cross_entropy_with_logits(output, x, reduction="none"))

    def image(self, output: Images) -> Images:
        return output.sigmoid()

    def floor(self, x: Images) -> PerImage:
        return -_total(torch.xlogy(x, x) + torch.xlogy(1 - x, 1 - x))


@dataclass(frozen=True)
class ContinuousBernoulli(Likelihood):
    """A proper density on [0, 1] for grey pixels; the decoder gives logits a.

    log p = x a - softplus(a) + log C(a) with C(a) = a / tanh(a / 2), which is 2 at a = 0. A density: it has no
    general least value, and nats can be negative.
    Source: Loaiza-Ganem and Cunningham 2019, https://arxiv.org/abs/1907.06845.
    """

    unit_interval: ClassVar[bool] = True

    @staticmethod
    def log_normaliser(logits: Tensor) -> Tensor:
        """Log C(a); near a = 0 by its series log 2 + a^2 / 12 - 7 a^4 / 1440, elsewhere exact."""
        size = logits.abs()
        near = size < 0.3
        safe = torch.where(near, torch.ones_like(size), size)
        series = math.log(2) + size.square() / 12 - 7 * size.pow(4) / 1440
        return torch.where(near, series, safe.log() - torch.tanh(safe / 2).log())

    def nll(self, output: Images, x: Images) -> PerImage:
        plain = F.binary_cross_entropy_with_logits(output, x, reduction="none")
        return _total(plain - self.log_normaliser(output))

    def image(self, output: Images) -> Images:
        near = output.abs() < 1e-2
        safe = torch.where(near, torch.ones_like(output), output)
        return torch.where(near, 0.5 + output / 12, 1 / (1 - torch.exp(-safe)) - 1 / safe).clamp(0, 1)

    def floor(self, x: Images) -> PerImage:
        return torch.full(x.shape[:1], -math.inf, device=x.device)


@dataclass(frozen=True)
class _LocationScale(Likelihood):
    scale: Annotated[float, "width of the density, in pixel units", POSITIVE] = 0.1
    squash: Annotated[bool, "apply a sigmoid to the decoder's output, to keep means in [0, 1]"] = True

    def mean(self, output: Tensor) -> Tensor:
        return output.sigmoid() if self.squash else output

    def image(self, output: Images) -> Images:
        return self.mean(output)


@dataclass(frozen=True)
class Gaussian(_LocationScale):
    """N(mean, scale^2) for every pixel. -log p = sum_i (x_i - mean_i)^2 / (2 scale^2) + log(scale sqrt(2 pi)).

    A density: with a small scale the nats are negative. With `learn_scale` the decoder gives the mean and a raw number
    h for every pixel and channel, scale = softplus(h) + 1e-6; then nats fall without a useful bound where points are
    learned by heart, so watch them.

    >>> Gaussian(learn_scale=True, squash=False).nll(torch.zeros(1, 2, 1, 2), torch.zeros(1, 1, 1, 2))
    tensor([1.1049])
    """

    learn_scale: Annotated[bool, "let the decoder predict a scale for every pixel; `scale` is unused"] = False

    @property
    def outputs(self) -> int:
        return 2 if self.learn_scale else 1

    def nll(self, output: Images, x: Images) -> PerImage:
        if self.learn_scale:
            raw_mean, raw_scale = output.chunk(2, dim=1)
            scale = F.softplus(raw_scale) + 1e-6
            error = (x - self.mean(raw_mean)) / scale
            return _total(0.5 * error.square() + scale.log() + 0.5 * math.log(2 * math.pi))
        error = (x - self.mean(output)) / self.scale
        return _total(0.5 * error.square() + math.log(self.scale * math.sqrt(2 * math.pi)))

    def image(self, output: Images) -> Images:
        return self.mean(output.chunk(2, dim=1)[0] if self.learn_scale else output)

    def floor(self, x: Images) -> PerImage:
        if self.learn_scale:
            return torch.full(x.shape[:1], -math.inf, device=x.device)
        least = x[0].numel() * math.log(self.scale * math.sqrt(2 * math.pi))
        return torch.full(x.shape[:1], least, device=x.device)


@dataclass(frozen=True)
class Laplace(_LocationScale):
    """Laplace(mean, scale) for every pixel. -log p = sum_i |x_i - mean_i| / scale + log(2 scale)."""

    def nll(self, output: Images, x: Images) -> PerImage:
        return _total((x - self.mean(output)).abs() / self.scale + math.log(2 * self.scale))

    def floor(self, x: Images) -> PerImage:
        return torch.full(x.shape[:1], x[0].numel() * math.log(2 * self.scale), device=x.device)
