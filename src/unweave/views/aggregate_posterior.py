"""The aggregate posterior in the plane: how densely codes lie, over the outline of the prior."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Protocol, runtime_checkable

import numpy as np
import torch

from unweave import checks
from unweave.errors import InputError
from unweave.types import Images, Prior
from unweave.views import style
from unweave.views.base import Picture, by_rate

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST = 5_000  # images whose posteriors are averaged
PANEL = 1.85  # inches
CLIP = 99.5  # percentile of the density, where there is some, that gets the darkest shade
MASSES = (0.5, 0.9)  # shares of the prior that its contours enclose


@runtime_checkable
class Encodes(Protocol):
    """What this figure needs of a run: posteriors of images, and the model with its prior."""

    @property
    def name(self) -> str:
        """Short and unique."""
        ...

    @property
    def title(self) -> str:
        """For people."""
        ...

    @property
    def settings(self) -> Any:
        """All settings as nested plain values."""
        ...

    @property
    def vae(self) -> Any:
        """The model; only its `prior` is looked at."""
        ...

    def reference_images(self, n: int) -> Images:
        """Give the same `n` images each time, fewer if there are fewer."""
        ...

    def posterior(self, images: Images) -> Any:
        """Give a record with `mean`, `std` and `kl` (or None) of each latent, (n, d)."""
        ...


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
    def of(cls, subject: Encodes, latents: tuple[int, int] | None) -> Cloud:
        """Encode up to 5,000 images of `subject`; latents not given are the two that carry most."""
        found = subject.posterior(subject.reference_images(MOST))
        mean, std = np.asarray(found.mean), np.asarray(found.std)
        if mean.shape[1] < 2:
            raise InputError(f"aggregate-posterior needs 2 or more latents, {subject.name} has {mean.shape[1]}")
        rates = mean.var(0) if found.kl is None else np.asarray(found.kl).mean(0)
        pair = latents or tuple(sorted(by_rate(rates)[:2].tolist()))
        if max(pair) >= mean.shape[1]:
            raise InputError(f"latents must be below {mean.shape[1]}, got {max(pair)}")
        both = list(pair)
        return cls(mean[:, both], std[:, both], subject.vae.prior, (pair[0], pair[1]), mean.shape[1], _heading(subject))

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
class AggregatePosterior:
    """q(z), the average of q(z|x) over at most 5,000 images, as shades of blue in two latents.

    Orange lines enclose half and nine tenths of the prior, crosses are a mixture's modes. Shades are scaled to each
    panel. Several subjects stand side by side on the same axes, named by what sets them apart. A model with fewer
    than two latents, or a subject that gives no posteriors, raises InputError. Protocol: Mathieu et al. 2019,
    https://arxiv.org/abs/1812.02833, figure 2.
    """

    latents: Annotated[tuple[int, int] | None, "numbers of the two latents; those that carry most if not given"] = None
    reach: Annotated[float | None, "half the side of the square that is drawn; to fit if not given"] = None
    cells: Annotated[int, "grid cells along each side"] = 240
    columns: Annotated[int, "panels side by side"] = 4

    def __post_init__(self) -> None:
        checks.at_least(2, cells=self.cells)
        checks.at_least(1, columns=self.columns)
        if self.reach is not None:
            checks.positive(reach=self.reach)
        if self.latents is not None:
            checks.nonnegative(latents=min(self.latents))
            if self.latents[0] == self.latents[1]:
                raise InputError(f"latents must be two different ones, got {self.latents}")

    def __call__(self, subject: Encodes | Sequence[Encodes]) -> Picture:
        """Draw one panel, or one for each of several subjects."""
        subjects = list(subject) if isinstance(subject, Sequence) else [subject]
        for each in subjects:
            if not isinstance(each, Encodes):
                raise InputError("aggregate-posterior needs a trained run with posteriors, got one without")
        clouds = [Cloud.of(each, self.latents) for each in subjects]
        titles = _differences([each.settings for each in subjects]) if len(subjects) > 1 else [clouds[0].title]
        reach = self.reach or max(cloud.reach() for cloud in clouds)
        columns = min(self.columns, len(clouds))
        rows = -(-len(clouds) // columns)
        with style.applied():
            size = (3.3, 3.6) if len(clouds) == 1 else (PANEL * columns + 0.3, (PANEL + 0.22) * rows + 0.45)
            made = style.figure(*size, layout="constrained")
            grid = made.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
            for number, axes in enumerate(grid.flat):
                if number >= len(clouds):
                    axes.set_visible(False)
                    continue
                self._panel(axes, clouds[number], reach)
                axes.set_title(titles[number])
                if number + columns >= len(clouds):
                    axes.set_xlabel(f"z{clouds[number].latents[0]}")
                    axes.tick_params(labelbottom=True)
                if number % columns == 0:
                    axes.set_ylabel(f"z{clouds[number].latents[1]}")
            made.supxlabel("blue: codes; orange: half and nine tenths of the prior", fontsize=style.SMALL)
        return Picture(made, _words(clouds, titles))

    def _panel(self, axes: Axes, cloud: Cloud, reach: float) -> None:
        line = np.linspace(-reach, reach, self.cells)
        seen = cloud.density(line)
        darkest = np.percentile(seen[seen > 1e-3 * seen.max()], CLIP)
        box = (-reach, reach, -reach, reach)
        axes.imshow(seen, origin="lower", extent=box, cmap="Blues", vmin=0, vmax=darkest, interpolation="bilinear")
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


def _flat(settings: Any) -> dict[str, Any]:
    """Nested settings under dotted names, those of method and training without a prefix."""
    flat: dict[str, Any] = {}
    for group, values in settings.items():
        prefix = "" if group in ("method", "training") else f"{group}."
        if isinstance(values, dict):
            flat |= {prefix + k: v for k, v in values.items() if k != "name"} | {group: values.get("name")}
    return flat


def _differences(settings: Sequence[Any]) -> list[str]:
    """For each table what it does not share with all others: "beta 1, alpha 0"; all but seeds if nothing else."""
    tables = [_flat(each) for each in settings]
    names = list(dict.fromkeys(name for table in tables for name in table))
    unlike = [n for n in names if len({repr(table.get(n)) for table in tables}) > 1]
    return [", ".join(f"{n} {_short(table.get(n))}" for n in unlike) or f"run {k}" for k, table in enumerate(tables)]


def _short(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _heading(subject: Encodes) -> str:
    method = subject.settings.get("method", {})
    weights = [f"{name} {_short(method[name])}" for name in ("beta", "alpha") if name in method]
    return "\n".join(filter(None, [subject.title.partition(",")[0], ", ".join(weights)]))


def _words(clouds: Sequence[Cloud], titles: Sequence[str]) -> str:
    parts = [
        f"{title.replace(chr(10), ', ')}: codes spread {cloud.mean.std(0).mean():.2f}, each {cloud.std.mean():.2f} wide"
        for cloud, title in zip(clouds, titles, strict=True)
    ]
    return f"Density of the aggregate posterior over the prior's contours. {'; '.join(parts)}."
