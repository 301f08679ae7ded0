"""Overlap and structure on the pinwheel: a grid of decomposition VAEs, as numbers and as one picture.

    python examples/pinwheel.py --betas 0,0.1,1,10 --alphas 0,1,10 --out pinwheel

Every cell trains in seconds on one core. Rows of the picture are betas, columns alphas. Printed for each cell, on
400 points that it was not trained on:

- distortion, nats a point (a learned scale: it can be negative);
- mmd, the squared MMD between codes and prior, which alpha should lower, beside kl, which estimates KL(q(z) || p(z));
- width, the mean posterior standard deviation, and information, I(x; z) in nats: what beta trades;
- accuracy of taking the nearest mode of the prior for the arm, under the best one-to-one naming.
"""

import argparse
import csv
import sys
from pathlib import Path

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment

import unweave
from unweave.base.seeds import Generators
from unweave.data import load
from unweave.models.distributions import DiagonalNormal
from unweave.models.divergences.inclusive import batch_density
from unweave.models.divergences.mmd import mmd_joint
from unweave.run.run import Run
from unweave.show.figures.aggregate_posterior import AggregatePosterior

REPEATS = 10  # codes drawn of every point


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--betas", default="0,0.1,1,10")
    parser.add_argument("--alphas", default="0,1,10")
    parser.add_argument("--divergence", default="kl-inclusive")
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("pinwheel"))
    parser.add_argument("--overwrite", action="store_true", help="replace the runs in OUT")
    given = parser.parse_args(arguments)
    betas, alphas = ([float(each) for each in text.split(",")] for text in (given.betas, given.alphas))
    runs, rows = [], []
    for beta in betas:
        for alpha in alphas:
            run = unweave.train(
                "decomposition-vae",
                recipe="decomposition-vae-pinwheel-published",
                beta=beta,
                alpha=alpha,
                divergence=given.divergence,
                steps=given.steps,
                seed=given.seed,
                threads=1,
                out=given.out / f"beta-{beta:g}-alpha-{alpha:g}",
                overwrite=given.overwrite,
                callbacks=[],
            )
            runs.append(run)
            rows.append({"beta": beta, "alpha": alpha, **numbers(run)})
            print("  ".join(f"{name} {value:8.3f}" for name, value in rows[-1].items()), flush=True)
    with (given.out / "numbers.csv").open("w", newline="") as file:
        table = csv.DictWriter(file, rows[0])
        table.writeheader()
        table.writerows(rows)
    picture = AggregatePosterior(columns=len(alphas))(runs)
    print(picture.save(given.out / "aggregate-posterior.png"))


@torch.no_grad()
def numbers(run: Run) -> dict[str, float]:
    """What the module's docstring lists, on the test part of the data."""
    data = load("pinwheel", part="test")
    x, prior, rng = data.images(np.arange(len(data))), run.vae.prior, Generators(0)
    found = run.posterior(x)
    mean, std = torch.as_tensor(found.mean).double(), torch.as_tensor(found.std).double()
    q = DiagonalNormal(mean, 2 * std.log())
    z = torch.cat([q.rsample(rng["noise"]) for _ in range(REPEATS)])
    log_q = batch_density(q, z)
    pairs = (prior.sample(len(data), rng["prior"]), q.rsample(rng["noise"]).float())
    return {
        "distortion": run.vae(x, rng).distortion.mean().item(),
        "mmd": mmd_joint(*pairs).item(),
        "kl": (log_q - prior.log_prob(z.float())).mean().item(),
        "width": std.mean().item(),
        "information": (-log_q.mean() - q.entropy_each().sum(-1).mean()).item(),
        "accuracy": nearest_mode_accuracy(mean.float(), prior.means, data.labels),
    }


def nearest_mode_accuracy(codes: torch.Tensor, modes: torch.Tensor, labels: np.ndarray) -> float:
    """Share of codes whose nearest mode is that of their label, with the best pairing of modes and labels."""
    nearest = torch.cdist(codes, modes).argmin(1).numpy()
    together = np.zeros((len(modes), labels.max() + 1))
    np.add.at(together, (nearest, labels), 1)
    return float(together[linear_sum_assignment(-together)].sum() / len(labels))


if __name__ == "__main__":
    main(sys.argv[1:])
