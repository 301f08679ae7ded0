"""Decomposition VAE: separate weights on the overlap of encodings and on their match with a structured prior."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import torch
from torch import Tensor

from unweave.base.checks import Range
from unweave.base.records import NATS, Pass, Term, Terms
from unweave.models.divergences.inclusive import exclusive_kl, inclusive_kl
from unweave.models.divergences.minibatch import Estimator
from unweave.models.divergences.mmd import mmd_joint, mmd_per_latent
from unweave.models.objectives.adam import AdamSettings
from unweave.models.objectives.base import Objective

Divergence = Literal["mmd-dim", "mmd-joint", "kl-inclusive", "kl-exclusive", "none"]
SQUARED = "squared MMD"


@dataclass(frozen=True)
class DecompositionVAE(Objective):
    """-E log p(x|z) + beta KL(q(z|x) || p(z)) + alpha D(q(z), p(z)), nats per image.

    beta sets how far encodings overlap, alpha how closely their aggregate q(z) follows the structure of the prior;
    alpha = 0 is the beta-VAE and beta = 0 matches the aggregate alone. D is a squared MMD of each latent or of whole
    codes, or a KL in either direction. Where the rate has no closed form it is log q - log p of the sample that is
    decoded. With alpha = 0 the divergence is logged without gradient.

    Source: Mathieu et al. 2019, https://arxiv.org/abs/1812.02833. Their code sums the loss over the batch; this is
    the mean. With a mixture their code counts log p(z) once for every latent: `legacy_mixture_kl` does so too.

    >>> DecompositionVAE(alpha=0.0).beta
    1.0
    """

    beta: Annotated[float, "weight of the rate, which controls how far encodings overlap", Range(0)] = 1.0
    alpha: Annotated[float, "weight of the divergence between aggregate posterior and prior", Range(0)] = 1.0
    divergence: Annotated[Divergence, "divergence between aggregate posterior and prior"] = "mmd-joint"
    entropy: Annotated[
        Literal["sample", "analytic"], "entropy of q(z|x) in a rate without closed form: from its sample, or exact"
    ] = "sample"
    estimator: Annotated[Estimator, "minibatch estimator of log q(z) for kl-exclusive"] = "mss-symmetric"
    amsgrad: Annotated[bool, "use AMSGrad"] = True
    legacy_mixture_kl: Annotated[bool, "count log p(z) of a mixture once per latent, as the released code does"] = False

    neutral: ClassVar = {"alpha": 0.0, "beta": 1.0}

    def __call__(self, at: Pass) -> Terms:
        parts = {"kl": Term(self.beta, self._rate(at))}
        if self.divergence != "none":
            with torch.set_grad_enabled(self.alpha > 0 and torch.is_grad_enabled()):
                unit = SQUARED if self.divergence.startswith("mmd") else NATS
                parts["divergence"] = Term(self.alpha, self._divergence(at), unit)
        return at.terms(**parts)

    def _rate(self, at: Pass) -> Tensor:
        q, prior = at.posterior, at.prior
        if (exact := prior.kl_each(q)) is not None:
            return exact
        log_q = -q.entropy_each().sum(-1) if self.entropy == "analytic" else q.log_prob(at.z)
        copies = at.z.shape[1] if self.legacy_mixture_kl else 1
        return log_q - copies * prior.log_prob(at.z)

    def _divergence(self, at: Pass) -> Tensor:
        if self.divergence == "kl-inclusive":
            return inclusive_kl(at.posterior, at.prior, at.rng["prior"]).mean()
        if self.divergence == "kl-exclusive":
            return exclusive_kl(at.posterior, at.z, at.prior, at.data_size, self.estimator).mean()
        with torch.no_grad():
            drawn = at.prior.sample(len(at.z), at.rng["prior"]).to(at.z)
        return mmd_per_latent(drawn, at.z).sum() if self.divergence == "mmd-dim" else mmd_joint(drawn, at.z)

    def optimiser(self) -> AdamSettings:
        return AdamSettings(amsgrad=self.amsgrad)

    def refuses(self, vae: Any) -> str | None:
        factorised = vae.prior.factorised
        if self.divergence == "mmd-dim" and not factorised:
            return (
                "mmd-dim compares each latent alone and cannot see the structure of a prior that does not factorise; "
                "use mmd-joint, kl-inclusive or kl-exclusive"
            )
        if self.legacy_mixture_kl and factorised:
            return "legacy_mixture_kl repeats a fault with mixtures and needs a prior that does not factorise"
        return None
