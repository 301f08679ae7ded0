"""A table of one's own: train on 20,000 rows of 12 correlated columns and say which columns move with each latent.

    python examples/own_table.py --out own-table

It writes sensors.csv: four hidden causes of different strength, each behind three columns in units of their own, some
of them bent, all with noise. Then it does in Python what these commands do:

    unweave train beta-tcvae --data own-table/sensors.csv --beta 2 --latents 8 --steps 1500 --batch 128 --lr 0.001
    unweave draw columns RUN

and compares, since here the truth is known, each cause with the latent that follows it best.
"""

import argparse
import csv
import sys
import time
from pathlib import Path

import numpy as np

import unweave
from unweave.run.run import Run
from unweave.show.figures.columns import column_sentences

CAUSES = ("traffic", "heating", "weather", "season")


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--beta", type=float, default=2.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("own-table"))
    parser.add_argument("--overwrite", action="store_true", help="replace the run in OUT")
    given = parser.parse_args(arguments)
    table, causes = given.out / "sensors.csv", hidden(given.rows)
    write(table, *measured(causes))
    began = time.perf_counter()
    run = unweave.train(
        "beta-tcvae",
        data=table,
        beta=given.beta,
        latents=8,
        steps=given.steps,
        batch=min(128, given.rows),
        lr=0.001,
        seed=given.seed,
        threads=1,
        out=given.out / "run",
        overwrite=given.overwrite,
    )
    print(*run.data.account, sep="\n")
    print(f"trained in {time.perf_counter() - began:.0f} s")
    print(*column_sentences(run), sep="\n")
    for cause, latent, share in followed(run, causes):
        print(f"{cause}: latent {latent} explains {100 * share:.0f} % of it")
    print(run.draw("columns").save(given.out / "columns.png"))


def hidden(rows: int) -> np.ndarray:
    """The causes, (rows, 4), independent and not Gaussian, since Gaussian ones could be turned into each other."""
    rng = np.random.default_rng(0)
    return rng.uniform(-1.7, 1.7, size=(rows, len(CAUSES)))


def measured(causes: np.ndarray) -> tuple[list[str], np.ndarray]:
    """Names of the columns, and what is measured, (rows, 12)."""
    rng = np.random.default_rng(1)
    traffic, heating, weather, season = causes.T
    columns = {
        "NO2": 30 + 9 * traffic + 2 * heating,
        "noise_dB": 60 + 5 * traffic,
        "soot": np.exp(0.4 * traffic),
        "SO2": 4 + 1.5 * heating,
        "PM10": 25 + 8 * heating + 2 * traffic,
        "gas_use": 300 + 90 * heating,
        "wind": 4 - 1.6 * weather,
        "pressure": 1013 + 9 * weather,
        "rain": -weather - 0.3 * weather**3,
        "ozone": 60 + 22 * season,
        "sun_h": 6 + 3 * season - 0.5 * weather,
        "pollen": 40 + 25 * season,
    }
    exact = np.stack(list(columns.values()), axis=1)
    return list(columns), exact + 0.25 * exact.std(axis=0) * rng.normal(size=exact.shape)


def write(path: Path, names: list[str], rows: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(names)
        table.writerows([[f"{value:.5g}" for value in row] for row in rows.tolist()])


def followed(run: Run, causes: np.ndarray) -> list[tuple[str, int, float]]:
    """For each cause the latent with the highest squared correlation, and that share."""
    codes = run.encode(run.data.images(np.arange(len(run.data)))).numpy()
    together = np.corrcoef(codes.T, causes.T)[: codes.shape[1], codes.shape[1] :] ** 2
    return [(cause, int(row.argmax()), float(row.max())) for cause, row in zip(CAUSES, together.T, strict=True)]


if __name__ == "__main__":
    main(sys.argv[1:])
