"""Print runs' FactorVAE scores and vote matrices as markdown: `python results/votes.py RUN... > results/NAME.md`.

Each run is scored with the default protocol if it has not been yet; everything else is read from its folder.
"""

import sys

import numpy as np

from unweave import Run, Score


def interval(score: Score) -> str:
    return "" if score.interval is None else " ({:.3f} to {:.3f})".format(*score.interval)


def described(run: Run) -> str:
    score, fit, done = run.evaluate(["factor-vae-score"])["factor-vae-score"], run.fit(), run.done
    table = score.tables["held_out_votes"]
    rows = score.tables["rows"]
    columns = score.tables["columns"]
    if isinstance(rows, dict):
        rows, columns = rows["held_out_votes"], columns["held_out_votes"]
    floor = "floor {distortion_floor:.2f}, excess {distortion_excess:.2f}".format(**fit)
    others = {name: each for name, each in run.scores.items() if name != "factor-vae-score"}
    also = "; ".join(f"{name} {each.value:.3f}{interval(each)}" for name, each in others.items())
    lines = [
        f"## {run.title}",
        "",
        f"factor-vae-score held out {score.value:.3f} with its 95 % interval{interval(score)}, in "
        f"sample {score.parts['in_sample']:.3f}; distortion {fit['distortion']:.2f} nats per image ({floor}), rate "
        f"{fit['rate']:.2f}; {done['images']:,} images, {done['seconds'] / 60:.1f} minutes. Also {also}.",
        "",
        "| held-out votes | " + " | ".join(columns) + " | KL, nats |",
        "|---|" + "---:|" * (len(columns) + 1),
    ]
    rates = [f"{rate:.2f}" for rate in run.kl_per_latent] + [""] * (len(rows) - len(run.kl_per_latent))
    for name, votes, rate in zip(rows, np.asarray(table, dtype=int), rates, strict=True):
        lines.append(f"| {name} | " + " | ".join(map(str, votes)) + f" | {rate} |")
    return "\n".join([*lines, "", f"Made by `{run.reproduce}`.", ""])


if __name__ == "__main__":
    print("\n".join(described(Run(path)) for path in sys.argv[1:]))
