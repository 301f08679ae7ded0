"""One seed, many independent named random generators, whose state can be saved and restored."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from unweave.base.errors import InputError

OF_A_CARD = 64  # bytes: a CUDA generator's state is a seed and an offset, the processor's some thousand numbers


def derive(seed: int, name: str) -> int:
    """A 63-bit seed for the generator `name`: unrelated for different names or seeds, same on every machine.

    >>> derive(0, "noise") == derive(0, "noise"), derive(0, "noise") == derive(1, "noise")
    (True, False)
    """
    digest = hashlib.sha256(f"{seed}/{name}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def numpy_generator(seed: int, name: str) -> np.random.Generator:
    """The numpy generator `name` of `seed`; metrics and data samplers draw from these."""
    return np.random.Generator(np.random.PCG64(derive(seed, name)))


def normal(rng: torch.Generator, shape: Sequence[int], dtype: torch.dtype | None = None) -> Tensor:
    """Standard normal numbers from `rng`, on its own device.

    Models draw by these functions only, so that numbers drawn beforehand can take a generator's place (`Draws`).
    """
    if isinstance(rng, Draws):
        return rng.draw("normal", tuple(shape), dtype)
    return torch.randn(tuple(shape), generator=rng, device=rng.device, dtype=dtype)


def uniform(rng: torch.Generator, shape: Sequence[int], dtype: torch.dtype | None = None) -> Tensor:
    """Even numbers in [0, 1) from `rng`, on its own device."""
    if isinstance(rng, Draws):
        return rng.draw("uniform", tuple(shape), dtype)
    return torch.rand(tuple(shape), generator=rng, device=rng.device, dtype=dtype)


def choices(rng: torch.Generator, shares: Tensor, n: int) -> Tensor:
    """`n` numbers of categories with these `shares`, int64 (n,), on the generator's own device."""
    if isinstance(rng, Draws):
        return rng.draw("choices", (n,), torch.int64)
    return torch.multinomial(shares.to(rng.device), n, replacement=True, generator=rng)


class Draws(torch.Generator):
    """Takes a generator's place: gives out what `draw` makes of a kind, a shape and a dtype."""

    draw: Callable[[str, tuple[int, ...], torch.dtype | None], Tensor]

    def __new__(  # pyright: ignore[reportInconsistentConstructor]
        cls, draw: Callable[[str, tuple[int, ...], torch.dtype | None], Tensor]
    ) -> Draws:
        made = super().__new__(cls)
        made.draw = draw
        return made


ON_PROCESSOR = ("init", "critic-init", "data order", "second-batch order", "pairs")  # alike whatever the device


class Generators(Mapping[str, torch.Generator]):
    """Torch generators by name, made on first use, all fed by one seed.

    First weights and orders of images are drawn on the processor, so that they are the same on every device; what is
    drawn in a step is drawn on `device`, where that is a CUDA card, since a step must not wait for the processor.
    Names in use: init, critic-init, data order, second-batch order, noise, second-batch noise, gumbel, prior,
    permutation, pairs. What one of them draws never moves another: switching a critic on leaves the data order alone.

    >>> rng = Generators(seed=0)
    >>> first = torch.rand(2, generator=rng["noise"])
    >>> bool((torch.rand(2, generator=Generators(seed=0)["noise"]) == first).all())
    True
    """

    def __init__(self, seed: int, device: torch.device | None = None) -> None:
        self.seed = seed
        self.device = device if device is not None and device.type == "cuda" else torch.device("cpu")
        self._made: dict[str, torch.Generator] = {}

    def __getitem__(self, name: str) -> torch.Generator:
        if name not in self._made:
            device = torch.device("cpu") if name in ON_PROCESSOR else self.device
            self._made[name] = torch.Generator(device).manual_seed(derive(self.seed, name))
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._made)

    def __len__(self) -> int:
        return len(self._made)

    def on_device(self) -> list[torch.Generator]:
        """Those that draw on a card, which a CUDA graph has to know."""
        return [generator for generator in self._made.values() if generator.device.type == "cuda"]

    def renew(self, state: Mapping[str, Tensor]) -> None:
        """As `restore`, with new generators on the card: those that a spoilt capture has seen draw no more."""
        for generator in self.on_device():
            self._made = {name: each for name, each in self._made.items() if each is not generator}
        self.restore(state)

    def state(self) -> dict[str, Tensor]:
        """The state of every generator used so far, as bytes."""
        return {name: generator.get_state() for name, generator in self._made.items()}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Continue where `state` was taken; generators it does not name start afresh.

        Numbers go on where they were drawn: a run begun on the processor keeps drawing there. One begun on a card can
        only go on on one, or InputError.
        """
        for name in [name for name in self._made if name not in state]:
            del self._made[name]
        for name, values in state.items():
            drawn_on_card = values.numel() <= OF_A_CARD
            if drawn_on_card and self.device.type != "cuda":
                raise InputError(f"device must be cuda to go on with a run that drew its {name} there, got cpu")
            if not drawn_on_card and self[name].device.type == "cuda":
                self._made[name] = torch.Generator()
            self[name].set_state(values)  # in place: others may hold the same generator
