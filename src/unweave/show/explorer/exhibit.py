"""What the explorer's page shows of a run: its facts, codes turned into frames, pictures turned into codes."""

from __future__ import annotations

import math
from base64 import b64encode
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
import torch
from torch import Tensor

from unweave.base import checks
from unweave.base.codes import PLANES, Reading
from unweave.base.errors import InputError
from unweave.base.seeds import numpy_generator
from unweave.data.base import ImageData
from unweave.data.own.fitting import flat, resized
from unweave.data.own.folder import Folder
from unweave.data.readers.images import FULL, Header, open_image
from unweave.models.trained import Model, prepared
from unweave.run.run import Run
from unweave.show.figures.base import DEAD, by_rate
from unweave.show.figures.planes import REACH as FARTHEST
from unweave.show.figures.planes import planes_in, strengths
from unweave.subspaces import Block

LIMIT = 1000.0  # largest size of a code's number that is decoded
REACH = 3.0  # how far sliders go either way, in the prior's standard deviations, unless codes go further
SAMPLES, LOOKED_AT, REFERENCES = 100, 2000, 12
CELLS, BLUR = 48, 1.0  # of the picture of a plane: from its middle to its edge
SHOWN = 600_000  # pixels of all reference images together
MAX_PIXELS = 20_000_000  # of an upload


@dataclass(frozen=True, eq=False)
class Exhibit:
    """A model with what the page has to know of it.

    A frame is what the page draws of one image (C, H, W): bytes, C H W of them, that stand for `low` to `high`; or,
    of a vector (1, 1, K), K float32 in the units of the data.
    """

    model: Model
    data: ImageData | None  # None where the data set is not on this machine
    low: float
    high: float
    facts: dict[str, Any]

    @property
    def width(self) -> int:
        """How many numbers the page sends for a frame: the latents' values, then the number of each category."""
        return self.model.latents + len(self.model.category_sizes)

    def frames(self, images: Tensor) -> bytes:
        """Frames of images (n, C, H, W), one after another."""
        x = images.detach().float().cpu().contiguous()
        if self.facts["vector"]:
            return x.numpy().astype("<f4").tobytes()
        scaled = (x - self.low) / (self.high - self.low)
        return scaled.mul(255).round_().clamp_(0, 255).to(torch.uint8).numpy().tobytes()

    def decoded(self, rows: np.ndarray) -> bytes:
        """Frames of codes and categories, float32 (n, width); numbers that are none or too large raise InputError."""
        d = self.model.latents
        codes, categories = rows[:, :d], rows[:, d:]
        if not np.isfinite(rows).all() or np.abs(codes).max(initial=0) > LIMIT:
            raise InputError(f"codes must be finite numbers between {-LIMIT:g} and {LIMIT:g}, got others")
        if (categories != np.rint(categories)).any():
            raise InputError("categories must be whole numbers, got others")
        return self.frames(self.model.decode(codes.copy(), categories.astype(np.int64) if categories.size else None))

    def encoded(self, images: Tensor) -> list[dict[str, Any]]:
        """Of each image its codes, its categories and its frame in base64."""
        encoding = self.model.posterior(images)
        categories = np.zeros((len(images), 0), np.int64) if encoding.categories is None else encoding.categories
        return [
            {
                "codes": [round(float(value), 5) for value in mean],
                "categories": numbers.tolist(),
                "frame": b64encode(self.frames(image[None])).decode(),
            }
            for image, mean, numbers in zip(images, encoding.mean, categories, strict=True)
        ]

    def image(self, number: int) -> dict[str, Any]:
        """One image of the data set, encoded; a number that it does not have raises InputError."""
        if self.data is None:
            raise InputError(f"images must be on this machine to be shown: {self.facts['missing']}")
        if not 0 <= number < len(self.data):
            raise InputError(f"image must be a number from 0 to {len(self.data) - 1}, got {number}")
        return self.encoded(self.data.images(np.array([number])))[0]

    def upload(self, content: bytes) -> dict[str, Any]:
        """The picture in a file's bytes, prepared as the run's own were, and encoded.

        What cannot be read as a picture raises InputError.
        """
        if not self.facts["upload"]:
            raise InputError("a picture can be encoded by a model of pictures, got one of other numbers")
        pixels = open_image(BytesIO(content), max_pixels=MAX_PIXELS)
        channels, height, width = self.model.image_shape
        tall, wide, has = pixels.shape
        header = Header(tall, wide, has, str(pixels.dtype), alpha=has in (2, 4))
        flattened, _ = flat(pixels, header, channels)
        if flattened.shape[2] != channels:
            raise InputError(f"the picture must have {channels} channels, as this model takes, got {has}")
        fit = "stretch" if self.data is None else str(prepared(self.data).get("fit", "stretch"))
        small = resized(flattened, (height, width), fit)
        return self.encoded(_scaled(small, self.data).permute(2, 0, 1)[None])[0]


def _scaled(pixels: np.ndarray, data: ImageData | None) -> Tensor:
    """Pixels of a file in [0, 1]: by the ends of the folder that was trained on where its files were as deep."""
    low, high = 0.0, float(FULL.get(str(pixels.dtype), 1))
    if isinstance(data, Folder) and data.low is not None and data.high is not None:
        deep = pixels.dtype == np.uint16
        if str(pixels.dtype) not in FULL or deep == (data.high > FULL["uint8"]):
            low, high = data.low, data.high
    return torch.from_numpy(pixels.astype(np.float32)).sub_(low).div_(high - low).clamp_(0, 1)


def exhibit(run: Run, codes: Reading | None = None) -> Exhibit:
    """Look at a finished run, and at some images where its data set is at hand.

    With `codes` "planes" two latents that form a plane get a dial and a radius, with "means" they are latents like
    others; not given, they do where the run's planes were found before. An unfinished run raises InputError.
    """
    model = run.model
    data, missing = _at_hand(run)
    images = None if data is None else data.images(numpy_generator(0, "explorer").integers(len(data), size=LOOKED_AT))
    rates = run.kl_per_latent if data is not None else _logged(run)
    channels, height, width = model.image_shape
    vector = channels == height == 1
    low, high = 0.0, 1.0
    if not model.bounded and not vector and images is not None:
        low, high = (float(end) for end in np.percentile(images.numpy(), (0.5, 99.5)))
        high = high if high > low else low + 1
    means = np.zeros((1, model.latents)) if images is None else np.asarray(model.posterior(images).mean, dtype=float)
    reach = np.maximum(REACH, np.ceil(np.abs(means).max(0)))
    found = run.subspaces if codes == PLANES else run.known_subspaces if codes is None else None
    count = max(4, min(REFERENCES, SHOWN // (channels * height * width)))
    samples = model.sample(SAMPLES)
    facts: dict[str, Any] = {
        "run": run.name,
        "title": run.title,
        "summary": _summary(rates, "row" if vector else "image"),
        "shape": [channels, height, width],
        "vector": vector,
        "columns": _columns(run, images) if vector else [],
        "latents": [
            {
                "index": int(j),
                "kl": None if math.isnan(rates[j]) else round(float(rates[j]), 4),
                "reach": min(float(reach[j]), LIMIT),
                "dead": bool(rates[j] < DEAD),
            }
            for j in by_rate(np.nan_to_num(rates))
        ],
        "planes": [] if found is None else [_plane(block, rates, means) for block in planes_in(found)],
        "categories": list(model.category_sizes),
        "samples": [
            {"codes": [round(float(value), 4) for value in codes], "categories": numbers}
            for codes, numbers in zip(
                samples.codes,
                [[]] * SAMPLES if samples.categories is None else samples.categories.tolist(),
                strict=True,
            )
        ],
        "size": 0 if data is None else len(data),
        "upload": model.bounded and not vector,
        "missing": missing,
        "references": [],
    }
    shown = Exhibit(model, data, low, high, facts)
    if data is not None:
        facts["references"] = shown.encoded(run.reference_images(count))
    return shown


def _plane(block: Block, rates: np.ndarray, means: np.ndarray) -> dict[str, Any]:
    """How the page turns two latents into radius and angle and back, and how densely codes lie in them, as bytes."""
    columns, kl = block.polar(means), float(rates[list(block.latents)].sum())
    reach = max(1.0, float(np.percentile(columns[:, 0], FARTHEST)))
    density = strengths(columns, reach, CELLS, BLUR) if len(means) > 1 else np.zeros((2 * CELLS, 2 * CELLS))
    return {
        "latents": list(block.latents),
        "kl": None if math.isnan(kl) else round(kl, 4),
        "centre": list(block.centre),
        "matrix": [list(row) for row in block.matrix],
        "back": np.linalg.inv(np.array(block.matrix)).tolist(),
        "reach": round(reach, 3),
        "density": b64encode((255 * density).round().astype(np.uint8).tobytes()).decode(),
    }


def _summary(rates: np.ndarray, unit: str) -> str:
    """How many latents carry something, in a sentence.

    >>> _summary(np.array([2.0, 0.01, 1.5]), "image")
    '2 of 3 latents carry information, 3.5 nats per image in all.'
    """
    if np.isnan(rates).any():
        return f"{len(rates)} latents, whose prior gives no KL of each."
    live = int((rates >= DEAD).sum())
    verb = "carries" if live == 1 else "carry"
    return f"{live} of {len(rates)} latents {verb} information, {rates.sum():.1f} nats per {unit} in all."


def _at_hand(run: Run) -> tuple[ImageData | None, str]:
    """The run's data set, or None and the reason."""
    try:
        if not run.data.at_hand:
            raise InputError(f"{run.spec.data.name} is not on this machine")
        checks.at_least(1, images=len(run.data))
        run.data.images(np.array([0]))
    except (InputError, OSError) as wrong:
        return None, str(wrong)
    return run.data, ""


def _logged(run: Run) -> np.ndarray:
    """Rates of the latents as the log has them last, nats."""
    for line in reversed(run.log):
        if line.get("kl_per_latent"):
            return np.asarray(line["kl_per_latent"], dtype=float)
    return np.full(run.spec.training.latents, np.nan)


def _columns(run: Run, images: Tensor | None) -> list[dict[str, Any]]:
    """Name of each number of a vector, and the ends that its bar runs between."""
    count = run.data.image_shape[2]
    names = run.data.columns or tuple(f"number {k}" for k in range(count))
    if images is not None:
        low, high = np.percentile(images[:, 0, 0].numpy(), (1, 99), axis=0)
    elif run.vae.units is not None:
        shift, scale = run.vae.units.shift[0, 0].numpy(), run.vae.units.scale[0, 0].numpy()
        low, high = shift - 2.5 * scale, shift + 2.5 * scale
    else:
        low, high = np.zeros(count), np.ones(count)
    levels = np.arange(count) >= (run.data.standardised or count)
    low, high = np.where(levels, 0, low), np.where(levels, 1, high)
    high = np.where(high > low, high, low + 1)
    ends = zip(names, low.tolist(), high.tolist(), strict=True)
    return [{"name": name, "low": float(f"{a:.6g}"), "high": float(f"{b:.6g}")} for name, a, b in ends]
