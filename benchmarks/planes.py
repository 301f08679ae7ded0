"""What planes bring to the scores of trained runs, and what looking for planes brings by itself.

    python -m benchmarks.planes RUN [RUN ...]        one row a run, and its wrong pairs
    python -m benchmarks.planes RUN --control 5      five untrained encoders and sets of normal codes

All scores are factor-vae-score in sample, 800 votes: the published protocol.
"""

import argparse
import tempfile
from dataclasses import replace
from itertools import combinations

import numpy as np

import unweave
from unweave.base import registry
from unweave.metrics.probe import Probe
from unweave.subspaces import Subspaces, find_subspaces
from unweave.subspaces.dependence import scatter
from unweave.subspaces.find import Block
from unweave.subspaces.reading import in_planes

METRIC = registry.metrics.get("factor-vae-score")
SEARCHED = 20_000  # rows that planes are looked for in


def score(probe):
    """Latents without a rate, those of the controls, all count."""
    return METRIC(prune=probe.kl_per_latent is not None)(probe).parts["in_sample"]


def with_pairs(found, codes, pairs):
    """The same latents with these pairs as planes, whatever the evidence says."""
    blocks = []
    for pair in pairs:
        centre, matrix = scatter(codes[:, list(pair)])
        blocks.append(Block(pair, tuple(centre.tolist()), tuple(map(tuple, matrix.tolist()))))
    return replace(found, blocks=tuple(blocks))


def likeliest(found: Subspaces):
    """Disjoint pairs of live latents, that which radius and angle improve most first, until none is left."""
    taken, pairs = set(), []
    for each in sorted(found.evidence, key=lambda each: each.codes.polar - each.codes.axes):
        if not taken & set(each.latents):
            taken |= set(each.latents)
            pairs.append(each.latents)
    return pairs


def row(run):
    """As it is, in planes, and with each wrong pair of live latents as the only plane."""
    found, probe = run.subspaces, run.probe
    right = [block.latents for block in found.blocks]
    wrong = [
        score(in_planes(probe, with_pairs(found, probe.codes, [pair])))
        for pair in combinations(found.live, 2)
        if pair not in right
    ]
    return [run.title, score(probe), right, score(in_planes(probe, found)), len(wrong), np.mean(wrong), max(wrong)]


def without_rates(probe, codes):
    """Other codes with the factors of a probe, all columns counted."""
    return Probe(
        codes, probe.factors, factor_names=probe.factor_names, factor_sizes=probe.factor_sizes, seed=probe.seed
    )


def untrained(run, seed):
    """The codes of the same net after one step."""
    beginning = dict.fromkeys(("standardise_every", "blur", "blur_steps", "ease_hold", "ease_steps"), 0)
    settings = {**run.spec.flat(), **beginning, "ease": 1.0, "seed": seed, "steps": 1}
    with tempfile.TemporaryDirectory() as folder:
        fresh = unweave.train(settings.pop("method"), **settings, out=f"{folder}/run")
        return without_rates(run.probe, np.asarray(fresh.posterior(run.data.images(run.probe.numbers)).mean))


def looked_for(name, probe):
    """Scores of codes as they are, with the planes that the rule finds, and with the likeliest pairs forced."""
    found = find_subspaces(probe.codes[:SEARCHED])
    forced = with_pairs(found, probe.codes, likeliest(found))
    planes = [block.latents for block in found.blocks]
    return [name, score(probe), planes, score(in_planes(probe, found)), score(in_planes(probe, forced))]


def printed(cells):
    text = [
        f"{cell:.3f}" if isinstance(cell, float) else ", ".join(map(str, cell)) if isinstance(cell, list) else str(cell)
        for cell in cells
    ]
    print("| " + " | ".join(text) + " |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+")
    parser.add_argument("--control", type=int, default=0)
    given = parser.parse_args()
    runs = [unweave.runs(path)[0] for path in given.runs]
    if not given.control:
        printed(["run", "as it is", "found", "in planes", "wrong pairs", "their mean", "their best"])
        for run in runs:
            printed(row(run))
        return
    printed(["codes", "as they are", "found", "in planes", "likeliest pairs forced"])
    for seed in range(given.control):
        printed(looked_for(f"untrained encoder, seed {seed}", untrained(runs[0], seed)))
    for seed in range(given.control):
        codes = np.random.default_rng(seed).normal(size=runs[0].probe.codes.shape)
        printed(looked_for(f"normal codes, seed {seed}", without_rates(runs[0].probe, codes)))


if __name__ == "__main__":
    main()
