"""Fakes of runs: one whose answer is known, since three latents move a soft disc, and one whose codes are given."""

from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from unweave.base.records import Score
from unweave.models.distributions.isotropic import Isotropic
from unweave.run.classes import Classes
from unweave.show.figures.sheet import Sheet


def disc(codes, size=64):
    """Soft discs: z1 moves them down, z3 to the right, z4 makes them larger; every other latent is dead."""
    line = torch.linspace(-3.5, 3.5, size)
    y, x, grow = (codes[:, j, None, None] for j in (1, 3, 4))
    distance = ((line[:, None] - y) ** 2 + (line - x) ** 2).sqrt()
    return torch.sigmoid(((0.9 + 0.2 * grow) - distance) * 8)[:, None]


@dataclass
class Disc:
    """A fake run whose decoder is `disc` and whose encoder gives 0.9 times the codes of its own images."""

    name: str = "disc-0"
    title: str = "factor-vae on discs, seed 0"
    kl_per_latent: np.ndarray = field(
        default_factory=lambda: np.array([0.02, 2.91, 0.0, 3.14, 1.82, 0.04, 0.01, 0.0, 0.03, 0.35])
    )
    log: list = field(default_factory=lambda: training_log())
    units: dict = field(
        default_factory=lambda: {
            "distortion": "nats per image",
            "rate": "nats per image",
            "total_correlation": "nats per image",
            "critic_accuracy": "share of images",
        }
    )
    scores: dict = field(default_factory=lambda: some_scores())
    settings: dict = field(
        default_factory=lambda: {
            "method": {"name": "factor-vae", "gamma": 10.0, "d_steps": 1},
            "data": {"name": "discs", "size": 64},
            "net": {"name": "conv", "channels": [32, 64, 128]},
            "training": {"steps": 5000, "batch": 64, "seed": 0},
        }
    )
    made_with: dict = field(
        default_factory=lambda: {
            "minutes": 2.9,
            "images_seen": 320_000,
            "commit": "0123abc",
            "versions": {"unweave": "0.1.0", "torch": "2.13.0", "python": "3.11.9"},
        }
    )
    reproduce: str = "unweave train factor-vae --data discs --gamma 10 --steps 5000 --seed 0 --out runs/disc-0"
    progress: tuple = ()
    findings: tuple = ()
    information: tuple | None = field(default_factory=lambda: some_information())
    subspaces: object = field(default_factory=lambda: SimpleNamespace(blocks=()))
    size: int = 64
    channels: int = 1

    def codes(self, n, seed=0):
        return torch.randn(n, len(self.kl_per_latent), generator=torch.Generator().manual_seed(seed)).clamp(-2, 2)

    def reference_images(self, n):
        return self.decode(self.codes(min(n, 50)))

    def random_images(self, n):
        return self.decode(self.codes(n, seed=1))

    def encode(self, images):
        known = torch.cat([self.codes(50), self.codes(50, seed=1)])
        apart = torch.cdist(
            images.flatten(1), self.decode(known).flatten(1), compute_mode="donot_use_mm_for_euclid_dist"
        )
        return 0.9 * known[apart.argmin(1)]

    def categories(self, images):
        return None

    def decode(self, codes, categories=None):
        return disc(codes, self.size).repeat(1, self.channels, 1, 1)

    @property
    def category_sizes(self):
        return ()

    def classes(self, factor=None):
        """Two classes of 25 codes each: "down" for the lower half of the discs, "up" for the others."""
        codes = self.codes(50)
        images = lambda rows: self.decode(codes[torch.as_tensor(rows)])  # noqa: E731
        return Classes(codes.numpy(), (codes[:, 1] < codes[:, 1].median()).long().numpy(), ("down", "up"), images)

    def factor_code_information(self):
        return self.information

    def fit(self, n=5000):
        return {"distortion": 24.0, "rate": 8.0}


@dataclass
class Coded:
    """A fake run whose posteriors are given, whatever its images."""

    mean: np.ndarray
    std: np.ndarray
    prior: object = field(default_factory=Isotropic)
    kl: np.ndarray | None = None
    beta: float = 1.0
    alpha: float | None = None
    name: str = "run-0"
    title: str = "decomposition-vae on pinwheel, seed 0"

    @property
    def settings(self):
        weights = {"beta": self.beta} | ({} if self.alpha is None else {"alpha": self.alpha})
        return {"method": {"name": "decomposition-vae", **weights}, "training": {"seed": 0}}

    @property
    def vae(self):
        return SimpleNamespace(prior=self.prior.build(self.mean.shape[1]))

    def reference_images(self, n):
        return torch.zeros(min(n, len(self.mean)), 1, 1, 2)

    def posterior(self, images):
        assert len(images) == len(self.mean)
        return SimpleNamespace(mean=self.mean, std=self.std, kl=self.kl)


def training_log(steps=5000, every=50):
    """A log as training writes it: falling loss, rates that rise one latent after the other."""
    final = np.array([0.02, 2.91, 0.0, 3.14, 1.82, 0.04, 0.01, 0.0, 0.03, 0.35])
    noise = np.random.default_rng(0)
    log = []
    for step in range(every, steps + 1, every):
        t = step / steps
        rates = final / (1 + np.exp(-12 * (t - 0.15 - 0.05 * np.arange(10)))) + 0.02 * noise.random(10)
        distortion = 25 + 900 * np.exp(-14 * t) + 2 * noise.random()
        correlation = 0.4 * np.exp(-2 * t) + 0.1 * noise.normal()
        log.append(
            {
                "step": step,
                "loss": distortion + rates.sum() + 10 * correlation,
                "distortion": distortion,
                "rate": rates.sum(),
                "total_correlation": correlation,
                "critic_accuracy": 0.5 + 0.1 * noise.random(),
                "kl_per_latent": rates.tolist(),
                "lr": 5e-4,
                "images_per_second": 2000.0,
            }
        )
    return log


def some_information():
    shares = np.array(
        [
            [0.01, 0.02, 0.00, 0.03, 0.11, 0.00, 0.01, 0.0, 0.0, 0.09],
            [0.00, 0.02, 0.01, 0.01, 0.62, 0.00, 0.00, 0.0, 0.0, 0.21],
            [0.00, 0.03, 0.00, 0.91, 0.02, 0.01, 0.00, 0.0, 0.0, 0.01],
            [0.01, 0.93, 0.00, 0.02, 0.01, 0.00, 0.00, 0.0, 0.0, 0.01],
        ]
    )
    return shares, ["shape", "scale", "position x", "position y"]


def some_scores():
    votes = [[0, 0, 0, 190], [0, 0, 201, 3], [70, 180, 1, 0], [155, 0, 0, 0]]
    return {
        "factor-vae-score": Score(
            0.812,
            parts={"in_sample": 0.823, "held_out": 0.812},
            tables={
                "votes": votes,
                "rows": ["z1", "z3", "z4", "z9"],
                "columns": ["shape", "scale", "position x", "position y"],
                "votes_per_latent": [190, 204, 251, 155],
            },
            interval=(0.79, 0.83),
            floor=0.31,
            ceiling=1.0,
            settings={"votes": 800, "images": 64},
        ),
        "mig": Score(0.41, per_factor={"shape": 0.02, "scale": 0.41, "position x": 0.89}, interval=(0.40, 0.42)),
        "dci": Score(float("nan"), reason="needs at least 100 draws with known factors"),
        "reconstruction": Score(24.3, unit="nats per image", higher_is_better=False),
    }


@pytest.fixture
def fake():
    return Disc()


@pytest.fixture
def sheets(monkeypatch):
    """All sheets drawn during a test."""
    drawn = []
    usual = Sheet.figure
    monkeypatch.setattr(Sheet, "figure", lambda self: (drawn.append(self), usual(self))[1])
    return drawn
