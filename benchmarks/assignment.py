"""How long the balanced assignment takes on costs of a trained model, by both exact solvers.

    python benchmarks/assignment.py [--steps 1500] [--batches 15] [--categories 10]

Trains a CascadeVAE on 32 x 32 dSprites, its category in from the 200th step on, and takes the distortions of all
categories for fresh batches. Times are medians in milliseconds; both solvers must reach the same total cost.
"""

import argparse
import tempfile
import time
from statistics import median

import numpy as np
import torch

import unweave
from unweave.base.seeds import Generators
from unweave.models.divergences.assignment import by_flow, by_matching

BALANCES = (0.001, 1.0, 100.0)


def trained(categories: int, steps: int, folder: str) -> unweave.Run:
    settings = {"data.size": 32, "data.hold": "lazy", "net": "conv", "net.channels": (16, 32, 32), "net.hidden": 64}
    schedule = {"categories": categories, "stage_steps": 100, "warmup_stages": 2, "balance": 1.0}
    return unweave.train(
        "cascade-vae",
        data="dsprites",
        out=folder,
        steps=steps,
        lr=1e-3,
        latents=4,
        callbacks=(),
        **settings,
        **schedule,
    )


@torch.no_grad()
def costs_of(run: unweave.Run, n: int, rng: np.random.Generator) -> np.ndarray:
    """Distortions (n, S) of a batch, with the sampled codes that a training step would use."""
    x = run.data.images(rng.integers(len(run.data), size=n))
    z = run.vae.encode(x).posterior.rsample(Generators(int(rng.integers(2**31)))["noise"])
    nll = run.vae.nll_of_category(x, z)
    return torch.stack([nll(k, 1.0) for k in range(run.vae.category_sizes[0])], dim=1).double().numpy()


def total_cost(costs: np.ndarray, labels: np.ndarray, balance: float) -> float:
    """Distortions of the chosen categories, and `balance` for every pair of images with the same one."""
    counts = np.bincount(labels)
    return costs[np.arange(len(costs)), labels].sum() + balance * (counts * (counts - 1) / 2).sum()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--batches", type=int, default=15)
    parser.add_argument("--categories", type=int, default=10)
    given = parser.parse_args()
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        run = trained(given.categories, given.steps, folder + "/run")
        for n in (64, 256):
            batches = [costs_of(run, n, rng) for _ in range(given.batches)]
            for balance in BALANCES:
                times = {by_flow: [], by_matching: []}
                for costs in batches:
                    totals = []
                    for solve, spent in times.items():
                        start = time.perf_counter()
                        labels = solve(costs, balance)
                        spent.append(1e3 * (time.perf_counter() - start))
                        totals.append(total_cost(costs, labels, balance))
                    np.testing.assert_allclose(*totals, rtol=1e-12)
                counts = np.bincount(labels, minlength=given.categories)
                shown = ", ".join(f"{solve.__name__} {median(spent):7.2f}" for solve, spent in times.items())
                print(
                    f"{n} x {given.categories}, balance {balance:7}: {shown} ms; counts of the last {counts.tolist()}"
                )


if __name__ == "__main__":
    main()
