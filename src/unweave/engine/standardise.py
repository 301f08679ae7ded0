"""Codes brought to mean 0 and variance 1 while a model is trained, with the decoder undoing it exactly.

The scale and the offset of a latent are free: z' = (z - m) / s with a decoder that reads s z' + m brings back the same
images and tells as much of them. Only the rate sees a difference, and it is least where the aggregate posterior has
the prior's mean and variance. Gradients get there late: codes sit in a narrow valley, steep across (the decoder must
follow every move) and nearly flat along it. This step goes there at once.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from unweave.base.errors import InputError
from unweave.base.records import Images
from unweave.models.distributions.isotropic import IsotropicPrior, kl_of_moments
from unweave.models.nets.layers import SoftplusStd
from unweave.models.vae import VAE

AT_ONCE = 500  # images that are encoded at a time
TOLERANCE = 1e-3  # of codes and logits after a trial; rounding in float32 leaves some 1e-6 of them


@torch.no_grad()
def moments(vae: VAE, images: Images) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation (d,), float64, of every latent under the aggregate posterior of `images`.

    With q(z) the mean of q(z|x) over images: m = E[mu(x)], s^2 = Var[mu(x)] + E[sigma(x)^2].
    """
    training = vae.training
    vae.eval()
    each = [vae.encode(x).posterior for x in images.split(AT_ONCE)]
    vae.train(training)
    mean = _exact(torch.cat([q.mean for q in each]))
    variance = _exact(torch.cat([q.log_variance for q in each])).exp()
    return mean.mean(0), (mean.var(0, correction=0) + variance.mean(0)).sqrt()


@dataclass(frozen=True)
class Ends:
    """The linear layers that codes come out of and go into; a transposed convolution of 1 x 1 counts as one."""

    mean: nn.Linear
    log_variance: nn.Linear
    into: nn.Linear | nn.ConvTranspose2d

    @classmethod
    def of(cls, vae: VAE) -> Ends | None:
        """Those of a model: the encoder's heads, and the decoder's first linear layer; None where it has other ones."""
        heads = getattr(vae.encoder, "heads", None)
        if not isinstance(heads, nn.ModuleDict) or not {"mean", "log_variance"} <= set(heads):
            return None
        mean, log_variance = heads["mean"], heads["log_variance"]
        into = next((each for each in vae.decoder.modules() if isinstance(each, nn.Linear | nn.ConvTranspose2d)), None)
        if not isinstance(mean, nn.Linear) or not isinstance(log_variance, nn.Linear) or into is None:
            return None
        if isinstance(into, nn.ConvTranspose2d) and into.kernel_size != (1, 1):
            return None
        shifted = all("bias" in dict(layer.named_parameters()) for layer in (mean, log_variance, into))
        ends = cls(mean, log_variance, into)
        return ends if shifted and ends.weight.shape[1] == vae.latents.width else None

    @property
    def weight(self) -> Tensor:
        """A view of the weights (outputs, codes) that codes go into."""
        return self.into.weight if isinstance(self.into, nn.Linear) else self.into.weight[:, :, 0, 0].T

    @torch.no_grad()
    def fold(self, mean: Tensor, std: Tensor) -> None:
        """Let the encoder give (z - mean) / std and the decoder take it back, in place; computed in float64."""
        d, heads = len(mean), self.mean
        codes, bias = _exact(self.weight[:, :d]), self.into.bias
        assert bias is not None
        bias.copy_(_exact(bias) + codes @ mean)
        self.weight[:, :d].copy_(codes * std)
        heads.weight.copy_(_exact(heads.weight) / std[:, None])
        heads.bias.copy_((_exact(heads.bias) - mean) / std)
        self.log_variance.bias.copy_(_exact(self.log_variance.bias) - 2 * std.log())


def _exact(tensor: Tensor) -> Tensor:
    """The numbers in float64, on the processor: not every device has it."""
    return tensor.detach().cpu().double()


def check_standardisable(vae: VAE, images: Images, *, net: str, prior: str) -> None:
    """Refuse a model that cannot be standardised, by trying on a copy; `images` are a few, the names are for users."""
    if not isinstance(vae.prior, IsotropicPrior):
        raise InputError(f"standardise_every needs the prior isotropic, of mean 0 and variance 1, got {prior}")
    if isinstance(vae.encoder, SoftplusStd):
        raise InputError(
            f"standardise_every needs a net whose deviations scale with its weights; {net}'s are a softplus"
        )
    trial = copy.deepcopy(vae).eval()
    ends = Ends.of(trial)
    wanted = "an encoder that ends and a decoder that begins with a linear layer"
    if ends is None or not _folds(trial, ends, images):
        raise InputError(f"standardise_every needs a net with {wanted}, got {net}")


@torch.no_grad()
def _folds(vae: VAE, ends: Ends, images: Images) -> bool:
    """Whether folding a shift and a scale into `ends` does to codes what it should, and nothing to images."""
    d = vae.latents.continuous
    mean, std = torch.linspace(-1, 2, d).to(images), torch.linspace(0.5, 3, d).to(images)
    q = vae.encode(images).posterior
    before = vae.decode(q.mean, vae.places(None, len(images)))
    ends.fold(_exact(mean), _exact(std))
    folded = vae.encode(images).posterior
    after = vae.decode((q.mean - mean) / std, vae.places(None, len(images)))
    pairs = [
        (folded.mean, (q.mean - mean) / std),
        (folded.log_variance, q.log_variance - 2 * std.log()),
        (after, before),
    ]
    return all(torch.allclose(a, b, rtol=TOLERANCE, atol=TOLERANCE) for a, b in pairs)


def standardise(vae: VAE, images: Images) -> Tensor:
    """Bring every latent to mean 0 and variance 1 over `images`, in place; the nats that saves, (d,).

    What the decoder makes of an image, I(x; z) and the total correlation stay as they are; where `images` are all there
    are, the mean rate falls by exactly the sum. The optimiser's moments are left alone.
    """
    mean, std = moments(vae, images)
    ends = Ends.of(vae)
    assert ends is not None
    ends.fold(mean, std)
    return kl_of_moments(mean, std)
