"""Composition: do images composed of factors never seen together show what was asked for?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from unweave.base.checks import Range
from unweave.base.errors import InputError
from unweave.base.records import Score
from unweave.base.seeds import numpy_generator
from unweave.data.base import FactorData
from unweave.data.leave_out import Corner, corner_of, inside
from unweave.metrics.base import Metric
from unweave.metrics.intervals import wilson
from unweave.metrics.probe import Probe
from unweave.metrics.scores.mig import holders
from unweave.models.nets.base import build
from unweave.models.nets.conv import Conv

BATCH, CHUNK = 64, 500
OVERLAPS = "the mirrored corner overlaps the corner"


@dataclass(frozen=True)
class Composition(Metric):
    """Share of images, composed to lie in a combination of factor values, that a judge sees there. In [0, 1].

    z = a code of a random image outside of the `corner`, in which the latents of each factor in the corner (those that
    tell it best, as in `unweave compose`) are copied from another image outside that has the wished value; wishes are
    uniform over the corner. The decoder's image counts if the judge's value of every factor lies in the corner. The
    judge is a small convolutional classifier trained on images of all combinations with their true factors; it is the
    same for all models. Parts: `opposite`, the same for the corner mirrored (value v becomes size - 1 - v), which a run
    that left out the corner has seen (where the two overlap there is none, and the setting `no_opposite` says why);
    `reconstructed`, real images of the corner encoded and decoded; `judge`, real images of the corner as they are. The
    interval is Wilson's over images (95 %); that of the judge is not in it. Category codes stay those of the random
    image. An image that shows nothing is somewhere, too, so compare parts.
    Source: after the compositional tests of Montero et al. 2021; judge and corners are our choice.
    """

    corner: Annotated[str, "the combination that is composed, as in shape=2,scale=0-2,x=0-15"] = ""
    n: Annotated[int, "images of each kind", Range(2)] = 1_000
    steps: Annotated[int, "steps of 64 images that the judge is trained for", Range(1)] = 800

    measures = "composed images that show what was asked for"
    known = "`judge`: what real images get; needs a model and known factors on a grid"
    trap = "one corner says little of others"
    interval = "images"
    follows = "after Montero et al. 2021; judge and corners are our choice"
    needs = ("factors", "model", "data")
    learns = True
    differs_from_noise = False
    probing: ClassVar[Mapping[str, Any]] = {"corner": "shape=2,scale=0-2", "n": 20, "steps": 2}

    def refuses(self, probe: Probe) -> str | None:
        """Without a corner, or of data without a grid of factors, there is nothing to compose."""
        if (reason := super().refuses(probe)) is not None:
            return reason
        if not isinstance(probe.data, FactorData):
            return "Composition needs data with known factors on a grid"
        return None if self.corner else "Composition needs a corner, a combination of values as in shape=2,scale=0-2"

    def score(self, probe: Probe) -> Score:
        """Shares of composed images in the corner, of its mirror, of reconstructions and of real images."""
        data: Any = probe.data
        corner = corner_of(self.corner, data, "corner")
        mirrored: Corner = {}
        for name, (low, high) in corner.items():
            last = data.sizes[data.names.index(name)] - 1
            mirrored[name] = (last - high, last - low)
        own = holders(probe)
        if (reason := _unknown(probe, corner)) is not None:
            raise InputError(f"corner must be of values that other images show, too, got {self.corner!r}: {reason}")
        judge = judge_of(data, tuple(corner), self.steps)
        rng = probe.rng("composition")

        def share(images: Tensor, of: Corner) -> float:
            return float(inside(of, judge(images), tuple(of)).mean())

        def composed(of: Corner) -> float:
            return share(_images(probe, _assembled(probe, of, own, self.n, rng)), of)

        value = composed(corner)
        no_opposite = OVERLAPS if _overlap(corner, mirrored) else _unknown(probe, mirrored)
        opposite = {} if no_opposite else {"opposite": composed(mirrored)}
        real = _drawn(data, corner, self.n, rng)
        reconstructed = share(_reconstructed(probe.model, real), corner)
        facts: dict[str, Any] = {"latents": {name: own.get(name, []) for name in corner}}
        if no_opposite:
            facts["no_opposite"] = no_opposite
        return Score(
            value,
            parts={"composed": value, **opposite, "reconstructed": reconstructed, "judge": share(real, corner)},
            interval=wilson(value * self.n, self.n),
            settings=facts,
        )


def _drawn(data: FactorData, corner: Corner, n: int, rng: np.random.Generator) -> Tensor:
    """`n` real images of the corner."""
    factors = data.sample_factors(n, rng)
    for name, (low, high) in corner.items():
        factors[:, data.names.index(name)] = rng.integers(low, high + 1, size=n)
    return data.render(factors)


def _overlap(one: Corner, other: Corner) -> bool:
    """Whether some combination lies in both, which are of the same factors."""
    return all(low <= other[name][1] and other[name][0] <= high for name, (low, high) in one.items())


def _unknown(probe: Probe, corner: Corner) -> str | None:
    """Which value of the corner no row outside of it has, so that nothing can be copied from one; None if all have."""
    names, factors = probe.factor_names, probe.known_factors
    outside = factors[~inside(corner, factors, names)]
    for name, (low, high) in corner.items():
        missing = np.setdiff1d(np.arange(low, high + 1), outside[:, names.index(name)])
        if len(missing):
            return f"none of the {len(outside):,} images outside of it has {name} {missing[0]}"
    return None


def _assembled(
    probe: Probe, corner: Corner, own: Mapping[str, list[int]], n: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray | None]:
    """Codes (n, d) put together from rows outside of the corner, and their categories."""
    names, factors = probe.factor_names, probe.known_factors
    outside = np.flatnonzero(~inside(corner, factors, names))
    rows = rng.choice(outside, size=n)
    codes = probe.codes[rows].copy()
    for name, (low, high) in corner.items():
        column, latents = factors[outside, names.index(name)], own.get(name, [])
        for at, wish in enumerate(rng.integers(low, high + 1, size=n)):
            if latents:
                codes[at, latents] = probe.codes[rng.choice(outside[column == wish]), latents]
    return codes, None if probe.categories is None else np.asarray(probe.categories)[rows]


@torch.no_grad()
def _images(probe: Probe, assembled: tuple[np.ndarray, np.ndarray | None]) -> Tensor:
    codes, categories = assembled
    like = next(probe.model.parameters())
    z = torch.as_tensor(codes, dtype=torch.float32).to(like.device)
    chosen = None if categories is None else torch.as_tensor(categories).to(like.device)
    parts = range(0, len(z), CHUNK)
    made = [probe.model.images(z[at : at + CHUNK], None if chosen is None else chosen[at : at + CHUNK]) for at in parts]
    return torch.cat(made).clamp(0, 1).cpu()


@torch.no_grad()
def _reconstructed(model: Any, images: Tensor) -> Tensor:
    """Images encoded and decoded, with the categories that the model finds in them."""
    like, made = next(model.parameters()), list[Tensor]()
    for x in images.split(CHUNK):
        encoding = model.encode(x.to(like.device))
        made.append(model.images(encoding.posterior.mean, model.categories(x.to(like.device), encoding)))
    return torch.cat(made).clamp(0, 1).cpu()


class Judge:
    """Tells the named factors of images: a classifier with a head for each, trained on images of all combinations."""

    def __init__(self, net: nn.Module, names: tuple[str, ...]) -> None:
        self.net, self.names = net, names

    @torch.no_grad()
    def __call__(self, images: Tensor) -> np.ndarray:
        """The most likely value of each factor, (n, factors)."""
        parts = [self.net(x) for x in images.split(CHUNK)]
        return np.concatenate(
            [np.stack([part[name].argmax(1).numpy() for name in self.names], axis=1) for part in parts]
        )


def judge_of(data: FactorData, names: tuple[str, ...], steps: int) -> Judge:
    """The judge of these factors; the same data and steps give the same one, whatever is judged.

    Cross-entropies of all heads are added and minimised by Adam at a rate of 0.001 on uniform images.
    """
    sizes = {name: data.sizes[data.names.index(name)] for name in names}
    rng, numbers = torch.Generator().manual_seed(0), numpy_generator(0, "judge of compositions")
    net, _ = build(Conv(hidden=128), data.image_shape, sizes, 1, 1, rng)
    optimiser = torch.optim.Adam(net.parameters(), lr=1e-3)
    columns = [data.names.index(name) for name in names]
    net.train()
    for _ in range(steps):
        factors = data.sample_factors(BATCH, numbers)
        told = net(data.render(factors))
        targets = torch.as_tensor(factors[:, columns])
        losses = [cross_entropy(told[name], targets[:, k]) for k, name in enumerate(names)]
        loss = torch.stack(losses).sum()
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
    return Judge(net.eval(), names)
