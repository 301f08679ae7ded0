"""Scores of a model while it trains: what it would get if training ended now."""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from unweave.base import registry
from unweave.base.errors import InputError
from unweave.base.files import read_lines
from unweave.base.records import Discrete
from unweave.base.settings import build, in_words
from unweave.data.base import ImageData
from unweave.engine import folder
from unweave.metrics.base import Metric
from unweave.metrics.probe import Probe
from unweave.models.trained import Model
from unweave.models.vae import VAE

FEW = 16  # images that tell whether a metric applies


def metrics_named(wanted: Sequence[str]) -> dict[str, Metric]:
    """The registered metrics by name, with the settings after each name; what is unknown raises InputError.

    >>> metrics_named(["factor-vae-score preset=workshop"])["factor-vae-score"].preset
    'workshop'
    """
    asked = dict(in_words(each) for each in wanted)
    return {name: build(registry.metrics.get(name), given, of=name, prefix=f"{name}.") for name, given in asked.items()}


@contextmanager
def _probed(vae: VAE, data: ImageData, discrete: Discrete | None, images: int, seed: int) -> Generator[Probe]:
    """The encoded images, the model in evaluation mode while metrics look at them."""
    training, at_the_end = vae.training, vae.discrete
    vae.eval()
    vae.discrete = discrete
    try:
        model = Model(vae, data.image_shape, data.bounded)
        yield Probe.of_encoder(model.posterior, data.held_out or data, n=images, seed=seed, model=vae)
    finally:
        vae.train(training)
        vae.discrete = at_the_end


def check_metrics(vae: VAE, data: ImageData, metrics: dict[str, Metric]) -> None:
    """Refuse metrics that this run cannot have, before it begins, by looking at a few of its images."""
    with _probed(vae, data, vae.discrete, FEW, 0) as probe:
        for name, metric in metrics.items():
            if (reason := metric.refuses(probe)) is not None:
                raise InputError(f"score_metrics cannot have {name} of this run: {reason}")


def score_now(
    vae: VAE, data: ImageData, metrics: dict[str, Metric], discrete: Discrete | None, *, images: int, seed: int
) -> tuple[dict[str, Any], float]:
    """The metrics' values on `images` images, held-out ones where there are any, and the seconds that took.

    `discrete` tells categories as training does by now: a category that comes in late is none before, and a metric that
    needs one has no value then. The model's mode and every generator of the run are as before. The same images are
    taken every time.
    """
    began = time.perf_counter()
    with _probed(vae, data, discrete, images, seed) as probe:
        found: dict[str, Any] = {}
        for name, metric in metrics.items():
            if metric.refuses(probe) is not None:
                found[name] = None
                continue
            score = metric(probe)
            found[name] = {"value": score.value, "interval": score.interval} if score.value == score.value else None
    if probe.kl_per_latent is not None:
        found["live_latents"] = int((probe.kl_per_latent > 0.1).sum())
    return found, time.perf_counter() - began


def read_scores(run: Path) -> list[dict[str, Any]]:
    """The lines of a run's scores.jsonl: step, images, seconds, a value and interval each."""
    return read_lines(run / folder.SCORES)
