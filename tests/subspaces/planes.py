"""Worlds whose planes are known: pairs of latents with none, at any rotation, and pairs that go round."""

import numpy as np


def turned(pair, rng):
    return pair @ np.linalg.qr(rng.normal(size=(2, 2)))[0]


def circle(n, rng, radius=1.0, noise=0.15):
    turn = rng.uniform(0, 2 * np.pi, n)
    return np.stack([np.cos(turn), np.sin(turn)], axis=1) * np.reshape(radius, (-1, 1)) + noise * rng.normal(
        size=(n, 2)
    )


def bent(line, rng):
    return np.stack([line, line**2 / 2 + rng.normal(size=len(line)) / 2], axis=1)


def circle_of_clusters(n, rng, k):
    turn = rng.integers(0, k, n) * 2 * np.pi / k
    return np.stack([np.cos(turn), np.sin(turn)], axis=1) + 0.2 * rng.normal(size=(n, 2))


# No plane: independent along two axes, or round without a circle, or dependent in another way.
WITHOUT = {
    "normals": lambda n, rng: rng.normal(size=(n, 2)),
    "correlated normals": lambda n, rng: rng.normal(size=(n, 2)) @ np.array([[1, 0.8], [0, 0.6]]),
    "uniforms": lambda n, rng: rng.uniform(-1, 1, (n, 2)),
    "turned uniforms": lambda n, rng: turned(rng.uniform(-1, 1, (n, 2)), rng),
    "turned Laplaces": lambda n, rng: turned(rng.laplace(size=(n, 2)), rng),
    "turned Student-t 3": lambda n, rng: turned(rng.standard_t(3, (n, 2)), rng),
    "turned Cauchys": lambda n, rng: turned(rng.standard_cauchy((n, 2)), rng),
    "turned exponentials": lambda n, rng: turned(rng.exponential(size=(n, 2)), rng),
    "four clusters": lambda n, rng: turned(rng.choice([-1, 1], (n, 2)) + 0.3 * rng.normal(size=(n, 2)), rng),
    "three clusters": lambda n, rng: circle_of_clusters(n, rng, 3),
    "five clusters": lambda n, rng: circle_of_clusters(n, rng, 5),
    "joint Student-t 3": lambda n, rng: rng.normal(size=(n, 2)) / np.sqrt(rng.chisquare(3, (n, 1)) / 3),
    "a bent line": lambda n, rng: bent(rng.normal(size=n), rng),
    "spread that depends": lambda n, rng: rng.uniform(0.3, 1, (n, 1)) * np.c_[np.ones(n), rng.uniform(-1, 1, n)],
}

# Planes: the angle is uniform and independent of the radius.
WITH = {
    "ring": lambda n, rng: circle(n, rng),
    "blurred ring": lambda n, rng: circle(n, rng, noise=0.4),
    "slanted ring": lambda n, rng: circle(n, rng) @ np.array([[1, 0.5], [0, 0.5]]),
    "disc": lambda n, rng: circle(n, rng, np.sqrt(rng.uniform(size=n)), 0),
    "disc, radius uniform": lambda n, rng: circle(n, rng, rng.uniform(size=n), 0),
    "ring and middle": lambda n, rng: circle(n, rng, rng.uniform(size=n) < 1 / 3, 0.25),
}


def sphere(n, rng, noise=0.1):
    points = rng.normal(size=(n, 3))
    return points / np.linalg.norm(points, axis=1, keepdims=True) + noise * rng.normal(size=(n, 3))
