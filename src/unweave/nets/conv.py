"""Plain convolutions of any depth, with a decoder that mirrors the encoder."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from torch import nn

from unweave import checks
from unweave.errors import InputError
from unweave.nets.base import Net
from unweave.nets.layers import Encoder, conv_decoder, dense, halving, side


@dataclass(frozen=True)
class Conv(Net):
    """A 4 x 4 convolution with stride 2 for each number in `channels`, then a dense layer of `hidden`; ReLU.

    The decoder runs the same layers backwards with transposed convolutions. Images are 64 x 64 or 32 x 32.

    >>> Conv(channels=(32, 64)).decoder(10, (3, 64, 64), 1)[-1]
    ConvTranspose2d(32, 3, kernel_size=(4, 4), stride=(2, 2), padding=(1, 1))
    """

    channels: Annotated[tuple[int, ...], "channels of the convolutions, each of which halves the image"] = (
        32,
        64,
        64,
    )
    hidden: Annotated[int, "width of the dense layer"] = 256

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.at_least(1, hidden=self.hidden, **{"number of channels": len(self.channels)})
        for each in self.channels:
            checks.at_least(1, channels=each)

    def encoder(self, image_shape: tuple[int, int, int], heads: Mapping[str, int]) -> nn.Module:
        """Convolutions, one dense layer, heads."""
        start = self._smallest(image_shape)
        stem = [*halving((image_shape[0], *self.channels)), nn.Flatten()]
        body = nn.Sequential(*stem, *dense((self.channels[-1] * start * start, self.hidden)))
        return Encoder(body, self.hidden, heads)

    def decoder(self, width: int, image_shape: tuple[int, int, int], outputs: int) -> nn.Module:
        """Two dense layers, then transposed convolutions back to the image."""
        start = self._smallest(image_shape)
        return conv_decoder((width, self.hidden), (*reversed(self.channels), outputs * image_shape[0]), start)

    def _smallest(self, image_shape: tuple[int, int, int]) -> int:
        """Side of the smallest map, at least 1."""
        whole, depth = side(image_shape), len(self.channels)
        if whole % 2**depth:
            most = whole.bit_length() - 1
            raise InputError(f"channels must be at most {most} numbers for images of side {whole}, got {depth}")
        return whole // 2**depth
