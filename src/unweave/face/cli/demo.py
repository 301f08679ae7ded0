"""Train on dSprites for a few minutes, score the run, and write a report."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from unweave.base.checks import POSITIVE, Range

RECIPE = "factor-vae-dsprites-laptop"
SCORES = ("beta-vae-score", "factor-vae-score", "mig", "dci")  # the quick ones; `unweave evaluate` makes all


def demo(
    *,
    out: Annotated[str, "folder for the run and its page"] = "demo",
    minutes: Annotated[float, "training time; scoring and drawing come on top", POSITIVE] = 2.0,
    seed: Annotated[int, "seed of every random generator", Range(0)] = 0,
    overwrite: Annotated[bool, "replace an earlier demo"] = False,
) -> None:
    """Train on dSprites for a few minutes, score the run, and write a report."""
    from unweave.engine import folder, train
    from unweave.engine.loop import steps_in
    from unweave.engine.progress import ProgressBar
    from unweave.run.launch import resolve
    from unweave.run.recipes import load
    from unweave.run.run import Run
    from unweave.show.reports import write

    place, page = Path(out) / "run", Path(out) / "report.html"
    going_on = folder.is_run(place) and not overwrite
    if going_on:
        spec, _ = folder.read_spec(place)
        print(f"{place} is there already and is used; --overwrite trains again", file=sys.stderr)
    else:
        print(
            "dSprites is rendered once (some seconds), then this machine's speed is measured ...",
            file=sys.stderr,
        )
        recipe = load(RECIPE)
        whole = resolve(recipe.method, recipe=RECIPE, seed=seed)
        steps = min(whole.training.steps, steps_in(whole, 60 * minutes))
        spec = resolve(recipe.method, recipe=RECIPE, seed=seed, steps=steps)
    train(spec, place, resume=going_on, overwrite=overwrite, callbacks=[ProgressBar()])
    run = Run(place)
    for name in SCORES:
        print(f"{name} ...", file=sys.stderr)
        run.evaluate([name])
    blocks = run.subspaces.blocks
    if blocks:
        run.evaluate(["factor-vae-score"], codes="planes")
    run.traverse().save(place / "figures" / "traversal.png")
    write([run], page)
    found = f"factor-vae-score {run.scores['factor-vae-score'].value:.2f} after {run.done['images']:,} images"
    if blocks:
        who = " and ".join(map(str, blocks[0].latents))
        found += f", {run.scores['factor-vae-score (planes)'].value:.2f} with latents {who} read as radius and angle"
    print(
        f"\nThe page is {page}: open it in a browser.\n"
        f"{found}; longer training finds more factors.\n"
        f"Next: unweave demo --minutes 12 --out demo-long\n"
        f"      unweave traverse {place} --out traversal.gif\n"
        f"      unweave train beta-tcvae --data dsprites --steps 2000 --lr 0.001"
    )
