"""The variational autoencoder: nets, posterior, likelihood and prior, put together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from unweave.distributions import DiagonalNormal, Likelihood
from unweave.seeds import Generators
from unweave.types import Codes, Discrete, Images, Latents, Pass, PerImage

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


class VAE(nn.Module):
    """x -> q(z|x) -> z (and categories) -> p(x|z).

    `encoder` maps images to the heads named by `heads(latents)`; `decoder` maps (n, latents.width) to the numbers the
    likelihood reads; `prior` is a module, trained with the rest.
    """

    def __init__(
        self, encoder: nn.Module, decoder: nn.Module, prior: nn.Module, likelihood: Likelihood, latents: Latents
    ) -> None:
        super().__init__()
        self.encoder, self.decoder, self.prior = encoder, decoder, prior
        self.likelihood, self.latents = likelihood, latents

    def encode(self, x: Images) -> Encoding:
        """q(z|x) with log variances kept within -20 and 10."""
        out = self.encoder(x)
        posterior = DiagonalNormal(out["mean"].float(), out["log_variance"].float().clamp(*LOG_VARIANCE_RANGE))
        if "categories" not in out:
            return Encoding(posterior)
        each = out["categories"].split(list(self.latents.categories), dim=1)
        return Encoding(posterior, torch.cat([logits.softmax(-1) for logits in each], dim=1))

    def decode(self, z: Codes, one_hot: Tensor | None = None) -> Images:
        """What the decoder says of codes `z` (and one-hot categories): the likelihood's raw numbers."""
        return self.decoder(z if one_hot is None else torch.cat([z, one_hot], dim=1))

    def nll_of_category(self, x: Images, z: Codes) -> Callable[[int], PerImage]:
        """k -> weighted distortion (n,) with category k for every image, the same `z`, and no gradient."""
        categories = sum(self.latents.categories)

        def nll(k: int) -> PerImage:
            one_hot = torch.zeros(len(z), categories, device=z.device)
            one_hot[:, k] = 1
            with torch.no_grad():
                return self.likelihood.distortion_weight * self.likelihood.nll(self.decode(z, one_hot), x)

        return nll

    def forward(
        self,
        x: Images,
        rng: Generators,
        *,
        data_size: int,
        discrete: Discrete | None = None,
        critic: nn.Module | None = None,
        step: int = 0,
        total_steps: int = 1,
    ) -> Pass:
        """One pass of a batch with one reparameterised sample, as objectives want it."""
        encoding = self.encode(x)
        z = encoding.posterior.rsample(rng["noise"])
        one_hot = None
        if discrete is not None:
            one_hot = discrete(z, encoding.probabilities, self.nll_of_category(x, z), rng)
        return Pass(
            x=x,
            posterior=encoding.posterior,
            z=z,
            prior=self.prior,
            distortion=self.likelihood.nll(self.decode(z, one_hot), x),
            distortion_weight=self.likelihood.distortion_weight,
            categories=encoding.probabilities,
            one_hot=one_hot,
            data_size=data_size,
            step=step,
            total_steps=total_steps,
            training=self.training,
            rng=rng,
            critic=critic,
        )

    @torch.no_grad()
    def codes(self, x: Images) -> Codes:
        """The representation of images: posterior means (n, d). Call `eval()` first."""
        return self.encode(x).posterior.mean

    @torch.no_grad()
    def images(self, z: Codes, one_hot: Tensor | None = None) -> Images:
        """Expected images of codes, in [0, 1]."""
        return self.likelihood.image(self.decode(z, one_hot))

    def __call__(self, *args: Any, **kwargs: Any) -> Pass:
        """As `forward`; here only so that type checkers know the result."""
        return super().__call__(*args, **kwargs)
