"""One seed, many independent named random generators, whose state can be saved and restored."""

import hashlib
from collections.abc import Iterator, Mapping

import numpy as np
import torch
from torch import Tensor


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


class Generators(Mapping[str, torch.Generator]):
    """Torch generators by name, made on first use, all fed by one seed.

    They draw on the processor, so that a seed means the same on every device. Names in use:
    init, critic-init, data order, second-batch order, noise, second-batch noise, gumbel, prior,
    permutation, pairs. What one of them draws never moves another: switching a critic on leaves the data order alone.

    >>> rng = Generators(seed=0)
    >>> first = torch.rand(2, generator=rng["noise"])
    >>> bool((torch.rand(2, generator=Generators(seed=0)["noise"]) == first).all())
    True
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._made: dict[str, torch.Generator] = {}

    def __getitem__(self, name: str) -> torch.Generator:
        if name not in self._made:
            self._made[name] = torch.Generator().manual_seed(derive(self.seed, name))
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._made)

    def __len__(self) -> int:
        return len(self._made)

    def state(self) -> dict[str, Tensor]:
        """The state of every generator used so far, as bytes."""
        return {name: generator.get_state() for name, generator in self._made.items()}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Continue where `state` was taken; generators it does not name start afresh."""
        for name in [name for name in self._made if name not in state]:
            del self._made[name]
        for name, values in state.items():
            self[name].set_state(values)  # in place: others may hold the same generator
