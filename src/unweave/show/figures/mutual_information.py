"""Mutual information of latents and factors, as a share of each factor's entropy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import numpy as np

from unweave.base import style
from unweave.base.checks import Range
from unweave.base.errors import InputError
from unweave.base.settings import Settings
from unweave.run.run import Run
from unweave.show.figures.base import DEAD, Picture, by_rate, called

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CELL = (0.36, 0.34)  # inches


@dataclass(frozen=True)
class MutualInformation(Settings):
    """I(z_j; v_k) / H(v_k) in percent: rows are factors v_k, columns latents z_j by KL, dead ones grey.

    0 means that the latent tells nothing of the factor, 100 that it tells it exactly; each factor's best
    latent is bold. A perfect code has one bold 100 per row and nothing beside it. A data set without known
    factors raises InputError.
    """

    latents: Annotated[int, "maximum number of columns", Range(1)] = 20

    def __call__(self, run: Run) -> Picture:
        """Draw the matrix."""
        known = run.factor_code_information()
        if known is None:
            raise InputError(f"mutual-information needs a data set with known factors, {run.name} has none")
        shares, names = known
        rates = np.asarray(run.kl_per_latent)
        order = by_rate(rates)[: self.latents]
        shown = np.asarray(shares, dtype=float)[:, order]
        margin = max(style.text_width(name) for name in names) / style.DPI
        width = margin + CELL[0] * len(order) + 0.95
        with style.applied():
            made = style.figure(max(width, 2.4), CELL[1] * len(names) + 0.95, layout="constrained")
            axes = made.add_subplot()
            drawn = axes.imshow(100 * shown, cmap=style.shades(), vmin=0, vmax=100, aspect="auto")
            _numbers(axes, shown)
            _names(axes, names, {int(j): called(run, j) for j in order}, rates)
            bar = made.colorbar(drawn, ax=axes, ticks=[0, 50, 100], pad=0.02, aspect=12)
            bar.set_label("% of entropy")
            bar.outline.set_visible(False)
        best = [
            f"{name}: z{order[int(row.argmax())]} {100 * row.max():.0f} %"
            for name, row in zip(names, np.nan_to_num(shown), strict=True)
        ]
        return Picture(
            made,
            f"Share of each factor's entropy told by its best latent, {run.title}: {', '.join(best)}.",
        )


def _numbers(axes: Axes, shown: np.ndarray) -> None:
    for row, shares in enumerate(shown):
        best = np.argmax(np.nan_to_num(shares))
        for column, share in enumerate(shares):
            axes.text(
                column,
                row,
                f"{100 * share:.0f}" if np.isfinite(share) else "\N{EN DASH}",
                ha="center",
                va="center",
                fontsize=style.SMALL,
                fontweight="bold" if column == best else "normal",
                color=style.ON_SHADE if share > 0.55 else style.INK,
            )


def _names(axes: Axes, names: Sequence[str], latents: dict[int, str], rates: np.ndarray) -> None:
    axes.set_yticks(range(len(names)), names)
    axes.set_xticks(range(len(latents)), [f"{name}\n{rates[j]:.2f}" for j, name in latents.items()])
    for tick, j in zip(axes.get_xticklabels(), latents, strict=True):
        tick.set_color(style.INK if rates[j] >= DEAD else style.GREY)
    axes.set_xlabel("latent and its KL, nats per image")
    axes.tick_params(length=0)
    axes.grid(visible=False)
    for spine in axes.spines.values():
        spine.set_visible(False)
