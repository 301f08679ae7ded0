"""What a net is: settings that make an encoder and a decoder, both started from one generator."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import torch
from torch import nn

from unweave.base import checks
from unweave.base.settings import Settings

Init = Literal["torch", "xavier", "he", "normal002", "dcgan"]


@dataclass(frozen=True)
class Net(Settings, ABC):
    """Settings of an encoder and its decoder; it holds no weights.

    `encoder` makes a module (n, C, H, W) -> {head: (n, size)}, its heads in the order they were asked for;
    `decoder` makes one (n, width) -> (n, outputs * C, H, W) of logits, without a final non-linearity.
    """

    init: Annotated[
        Init,
        "initialisation of the weights: torch's default, or xavier, he, normal002 or dcgan (standard deviation 0.02)",
    ] = "xavier"

    takes: ClassVar[tuple[tuple[int, int, int], ...]] = ((1, 32, 32), (3, 32, 32), (1, 64, 64), (3, 64, 64))
    """Shapes of images it is known to take; the contract tests try each, the first most of all."""

    @abstractmethod
    def encoder(self, image_shape: tuple[int, int, int], heads: Mapping[str, int]) -> nn.Module:
        """Make the module from images of `image_shape` (C, H, W) to one linear head for each of `heads`."""

    @abstractmethod
    def decoder(self, width: int, image_shape: tuple[int, int, int], outputs: int) -> nn.Module:
        """Make the module from `width` numbers to `outputs` maps of logits for every channel of the image."""


@contextmanager
def drawing_from(rng: torch.Generator) -> Generator[None]:
    """Let torch's own draws on the CPU follow `rng` in this block, and leave its global state as it was.

    Modules that start their weights by themselves, also those of other packages, thus depend on `rng` alone.

    >>> with drawing_from(torch.Generator().manual_seed(0)):
    ...     first = nn.Linear(2, 2).weight
    >>> with drawing_from(torch.Generator().manual_seed(0)):
    ...     bool((nn.Linear(2, 2).weight == first).all())
    True
    """
    seed = torch.randint(2**62, (), generator=rng, device=rng.device).item()
    with torch.random.fork_rng(devices=[]), torch.device("cpu"):
        torch.random.default_generator.manual_seed(int(seed))
        yield


def initialise(module: nn.Module, init: Init) -> None:
    """Start the weights anew, layer by layer in the order in which the module holds them.

    - `torch`: as torch made them;
    - `xavier`: Glorot's uniform on every linear, convolution and transposed convolution, biases zero;
    - `he`: He's uniform for ReLU on the same layers, biases zero;
    - `normal002`: N(0, 0.02^2) on linear layers and convolutions, biases zero; transposed convolutions stay
      as torch made them;
    - `dcgan`: N(0, 0.02^2) on all three, biases zero.

    Other layers keep their own start, and so do those marked `own_start`.
    Call it inside `drawing_from`. Sources: Glorot & Bengio 2010; He et al.
    2015, https://arxiv.org/abs/1502.01852; Radford et al. 2016, https://arxiv.org/abs/1511.06434.
    """
    for layer in module.modules():
        if init == "torch" or not isinstance(layer, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)):
            continue
        if getattr(layer, "own_start", False):
            continue
        if init == "xavier":
            nn.init.xavier_uniform_(layer.weight)
        elif init == "he":
            nn.init.kaiming_uniform_(layer.weight, nonlinearity="relu")
        elif init == "normal002" and isinstance(layer, nn.ConvTranspose2d):
            continue
        else:
            nn.init.normal_(layer.weight, std=0.02)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)


def build(
    net: Net,
    image_shape: tuple[int, int, int],
    heads: Mapping[str, int],
    width: int,
    outputs: int,
    rng: torch.Generator,
) -> tuple[nn.Module, nn.Module]:
    """Make the encoder and decoder of `net` on the CPU, their weights drawn from `rng`: the encoder's first.

    `heads` maps names to sizes, `width` is what the decoder receives, `outputs` how many maps the likelihood
    wants for each channel. The same state of `rng` gives the same weights; torch's global generator is left
    alone. Sizes below 1 and images that the net cannot take raise InputError.

    >>> from unweave.models.nets.conv import Conv
    >>> rng = torch.Generator().manual_seed(0)
    >>> encoder, decoder = build(Conv(), (1, 64, 64), {"mean": 10, "log_variance": 10}, 10, 1, rng)
    >>> {name: tuple(head.shape) for name, head in encoder(torch.zeros(3, 1, 64, 64)).items()}
    {'mean': (3, 10), 'log_variance': (3, 10)}
    >>> decoder(torch.zeros(3, 10)).shape
    torch.Size([3, 1, 64, 64])
    """
    checks.at_least(1, width=width, outputs=outputs)
    checks.at_least(1, **heads)
    with drawing_from(rng):
        encoder = net.encoder(image_shape, heads)
        initialise(encoder, net.init)
        decoder = net.decoder(width, image_shape, outputs)
        initialise(decoder, net.init)
    return encoder, decoder
