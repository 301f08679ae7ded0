"""The published settings against what is chosen for data of one's own: the table of results/own-data.md.

    python -m benchmarks.own_data [--only cells,wine] [--seeds 3] [--first-seed 0] [--steps 1000]
                                  [--arms published,chosen] [--method beta-tcvae]
                                  [--keep results/own-data.csv] [--write results/own-data.md]

Each world is a small data set of another kind: drawn cells and letters, balls in colour, scikit-learn's digits as
pictures and as rows, its tables, spectra, waves and counts. Four fifths of the rows are trained on, and the rest tell
the held-out ELBO in nats; where the truth is known, forests on codes of training rows read each cause of held-out
ones (mean R2), and mig is had of causes cut into eight bins. Both arms do the same number of steps, lest one be longer.
The likelihood and its scale are those that the data suggest, and so the same density in both arms.
"""

import argparse
import csv
import warnings
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.ensemble import RandomForestRegressor

import unweave
from unweave import Unweaver
from unweave.base.errors import Noted

BEGIN, END = "<!-- own-data: begin -->", "<!-- own-data: end -->"
ARMS = {"published": {"recipe": "published"}, "chosen": {}}
HELD_OUT, BINS, TREES = 5, 8, 40  # every fifth row; bins of a cause; trees of a forest
COLUMNS = ("world", "arm", "seed", "method", "steps", "elbo", "live", "r2", "mig", "seconds")

World = tuple[np.ndarray, np.ndarray | None]  # what is trained on, and the causes where they are known


def cells(rng: np.random.Generator, n: int = 800, side: int = 40) -> World:
    """Bright ellipses of another size, elongation, angle, brightness and place, under noise."""
    y, x = np.mgrid[:side, :side].astype(float)
    low, high = (3, 1, 0, 0.4, 14, 14), (7, 2.5, np.pi, 1, 26, 26)
    causes = rng.uniform(low, high, (n, 6))
    drawn: list[np.ndarray] = []
    for size, long, angle, bright, right, down in causes:
        along = (x - right) * np.cos(angle) + (y - down) * np.sin(angle)
        across = (y - down) * np.cos(angle) - (x - right) * np.sin(angle)
        rim = np.clip(3 * (along**2 / (size**2 * long) + across**2 / (size**2 / long) - 1), -50, 50)
        drawn.append(bright / (1 + np.exp(rim)) + rng.normal(0, 0.03, (side, side)))
    turn = 2 * causes[:, 2:3]
    whole = (np.clip(drawn, 0, 1) * 255).astype(np.uint8)
    return whole, np.hstack([causes[:, :2], np.cos(turn), np.sin(turn), causes[:, 3:]])


def letters(rng: np.random.Generator, n: int = 600, side: int = 24) -> World:
    """One of four letters, turned, moved and of another size."""
    drawn, causes = list[np.ndarray](), list[list[float]]()
    for _ in range(n):
        kind, turn, size = int(rng.integers(4)), rng.uniform(-60, 60), rng.uniform(0.8, 1.3)
        right, down = rng.uniform(-4, 4, 2)
        middle = (side * 1.5 + right * 3, side * 1.5 + down * 3)
        page = Image.new("L", (side * 3, side * 3))
        font = ImageFont.load_default(size=int(48 * size))
        ImageDraw.Draw(page).text(middle, "AFRL"[kind], fill=255, font=font, anchor="mm")
        drawn.append(np.asarray(page.rotate(turn, center=middle).resize((side, side))))
        causes.append([*(kind == np.arange(4)), turn, right, down, size])
    return np.stack(drawn), np.array(causes, float)


def balls(rng: np.random.Generator, n: int = 600, side: int = 24) -> World:
    """Balls of three colours' strengths, a size and a place on a grey ground."""
    y, x = np.mgrid[:side, :side] / side
    causes = rng.uniform((0.25, 0.25, 0.08, 0.2, 0.2, 0.2, 0), (0.75, 0.75, 0.2, 1, 1, 1, 0.5), (n, 7))
    drawn: list[np.ndarray] = []
    for right, down, size, *colour, ground in causes:
        inside = 1 / (1 + np.exp(((x - right) ** 2 + (y - down) ** 2 - size**2) * side * 8))[..., None]
        drawn.append(inside * colour + (1 - inside) * ground)
    noisy = np.stack(drawn) + rng.normal(0, 0.02, (n, side, side, 3))
    return (np.clip(noisy, 0, 1) * 255).astype(np.uint8), causes


def spectra(rng: np.random.Generator, n: int = 1_000, k: int = 200) -> World:
    """Two peaks on a slope: two places, a width, two heights and the slope."""
    at = np.linspace(0, 1, k)
    causes = rng.uniform((0.2, 0.55, 0.02, 0.3, 0.3, -0.5), (0.4, 0.8, 0.06, 1, 1, 0.5), (n, 6))
    first, second, wide, high, higher, slope = causes.T[:, :, None]
    lines = high * np.exp(-(((at - first) / wide) ** 2) / 2) + higher * np.exp(-(((at - second) / 0.05) ** 2) / 2)
    return (lines + slope * at + 0.03 * rng.normal(size=(n, k))).astype(np.float32), causes


def waves(rng: np.random.Generator, n: int = 1_000, k: int = 128) -> World:
    """A sine of another frequency, height, phase and offset."""
    at = np.arange(k) / k
    causes = rng.uniform((2, 0.4, 0, -0.5), (5, 1, np.pi, 0.5), (n, 4))
    often, high, phase, offset = causes.T[:, :, None]
    lines = high * np.sin(2 * np.pi * often * at + phase) + offset
    return (lines + 0.05 * rng.normal(size=(n, k))).astype(np.float32), causes


def counts(rng: np.random.Generator, n: int = 1_000, k: int = 60) -> World:
    """Poisson counts whose logarithms are mixed of four causes, as log(1 + count)."""
    causes = rng.uniform(-1, 1, (n, 4))
    return np.log1p(rng.poisson(np.exp(0.7 * causes @ rng.normal(size=(4, k)) + 1))), causes


WORLDS: dict[str, Callable[[np.random.Generator], World]] = {
    "cells": cells,
    "letters": letters,
    "balls": balls,
    "digit-pictures": lambda _: (load_digits().images, None),
    "digit-rows": lambda _: (load_digits().data, None),
    "wine": lambda _: (load_wine().data, None),
    "breast-cancer": lambda _: (load_breast_cancer().data, None),
    "spectra": spectra,
    "waves": waves,
    "counts": counts,
}


def run(world: str, arm: str, seed: int, method: str, steps: int) -> dict[str, Any]:
    """One row of the table: a model trained on four fifths of a world, told by the rest."""
    x, causes = WORLDS[world](np.random.default_rng([seed, 7]))
    order = np.random.default_rng(seed).permutation(len(x))
    train, test = np.sort(order[len(x) // HELD_OUT :]), np.sort(order[: len(x) // HELD_OUT])
    began = process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Noted)
        model = Unweaver(method, steps=steps, random_state=seed, threads=1, **ARMS[arm]).fit(x[train])
    seconds = process_time() - began
    rate = model.model_.posterior(model._images(model._rows(x[test], reset=False))).kl.mean(0)
    row: dict[str, Any] = {
        "world": world, "arm": arm, "seed": seed, "method": method, "steps": steps,
        "elbo": round(model.score(x[test]), 2), "live": int((rate > 0.1).sum()), "seconds": round(seconds, 1),
    }  # fmt: skip
    if causes is not None:
        seen, unseen = model.transform(x[train]), model.transform(x[test])
        read = [
            RandomForestRegressor(TREES, random_state=0).fit(seen, cause[train]).score(unseen, cause[test])
            for cause in causes.T
        ]
        row |= {"r2": round(float(np.mean(read)), 3)}
        row |= {"mig": round(unweave.metrics.mig(unseen, causes[test], factor_bins=BINS).value, 3)}
    return row


def kept(path: Path) -> list[dict[str, str]]:
    """Rows of a file made before."""
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def table(rows: list[dict[str, str]]) -> str:
    """Means over seeds, both arms side by side, and how much better the chosen one's bound is, seed by seed."""
    cells_of: dict[tuple[str, str], dict[str, dict[str, str]]] = defaultdict(dict)
    for row in rows:
        cells_of[row["world"], row["arm"]][row["seed"]] = row
    lines = [
        "| data | seeds | held-out ELBO, published | chosen | better by, seed by seed | R2 of causes | mig | live |",
        "|---|---|---:|---:|---|---|---|---|",
    ]
    for world in WORLDS:
        before, now = (cells_of.get((world, arm), {}) for arm in ARMS)
        seeds = [seed for seed in now if seed in before]
        if not seeds:
            continue
        pairs = [(before[seed], now[seed]) for seed in seeds]
        gain = ", ".join(f"{float(b['elbo']) - float(a['elbo']):+.1f}" for a, b in pairs)
        names = ("elbo", "r2", "mig", "live")
        shown = {name: [_mean(side, name) for side in zip(*pairs, strict=True)] for name in names}
        sides = {name: " to ".join(map(str, values)) if values[0] != "" else "" for name, values in shown.items()}
        lines.append(
            f"| {world} | {len(seeds)} | {shown['elbo'][0]} | {shown['elbo'][1]} | {gain} | {sides['r2']} | "
            f"{sides['mig']} | {sides['live']} |"
        )
    return "\n".join(lines)


def _mean(rows: tuple[dict[str, str], ...], name: str) -> str:
    values = [float(row[name]) for row in rows if row[name] != ""]
    digits = {"elbo": 1, "live": 1}.get(name, 2)
    return f"{np.mean(values):.{digits}f}" if values else ""


def main() -> None:
    """Run what is missing, keep it, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(WORLDS), help="worlds, commas between")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=1_000)
    parser.add_argument("--arms", default=",".join(ARMS))
    parser.add_argument("--method", default="beta-tcvae")
    parser.add_argument("--keep", type=Path, default=Path("results/own-data.csv"))
    parser.add_argument("--write", type=Path)
    given = parser.parse_args()
    rows = kept(given.keep)
    done = {tuple(row[name] for name in COLUMNS[:5]) for row in rows}
    for seed in range(given.first_seed, given.first_seed + given.seeds):
        for world in given.only.split(","):
            for arm in given.arms.split(","):
                if (world, arm, str(seed), given.method, str(given.steps)) in done:
                    continue
                row = run(world, arm, seed, given.method, given.steps)
                print(row, flush=True)
                rows.append({name: str(row.get(name, "")) for name in COLUMNS})
                with given.keep.open("w", newline="") as file:
                    writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
                    writer.writeheader()
                    writer.writerows(rows)
    if given.write:
        text = given.write.read_text("utf-8")
        before, rest = text.split(BEGIN)
        given.write.write_text(f"{before}{BEGIN}\n{table(rows)}\n{END}{rest.split(END)[1]}", "utf-8")
    else:
        print(table(rows))


if __name__ == "__main__":
    main()
