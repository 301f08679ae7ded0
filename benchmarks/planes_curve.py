"""How many images until a plane is found and what it brings: runs of a study, looked at while they are trained.

    python -m benchmarks.planes_curve FactorVAE --seeds 0-9 --every 1000 --csv curve.csv [--out studies/planes-curve]

One line for each run and step: images seen, the plane, factor-vae-score (held out) as it is and in planes, mig in
planes. What is looked at takes nothing from training: the same bytes come out. A run already in the file is left out.
The runs lie where a study of these settings looks for them.
"""

import argparse
import csv
import time
from pathlib import Path

import numpy as np
import torch

import unweave
from unweave.base import registry
from unweave.base.seeds import numpy_generator
from unweave.engine.callbacks import Callback
from unweave.metrics.probe import Probe
from unweave.models.trained import Model
from unweave.run.run import SEARCHED
from unweave.subspaces import find_subspaces
from unweave.subspaces.reading import in_planes

METHODS = {"FactorVAE": "factor-vae", "beta-TCVAE": "beta-tcvae", "beta-VAE": "beta-vae"}
COLUMNS = ["method", "seed", "step", "images", "seconds", "live", "plane", "as_it_is", "in_planes", "mig_in_planes"]
STEPS = 8_000  # of the recipes
POOL, LIVE = 30_000, 0.1  # images that scores draw from; nats from which a latent is live
VOTES = registry.metrics.get("factor-vae-score")
MIG = registry.metrics.get("mig")


class Looks(Callback):
    """Looks for planes every so many steps."""

    def __init__(self, method, seed, every, table):
        self.method, self.seed, self.every, self.table = method, seed, every, table

    def on_train_start(self, vae, spec, run, step):
        self.vae, self.spec, self.began, self.looked = vae, spec, time.monotonic(), 0.0

    def on_step_end(self, step, loss):
        if step % self.every:
            return
        before = time.monotonic()
        trained = round(before - self.began - self.looked)
        self.vae.eval()
        row = self.look()
        self.vae.train()
        self.looked += time.monotonic() - before
        head = [self.method, self.seed, step, step * self.spec.training.batch, trained]
        with self.table.open("a", newline="") as file:
            csv.writer(file).writerow([*head, *row])

    def look(self):
        data = self.spec.dataset
        model = Model(self.vae, data.image_shape, data.bounded, self.spec.title)
        probe = Probe.of_encoder(model.posterior, data, n=POOL, seed=self.seed)
        searched = numpy_generator(0, "subspaces").permutation(len(data))[:SEARCHED]
        encoded = [model.posterior(data.images(part)) for part in np.array_split(searched, 40)]
        codes = np.concatenate([np.asarray(each.mean) for each in encoded])
        live = [int(j) for j in np.flatnonzero(probe.kl_per_latent >= LIVE)]
        found = find_subspaces(
            codes, decode=lambda z: np.asarray(model.decode(torch.as_tensor(z, dtype=torch.float32))), live=live
        )
        polar = in_planes(probe, found)
        scores = [VOTES()(probe).value, VOTES()(polar).value, MIG()(polar).value]
        plane = " ".join("-".join(map(str, block.latents)) for block in found.blocks)
        return [len(live), plane, *(f"{score:.4f}" for score in scores)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("method", choices=METHODS)
    parser.add_argument("--seeds", default="0-9")
    parser.add_argument("--every", type=int, default=1000)
    parser.add_argument("--csv", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("studies/planes-curve"))
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    first, _, last = given.seeds.partition("-")
    if not given.csv.is_file():
        given.csv.write_text(",".join(COLUMNS) + "\n")
    name = METHODS[given.method]
    for seed in range(int(first), int(last or first) + 1):
        out = given.out / f"{name}-{seed}"
        rows = list(csv.DictReader(given.csv.open()))
        own = [row for row in rows if (row["method"], int(row["seed"])) == (given.method, seed)]
        if any(int(row["step"]) >= STEPS for row in own):
            continue
        if own and not (out / "settings.json").is_file():  # begun where its run is not: from the start
            with given.csv.open("w", newline="") as file:
                table = csv.DictWriter(file, COLUMNS)
                table.writeheader()
                table.writerows(row for row in rows if row not in own)
            own = []
        settings = {"data": "dsprites", "standardise_every": 250, "seed": seed, "threads": given.threads}
        extra = {"beta": 4} if given.method == "beta-VAE" else {}
        unweave.train(
            name, recipe=f"{name}-dsprites-laptop", **settings, **extra, out=out, resume=bool(own),
            callbacks=[Looks(given.method, seed, given.every, given.csv)],
        )  # fmt: skip


if __name__ == "__main__":
    main()
