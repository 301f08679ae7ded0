"""Which columns of a table move with each latent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import numpy as np
import torch

from unweave.base import style
from unweave.base.checks import POSITIVE, Range
from unweave.base.errors import InputError
from unweave.base.settings import Settings
from unweave.run.run import Run
from unweave.show.figures.base import DEAD, Picture, by_rate, number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CELL = (0.42, 0.27)  # inches
LONGEST = 28  # letters of a column's name that are drawn
SAMPLE = 5000  # rows from which deviations are taken
FULL = 2.0  # standard deviations at which the colour is full, or more where a column moves further
SLIGHT = 0.2  # a column that moves by less is left out


@dataclass(frozen=True)
class Moves:
    """By how much each column moves, in its own standard deviations, when a latent goes from -reach to reach.

    `changes` is (d, K), `columns` names the K columns and `rates` are the latents' KL (d,), nats.
    """

    changes: np.ndarray
    columns: tuple[str, ...]
    rates: np.ndarray
    reach: float

    @classmethod
    def of(cls, run: Run, reach: float = 2.0) -> Moves:
        """Decode both ends of each latent, all other latents at 0 and categories at their first value.

        A column that is constant does not move. Images of more than one row raise InputError.
        """
        rows = run.random_images(SAMPLE)
        if rows.shape[1:3] != (1, 1):
            raise InputError(
                f"columns needs rows of a table, got images of shape {tuple(rows.shape[1:])} in {run.name}"
            )
        spread = rows.double().std(0, correction=0).flatten().numpy()
        ends = torch.diag(torch.full((len(run.kl_per_latent),), reach))
        up, down = (run.decode(codes).double().flatten(1).numpy() for codes in (ends, -ends))
        named: tuple[str, ...] = getattr(getattr(run, "data", None), "columns", ())
        columns = named or tuple(f"column-{k}" for k in range(len(spread)))
        steady = spread <= 1e-7 * np.abs(rows.double().mean(0).flatten().numpy())
        changes = np.where(steady, 0.0, (up - down) / np.where(steady, 1.0, spread))
        return cls(changes, columns, np.asarray(run.kl_per_latent, dtype=float), reach)

    def order(self) -> np.ndarray:
        """Numbers of the latents, the one with the highest KL first."""
        return by_rate(self.rates)

    def sentences(self, most: int = 4) -> list[str]:
        """One sentence for each live latent, its strongest columns first.

        >>> changes = np.array([[0.1, 0.0], [1.8, -1.2]])
        >>> Moves(changes, ("height", "weight"), np.array([0.01, 2.13]), 2.0).sentences()
        ['latent 1 (KL 2.1 nats): height +1.8 sd, weight −1.2 sd']
        """
        sentences: list[str] = []
        for j in self.order():
            if not self.rates[j] >= DEAD:
                continue
            own = self.changes[j]
            strong = [k for k in np.argsort(-np.abs(own), kind="stable")[:most] if abs(own[k]) >= SLIGHT]
            parts = [f"{self.columns[k]} {_signed(float(own[k]))} sd" for k in strong]
            rest = int((np.abs(own) >= SLIGHT).sum()) - len(parts)
            parts += [f"{rest} more by {SLIGHT:g} sd or more"] if rest > 0 else []
            sentences.append(f"latent {j} (KL {self.rates[j]:.1f} nats): {', '.join(parts) or 'no column by itself'}")
        return sentences


def column_sentences(run: Run, reach: float = 2.0) -> list[str]:
    """What `Moves.sentences` says of a run; [] where its data are no rows of a table."""
    try:
        return Moves.of(run, reach).sentences()
    except InputError:
        return []


@dataclass(frozen=True)
class Columns(Settings):
    """Change of each decoded column, in its standard deviations, as z_j goes from -`reach` to `reach`.

    All other latents are 0. Rows are latents by KL, dead ones grey; columns are those of the table, in its order. Of
    more columns than fit those that move most are drawn. Purple falls, orange rises. Data that are images raise
    InputError.
    """

    reach: Annotated[float, "range of each latent: from minus this to this", POSITIVE] = 2.0
    latents: Annotated[int, "maximum number of latents", Range(1)] = 20
    columns: Annotated[int, "maximum number of columns", Range(1)] = 30

    def __call__(self, run: Run) -> Picture:
        """Draw the heat map."""
        moves = Moves.of(run, self.reach)
        order = moves.order()[: self.latents]
        strongest = np.argsort(-np.abs(moves.changes[order]).max(axis=0), kind="stable")[: self.columns]
        chosen = np.sort(strongest)
        shown = moves.changes[order][:, chosen]
        names = [_short(moves.columns[k]) for k in chosen]
        top = max(style.text_width(name, style.SMALL) for name in names) / style.DPI
        left = max(style.text_width(_row(int(j), moves.rates), style.SMALL) for j in order) / style.DPI
        with style.applied():
            made = style.figure(
                max(left + CELL[0] * len(chosen) + 1.3, 3.4), top + CELL[1] * len(order) + 0.75, layout="constrained"
            )
            axes = made.add_subplot()
            limit = max(FULL, float(np.abs(shown).max()))
            drawn = axes.imshow(shown, cmap=style.poles(), vmin=-limit, vmax=limit, aspect="auto")
            _numbers(axes, shown, limit)
            _names(axes, names, order, moves.rates)
            ends = f"{number(-self.reach)} to {number(self.reach)}"
            axes.set_xlabel(f"change from z = {ends}, other latents 0; in sd of the column")
            bar = made.colorbar(drawn, ax=axes, pad=0.02, aspect=12, ticks=[-limit, 0, limit])
            bar.set_ticklabels([_signed(-limit), "0", _signed(limit)])
            bar.outline.set_visible(False)
        left_out = len(moves.columns) - len(chosen)
        more = f"; {left_out} columns that move less are left out" if left_out else ""
        moved = "; ".join(moves.sentences()) or "no latent is live"
        return Picture(
            made,
            f"Change of each column, in its standard deviations, as one latent goes from {ends} and the others are 0, "
            f"{run.title}: {moved}{more}.",
        )


def _signed(value: float) -> str:
    """One decimal with its sign.

    >>> _signed(-1.25) == "\N{MINUS SIGN}1.2", _signed(0.5), _signed(-0.01)
    (True, '+0.5', '0.0')
    """
    text = f"{value:+.1f}"
    return "0.0" if float(text) == 0 else text.replace("-", "\N{MINUS SIGN}")


def _short(name: str) -> str:
    return name if len(name) <= LONGEST else name[: LONGEST - 1] + "\N{HORIZONTAL ELLIPSIS}"


def _row(j: int, rates: np.ndarray) -> str:
    return f"z{j}  KL {rates[j]:.2f}"


def _numbers(axes: Axes, shown: np.ndarray, limit: float) -> None:
    for row, changes in enumerate(shown):
        for column, change in enumerate(changes):
            axes.text(
                column,
                row,
                _signed(float(change)),
                ha="center",
                va="center",
                fontsize=style.SMALL,
                fontweight="bold" if abs(change) >= 0.5 else "normal",
                color=style.ON_SHADE if abs(change) > 0.65 * limit else style.INK,
            )


def _names(axes: Axes, names: list[str], order: np.ndarray, rates: np.ndarray) -> None:
    axes.set_xticks(range(len(names)), names, rotation=90, va="bottom", ha="center")
    axes.xaxis.set_ticks_position("top")
    axes.set_yticks(range(len(order)), [_row(int(j), rates) for j in order])
    for tick, j in zip(axes.get_yticklabels(), order, strict=True):
        tick.set_color(style.INK if rates[j] >= DEAD else style.GREY)
    axes.tick_params(length=0)
    axes.grid(visible=False)
    for spine in axes.spines.values():
        spine.set_visible(False)
