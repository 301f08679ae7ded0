"""Rate of each latent as a bar, the largest first."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from unweave.base import checks
from unweave.run import Run
from unweave.show.figures import Picture, style
from unweave.show.figures.base import by_rate


@dataclass(frozen=True)
class RateBars:
    """Rate of each latent as a bar, the largest first.

    Nats per image, the mean of KL(q(z_j|x) || p(z_j)) over images. A run of any data set will do.
    """

    latents: Annotated[int, "largest number of bars"] = 20

    def __post_init__(self) -> None:
        checks.at_least(1, latents=self.latents)

    def __call__(self, run: Run) -> Picture:
        rates = np.asarray(run.kl_per_latent)
        order = by_rate(rates)[: self.latents]
        with style.applied():
            made = style.figure(style.COLUMN, 1.6, layout="constrained")
            axes = made.add_subplot()
            axes.bar([f"z{j}" for j in order], rates[order], color=style.ACCENT)
            axes.set_ylabel("nats per image")
        shown = ", ".join(f"z{j} {rates[j]:.2f}" for j in order)
        return Picture(made, f"Rate of each latent of {run.title} in nats: {shown}.")
