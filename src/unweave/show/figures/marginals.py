"""The aggregate posterior of each latent over the density of the prior."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import numpy as np
import torch

from unweave.base import style
from unweave.base.checks import Range
from unweave.base.records import Prior
from unweave.base.settings import Settings
from unweave.run.run import Run
from unweave.show.figures.aggregate_posterior import MOST
from unweave.show.figures.base import DEAD, Picture, by_rate, called

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PANEL = (1.15, 0.95)  # inches
DRAWN = 20_000  # codes of a prior that has no density of a single latent


@dataclass(frozen=True)
class Marginals(Settings):
    """q(z_j), the average of q(z_j|x) over at most 5,000 images, in blue, and p(z_j) as an orange line.

    One panel a latent, highest KL first with its KL in nats. Where blue and orange part, codes drawn from the prior are
    none that images have; a latent whose blue is the prior's bell may carry much or nothing, which the KL tells. The
    number beside the KL is the total variation distance between both, 0 where they agree, 1 where they do not meet.
    """

    latents: Annotated[int, "maximum number of panels", Range(1)] = 9
    columns: Annotated[int, "panels side by side", Range(1)] = 3
    cells: Annotated[int, "number of points along each axis", Range(11)] = 241

    def __call__(self, run: Run) -> Picture:
        """Draw the panels."""
        found = run.posterior(run.reference_images(MOST))
        mean, std = np.asarray(found.mean, dtype=float), np.asarray(found.std, dtype=float)
        rates = None if found.kl is None else np.asarray(found.kl).mean(0)
        order = by_rate(mean.var(0) if rates is None else rates)[: self.latents]
        prior: Prior = run.vae.prior
        drawn = prior.sample(DRAWN, torch.Generator().manual_seed(0)).detach().cpu().double().numpy()
        reach = 1.1 * float(max(np.quantile(np.abs(part), 0.995) for part in (mean[:, order], drawn[:, order])))
        line = np.linspace(-reach, reach, self.cells)
        beneath = _prior(prior, line, mean.shape[1], drawn)
        columns = min(self.columns, len(order))
        rows = -(-len(order) // columns)
        distances: list[str] = []
        with style.applied():
            made = style.figure(max(PANEL[0] * columns, 2.2), PANEL[1] * rows + 0.45, layout="constrained")
            grid = made.subplots(rows, columns, squeeze=False, sharex=True)
            for axes in list(grid.flat)[len(order) :]:
                axes.set_visible(False)
            for axes, j in zip(grid.flat, order, strict=False):
                above = density(mean[:, j], std[:, j], line)
                apart = 0.5 * float(np.abs(above - beneath[j]).sum() * (line[1] - line[0]))
                rate = "" if rates is None else f" {rates[j]:.2f} nats"
                _panel(axes, line, above, beneath[j], dead=rates is not None and bool(rates[j] < DEAD))
                axes.set_title(f"{called(run, j)}{rate}", fontsize=style.SMALL)
                distances.append(f"{called(run, j)}{rate}, distance {apart:.2f}")
            made.supylabel("density", fontsize=style.SMALL)
            made.supxlabel("value of z; blue: codes, orange: prior", fontsize=style.SMALL)
        return Picture(
            made,
            f"Aggregate posterior of each latent against its prior, {run.title}; total variation distance "
            f"between both: {'; '.join(distances)}.",
        )


def density(mean: np.ndarray, std: np.ndarray, line: np.ndarray) -> np.ndarray:
    """q(z) = mean_n N(z; mean_n, std_n^2) at the points of `line`, for means and deviations (n,).

    Posteriors narrower than the gap between two points are drawn as wide as it, so that none falls between them.

    >>> density(np.zeros(3), np.ones(3), np.array([0.0, 1.0])).round(3).tolist()
    [0.399, 0.242]
    """
    wide = np.maximum(std, line[1] - line[0])
    total = np.zeros_like(line)
    for part in np.array_split(np.arange(len(mean)), max(1, len(mean) // 500)):
        z = (line[:, None] - mean[part]) / wide[part]
        total += (np.exp(-0.5 * z**2) / wide[part]).sum(1)
    return total / (len(mean) * (2 * np.pi) ** 0.5)


@torch.no_grad()
def _prior(prior: Prior, line: np.ndarray, width: int, drawn: np.ndarray) -> np.ndarray:
    """p(z_j) of each latent at the points, (d, len(line)); counted from samples where it has no formula."""
    if prior.factorised:
        like = next(iter(prior.state_dict().values()), None) if isinstance(prior, torch.nn.Module) else None
        z = torch.from_numpy(line).float()[:, None].expand(-1, width)
        return prior.log_prob_each(z if like is None else z.to(like)).exp().cpu().double().numpy().T
    smooth = np.full(len(drawn), 3 * (line[1] - line[0]))
    return np.stack([density(drawn[:, j], smooth, line) for j in range(width)])


def _panel(axes: Axes, line: np.ndarray, above: np.ndarray, beneath: np.ndarray, *, dead: bool) -> None:
    axes.fill_between(line, above, color=style.FAINT if dead else style.COLOURS[0], alpha=0.6, linewidth=0)
    axes.plot(line, beneath, color=style.ACCENT, linestyle="-", linewidth=1)
    axes.set_xlim(line[0], line[-1])
    axes.set_ylim(0, 1.08 * float(max(np.percentile(above, 99.5), beneath.max())))
    axes.locator_params(axis="y", nbins=3)
    axes.locator_params(axis="x", nbins=4)
