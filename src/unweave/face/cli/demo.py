"""Train on dSprites for a few minutes, score, draw, and write one page about it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

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
    """Train on dSprites for a few minutes, score, draw, and write one page about it."""
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
        course = course_of(recipe.settings, steps_in(whole, 60 * minutes))
        spec = resolve(recipe.method, recipe=RECIPE, seed=seed, **course)
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


def course_of(settings: Mapping[str, Any], steps: int) -> dict[str, int]:
    """The course of a recipe in fewer steps: its easy beginning keeps its length, and what follows is cut short.

    Latents find their factors while the pressure is low. Cut all alike, 4,800 steps of 8,000 leave too little of that
    for a plane to form. With fewer steps still, five eighths of them are easy.

    >>> recipe = {"steps": 8000, "blur_steps": 1000, "ease_hold": 3000, "ease_steps": 3000, "lr_warmup": 200}
    >>> course_of(recipe, 4800)
    {'steps': 4800, 'blur_steps': 960, 'ease_hold': 3000, 'ease_steps': 1800, 'lr_warmup': 192}
    >>> course_of(recipe, 10_000) == recipe
    True
    """
    steps = min(steps, settings["steps"])
    hold = min(settings["ease_hold"], 5 * steps // 8)
    return {
        "steps": steps,
        "blur_steps": min(settings["blur_steps"], steps // 5),
        "ease_hold": hold,
        "ease_steps": min(settings["ease_steps"], steps - hold),
        "lr_warmup": min(settings["lr_warmup"], steps // 25),
    }
