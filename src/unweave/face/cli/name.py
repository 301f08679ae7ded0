"""Name latents of a run; the names are kept in its folder and shown wherever its latents are."""

from __future__ import annotations

from typing import Annotated

from unweave.base import checks
from unweave.base.errors import InputError


def name(
    run: Annotated[str, "folder of the run"],
    /,
    *names: Annotated[str, "a latent's number and its name, as in 3=size; 3= takes the name away"],
) -> None:
    """`unweave name RUN 3=size`; without names those that there are."""
    from unweave.run.names import check_sayable, read_names, save_name
    from unweave.run.run import Run

    opened = Run(run)
    latents = opened.spec.training.latents
    held = read_names(opened.path, latents)
    wanted: list[tuple[int, str]] = []
    for each in names:
        number, sign, word = each.partition("=")
        number = number.strip().removeprefix("z")
        if not sign or not checks.digits(number) or int(number) >= latents:
            raise InputError(f"names must be NUMBER=NAME with latents 0 to {latents - 1}, got {each!r}")
        wanted.append((int(number), word.strip()))
    named = {int(latent): one["name"] for latent, one in held.items()} | dict(wanted)
    for latent, _ in wanted:
        check_sayable(named, latent)
    for latent, word in wanted:
        star = bool(held.get(str(latent), {}).get("star", False))
        held = save_name(opened.path, latents, latent, word, star)
    lines = [f"z{latent}  {one['name']}" for latent, one in held.items() if one["name"]]
    print("\n".join(lines) if lines else f"no latent of {opened.name} has a name")
