"""Codes with a known answer: what a perfect, turned, blind or noisy encoder says of dSprites' factors."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

NAMES = ("shape", "scale", "orientation", "x", "y")
SIZES = (3, 6, 40, 32, 32)


@dataclass(frozen=True)
class World:
    """Rows of the grid as some encoder sees them; `kl` is what its rates would be, where they matter."""

    codes: np.ndarray
    factors: np.ndarray
    kl: np.ndarray | None = None
    names: tuple[str, ...] = NAMES


def grid(n: int = 60_000, seed: int = 0, sizes: Sequence[int] = SIZES) -> np.ndarray:
    """`n` random rows of the factor grid, (n, K)."""
    rng = np.random.default_rng(seed)
    return np.stack([rng.integers(size, size=n) for size in sizes], axis=1)


def identity(n: int = 60_000, seed: int = 0) -> World:
    """Every factor has its own code, standardised by the whole grid's mean and deviation."""
    factors = grid(n, seed)
    sizes = np.array(SIZES)
    return World((factors - (sizes - 1) / 2) / np.sqrt((sizes**2 - 1) / 12), factors)


def permuted(n: int = 60_000, seed: int = 0) -> World:
    """The identity in another order, with other units, signs and offsets."""
    world = identity(n, seed)
    order = np.random.default_rng(seed + 1).permutation(len(SIZES))
    return World(world.codes[:, order] * np.array([2.0, -0.5, 30.0, -1.0, 0.7]) + 3.0, world.factors)


def rotated(n: int = 60_000, seed: int = 0, turn: int = 0) -> World:
    """The identity turned by a random rotation: all is there, and no code is about one factor."""
    world = identity(n, seed)
    axes = np.linalg.qr(np.random.default_rng(turn).normal(size=(len(SIZES), len(SIZES))))[0]
    return World(world.codes @ axes, world.factors)


def missing(*names: str, n: int = 60_000, seed: int = 0) -> World:
    """The identity without the codes of these factors."""
    world = identity(n, seed)
    return World(world.codes[:, [k for k, name in enumerate(NAMES) if name not in names]], world.factors)


def merged(n: int = 60_000, seed: int = 0) -> World:
    """One code for x and y together, in which y is the fine part; the others are their own."""
    world = identity(n, seed)
    both = world.factors[:, 3] * SIZES[4] + world.factors[:, 4]
    return World(np.column_stack([world.codes[:, :3], both / both.std()]), world.factors)


def duplicated(n: int = 60_000, seed: int = 0) -> World:
    """The identity twice."""
    world = identity(n, seed)
    return World(np.concatenate([world.codes, world.codes], axis=1), world.factors)


def with_dead(world: World, count: int = 3, std: float = 0.01, seed: int = 7) -> World:
    """`count` further latents of a little noise, before and after the others, with rates near 0."""
    noise = np.random.default_rng(seed).normal(scale=std, size=(len(world.codes), count))
    kl = np.concatenate([np.full(1, 1e-3), np.full(world.codes.shape[1], 2.0), np.full(count - 1, 1e-3)])
    return World(np.concatenate([noise[:, :1], world.codes, noise[:, 1:]], axis=1), world.factors, kl, world.names)


def noisy(world: World, std: float = 0.1, seed: int = 8) -> World:
    """The same codes with Gaussian noise added."""
    added = np.random.default_rng(seed).normal(scale=std, size=world.codes.shape)
    return World(world.codes + added, world.factors, world.kl, world.names)


def noise(n: int = 60_000, d: int = 10, seed: int = 0) -> World:
    """Codes that know nothing."""
    return World(np.random.default_rng(seed + 2).normal(size=(n, d)), grid(n, seed))
