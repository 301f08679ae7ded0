"""The variational autoencoder: nets, posterior, likelihood and prior, put together."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from unweave.base.records import Codes, Discrete, Images, Latents, NllOfCategory, Output, PerImage, Posterior
from unweave.base.seeds import Generators
from unweave.models.distributions import DiagonalNormal, Likelihood
from unweave.models.distributions.categorical import one_hot

LOG_VARIANCE_RANGE = (-20.0, 10.0)  # keeps exp() finite in float32 without touching any sane posterior


def heads(latents: Latents) -> dict[str, int]:
    """What the encoder must give: names and sizes of its heads."""
    sizes = {"mean": latents.continuous, "log_variance": latents.continuous}
    return {**sizes, "categories": sum(latents.categories)} if latents.categories and latents.head else sizes


@dataclass(frozen=True)
class Encoding:
    """q(z|x) of a batch and, where the encoder gives them, probabilities of the categories (n, sum S)."""

    posterior: DiagonalNormal
    probabilities: Tensor | None = None


class Units(nn.Module):
    """The units of a data set's numbers and the model's own: x' = (x - shift) / scale, each (C, H, W).

    It lies in the model, so that codes are made from numbers in the user's units and come back in them.

    >>> units = Units((1, 1, 2)).measure(torch.tensor([[[[0.0, 5.0]]], [[[4.0, 5.0]]]]), first=2)
    >>> units.back(units(torch.tensor([[[[1.0, 5.0]]]]))).tolist()
    [[[[1.0, 5.0]]]]
    """

    shift: Tensor
    scale: Tensor

    def __init__(self, shape: tuple[int, int, int]) -> None:
        super().__init__()
        self.register_buffer("shift", torch.zeros(shape))
        self.register_buffer("scale", torch.ones(shape))

    def measure(self, x: Images, first: int) -> Units:
        """Take mean and standard deviation of the `first` numbers of each row; the others keep their units.

        A constant number is only shifted. Computed in float64, lest large offsets swallow small deviations.
        """
        exact = x[..., :first].double()
        mean, std = exact.mean(0), exact.std(0, correction=0)
        steady = std <= 1e-7 * mean.abs()  # nothing but rounding
        self.shift[..., :first] = mean
        self.scale[..., :first] = torch.where(steady, torch.ones_like(std), std)
        return self

    def forward(self, x: Images) -> Images:
        """From the user's units to the model's."""
        return (x - self.shift) / self.scale

    def back(self, x: Images) -> Images:
        """From the model's units to the user's."""
        return x * self.scale + self.shift


def _full(x: Tensor) -> Tensor:
    """What a net gives, in float32 where the net rounds."""
    return x.float() if x.dtype == torch.bfloat16 else x


@contextmanager
def _buffers_kept(net: nn.Module) -> Generator[None]:
    """Whatever happens inside, running statistics are afterwards as they were."""
    before = [buffer.clone() for buffer in net.buffers()]
    yield
    for buffer, old in zip(net.buffers(), before, strict=True):
        buffer.copy_(old)


class VAE(nn.Module):
    """x -> q(z|x) -> z (and categories) -> p(x|z).

    `encoder` maps images to the heads named by `heads(latents)`; `decoder` maps (n, latents.width) to the numbers the
    likelihood reads; `prior` is a module, trained with the rest. `discrete` says how evaluation finds categories.
    With `units` the nets and the likelihood see numbers in the model's own units, and distortions are those of these.
    """

    prior: Any  # a module that keeps the contract types.Prior
    numbers: torch.dtype | None = None  # what the nets compute in, where that is not float32; all else is float32

    def __init__(
        self,
        encoder: nn.Module,
        decoder: nn.Module,
        prior: nn.Module,
        likelihood: Likelihood,
        latents: Latents,
        discrete: Discrete | None = None,
        units: Units | None = None,
    ) -> None:
        super().__init__()
        self.encoder, self.decoder, self.prior = encoder, decoder, prior
        self.units = units
        self.likelihood, self.latents, self.discrete = likelihood, latents, discrete

    def encode(self, x: Images) -> Encoding:
        """q(z|x) with log variances kept within -20 and 10."""
        with self._rounded(x.device):
            out = self.encoder(self.target(x))
        posterior = DiagonalNormal(_full(out["mean"]), _full(out["log_variance"]).clamp(*LOG_VARIANCE_RANGE))
        if "categories" not in out:
            return Encoding(posterior)
        each = out["categories"].split(list(self.latents.categories), dim=1)
        return Encoding(posterior, torch.cat([_full(logits).softmax(-1) for logits in each], dim=1))

    def target(self, x: Images) -> Images:
        """What the decoder is to bring back of `x`, in the units the likelihood reads."""
        return x if self.units is None else self.units(x)

    def nll(self, output: Images, x: Images) -> PerImage:
        """-log p(x|z) of the decoder's output, in the model's units, nats per image (n,)."""
        return self.likelihood.nll(output, self.target(x))

    def decode(self, z: Codes, one_hot: Tensor | None = None) -> Images:
        """What the decoder says of codes `z` (and one-hot categories): the likelihood's raw numbers."""
        with self._rounded(z.device):
            return _full(self.decoder(z if one_hot is None else torch.cat([z, one_hot], dim=1)))

    def _rounded(self, device: torch.device) -> AbstractContextManager[Any]:
        """The nets compute in `numbers` inside."""
        return nullcontext() if self.numbers is None else torch.autocast(device.type, self.numbers)

    def nll_of_category(self, x: Images, z: Codes) -> NllOfCategory:
        """K, level -> weighted distortion (n,) with category k, `level` in its place, for every image and the same `z`.

        Each costs one pass of the decoder, without gradient and without a trace in its running statistics.
        """

        def nll(k: int, level: float) -> PerImage:
            same = z.new_zeros(len(z), sum(self.latents.categories))
            same[:, k] = level
            with torch.no_grad(), _buffers_kept(self.decoder):
                return self.likelihood.distortion_weight * self.nll(self.decode(z, same), x)

        return nll

    @property
    def category_sizes(self) -> tuple[int, ...]:
        """Size of each category that the model finds in an image, () where it finds none."""
        return () if self.discrete is None else self.discrete.sizes

    @torch.no_grad()
    def categories(self, x: Images, encoding: Encoding) -> Tensor | None:
        """The categories of encoded images, found at their mean codes, as numbers (n, L); None if there are none."""
        return self._decided(x, encoding, self.discrete)

    def _decided(self, x: Images, encoding: Encoding, discrete: Discrete | None) -> Tensor | None:
        if discrete is None:
            return None
        return discrete.decide(encoding.probabilities, self.nll_of_category(x, encoding.posterior.mean))

    def places(self, numbers: Tensor | None, n: int) -> Tensor | None:
        """What the decoder sees of the categories of `n` images: one-hot (n, sum S), zeros for none, None without."""
        sizes = self.latents.categories
        if not sizes:
            return None
        like = next(self.decoder.parameters())
        return like.new_zeros(n, sum(sizes)) if numbers is None else one_hot(numbers, sizes).to(like)

    def forward(
        self,
        x: Images,
        rng: Generators,
        *,
        discrete: Discrete | None = None,
        drawn_from: Callable[[Posterior], Posterior] | None = None,
    ) -> Output:
        """One pass of a batch with one reparameterised sample.

        In training `drawn_from` may change the posterior that the sample is drawn from, and `discrete` chooses the
        categories with that sample; in evaluation they are found at the mean code.
        """
        encoding = self.encode(x)
        posterior = encoding.posterior if drawn_from is None or not self.training else drawn_from(encoding.posterior)
        z = posterior.rsample(rng["noise"])
        discrete = self.discrete if discrete is None else discrete
        if discrete is None or not self.training:
            seen = self.places(self._decided(x, encoding, discrete), len(x))
        else:
            seen = discrete(z, encoding.probabilities, self.nll_of_category(x, z), rng)
        return Output(
            x=x,
            posterior=posterior,
            z=z,
            prior=self.prior,
            distortion=self.nll(self.decode(z, seen), x),
            distortion_weight=self.likelihood.distortion_weight,
            categories=encoding.probabilities,
            one_hot=seen,
            training=self.training,
        )

    @torch.no_grad()
    def codes(self, x: Images) -> Codes:
        """The representation of images: posterior means (n, d). Call `eval()` first."""
        return self.encode(x).posterior.mean

    @torch.no_grad()
    def images(self, z: Codes, categories: Tensor | None = None) -> Images:
        """Expected images of codes and their categories, numbers (n, L); in [0, 1] if the likelihood keeps them there.

        Without `categories` a model that finds any takes the first of each.
        """
        if categories is None and self.category_sizes:
            categories = torch.zeros(len(z), len(self.category_sizes), dtype=torch.long, device=z.device)
        made = self.likelihood.image(self.decode(z, self.places(categories, len(z))))
        return made if self.units is None else self.units.back(made)

    def __call__(self, *args: Any, **kwargs: Any) -> Output:
        """As `forward`; here only so that type checkers know the result."""
        return super().__call__(*args, **kwargs)
