"""Plain convolutions of any depth for images of any size, with a decoder that mirrors the encoder."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

from torch import nn

from unweave.base import checks
from unweave.base.checks import Range
from unweave.base.errors import InputError
from unweave.models.nets.base import Net
from unweave.models.nets.layers import LARGEST, SMALLEST, Encoder, conv_decoder, dense, halved, halving, instead

COARSE = 8  # side of a map that needs no further halving


@dataclass(frozen=True)
class Conv(Net):
    """A 4 x 4 convolution with stride 2 for each number in `channels`, then a dense layer of `hidden`; ReLU.

    The decoder runs the same layers backwards with transposed convolutions. Sides of images may be 16 to 256, odd
    ones and unequal ones too. If not given, `channels` are 32 and then 64 throughout, three of them for images up to
    71 pixels and as many more as bring the longer side down to 8 for larger ones.

    >>> Conv(channels=(32, 64)).decoder(10, (3, 64, 64), 1)[-1]
    ConvTranspose2d(32, 3, kernel_size=(4, 4), stride=(2, 2), padding=(1, 1))
    >>> Conv().channels_for((64, 64)), Conv().channels_for((200, 135))
    ((32, 64, 64), (32, 64, 64, 64, 64))
    """

    channels: Annotated[
        tuple[int, ...] | None,
        "channels of the convolutions, each of which halves the image [by its size]",
        Range(1),
    ] = None
    hidden: Annotated[int, "width of the dense layer", Range(1)] = 256

    takes: ClassVar = (
        *Net.takes, (1, 28, 28), (1, 16, 16), (2, 17, 33), (3, 48, 60), (4, 31, 100), (1, 16, 256), (3, 131, 75),
    )  # fmt: skip

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.channels is not None:
            checks.at_least(1, **{"number of channels": len(self.channels)})

    def channels_for(self, size: tuple[int, int]) -> tuple[int, ...]:
        """Channels of the convolutions for images of this height and width."""
        if self.channels is not None:
            return self.channels
        short, long = sorted(size)
        wanted = max(3, (long // (COARSE + 1)).bit_length())
        return (32, *[64] * (min(wanted, short.bit_length() - 2) - 1))

    def encoder(self, image_shape: tuple[int, int, int], heads: Mapping[str, int]) -> nn.Module:
        """Convolutions, one dense layer, heads."""
        size, channels = self._fitted(image_shape)
        height, width = halved(size, len(channels))[-1]
        stem = [*halving((image_shape[0], *channels)), nn.Flatten()]
        body = nn.Sequential(*stem, *dense((channels[-1] * height * width, self.hidden)))
        return Encoder(body, self.hidden, heads)

    def decoder(self, width: int, image_shape: tuple[int, int, int], outputs: int) -> nn.Module:
        """Two dense layers, then transposed convolutions back to the image."""
        size, channels = self._fitted(image_shape)
        return conv_decoder((width, self.hidden), (*reversed(channels), outputs * image_shape[0]), size)

    def _fitted(self, image_shape: tuple[int, int, int]) -> tuple[tuple[int, int], tuple[int, ...]]:
        """Height and width of the image and the channels for it, or InputError."""
        size = image_shape[1:]
        if image_shape[0] < 1 or min(size) < SMALLEST or max(size) > LARGEST:
            raise InputError(
                f"image_shape must be (channels, height, width) with sides of {SMALLEST} to {LARGEST}, "
                f"got {instead(image_shape)}"
            )
        channels, most = self.channels_for(size), min(size).bit_length() - 1
        if len(channels) > most:
            raise InputError(
                f"channels must be at most {most} numbers for images of side {min(size)}, got {len(channels)}"
            )
        return size, channels
