"""A trained model by itself: images to codes and back, and images from its prior, without any data."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from unweave.base import checks
from unweave.base.errors import InputError
from unweave.base.files import FORMAT, write_atomic
from unweave.base.records import Encoded
from unweave.base.seeds import Generators
from unweave.base.settings import plain
from unweave.data.base import ImageData
from unweave.models.vae import VAE

CHUNK = 500  # images that go through the nets at a time
PREPARED = ("size", "fit", "channels", "order", "scale", "low", "high", "use", "drop", "categorical")
MOST_BLOCKS = 64  # combinations of categories that samples run through; of more, random ones are drawn


@dataclass(frozen=True)
class Samples:
    """Images (n, C, H, W) decoded from codes (n, d) and categories (n, L) that were drawn, not encoded."""

    images: Tensor
    codes: Tensor
    categories: Tensor | None = None


@dataclass(frozen=True, eq=False)
class Model:
    """A trained VAE that is ready to encode, with what is known of its images.

    Images are (n, C, H, W) of `image_shape`, numpy or torch, in the units of the data it was trained on: pixels in
    [0, 1] where `bounded`. Anything else raises InputError. Other than a run it needs no data.
    """

    vae: VAE
    image_shape: tuple[int, int, int]
    bounded: bool = True
    title: str = "model"
    about: Mapping[str, Any] = field(default_factory=dict[str, Any])  # all that an exported model's config.json says

    @property
    def latents(self) -> int:
        """How many continuous latents a code has."""
        return self.vae.latents.continuous

    @property
    def category_sizes(self) -> tuple[int, ...]:
        """Size of each categorical latent that the model finds, () where it finds none."""
        return self.vae.category_sizes

    @torch.no_grad()
    def posterior(self, images: Any) -> Encoded:
        """All that the model says of images, as arrays: means, deviations, rates, categories, their probabilities."""
        columns = zip(*[self._encoded(x) for x in self._chunks(images)], strict=True)
        return Encoded(*(None if column[0] is None else torch.cat(column).cpu().numpy() for column in columns))

    def _encoded(self, x: Tensor) -> tuple[Tensor | None, ...]:
        encoding = self.vae.encode(x)
        q = encoding.posterior
        categories = self.vae.categories(x, encoding)
        return q.mean, q.std, self.vae.prior.kl_each(q), categories, encoding.probabilities

    def encode(self, images: Any) -> Tensor:
        """Posterior means of images, (n, d)."""
        return torch.as_tensor(self.posterior(images).mean)

    def categories(self, images: Any) -> Tensor | None:
        """Categories of images, numbers (n, L); None where the model finds none."""
        found = self.posterior(images).categories
        return None if found is None else torch.as_tensor(found)

    @torch.no_grad()
    def decode(self, codes: Any, categories: Any = None) -> Tensor:
        """Expected images of codes (n, d) and categories, numbers (n, L); pixels are cut to [0, 1].

        Without `categories` a model that finds any takes the first of each.
        """
        z = _tensor(codes, "codes")
        if z.ndim != 2 or z.shape[1] != self.latents:
            raise InputError(f"codes must have shape (n, {self.latents}), got {tuple(z.shape)}")
        numbers = self._numbers(categories, len(z))
        chosen = [None] * len(z.split(CHUNK)) if numbers is None else numbers.split(CHUNK)
        made = torch.cat([self.vae.images(*each) for each in zip(z.split(CHUNK), chosen, strict=True)])
        return made.clamp(0, 1) if self.bounded else made

    def _numbers(self, categories: Any, n: int) -> Tensor | None:
        """`categories` as int64 (n, L), or InputError where they are none of this model's."""
        if categories is None:
            return None
        numbers, sizes = torch.as_tensor(categories), self.category_sizes
        if numbers.is_floating_point() or tuple(numbers.shape) != (n, len(sizes)):
            raise InputError(
                f"categories must be integers of shape ({n}, {len(sizes)}), got {numbers.dtype} {tuple(numbers.shape)}"
            )
        for column, size in zip(numbers.T, sizes, strict=True):
            if len(column) and not 0 <= int(column.min()) <= int(column.max()) < size:
                raise InputError(f"categories must lie between 0 and {size - 1}, got {column.min()} to {column.max()}")
        return numbers.long()

    @torch.no_grad()
    def sample(self, n: int = 64, seed: int = 0) -> Samples:
        """`n` images of the prior: codes z ~ p(z), decoded.

        A model that finds categories goes through them in order, with n / K images for each of the K combinations,
        the first ones with one more where that leaves a rest. Same seed, same images.
        """
        checks.at_least(1, n=n)
        checks.nonnegative(seed=seed)
        codes = self.vae.prior.sample(n, Generators(seed)["prior"]).float()
        categories = _evenly(self.category_sizes, n, Generators(seed)["categories"])
        return Samples(self.decode(codes, categories), codes, categories)

    def _chunks(self, images: Any) -> Iterator[Tensor]:
        device = next(self.vae.parameters()).device
        for x in self.checked(images).split(CHUNK):
            yield x.to(device, memory_format=torch.channels_last)

    def checked(self, images: Any) -> Tensor:
        """`images` as float32 (n, C, H, W), or InputError where the model cannot have been trained on such."""
        x = _tensor(images, "images")
        if x.ndim != 4 or tuple(x.shape[1:]) != self.image_shape:
            wanted = ", ".join(map(str, self.image_shape))
            raise InputError(f"images must have shape (n, {wanted}), got {tuple(x.shape)}")
        if len(x) == 0:
            raise InputError("images must be 1 or more, got 0")
        low, high = (float(end) for end in torch.aminmax(x))
        if not np.isfinite([low, high]).all():
            raise InputError("images must be finite numbers, got NaN or infinities")
        if self.bounded and not 0 <= low <= high <= 1:
            raise InputError(f"pixels must lie between 0 and 1, got {low:g} to {high:g}")
        return x


def _tensor(values: Any, name: str) -> Tensor:
    try:
        return torch.as_tensor(values, dtype=torch.float32)
    except (TypeError, ValueError, RuntimeError) as wrong:
        raise InputError(f"{name} must be numbers, got {type(values).__name__}: {wrong}") from None


def _evenly(sizes: Sequence[int], n: int, rng: torch.Generator) -> Tensor | None:
    """Categories (n, L) of `n` samples, None without any: all combinations in order, each as often as the next.

    >>> _evenly((2,), 5, torch.Generator()).flatten().tolist()
    [0, 0, 0, 1, 1]
    """
    if not sizes:
        return None
    count = int(np.prod(sizes))
    if count > MOST_BLOCKS:
        return torch.stack([torch.randint(size, (n,), generator=rng) for size in sizes], dim=1)
    every = torch.tensor(list(product(*map(range, sizes))))
    share, rest = divmod(n, count)
    return every.repeat_interleave(torch.tensor([share + (k < rest) for k in range(count)]), dim=0)


def prepared(data: ImageData) -> dict[str, Any]:
    """Those settings of a data set that say how images of its kind are prepared, wherever they lie."""
    return {name: value for name, value in plain(data).items() if name in PREPARED}


def write_weights(path: Path, vae: nn.Module, metadata: Mapping[str, str] | None = None) -> None:
    """Write the model's weights as safetensors; same weights, same bytes."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in vae.state_dict().items()}
    data = save(tensors, metadata=dict(metadata or {"format": str(FORMAT)}))
    write_atomic(path, lambda file: file.write(data))


def load_weights(
    path: Path, shapes: Mapping[str, tuple[int, ...]], build: Callable[[], VAE], called_for_by: str
) -> VAE:
    """The model that `build` makes, with the weights in the safetensors file `path`, ready to encode.

    The file's names and shapes are compared with `shapes` before anything is allocated; one that does not fit, and
    one that cannot be read, raises InputError.
    """
    try:
        with safe_open(path, framework="pt") as file:
            found = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
            if wrong := checks.differing(found, shapes):
                raise InputError(f"{path} does not hold the weights that {called_for_by} calls for: {wrong[0]}")
            vae = build()
            vae.load_state_dict({name: file.get_tensor(name) for name in shapes})
    except (SafetensorError, OSError) as wrong:
        raise InputError(f"{path} cannot be read: {wrong}") from None
    return vae.to(memory_format=torch.channels_last).eval()  # pyright: ignore[reportCallIssue]
