"""The aggregate posterior of two latents: density of the codes over the outline of the prior."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

import numpy as np
import torch

from unweave.base import checks, style
from unweave.base.checks import POSITIVE, Range
from unweave.base.errors import InputError
from unweave.base.records import Prior
from unweave.base.settings import Settings
from unweave.run.run import Run
from unweave.show.figures.base import Picture, by_rate
from unweave.show.figures.compared import differences, short, weight

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST = 5_000  # images whose posteriors are averaged
PANEL = 1.85  # inches
LINE, WIDE, LONG = 0.14, 26, 60  # inches of a line of words, letters in one, letters that are too many over a panel
CLIP = 99.5  # percentile of the density, where there is some, that gets the darkest shade
MASSES = (0.5, 0.9)  # shares of the prior that its contours enclose


@dataclass(frozen=True)
class Cloud:
    """Posteriors of some images in two latents, (n, 2), with the prior of all latents."""

    mean: np.ndarray
    std: np.ndarray
    prior: Prior
    latents: tuple[int, int]
    width: int
    title: str

    @classmethod
    def of(cls, run: Run, latents: tuple[int, int] | None) -> Cloud:
        """Encode up to 5,000 images of `run`; latents not given are the two that carry most."""
        found = run.posterior(run.reference_images(MOST))
        mean, std = np.asarray(found.mean), np.asarray(found.std)
        if mean.shape[1] < 2:
            raise InputError(f"aggregate-posterior needs 2 or more latents, {run.name} has {mean.shape[1]}")
        rates = mean.var(0) if found.kl is None else np.asarray(found.kl).mean(0)
        pair = latents or tuple(sorted(by_rate(rates)[:2].tolist()))
        if max(pair) >= mean.shape[1]:
            raise InputError(f"latents must be below {mean.shape[1]}, got {max(pair)}")
        both = list(pair)
        return cls(mean[:, both], std[:, both], run.vae.prior, (pair[0], pair[1]), mean.shape[1], _heading(run))

    def reach(self) -> float:
        """Half the side of a square around the origin that holds nearly all of q(z) and of the prior."""
        drawn = self.prior.sample(2_000, torch.Generator().manual_seed(0)).detach().cpu().numpy()[:, list(self.latents)]
        own = np.quantile(np.abs(self.mean) + 2 * self.std, 0.99)
        return 1.15 * float(max(own, np.quantile(np.abs(drawn), 0.99)))

    def density(self, line: np.ndarray) -> np.ndarray:
        """q(z) = mean_n N(z; mean_n, std_n^2) on a grid, (len(line), len(line)), rows from low to high.

        Posteriors narrower than a cell are drawn one cell wide, so that none falls between the points.
        """
        std = np.maximum(self.std, line[1] - line[0])
        each = np.exp(-0.5 * ((line - self.mean[..., None]) / std[..., None]) ** 2) / (
            std[..., None] * (2 * np.pi) ** 0.5
        )
        return each[:, 1].T @ each[:, 0] / len(each)

    @torch.no_grad()
    def prior_density(self, line: np.ndarray) -> np.ndarray | None:
        """p(z) of the two latents on the same grid; None where others cannot be left out."""
        across, up = np.meshgrid(line, line)
        z = torch.zeros(across.size, self.width)
        z[:, self.latents[0]], z[:, self.latents[1]] = (torch.from_numpy(g.ravel()).float() for g in (across, up))
        z = z.to(next(iter([*self._tensors(), z])))
        if self.prior.factorised:
            log_p = self.prior.log_prob_each(z)[:, list(self.latents)].sum(-1)
        elif self.width == 2:
            log_p = self.prior.log_prob(z)
        else:
            return None
        return log_p.exp().cpu().numpy().reshape(across.shape)

    def modes(self) -> np.ndarray:
        """Centres of a mixture in the two latents, (K, 2); (0, 2) for other priors."""
        means = getattr(self.prior, "means", None)
        return np.zeros((0, 2)) if means is None else means.detach().cpu().numpy()[:, list(self.latents)]

    def _tensors(self) -> list[torch.Tensor]:
        return list(self.prior.state_dict().values()) if isinstance(self.prior, torch.nn.Module) else []


@dataclass(frozen=True)
class AggregatePosterior(Settings):
    """q(z), the average of q(z|x) over at most 5,000 images, as shades of blue in two latents.

    Orange lines enclose half and nine tenths of the prior, crosses are a mixture's modes. Shades are scaled to each
    panel. Several runs stand side by side on the same axes, named by what sets them apart and ordered by beta,
    then alpha; where each beta comes with each alpha, rows are betas and columns alphas. A model with fewer
    than two latents raises InputError. Source: Mathieu et al. 2019,
    https://arxiv.org/abs/1812.02833, figure 2.
    """

    several: ClassVar[bool] = True

    latents: Annotated[tuple[int, int] | None, "indices of the two latents [those with the highest rates]"] = None
    reach: Annotated[float | None, "half the side of the square that is drawn [to fit]", POSITIVE] = None
    cells: Annotated[int, "grid cells along each side", Range(2)] = 240
    columns: Annotated[int | None, "panels side by side [one per alpha in a full grid, else 4]", Range(1)] = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.latents is not None:
            checks.nonnegative(latents=min(self.latents))
            if self.latents[0] == self.latents[1]:
                raise InputError(f"latents must be two different ones, got {self.latents}")

    def __call__(self, runs: Run | Sequence[Run]) -> Picture:
        """Draw one panel, or one for each of several runs."""
        runs = _ordered(runs if isinstance(runs, Sequence) else [runs])
        clouds = [Cloud.of(each, self.latents) for each in runs]
        named = differences([each.settings for each in runs])
        titles = [_above(words, each.name) for words, each in zip(named, runs, strict=True)]
        titles = titles if len(clouds) > 1 else [clouds[0].title]
        reach = self.reach or max(cloud.reach() for cloud in clouds)
        columns = min(self.columns or _alphas(runs) or 4, len(clouds))
        rows = -(-len(clouds) // columns)
        extra = LINE * max(title.count("\n") for title in titles)
        alike = len({cloud.latents for cloud in clouds}) == 1
        with style.applied():
            size = (3.3, 3.6) if len(clouds) == 1 else (PANEL * columns + 0.3, (PANEL + 0.22 + extra) * rows + 0.45)
            made = style.figure(*size, layout="constrained")
            grid = made.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
            for number, axes in enumerate(grid.flat):
                if number >= len(clouds):
                    axes.set_visible(False)
                    continue
                self._panel(axes, clouds[number], reach)
                axes.set_title(titles[number])
                if number + columns >= len(clouds) or not alike:
                    axes.set_xlabel(f"z{clouds[number].latents[0]}")
                    axes.tick_params(labelbottom=True)
                if number % columns == 0 or not alike:
                    axes.set_ylabel(f"z{clouds[number].latents[1]}")
            made.supxlabel("blue: codes; orange: half and nine tenths of the prior", fontsize=style.SMALL)
        return Picture(made, _words(clouds, titles))

    def _panel(self, axes: Axes, cloud: Cloud, reach: float) -> None:
        line = np.linspace(-reach, reach, self.cells)
        seen = cloud.density(line)
        darkest = np.percentile(seen[seen > 1e-3 * seen.max()], CLIP)
        box = (-reach, reach, -reach, reach)
        axes.imshow(
            seen, origin="lower", extent=box, cmap=style.shades(), vmin=0, vmax=darkest, interpolation="bilinear"
        )
        if (prior := cloud.prior_density(line)) is not None:
            levels = enclosing(prior, MASSES)
            axes.contour(line, line, prior, levels=levels, colors=style.ACCENT, linewidths=0.7)
        axes.plot(*cloud.modes().T, linestyle="", marker="x", markersize=4, markeredgewidth=1, color=style.INK)
        axes.grid(visible=False)
        axes.set_aspect("equal")
        axes.set_xlim(-reach, reach)
        axes.set_ylim(-reach, reach)


def enclosing(density: np.ndarray, masses: Sequence[float]) -> list[float]:
    """Heights, rising, above which a density on a grid holds these shares of its mass; equal ones once.

    >>> enclosing(np.array([[0.1, 0.2], [0.3, 0.4]]), (0.4, 0.9))
    [0.2, 0.4]
    """
    falling = np.sort(density, axis=None)[::-1]
    held = np.cumsum(falling) / falling.sum()
    found = (float(falling[min(np.searchsorted(held, mass - 1e-9), held.size - 1)]) for mass in masses)
    return sorted(set(found))


def _above(words: str, name: str) -> str:
    """What stands over a panel: its differences in short lines, or the name of the run if they are none or many."""
    return textwrap.fill(words, WIDE) if 0 < len(words) <= LONG else textwrap.fill(name, WIDE)


def _ordered(runs: Sequence[Run]) -> list[Run]:
    """By beta, then by alpha; those without either last, otherwise as given."""

    def place(run: Run) -> list[float]:
        found = (weight(run.settings, name) for name in ("beta", "alpha"))
        return [math.inf if value is None else value for value in found]

    return sorted(runs, key=place)


def _alphas(runs: Sequence[Run]) -> int | None:
    """How many alphas there are, if every beta comes with each of them once; else None."""
    pairs = [(weight(each.settings, "beta"), weight(each.settings, "alpha")) for each in runs]
    betas, alphas = ({pair[k] for pair in pairs} for k in (0, 1))
    whole = len(pairs) == len(set(pairs)) == len(betas) * len(alphas)
    return len(alphas) if whole and len(betas) > 1 and len(alphas) > 1 else None


def _heading(run: Run) -> str:
    method = run.settings.get("method", {})
    weights = [f"{name} {short(method[name])}" for name in ("beta", "alpha") if name in method]
    return "\n".join(filter(None, [run.title.partition(",")[0], ", ".join(weights)]))


def _words(clouds: Sequence[Cloud], titles: Sequence[str]) -> str:
    parts = [
        f"{title.replace(chr(10), ', ')}: codes spread {cloud.mean.std(0).mean():.2f}, each {cloud.std.mean():.2f} wide"
        for cloud, title in zip(clouds, titles, strict=True)
    ]
    return f"Density of the aggregate posterior over the prior's contours. {'; '.join(parts)}."
